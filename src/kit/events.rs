//! Notices as Kubernetes takes them: events.

use ivschat_core::room::news::Notice;
use kube::runtime::events::{Event, EventType};

/// The event of a notice. Its note may hold 1 kB.
pub(crate) fn event(notice: &Notice) -> Event {
    const NOTE_MAX: usize = 1000;
    let note = &notice.note;
    let cut = note
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|end| *end <= NOTE_MAX)
        .last();
    let note = match cut {
        Some(end) if end < note.len() => format!("{}…", &note[..end]),
        _ => note.clone(),
    };
    Event {
        type_: if notice.warning {
            EventType::Warning
        } else {
            EventType::Normal
        },
        reason: notice.reason.to_owned(),
        note: Some(note),
        action: notice.action.to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ivschat_core::api::ChatRoomStatus;
    use ivschat_core::room::RoomArn;
    use ivschat_core::room::correction::Difference;
    use ivschat_core::room::news::{News, warning};
    use ivschat_core::room::status::Verdict;

    use super::*;

    /// Every kind of news. A new kind does not compile until it is listed here.
    fn every_kind() -> Vec<News> {
        use News::{
            Adopted, Bound, Created, Deleted, DriftCorrected, InvalidClass, LeftBehind, Orphan,
            Overlap, Rebound, Retained, TwinDeleted, TwinLeft, Updated, WriteRefused,
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
                InvalidClass(_) => WriteRefused(String::new()),
                WriteRefused(_) => break,
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
        let mut notices: Vec<_> = every_kind().iter().map(News::notice).collect();
        let previous = ChatRoomStatus::default();
        let difference = Difference {
            field: "name".to_owned(),
            wanted: "a".to_owned(),
            found: "b".to_owned(),
        };
        notices.extend(warning(&previous, &Verdict::Drifted(vec![difference])));
        let published = notices
            .iter()
            .map(event)
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
            let notice = Notice {
                warning: false,
                reason: "Updated",
                action: "UpdateRoom",
                note: note.clone(),
            };
            let cut = event(&notice).note.unwrap();
            assert!(note.starts_with(cut.trim_end_matches('…')));
            assert_eq!(cut.trim_end_matches('…').len(), kept);
            assert_eq!(cut.ends_with('…'), note.len() > kept);
        }
    }
}
