//! What a process knows of an object that its status does not tell. Losing it costs calls and waits, never a room.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::api::Creation;

use super::record::Record;
use super::step::{Done, Halt};
use super::{ObservedRoom, RoomArn};

/// What is known of one object since this process works on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recall {
    /// Since when GetRoom has been answering 404, and for which room.
    pub missing: Option<(RoomArn, Timestamp)>,
    /// The room that was made, in case its ARN could not be written.
    pub made: Option<RoomArn>,
    /// The attempt to create whose outcome is not known, in case the object loses it.
    pub attempt: Option<Creation>,
    /// Rooms that were the object's, and were let go.
    pub released: BTreeSet<RoomArn>,
    /// The room that was deleted last. Reads may still show it.
    pub deleted: Option<RoomArn>,
    /// Other rooms that prove to be the object's, and have been reported.
    pub twins: BTreeSet<RoomArn>,
}

impl Recall {
    /// What is on record, with what only this process knows: a room whose ARN could not be written, an attempt that somebody
    /// has removed from the status or dated back. Times that cannot be are corrected.
    pub fn complete(&self, mut record: Record, now: Timestamp, skew: SignedDuration) -> Record {
        record.arn = record.arn.or_else(|| self.made.clone());
        record.not_later_than(now, skew);
        let attempts = record.creation.into_iter();
        record.creation = attempts
            .chain(self.attempt.clone())
            .max_by_key(|creation| creation.started_at);
        record
    }

    /// Takes in what GetRoom answered about the room on record.
    pub fn saw(&mut self, arn: &RoomArn, room: Option<&ObservedRoom>, at: Timestamp) {
        if room.is_some() {
            self.missing = None;
        } else if self.missing.as_ref().is_none_or(|(known, _)| known != arn) {
            self.missing = Some((arn.clone(), at));
        }
    }

    /// Takes in what was done for the object.
    pub fn after(&mut self, done: &Done) {
        match done {
            Done::Bound { .. } | Done::NothingCame => self.attempt = None,
            Done::WrittenAhead { attempt, adopts } => {
                // Not earlier: if the attempt cannot be written, the proof of absence still holds.
                if adopts.is_none() {
                    self.forget_room();
                }
                self.attempt = Some(attempt.clone());
            }
            Done::Created { room, .. } => {
                self.made = Some(room.arn.clone());
                self.attempt = None;
            }
            Done::Deleted { arn, .. } => self.deleted = Some(arn.clone()),
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
            | Done::Written
            | Done::LetGo => {}
        }
    }

    /// Takes in why nothing more could be done.
    pub fn halted(&mut self, halt: &Halt) {
        if let Halt::Refused(_) = halt {
            self.attempt = None;
        }
    }

    fn forget_room(&mut self) {
        self.missing = None;
        self.made = None;
        self.attempt = None;
    }
}
