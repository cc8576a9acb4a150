//! The operator dies: at every call it makes, before, in the middle and after.

use std::time::Duration;

use crate::case::{Axis, Case, Successor, Trial};
use crate::deed::Deed;
use crate::fault::Moment;
use crate::record::Recording;
use crate::replica::Election;

/// Nearly as much as the operators are told to reckon with.
const LAG: Duration = Duration::from_millis(550);

/// Calls about leases come by the clock, several in every step, and no two runs have the same: [`super::leadership`] has those.
/// Watches are not calls that end.
pub fn cases(recording: &Recording) -> Vec<Case> {
    let Recording {
        workload,
        end,
        points,
        ..
    } = recording;
    let mut cases = Vec::new();
    for at in points {
        for moment in Moment::ALL {
            let case = |who: &str, successor, between| {
                let what = format!("{}/{}/{who}", at.title(), moment.name());
                let trial = Trial::Crash {
                    at: at.clone(),
                    moment,
                    successor,
                    between,
                };
                Case::new(Axis::Crash, *workload, end, &what, trial)
            };
            let (same, other) = (Successor::SameReplica, Successor::OtherReplica);
            cases.push(case("same-replica", same, None));
            cases.push(case("other-replica", other, None).with_two(Election::On));
            if at.writes && at.name != "POST events" {
                // Where reads lag, nothing but what was written down before tells the one that comes back what may exist.
                cases.push(case("same-replica-and-lag", same, None).with_lag(LAG, LAG));
                // And where that is lost as well, nothing but the finalizer.
                let lost = case(
                    "same-replica-lag-and-status-lost",
                    same,
                    Some(Deed::WipeStatus),
                );
                cases.push(lost.with_lag(LAG, LAG));
            }
        }
    }
    cases
}
