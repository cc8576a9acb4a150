//! Two replicas of which one leads: it is frozen in the middle of its work, or what they do to their lease comes to grief.

use crate::call::Plane;
use crate::case::{Axis, Case, Meanwhile, Successor, Trial};
use crate::fault::{Lasting, Moment};
use crate::record::Recording;
use crate::replica::Election;
use crate::script::Point;

use super::kubernetes::{A_WHILE, SYMPTOMS};

pub fn cases(recording: &Recording) -> Vec<Case> {
    let Recording { workload, end, .. } = recording;
    let case = |what: &str, trial| {
        Case::new(Axis::Leadership, *workload, end, what, trial).with_two(Election::On)
    };
    let mut cases = vec![case("cut-off-from-the-lease", Trial::Estranged)];
    // What was already on its way when the leader froze lands late and cannot be fenced: a second room may come of it, for one
    // sweep.
    for at in recording.writes().filter(|point| point.plane == Plane::Aws) {
        let frozen = |at: &Point, moment| Trial::Freeze {
            at: at.clone(),
            moment,
        };
        let title = at.title();
        cases.push(case(&format!("{title}/frozen"), frozen(at, Moment::Unsent)).healing());
        // Here it is the fence that must stop it.
        if let Some(before) = recording.before(at) {
            let trial = frozen(before, Moment::Unanswered);
            cases.push(case(&format!("{title}/frozen-before"), trial));
        }
    }
    for moment in Moment::ALL {
        for (who, successor) in [
            ("same-replica", Successor::SameReplica),
            ("other-replica", Successor::OtherReplica),
        ] {
            let trial = Trial::Crash {
                at: Point::renewal(),
                moment,
                successor,
                between: None,
            };
            let what = format!("renewal/crash/{}/{who}", moment.name());
            cases.push(case(&what, trial));
        }
        if let Some(at) = recording.writes().next() {
            let at = at.clone();
            let what = format!("takeover/crash/{}", moment.name());
            cases.push(case(&what, Trial::Relapse { at, moment }));
        }
    }
    for (symptom, fault) in SYMPTOMS {
        for (how_long, lasting) in [("once", Lasting::Times(1)), ("a-while", A_WHILE)] {
            let at = Point::renewal();
            let (fault, meanwhile) = (fault.clone(), Meanwhile::Nothing);
            let trial = Trial::Fault {
                at,
                fault,
                lasting,
                meanwhile,
            };
            cases.push(case(&format!("renewal/{symptom}/{how_long}"), trial));
        }
        if let Some(at) = recording.writes().next() {
            let (at, fault) = (at.clone(), fault.clone());
            let trial = Trial::Takeover { at, fault };
            cases.push(case(&format!("takeover/{symptom}"), trial));
        }
    }
    cases
}
