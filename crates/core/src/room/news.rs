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
