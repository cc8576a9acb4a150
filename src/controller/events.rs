//! Events: what changed, and what newly went wrong. A pass that changes nothing publishes none.

use ivschat_core::api::names::CLASS_LABEL;
use ivschat_core::api::{ChatRoomStatus, ConditionType, Reason};
use ivschat_core::room::RoomArn;
use ivschat_core::room::plan::{Change, Difference};
use ivschat_core::room::status::{self, Verdict};
use kube::runtime::events::{Event, EventType};

/// A change that a pass made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
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

impl News {
    /// `drift`: the room was as specified before, so somebody else changed it.
    pub(super) fn changed(change: &Change, drift: bool) -> Self {
        let differences = change.differences.clone();
        if drift {
            Self::DriftCorrected(differences)
        } else {
            Self::Updated(differences)
        }
    }

    pub(super) fn event(&self) -> Event {
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
                return event(EventType::Warning, "LeftBehind", "DeleteRoom", note);
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
                return event(EventType::Warning, "TwinLeft", "Reconcile", note);
            }
            Self::Orphan(arn) => {
                let note = format!(
                    "Room {arn} carries the owner tag of a ChatRoom that does not exist. It stays: apply the ChatRoom to \
                     take it back, or delete the room"
                );
                return event(EventType::Warning, "Orphan", "Sweep", note);
            }
            Self::Overlap(signature) => {
                let note = format!(
                    "Another operator works on this ChatRoom, too: {signature} wrote to it. Give each its own namespaces, or a \
                     class (--class), or let all replicas share one lease"
                );
                return event(EventType::Warning, "Overlap", "Reconcile", note);
            }
            Self::InvalidClass(label) => {
                let note = format!(
                    "No operator works on this ChatRoom: its label {CLASS_LABEL} has the value {label:?}, which is no class. A \
                     class has 1 to 63 of a-z, 0-9 and -, and no - at either end. Correct the label, or remove it"
                );
                return event(EventType::Warning, "InvalidClass", "Watch", note);
            }
            Self::Deleted(arn) => ("Deleted", "DeleteRoom", format!("Deleted room {arn}")),
        };
        event(EventType::Normal, reason, action, note)
    }
}

/// The warning for a pass that newly failed, or a room that is newly missing or differs in a new way.
pub(super) fn warning(previous: &ChatRoomStatus, verdict: &Verdict) -> Option<Event> {
    if let Verdict::Drifted(differences) = verdict {
        let known = previous.drift.as_deref().unwrap_or_default();
        let new = differences.len() != known.len()
            || differences.iter().zip(known).any(|(now, then)| {
                (&now.field, &now.wanted, &now.found) != (&then.field, &then.wanted, &then.found)
            });
        return new.then(|| event(EventType::Warning, "Drifted", "Observe", text(differences)));
    }
    let (reason, message, condition) = match verdict {
        Verdict::Failed { failure, .. } => (
            failure.class.reason(),
            &failure.message,
            ConditionType::Synced,
        ),
        Verdict::Pending {
            reason: reason @ (Reason::NotFound | Reason::CreationPending),
            message,
        } => (*reason, message, ConditionType::Ready),
        Verdict::Pending { .. }
        | Verdict::InSync
        | Verdict::Paused(_)
        | Verdict::Released
        | Verdict::Drifted(_) => return None,
    };
    let known = status::reason(previous, condition) == Some(reason.as_str());
    (!known).then(|| {
        event(
            EventType::Warning,
            reason.as_str(),
            "Reconcile",
            message.clone(),
        )
    })
}

fn text(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// An event's note may hold 1 kB.
fn event(type_: EventType, reason: &str, action: &str, note: String) -> Event {
    const NOTE_MAX: usize = 1000;
    let cut = note
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|end| *end <= NOTE_MAX)
        .last();
    let note = match cut {
        Some(end) if end < note.len() => format!("{}…", &note[..end]),
        _ => note,
    };
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: action.to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every kind of news. A new kind does not compile until it is listed here.
    fn every_kind() -> Vec<News> {
        use News::{
            Adopted, Bound, Created, Deleted, DriftCorrected, InvalidClass, LeftBehind, Orphan,
            Overlap, Rebound, Retained, TwinDeleted, TwinLeft, Updated,
        };
        let arn = || -> RoomArn {
            "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl"
                .parse()
                .unwrap()
        };
        let mut kinds = vec![Created(arn())];
        while let Some(kind) = kinds.last() {
            kinds.push(match kind {
                Created(_) => Bound(arn()),
                Bound(_) => Rebound(arn(), String::new()),
                Rebound(..) => Adopted(arn()),
                Adopted(_) => Retained(arn()),
                Retained(_) => TwinDeleted(arn()),
                TwinDeleted(_) => TwinLeft(arn()),
                TwinLeft(_) => Orphan(arn()),
                Orphan(_) => Updated(vec![]),
                Updated(_) => DriftCorrected(vec![]),
                DriftCorrected(_) => Deleted(arn()),
                Deleted(_) => LeftBehind(arn(), ""),
                LeftBehind(..) => Overlap(String::new()),
                Overlap(_) => InvalidClass(String::new()),
                InvalidClass(_) => break,
            });
        }
        kinds
    }

    #[test]
    fn the_documentation_names_every_event_and_its_type_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/troubleshooting.md");
        let text = std::fs::read_to_string(path).unwrap();
        let chapter = text.split("\n## Events\n").nth(1).unwrap();
        let chapter = chapter.split("\n## ").next().unwrap();
        let rows = chapter.lines().filter(|line| line.starts_with("| `"));
        let documented: BTreeSet<_> = rows
            .map(|row| {
                let cells: Vec<_> = row.split('|').map(str::trim).collect();
                (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
            })
            .collect();
        let mut events: Vec<_> = every_kind().iter().map(News::event).collect();
        let previous = ChatRoomStatus::default();
        let difference = Difference {
            field: "name".to_owned(),
            wanted: "a".to_owned(),
            found: "b".to_owned(),
        };
        events.extend(warning(&previous, &Verdict::Drifted(vec![difference])));
        let published = events
            .into_iter()
            .map(|event| (event.reason, format!("{:?}", event.type_)));
        assert_eq!(documented, published.collect());
    }

    #[test]
    fn a_note_is_cut_at_a_character_to_what_an_event_may_hold() {
        for (note, kept) in [
            ("x".repeat(1000), 1000),
            ("x".repeat(1001), 1000),
            ("é".repeat(900), 1000),
        ] {
            let cut = event(EventType::Normal, "Updated", "UpdateRoom", note.clone())
                .note
                .unwrap();
            assert!(note.starts_with(cut.trim_end_matches('…')));
            assert_eq!(cut.trim_end_matches('…').len(), kept);
            assert_eq!(cut.ends_with('…'), note.len() > kept);
        }
    }
}
