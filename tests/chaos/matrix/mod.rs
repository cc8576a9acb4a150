//! The matrix: every case there is, generated from recorded runs in an order that does not change.

mod aws;
mod crash;
mod hand;
mod kubernetes;
mod leadership;
mod operators;

use crate::case::Case;
use crate::record::Recording;

/// Every case, workload by workload on each axis.
pub fn cases(recordings: &[Recording]) -> Vec<Case> {
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
    axes.iter()
        .flat_map(|cases| recordings.iter().flat_map(cases))
        .collect()
}
