//! An upgrade and a rollback in the middle of the work: what one version has begun, the other finishes.

use crate::case::{Axis, Case, Successor, Trial};
use crate::fault::Moment;
use crate::record::Recording;
use crate::replica::{Election, Version};

/// `other`: the same workload by the other version.
pub fn cases(recording: &Recording, other: &Recording) -> Vec<Case> {
    let Recording {
        workload,
        version,
        end,
        ..
    } = recording;
    let change = match version {
        Version::Before => "upgrade",
        Version::Now => "rollback",
    };
    let mut cases = Vec::new();
    for at in recording.writes() {
        for moment in Moment::ALL {
            let case = |who: &str, successor| {
                let what = format!("{change}/{}/{}/{who}", at.title(), moment.name());
                let trial = Trial::Crash {
                    at: at.clone(),
                    moment,
                    successor,
                    between: None,
                };
                Case::new(Axis::Version, *workload, end, &what, trial).begun_by(*version)
            };
            cases.push(case("same-replica", Successor::OtherVersion));
            // Either may lead first.
            if other.points.contains(at) {
                let case = case("other-replica", Successor::OtherReplica);
                cases.push(case.with_two(Election::On));
            }
        }
    }
    cases
}
