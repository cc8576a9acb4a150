//! The matrix: every case there is, generated from recorded runs in an order that does not change.

mod aws;
mod crash;
mod hand;
mod kubernetes;
mod leadership;
mod operators;
mod version;

use crate::case::Case;
use crate::record::Recording;

/// Every case, workload by workload on each axis, in a kind world and in an unkind one. `before`: the runs of the version before, if
/// it is there.
pub fn cases(recordings: &[Recording], before: &[Recording]) -> Vec<Case> {
    let axes: [fn(&Recording) -> Vec<Case>; 8] = [
        crash::cases,
        aws::cases,
        kubernetes::call_cases,
        kubernetes::watch_cases,
        operators::operators_cases,
        operators::lag_cases,
        hand::cases,
        leadership::cases,
    ];
    let kind = axes
        .iter()
        .flat_map(|cases| recordings.iter().flat_map(cases));
    let pairs = recordings.iter().zip(before);
    let both = pairs.flat_map(|(now, before)| {
        [version::cases(now, before), version::cases(before, now)].concat()
    });
    kind.chain(both)
        .flat_map(|case| [case.clone(), case.in_an_unkind_world()])
        .collect()
}
