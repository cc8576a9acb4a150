//! People: they edit what is the operator's, delete everything, restore backups, and apply one object too many.

use crate::call::Plane;
use crate::case::{Axis, Case, Ground, Trial};
use crate::deed::Deed;
use crate::record::Recording;
use crate::workload::{Leaves, Workload};

pub fn cases(recording: &Recording) -> Vec<Case> {
    let Recording { workload, end, .. } = recording;
    let case = |what: &str, trial| Case::new(Axis::Hand, *workload, end, what, trial);
    let mut cases = Vec::new();
    for at in recording.writes().filter(|point| point.plane == Plane::Aws) {
        let deed = |deed: Deed| {
            case(
                &format!("{}/{}", at.title(), deed.name()),
                Trial::Deed {
                    at: Some(at.clone()),
                    deed,
                },
            )
        };
        cases.push(deed(Deed::WipeStatus));
        cases.push(deed(Deed::ForgeStatus));
        // Whoever takes the finalizer off an object that is being deleted wants it gone, and its room left.
        if workload.leaves() == Leaves::Both {
            cases.push(deed(Deed::StripFinalizers));
        }
        cases.push(deed(Deed::DeleteNamespace).leaving_nothing());
        cases.push(deed(Deed::ReapplyCrd).on(Ground::Changing));
    }
    if matches!(
        workload,
        Workload::CreateFull | Workload::Adopt | Workload::Retag
    ) {
        cases.push(case("restored-without-status", Trial::Restored));
    }
    if *workload == Workload::Create {
        let mut thousand =
            case("one-of-a-thousand-cannot-be-parsed", Trial::Thousand).on(Ground::Lax);
        thousand.setting.drift_interval = "1h";
        cases.push(thousand);
    }
    cases
}
