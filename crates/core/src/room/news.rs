//! What people are told of: what changed, and what newly went wrong. A pass that changes nothing has no news.

use crate::api::names::CLASS_LABEL;
use crate::api::{ChatRoomStatus, ConditionType, Reason};

use super::RoomArn;
use super::correction::Difference;
use super::status::{self, Verdict};

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A room was created.
    Created(RoomArn),
    /// A room that proves to be this object's was found and taken back.
    Bound(RoomArn),
    /// A room of an earlier object of this name, with this uid, was found and taken over.
    Rebound(RoomArn, String),
    /// An existing room was adopted, with its consent.
    Adopted(RoomArn),
    /// The room was released and stays, as the spec or a person asked.
    Retained(RoomArn),
    /// A second room of this object was deleted.
    TwinDeleted(RoomArn),
    /// Another room proves to be this object's. Only a person can tell which one is wanted.
    TwinLeft(RoomArn),
    /// A room's owner tag names an object that no longer exists.
    Orphan(RoomArn),
    /// Another operator works on the object too. Holds its signature.
    Overlap(String),
    /// The class label has this value, and so nobody works on the object.
    InvalidClass(String),
    /// The room now follows the spec the user changed.
    Updated(Vec<Difference>),
    /// Somebody else changed the room, and the operator corrected it.
    DriftCorrected(Vec<Difference>),
    /// The room was deleted.
    Deleted(RoomArn),
    /// The object goes, and a room stays, for this reason.
    LeftBehind(RoomArn, &'static str),
    /// The API server refuses what the operator writes to the object, in these words.
    WriteRefused(String),
}

/// News in the words of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whether somebody may have to act.
    pub warning: bool,
    /// A word in CamelCase, of a closed set.
    pub reason: &'static str,
    /// What was being done, in one word.
    pub action: &'static str,
    /// For people.
    pub note: String,
}

impl News {
    /// In the words of an event.
    pub fn notice(&self) -> Notice {
        let (reason, action, note) = match self {
            Self::Created(arn) => ("Created", "CreateRoom", format!("Created room {arn}")),
            Self::Bound(arn) => (
                "Bound",
                "BindRoom",
                format!("Found room {arn}, which carries this object's tags, and took it back"),
            ),
            Self::Rebound(arn, uid) => (
                "Rebound",
                "BindRoom",
                format!("Took over room {arn} of the object of this name that had uid {uid}"),
            ),
            Self::Adopted(arn) => ("Adopted", "AdoptRoom", format!("Adopted room {arn}")),
            Self::Retained(arn) => (
                "Retained",
                "ReleaseRoom",
                format!("Left room {arn} as it is, without the operator's tags"),
            ),
            Self::Updated(differences) => ("Updated", "UpdateRoom", text(differences)),
            Self::DriftCorrected(differences) => {
                ("DriftCorrected", "UpdateRoom", text(differences))
            }
            Self::LeftBehind(arn, why) => {
                let note = format!("Room {arn} stays: {why}");
                return Notice::warning("LeftBehind", "DeleteRoom", note);
            }
            Self::WriteRefused(words) => {
                let note = format!(
                    "The API server refuses what the operator writes to this ChatRoom, so no room is created or deleted for it: \
                     {words}. Check the CRD, admission policies and the operator's rights"
                );
                return Notice::warning("WriteRefused", "Reconcile", note);
            }
            Self::TwinDeleted(arn) => (
                "TwinDeleted",
                "DeleteRoom",
                format!("Deleted room {arn}, a second one made for this object"),
            ),
            Self::TwinLeft(arn) => {
                let note = format!(
                    "Room {arn} carries this object's owner tag, too. It was not made for it, so it stays: delete it, or \
                     take the tag off"
                );
                return Notice::warning("TwinLeft", "Reconcile", note);
            }
            Self::Orphan(arn) => {
                let note = format!(
                    "Room {arn} carries the owner tag of a ChatRoom that does not exist. It stays: apply the ChatRoom to \
                     take it back, or delete the room"
                );
                return Notice::warning("Orphan", "Sweep", note);
            }
            Self::Overlap(signature) => {
                let note = format!(
                    "Another operator works on this ChatRoom, too: {signature} wrote to it. Give each its own namespaces, or a \
                     class (--class), or let all replicas share one lease"
                );
                return Notice::warning("Overlap", "Reconcile", note);
            }
            Self::InvalidClass(label) => {
                let note = format!(
                    "No operator works on this ChatRoom: its label {CLASS_LABEL} has the value {label:?}, which is no class. A \
                     class has 1 to 63 of a-z, 0-9 and -, and no - at either end. Correct the label, or remove it"
                );
                return Notice::warning("InvalidClass", "Watch", note);
            }
            Self::Deleted(arn) => ("Deleted", "DeleteRoom", format!("Deleted room {arn}")),
        };
        Notice {
            warning: false,
            reason,
            action,
            note,
        }
    }
}

impl Notice {
    fn warning(reason: &'static str, action: &'static str, note: String) -> Self {
        Self {
            warning: true,
            reason,
            action,
            note,
        }
    }
}

/// The warning for a pass that newly failed, or a room that is newly missing or differs in a new way.
pub fn warning(previous: &ChatRoomStatus, verdict: &Verdict) -> Option<Notice> {
    if let Verdict::Drifted(differences) = verdict {
        let known = previous.drift.as_deref().unwrap_or_default();
        let new = differences.len() != known.len()
            || differences.iter().zip(known).any(|(now, then)| {
                (&now.field, &now.wanted, &now.found) != (&then.field, &then.wanted, &then.found)
            });
        return new.then(|| Notice::warning("Drifted", "Observe", text(differences)));
    }
    let (reason, message, condition) = match verdict {
        Verdict::Failed { failure, .. } => (
            failure.class.reason(),
            failure.message(),
            ConditionType::Synced,
        ),
        Verdict::Pending {
            reason: reason @ (Reason::NotFound | Reason::CreationPending),
            message,
        } => (*reason, message.clone(), ConditionType::Ready),
        Verdict::Pending { .. }
        | Verdict::InSync
        | Verdict::Paused(_)
        | Verdict::Released
        | Verdict::Drifted(_) => return None,
    };
    let known = status::reason(previous, condition) == Some(reason.as_str());
    (!known).then(|| Notice::warning(reason.as_str(), "Reconcile", message))
}

fn text(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::record::Record;
    use crate::room::sample::arn;
    use crate::room::status::Knowledge;
    use crate::room::{Failure, FailureClass};

    fn difference(found: &str) -> Difference {
        Difference {
            field: "name".to_owned(),
            wanted: "a".to_owned(),
            found: found.to_owned(),
        }
    }

    #[test]
    fn news_name_the_room_and_warn_where_a_person_has_to_decide() {
        let a = arn("a");
        let changed = vec![difference("b"), difference("")];
        for (news, warns, reason, told) in [
            (News::Created(a.clone()), false, "Created", "Created room"),
            (News::Bound(a.clone()), false, "Bound", "took it back"),
            (
                News::Rebound(a.clone(), "uid-0".to_owned()),
                false,
                "Rebound",
                "that had uid uid-0",
            ),
            (News::Adopted(a.clone()), false, "Adopted", "Adopted room"),
            (News::Retained(a.clone()), false, "Retained", "Left room"),
            (News::Deleted(a.clone()), false, "Deleted", "Deleted room"),
            (
                News::TwinDeleted(a.clone()),
                false,
                "TwinDeleted",
                "a second one made for this object",
            ),
            (News::TwinLeft(a.clone()), true, "TwinLeft", "so it stays"),
            (News::Orphan(a.clone()), true, "Orphan", "does not exist"),
            (
                News::LeftBehind(a, "it is theirs"),
                true,
                "LeftBehind",
                "stays: it is theirs",
            ),
            (
                News::Overlap("ivschat-operator/ops/other".to_owned()),
                true,
                "Overlap",
                "ivschat-operator/ops/other wrote to it",
            ),
            (
                News::InvalidClass("Blue".to_owned()),
                true,
                "InvalidClass",
                "\"Blue\"",
            ),
            (
                News::Updated(changed.clone()),
                false,
                "Updated",
                "name: b → a; name: nothing → a",
            ),
            (
                News::DriftCorrected(changed),
                false,
                "DriftCorrected",
                "name: b → a; name: nothing → a",
            ),
        ] {
            let notice = news.notice();
            assert_eq!((notice.warning, notice.reason), (warns, reason));
            assert!(notice.note.contains(told), "{}", notice.note);
        }
    }

    #[test]
    fn what_goes_wrong_is_told_once_and_again_once_it_differs() {
        let failed = |class| Verdict::Failed {
            failure: Failure::new(class, "as this test says"),
            room: Knowledge::Nothing,
        };
        let pending = |reason| Verdict::Pending {
            reason,
            message: "as this test says".to_owned(),
        };
        let after = |verdict: &Verdict| {
            let nothing = ChatRoomStatus::default();
            status::next(
                &nothing,
                &Record::default(),
                verdict,
                1,
                jiff::Timestamp::UNIX_EPOCH,
            )
        };
        let drifted = |found: &str| Verdict::Drifted(vec![difference(found)]);
        let told = |before: &Verdict, now: &Verdict| {
            warning(&after(before), now).map(|notice| (notice.reason, notice.note))
        };
        let said = |reason| Some((reason, "as this test says".to_owned()));
        let fine = Verdict::InSync;
        let denied = failed(FailureClass::Denied);
        assert_eq!(told(&fine, &denied), said("Denied"));
        assert_eq!(told(&denied, &denied), None);
        assert_eq!(
            told(&denied, &failed(FailureClass::Throttled)),
            said("Throttled")
        );
        for reason in [Reason::NotFound, Reason::CreationPending] {
            assert_eq!(told(&fine, &pending(reason)), said(reason.as_str()));
            assert_eq!(told(&pending(reason), &pending(reason)), None);
        }
        assert_eq!(told(&fine, &pending(Reason::Deleting)), None);
        for quiet in [Verdict::InSync, Verdict::Released] {
            assert_eq!(told(&denied, &quiet), None);
        }
        let differs = |found: &str| Some(("Drifted", format!("name: {found} → a")));
        assert_eq!(told(&fine, &drifted("b")), differs("b"));
        assert_eq!(told(&drifted("b"), &drifted("b")), None);
        assert_eq!(told(&drifted("b"), &drifted("c")), differs("c"));
        let more = Verdict::Drifted(vec![difference("b"), difference("c")]);
        assert!(told(&drifted("b"), &more).is_some() && told(&more, &drifted("b")).is_some());
    }
}
