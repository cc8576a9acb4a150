//! What an object's status remembers about its room, and what becomes of that with each thing that is done.

use jiff::{SignedDuration, Timestamp};

use crate::api::{ChatRoomStatus, Creation};

use super::step::Done;
use super::{ActualRoom, RoomArn, is_region};

/// What the status remembers about the room, beside the conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The room's ARN, once known.
    pub arn: Option<RoomArn>,
    /// The region that the room is in, or was asked for in.
    pub region: Option<String>,
    /// When AWS created the room.
    pub create_time: Option<Timestamp>,
    /// When AWS last updated it.
    pub update_time: Option<Timestamp>,
    /// The attempt to create, while its outcome is unknown.
    pub creation: Option<Creation>,
    /// When GetRoom first answered that the room is not there, while it lasts.
    pub missing_since: Option<Timestamp>,
    /// Keys of the tags that the object has put on the room.
    pub applied_tag_keys: Vec<String>,
    /// The last request for a pass that the operator has handled.
    pub handled_reconcile_at: Option<String>,
}

impl Record {
    /// Copies what the room shows. The room exists, so no attempt is outstanding.
    pub fn bind(&mut self, room: &ActualRoom) {
        if self.arn.as_ref() != Some(&room.arn) {
            self.applied_tag_keys.clear();
        }
        self.arn = Some(room.arn.clone());
        self.region = Some(room.arn.region().to_owned());
        self.create_time = room.create_time;
        self.update_time = room.update_time;
        self.creation = None;
        self.missing_since = None;
    }

    /// Corrects times in the future. A time further ahead than clocks may be apart is forged, and a wait for it would never
    /// end. Such a creation time is dropped, and such an attempt counts as made now. A room is not missing before it was made.
    pub fn not_later_than(&mut self, now: Timestamp, skew: SignedDuration) {
        let latest = now.checked_add(skew).unwrap_or(Timestamp::MAX);
        self.create_time = self.create_time.filter(|time| *time <= latest);
        let possible = |since: &Timestamp| *since <= latest && Some(*since) >= self.create_time;
        self.missing_since = self.missing_since.filter(possible);
        if let Some(creation) = &mut self.creation
            && creation.started_at > latest
        {
            creation.started_at = now;
        }
    }

    /// The region that was asked for a room; none before the first attempt.
    pub fn region_in_force(&self) -> Option<&str> {
        let attempted = self
            .creation
            .as_ref()
            .map(|attempt| attempt.region.as_str());
        attempted
            .or(self.region.as_deref())
            .or(self.arn.as_ref().map(RoomArn::region))
    }

    /// Whether ARN and region disagree: then somebody has edited one of them.
    pub fn contradicts_itself(&self) -> bool {
        match (&self.arn, &self.region) {
            (Some(arn), Some(region)) => arn.region() != region,
            _ => false,
        }
    }

    /// Takes in what was done.
    pub fn after(&mut self, done: &Done) {
        match done {
            Done::Bound { room, touched } => {
                self.bind(room);
                self.applied_tag_keys.clone_from(touched);
            }
            Done::NothingCame => self.creation = None,
            Done::WrittenAhead { attempt, adopts } => {
                // What was on record was about a room that is proven absent, or about none.
                self.forget_room();
                match adopts {
                    Some(room) => self.bind(room),
                    None => self.region = Some(attempt.region.clone()),
                }
                self.creation = Some(attempt.clone());
            }
            Done::Created { room, applied } => {
                self.bind(room);
                self.applied_tag_keys.clone_from(applied);
            }
            Done::Shown(Some(room)) => self.bind(room),
            Done::Released(_) => self.forget_room(),
            Done::Held
            | Done::Ready
            | Done::Written
            | Done::Edited
            | Done::Shown(None)
            | Done::Behind(_)
            | Done::Deleted { .. }
            | Done::TwinLeft(_)
            | Done::LetGo => {}
        }
    }

    /// Forgets a room that is proven absent, or was released. The region stays fixed.
    pub fn forget_room(&mut self) {
        *self = Self {
            region: self.region.take(),
            handled_reconcile_at: self.handled_reconcile_at.take(),
            ..Self::default()
        };
    }
}

impl From<&ChatRoomStatus> for Record {
    /// An ARN, a region or an attempt that cannot be valid was written by somebody else, and counts as missing.
    fn from(status: &ChatRoomStatus) -> Self {
        let arn = status.arn.as_deref().and_then(|arn| arn.parse().ok());
        Self {
            arn: arn.filter(|arn: &RoomArn| is_region(arn.region())),
            region: status.region.clone().filter(|region| is_region(region)),
            create_time: status.create_time,
            update_time: status.update_time,
            creation: status
                .creation
                .clone()
                .filter(|creation| is_region(&creation.region) && is_account(&creation.account)),
            missing_since: status.missing_since,
            applied_tag_keys: status.applied_tag_keys.clone().unwrap_or_default(),
            handled_reconcile_at: status.last_handled_reconcile_at.clone(),
        }
    }
}

/// Whether the text can be an AWS account id: at most 12 digits. Messages show it, so nothing else may pass.
fn is_account(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::sample::{arn, identity, room};
    use crate::room::status::{self, Verdict};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_323_045 + second).unwrap()
    }

    fn recorded() -> Record {
        Record {
            arn: Some(arn("a")),
            region: Some("us-west-2".to_owned()),
            create_time: Some(at(0)),
            update_time: Some(at(1)),
            applied_tag_keys: vec!["team".to_owned()],
            handled_reconcile_at: Some("now".to_owned()),
            ..Record::default()
        }
    }

    /// Nothing of a room, but the last request for a pass that was handled.
    fn nothing() -> Record {
        Record {
            handled_reconcile_at: Some("now".to_owned()),
            ..Record::default()
        }
    }

    fn attempt() -> Creation {
        Creation {
            id: String::new(),
            started_at: at(5),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
        }
    }

    fn made(id: &str) -> ActualRoom {
        ActualRoom {
            create_time: Some(at(6)),
            ..room(&arn(id), identity().tags())
        }
    }

    #[test]
    fn what_is_remembered_follows_from_what_was_done() {
        let untouched = recorded();
        let asked = Record {
            region: Some("eu-west-1".to_owned()),
            creation: Some(attempt()),
            ..nothing()
        };
        let of_room = |applied: &[&str]| Record {
            arn: Some(arn("b")),
            region: Some("us-west-2".to_owned()),
            create_time: Some(at(6)),
            applied_tag_keys: applied.iter().map(ToString::to_string).collect(),
            ..nothing()
        };
        let adopted = Record {
            creation: Some(attempt()),
            ..of_room(&[])
        };
        let released = Record {
            region: Some("us-west-2".to_owned()),
            ..nothing()
        };
        let (room, keys) = (made("b"), vec!["new".to_owned()]);
        let ahead = |adopts| Done::WrittenAhead {
            attempt: attempt(),
            adopts,
        };
        let deleted = Done::Deleted {
            arn: arn("a"),
            twin: false,
            create_time: None,
            answer: crate::room::step::Deletion::AtOnce,
        };
        for (done, expected) in [
            (ahead(None), asked),
            (ahead(Some(room.clone())), adopted),
            (
                Done::Created {
                    room: room.clone(),
                    applied: keys.clone(),
                },
                of_room(&["new"]),
            ),
            (
                Done::Bound {
                    room: room.clone(),
                    touched: keys,
                },
                of_room(&["new"]),
            ),
            (Done::Shown(Some(room.clone())), of_room(&[])),
            (Done::Shown(None), untouched.clone()),
            (Done::Released(room), released),
            (deleted, untouched.clone()),
            (Done::Held, untouched),
        ] {
            let mut record = recorded();
            record.after(&done);
            assert_eq!(record, expected, "{done:?}");
        }
        let mut missing = Record {
            missing_since: Some(at(2)),
            ..recorded()
        };
        missing.bind(&made("a"));
        assert_eq!(missing.missing_since, None);
        let mut pending = recorded();
        pending.creation = Some(attempt());
        pending.after(&Done::NothingCame);
        assert_eq!(pending, recorded());
    }

    #[test]
    fn a_room_is_missing_only_since_a_time_that_can_be() {
        let skew = SignedDuration::from_secs(10);
        for (made, since, counts) in [
            (Some(0), 0, true),
            (Some(0), 110, true),
            (Some(0), 111, false),
            (Some(6), 5, false),
            (None, 5, true),
            // A forged creation time counts for nothing.
            (Some(500), 5, true),
        ] {
            let mut record = Record {
                create_time: made.map(at),
                missing_since: Some(at(since)),
                ..recorded()
            };
            record.not_later_than(at(100), skew);
            let expected = counts.then(|| at(since));
            assert_eq!(record.missing_since, expected, "{made:?} {since}");
        }
    }

    #[test]
    fn the_region_in_force_is_that_of_the_attempt_then_of_the_status_then_of_the_arn() {
        let mut record = recorded();
        record.creation = Some(attempt());
        assert_eq!(record.region_in_force(), Some("eu-west-1"));
        record.creation = None;
        record.region = Some("ap-south-1".to_owned());
        assert_eq!(record.region_in_force(), Some("ap-south-1"));
        assert!(record.contradicts_itself());
        record.region = None;
        assert_eq!(record.region_in_force(), Some("us-west-2"));
        assert!(!record.contradicts_itself());
        assert_eq!(Record::default().region_in_force(), None);
    }

    #[test]
    fn what_cannot_be_an_account_or_a_region_counts_as_missing() {
        let read = |region: &str, account: &str| {
            let status = ChatRoomStatus {
                creation: Some(Creation {
                    region: region.to_owned(),
                    account: account.to_owned(),
                    ..attempt()
                }),
                region: Some(region.to_owned()),
                ..ChatRoomStatus::default()
            };
            let record = Record::from(&status);
            (record.creation.is_some(), record.region.is_some())
        };
        assert_eq!(read("eu-west-1", "123456789012"), (true, true));
        assert_eq!(read("eu-west-1", "1"), (true, true));
        assert_eq!(read("Oregon", "123456789012"), (false, false));
        for account in ["", "1234567890123", "12345678901x"] {
            assert_eq!(read("eu-west-1", account), (false, true), "{account}");
        }
    }

    #[test]
    fn a_record_survives_the_status_it_was_written_to() {
        let creation = Creation {
            id: String::new(),
            started_at: at(5),
            region: "us-west-2".to_owned(),
            account: "123456789012".to_owned(),
        };
        let record = Record {
            creation: Some(creation),
            ..recorded()
        };
        let (nothing, in_sync) = (ChatRoomStatus::default(), Verdict::InSync);
        let status = status::next(&nothing, &record, &in_sync, 1, at(10));
        assert_eq!(Record::from(&status), record);
    }

    #[test]
    fn a_time_that_no_clock_can_have_shown_yet_is_set_right() {
        let skew = SignedDuration::from_secs(10);
        for (time, started_at, create_time) in [
            (at(90), at(90), Some(at(90))),
            (at(110), at(110), Some(at(110))),
            (at(111), at(100), None),
            (Timestamp::MAX, at(100), None),
        ] {
            let creation = |started_at| Creation {
                id: String::new(),
                started_at,
                region: "us-west-2".to_owned(),
                account: "123456789012".to_owned(),
            };
            let mut found = Record {
                creation: Some(creation(time)),
                create_time: Some(time),
                ..recorded()
            };
            found.not_later_than(at(100), skew);
            let expected = Record {
                creation: Some(creation(started_at)),
                create_time,
                ..recorded()
            };
            assert_eq!(found, expected, "{time}");
        }
    }

    #[test]
    fn an_arn_that_is_none_counts_as_missing() {
        let status = ChatRoomStatus {
            arn: Some("lobby".to_owned()),
            ..ChatRoomStatus::default()
        };
        assert_eq!(Record::from(&status), Record::default());
    }
}
