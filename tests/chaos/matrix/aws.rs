//! AWS fails: each operation in every way it can, once, for a while, and until somebody mends it.

use crate::call::Plane;
use crate::case::{Axis, Case, Meanwhile, Trial};
use crate::fault::{Fault, Lasting, Refusal};
use crate::record::Recording;
use crate::script::Point;
use crate::workload::Workload;

struct Symptom {
    name: &'static str,
    fault: Fault,
    /// What the object's conditions say of it.
    reason: &'static str,
}

const fn symptom(name: &'static str, fault: Fault, reason: &'static str) -> Symptom {
    Symptom {
        name,
        fault,
        reason,
    }
}

const SYMPTOMS: [Symptom; 12] = [
    symptom(
        "429",
        Refusal::of_aws(429, "ThrottlingException"),
        "Throttled",
    ),
    symptom(
        "500",
        Refusal::of_aws(500, "InternalServerException"),
        "Unavailable",
    ),
    symptom(
        "503",
        Refusal::of_aws(503, "ServiceUnavailable"),
        "Unavailable",
    ),
    symptom(
        "timeout-before-effect",
        Fault::Silence { applied: false },
        "Unavailable",
    ),
    symptom(
        "timeout-after-effect",
        Fault::Silence { applied: true },
        "Unavailable",
    ),
    symptom(
        "reset-after-effect",
        Fault::Reset { applied: true },
        "Unavailable",
    ),
    symptom("malformed", Fault::Garble, "Unavailable"),
    symptom(
        "denied",
        Refusal::of_aws(403, "AccessDeniedException"),
        "Denied",
    ),
    symptom(
        "expired-token",
        Refusal::of_aws(403, "ExpiredTokenException"),
        "Denied",
    ),
    symptom(
        "quota-402",
        Refusal::of_aws(402, "ServiceQuotaExceededException"),
        "QuotaExceeded",
    ),
    symptom(
        "404",
        Refusal::of_aws(404, "ResourceNotFoundException"),
        "NotFound",
    ),
    symptom(
        "pending-verification",
        Refusal::of_aws(403, "PendingVerification"),
        "AccountUnverified",
    ),
];

/// More often than the SDK repeats a call.
const A_WHILE: Lasting = Lasting::Times(4);

pub fn cases(recording: &Recording) -> Vec<Case> {
    let mut cases = Vec::new();
    for at in recording.kinds().filter(|point| point.plane == Plane::Aws) {
        for symptom in &SYMPTOMS {
            for (how_long, lasting) in [
                ("once", Lasting::Times(1)),
                ("a-while", A_WHILE),
                ("always", Lasting::Always),
            ] {
                let what = format!("{}/{}/{how_long}", at.name, symptom.name);
                let meanwhile = match lasting {
                    Lasting::Always => meanwhile(recording.workload, at, symptom),
                    _ => Meanwhile::Nothing,
                };
                let trial = Trial::Fault {
                    at: at.clone(),
                    fault: symptom.fault.clone(),
                    lasting,
                    meanwhile,
                };
                let case = Case::new(Axis::Aws, recording.workload, &recording.end, &what, trial);
                cases.push(case.editing_the_bystander());
            }
        }
    }
    cases
}

/// What must be seen while it goes on.
fn meanwhile(workload: Workload, at: &Point, symptom: &Symptom) -> Meanwhile {
    // What was done is found to be done, although no answer ever says so.
    if symptom.fault.applies() && at.writes {
        return Meanwhile::Converges;
    }
    // A sweep that fails is nothing that a settled object has to know of.
    if at.name == "ListRooms" && !workload.lists() {
        return Meanwhile::Converges;
    }
    // The status of the answer says that the room is gone, and lists show the new one.
    if at.name == "GetRoom" && symptom.name == "malformed" && workload == Workload::Recreate {
        return Meanwhile::Converges;
    }
    let mut reasons = vec![symptom.reason];
    match at.name.as_str() {
        // Whether a room was made is not known, and that is looked into.
        "CreateRoom" if symptom.reason == "Unavailable" => reasons.push("CreationPending"),
        // Gone is what it should be; only reads can prove it, and they show it.
        "DeleteRoom" if symptom.reason == "NotFound" => reasons = vec!["Deleting"],
        // The room counts as missing until it has been for long enough.
        "GetRoom" if symptom.reason == "NotFound" => reasons.push("Deleting"),
        _ => {}
    }
    Meanwhile::Tells(reasons)
}
