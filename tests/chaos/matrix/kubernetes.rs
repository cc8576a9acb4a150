//! Kubernetes fails: each kind of call in every way it can, the watches, and the whole API server at every write.

use std::time::Duration;

use crate::call::Plane;
use crate::case::{Axis, Case, Ground, Meanwhile, Trial};
use crate::deed::Deed;
use crate::fault::{Fault, Lasting, Refusal};
use crate::record::Recording;

pub const A_WHILE: Lasting = Lasting::For(Duration::from_millis(600));

pub const SYMPTOMS: [(&str, Fault); 5] = [
    ("conflict", Refusal::of_kubernetes(409, "Conflict")),
    ("429", Refusal::of_kubernetes(429, "TooManyRequests")),
    ("500", Refusal::of_kubernetes(500, "InternalError")),
    ("timeout-before-effect", Fault::Silence { applied: false }),
    ("answer-lost", Fault::Reset { applied: true }),
];

pub fn call_cases(recording: &Recording) -> Vec<Case> {
    let Recording { workload, end, .. } = recording;
    let mut cases = Vec::new();
    for at in recording
        .kinds()
        .filter(|point| point.plane == Plane::Kubernetes)
    {
        for (symptom, fault) in SYMPTOMS {
            for (how_long, lasting) in [("once", Lasting::Times(1)), ("a-while", A_WHILE)] {
                let what = format!("{}/{symptom}/{how_long}", at.name);
                let (fault, meanwhile) = (fault.clone(), Meanwhile::Nothing);
                let trial = Trial::Fault {
                    at: at.clone(),
                    fault,
                    lasting,
                    meanwhile,
                };
                cases.push(
                    Case::new(Axis::Kubernetes, *workload, end, &what, trial)
                        .editing_the_bystander(),
                );
            }
        }
    }
    cases
}

pub fn watch_cases(recording: &Recording) -> Vec<Case> {
    let Recording { workload, end, .. } = recording;
    let case = |what: &str, at, deed| {
        Case::new(Axis::Watch, *workload, end, what, Trial::Deed { at, deed })
    };
    let mut cases = Vec::new();
    for deed in [
        Deed::DropWatches,
        Deed::ExpireWatches,
        Deed::SilenceWatches,
        Deed::DoubleWatches,
    ] {
        cases.push(case(&format!("at-the-start/{}", deed.name()), None, deed));
    }
    if let Some(at) = recording.writes().next() {
        let deed = Deed::RestartApiServer;
        let what = format!("{}/{}", at.title(), deed.name());
        cases.push(case(&what, Some(at.clone()), deed).on(Ground::Own));
    }
    let statuses = recording.writes();
    for at in statuses.filter(|point| point.name == "PATCH chatrooms/status") {
        let deed = Deed::WipeUnseen;
        let what = format!("{}/{}", at.title(), deed.name());
        cases.push(case(&what, Some(at.clone()), deed));
    }
    for at in recording.writes() {
        for deed in [
            Deed::DropWatches,
            Deed::ExpireWatches,
            Deed::ChangeUnseen,
            Deed::Outage,
        ] {
            cases.push(case(
                &format!("{}/{}", at.title(), deed.name()),
                Some(at.clone()),
                deed,
            ));
        }
    }
    cases
}
