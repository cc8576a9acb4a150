//! What a process knows of an object that its status does not tell. Losing it costs calls and waits, never a room.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::api::Creation;

use super::RoomArn;
use super::correction::{Difference, Otherwise};
use super::record::Record;
use super::step::{Deletion, Done, Halt};

/// What is known of one object since this process works on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recall {
    /// When AWS last showed the room on record, and which that was. A status that says it was missing before then was edited.
    pub shown: Option<(RoomArn, Timestamp)>,
    /// The room that was made or bound, in case its ARN could not be written.
    pub had: Option<RoomArn>,
    /// The attempt to create whose outcome is not known, in case the object loses it.
    pub attempt: Option<Creation>,
    /// Rooms that were the object's, and were let go.
    pub released: BTreeSet<RoomArn>,
    /// The room that was deleted last. Reads may still show it.
    pub deleted: Option<Deleted>,
    /// Other rooms that prove to be the object's, and have been reported.
    pub twins: BTreeSet<RoomArn>,
    /// This process proved that the object has no room, and wrote an attempt down after that. Nobody else has worked on the object
    /// since this time, so this process knows the outcome of each attempt, or still has it on record.
    pub absent_since: Option<Timestamp>,
    /// When the room was last compared as a whole, and left as it is to be.
    pub compared_at: Option<Timestamp>,
    /// What AWS had otherwise than the spec says, after the last pass that asked it to, and since when; `None`: it has answered so.
    pub otherwise: Vec<(Difference, Option<Timestamp>)>,
    /// What of that stayed so after a correction: another one would change nothing.
    pub resists: Vec<Difference>,
}

/// A room that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Its ARN.
    pub arn: RoomArn,
    /// When AWS created it, if it was deleted for certain: GetRoom had just shown it, and the first DeleteRoom succeeded.
    pub create_time: Option<Timestamp>,
}

impl Recall {
    /// What is on record, with what only this process knows: a room whose ARN could not be written, an attempt that somebody
    /// has removed from the status or dated back. Times that cannot be are corrected.
    pub fn complete(&self, mut record: Record, now: Timestamp, skew: SignedDuration) -> Record {
        record.arn = record.arn.or_else(|| self.had.clone());
        record.not_later_than(now, skew);
        if self.had.is_some() && self.attempt.is_none() {
            // What came of it is known, even if the status could not say so.
            record.creation = None;
        }
        let attempts = record.creation.into_iter();
        record.creation = attempts
            .chain(self.attempt.clone())
            .max_by_key(|creation| creation.started_at);
        record
    }

    /// Until when reads may be behind that show these differences; `None`: one of them was not corrected, or AWS has answered that it
    /// keeps it. The same correction again would change nothing, and show up as another change of the room.
    pub fn may_be_behind(
        &self,
        differences: &[Difference],
        grace: SignedDuration,
    ) -> Option<Timestamp> {
        let until = |difference: &Difference| {
            let mut known = self.otherwise.iter();
            let (_, since) = known.find(|(known, _)| known == difference)?;
            since.and_then(|since| since.checked_add(grace).ok())
        };
        let until: Option<Vec<_>> = differences.iter().map(until).collect();
        until?.into_iter().min()
    }

    /// Whether nothing was begun whose outcome the status does not tell.
    pub fn leaves_nothing_open(&self) -> bool {
        self.attempt.is_none() && self.otherwise.is_empty() && self.resists.is_empty()
    }

    /// Takes in that GetRoom showed the room on record.
    pub fn saw(&mut self, arn: &RoomArn, at: Timestamp) {
        self.shown = Some((arn.clone(), at));
    }

    /// Takes in what was done for the object. `alone_since`: when another may last have worked on the object, when the pass began.
    pub fn after(&mut self, done: &Done, alone_since: Timestamp) {
        match done {
            Done::NothingCame => self.attempt = None,
            Done::WrittenAhead { attempt, adopts } => {
                // Not earlier: if the attempt cannot be written, the proof of absence still holds.
                if adopts.is_none() {
                    self.forget_room();
                }
                // The proof counts only now: the write shows that the pass did not work on a copy that was behind.
                self.absent_since = adopts.is_none().then_some(alone_since);
                self.attempt = Some(attempt.clone());
            }
            Done::Bound { room, .. } | Done::Created { room, .. } => {
                if let (Done::Created { .. }, Some(made)) = (done, room.create_time) {
                    self.saw(&room.arn, made);
                }
                self.had = Some(room.arn.clone());
                self.attempt = None;
                self.absent_since = None;
            }
            Done::Deleted {
                arn,
                create_time,
                answer,
                ..
            } => {
                let known = self.deleted.take().filter(|it| it.arn == *arn);
                let surely = create_time.filter(|_| *answer == Deletion::AtOnce);
                self.deleted = Some(Deleted {
                    arn: arn.clone(),
                    // AWS may show it once more, and say then that it is not there.
                    create_time: surely.or(known.and_then(|it| it.create_time)),
                });
            }
            Done::TwinLeft(arn) => {
                self.twins.insert(arn.clone());
            }
            Done::Released(room) => {
                self.forget_room();
                self.released.insert(room.arn.clone());
            }
            Done::Held
            | Done::Ready
            | Done::Edited
            | Done::Shown(_)
            | Done::Behind(_)
            | Done::Written
            | Done::LetGo => {}
        }
    }

    /// Takes in how a pass that brought the room to the spec has ended. `edited`: what it corrected.
    pub fn compared(&mut self, edited: &[Difference], otherwise: Otherwise, now: Timestamp) {
        let Otherwise { kept, behind } = otherwise;
        self.compared_at = Some(now);
        let again = kept.iter().filter(|difference| edited.contains(difference));
        self.resists = again.cloned().collect();
        let before = std::mem::take(&mut self.otherwise);
        let since = |it: &Difference| {
            let known = before.iter().find(|(known, _)| known == it);
            known.map_or(Some(now), |(_, since)| *since)
        };
        let behind = behind.into_iter().map(|it| (it.clone(), since(&it)));
        let kept = kept.into_iter().map(|it| (it, None));
        self.otherwise = kept.chain(behind).collect();
    }

    /// Takes in why nothing more could be done.
    pub fn halted(&mut self, halt: &Halt) {
        if let Halt::Refused(_) = halt {
            self.attempt = None;
        }
    }

    fn forget_room(&mut self) {
        self.had = None;
        self.attempt = None;
        self.compared_at = None;
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;
    use crate::room::sample::{arn, identity, room};
    use crate::room::{ActualRoom, Failure};
    use crate::room::{FailureClass, Tags};

    const SKEW: SignedDuration = SignedDuration::from_secs(10);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + seconds.seconds()
    }

    fn gone(id: &str, create_time: Option<Timestamp>) -> Deleted {
        let arn = arn(id);
        Deleted { arn, create_time }
    }

    fn attempt(started: i64) -> Creation {
        Creation {
            id: String::new(),
            started_at: at(started),
            region: "us-west-2".to_owned(),
            account: "123456789012".to_owned(),
        }
    }

    fn ours(id: &str) -> ActualRoom {
        room(&arn(id), identity().tags())
    }

    /// Everything a process can know of an object whose room is `a`.
    fn full() -> Recall {
        Recall {
            shown: Some((arn("a"), at(6))),
            had: Some(arn("a")),
            attempt: Some(attempt(5)),
            released: BTreeSet::from([arn("x")]),
            deleted: Some(gone("y", None)),
            twins: BTreeSet::from([arn("z")]),
            absent_since: Some(at(1)),
            compared_at: None,
            otherwise: Vec::new(),
            resists: Vec::new(),
        }
    }

    #[test]
    fn what_only_this_process_knows_completes_what_is_on_record() {
        let now = at(100);
        let nothing = Recall::default();
        assert_eq!(
            nothing.complete(Record::default(), now, SKEW),
            Record::default()
        );
        let complete = full().complete(Record::default(), now, SKEW);
        assert_eq!(complete.arn, Some(arn("a")));
        assert_eq!(complete.creation, Some(attempt(5)));
        let recorded = |started| Record {
            arn: Some(arn("b")),
            creation: Some(attempt(started)),
            ..Record::default()
        };
        // What is on record names the room, and the later attempt counts.
        for (started, counts) in [(4, 5), (5, 5), (6, 6), (111, 100)] {
            let complete = full().complete(recorded(started), now, SKEW);
            assert_eq!(complete.arn, Some(arn("b")));
            assert_eq!(complete.creation, Some(attempt(counts)), "{started}");
        }
    }

    #[test]
    fn an_attempt_whose_outcome_is_known_counts_no_more_though_the_status_still_names_it() {
        let settled = Recall {
            attempt: None,
            ..full()
        };
        let record = Record {
            creation: Some(attempt(5)),
            ..Record::default()
        };
        let complete = settled.complete(record.clone(), at(100), SKEW);
        assert_eq!((complete.arn, complete.creation), (Some(arn("a")), None));
        let unknown = Recall::default().complete(record.clone(), at(100), SKEW);
        assert_eq!(unknown, record);
    }

    #[test]
    fn a_room_just_made_was_there_when_aws_made_it() {
        let room = ActualRoom {
            create_time: Some(at(9)),
            ..ours("b")
        };
        let (bound, made) = (
            Done::Bound {
                room: room.clone(),
                touched: Vec::new(),
            },
            Done::Created {
                room,
                applied: Vec::new(),
            },
        );
        for (done, shown) in [(bound, ("a", 6)), (made, ("b", 9))] {
            let mut recall = full();
            recall.after(&done, at(7));
            assert_eq!(recall.shown, Some((arn(shown.0), at(shown.1))));
        }
    }

    #[test]
    fn a_difference_resists_that_aws_keeps_although_it_was_corrected() {
        let difference = |field: &str| Difference {
            field: field.to_owned(),
            wanted: "a".to_owned(),
            found: "b".to_owned(),
        };
        let (name, team) = (difference("name"), difference("tags[team]"));
        let otherwise = || Otherwise {
            kept: vec![name.clone()],
            behind: vec![team.clone()],
        };
        let both = [name.clone(), team.clone()];
        let known = |since| vec![(name.clone(), None), (team.clone(), Some(at(since)))];
        let mut recall = Recall::default();
        for (now, edited, otherwise, resists, known) in [
            (1, &[][..], otherwise(), vec![], known(1)),
            (2, &both, otherwise(), vec![name.clone()], known(1)),
            (3, &both[1..], otherwise(), vec![], known(1)),
            (4, &both, Otherwise::default(), vec![], vec![]),
            (5, &both, otherwise(), vec![name.clone()], known(5)),
        ] {
            recall.compared(edited, otherwise, at(now));
            let is = (&recall.resists, &recall.otherwise);
            assert_eq!(is, (&resists, &known), "{now}");
        }
    }

    #[test]
    fn what_is_known_follows_from_what_was_done() {
        let without_attempt = Recall {
            attempt: None,
            ..full()
        };
        let without_room = Recall {
            had: None,
            attempt: None,
            ..full()
        };
        let bound = Done::Bound {
            room: ours("b"),
            touched: Vec::new(),
        };
        let ahead = |adopts| Done::WrittenAhead {
            attempt: attempt(50),
            adopts,
        };
        let created = Done::Created {
            room: ours("b"),
            applied: Vec::new(),
        };
        let deleted = Done::Deleted {
            arn: arn("b"),
            twin: true,
            create_time: Some(at(1)),
            answer: Deletion::AtOnce,
        };
        for (done, expected) in [
            // A user may wipe the status before it names the room, and reads may lag.
            (
                bound,
                Recall {
                    had: Some(arn("b")),
                    absent_since: None,
                    ..without_attempt.clone()
                },
            ),
            (Done::NothingCame, without_attempt.clone()),
            (
                // The API server took the write, so that the pass did not work on an old copy.
                ahead(None),
                Recall {
                    attempt: Some(attempt(50)),
                    absent_since: Some(at(7)),
                    ..without_room.clone()
                },
            ),
            (
                ahead(Some(room(&arn("b"), Tags::new()))),
                Recall {
                    attempt: Some(attempt(50)),
                    absent_since: None,
                    ..full()
                },
            ),
            (
                created,
                Recall {
                    had: Some(arn("b")),
                    absent_since: None,
                    ..without_attempt.clone()
                },
            ),
            (
                deleted,
                Recall {
                    deleted: Some(gone("b", Some(at(1)))),
                    ..full()
                },
            ),
            (
                Done::TwinLeft(arn("b")),
                Recall {
                    twins: BTreeSet::from([arn("b"), arn("z")]),
                    ..full()
                },
            ),
            (
                Done::Released(ours("b")),
                Recall {
                    released: BTreeSet::from([arn("b"), arn("x")]),
                    ..without_room
                },
            ),
            (Done::Written, full()),
        ] {
            let mut recall = full();
            recall.after(&done, at(7));
            assert_eq!(recall, expected, "{done:?}");
        }
        let failure = || Failure::new(FailureClass::Throttled, "as this test says");
        for (halt, expected) in [
            (Halt::Refused(failure()), without_attempt),
            (Halt::Failed(failure()), full()),
        ] {
            let mut recall = full();
            recall.halted(&halt);
            assert_eq!(recall, expected, "{halt:?}");
        }
    }
}
