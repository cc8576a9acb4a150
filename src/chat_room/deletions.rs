//! A cap on how fast rooms are deleted: it leaves time to stop the operator after a namespace was deleted by mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Gives each deletion its turn, evenly spread. A room keeps its turn, so that waiting rooms do not come back together.
#[derive(Debug)]
pub(crate) struct Deletions {
    interval: Duration,
    taken: Taken,
    /// By `metadata.uid`: when the object's room may be deleted.
    turns: Mutex<BTreeMap<String, Turn>>,
}

/// The times that are taken, an interval apart, and the last one that was used.
type Taken = Arc<Mutex<BTreeSet<Instant>>>;

/// When a room may be deleted. If it is dropped before that time, another room can have the turn.
#[derive(Debug)]
struct Turn {
    at: Instant,
    taken: Taken,
}

/// How late a turn can be used. Rooms that missed their turn, for want of a right for example, must not all come at once
/// later.
const PATIENCE: Duration = Duration::from_mins(1);

impl Deletions {
    /// `per_minute`: at most so many; `None`: no cap.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        let interval = per_minute.map(|cap| Duration::from_mins(1) / cap.get());
        Self {
            interval: interval.unwrap_or_default(),
            taken: Taken::default(),
            turns: Mutex::default(),
        }
    }

    /// How long the room of an object must wait until it may be deleted.
    pub(super) fn wait(&self, uid: &str) -> Duration {
        let now = Instant::now();
        let mut turns = self.turns();
        let kept = turns.remove(uid).filter(|turn| !turn.is_over(now));
        let turn = kept.unwrap_or_else(|| self.turn(now));
        let wait = turn.at.saturating_duration_since(now);
        turns.insert(uid.to_owned(), turn);
        wait
    }

    /// Whether a room of the object still waits for its turn.
    pub(super) fn waits(&self, uid: &str) -> bool {
        let turns = self.turns();
        turns.get(uid).is_some_and(|turn| turn.at > Instant::now())
    }

    /// The object needs no turn, or has had it: its room is deleted, let go or proven absent, or it is forgotten.
    pub(super) fn give_back(&self, uid: &str) {
        self.turns().remove(uid);
    }

    /// Gives every turn back.
    pub(super) fn clear(&self) {
        self.turns().clear();
    }

    fn turns(&self) -> MutexGuard<'_, BTreeMap<String, Turn>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next free turn, from now on.
    fn turn(&self, now: Instant) -> Turn {
        let mut at = now;
        if !self.interval.is_zero() {
            let mut taken = lock(&self.taken);
            taken.retain(|taken| *taken + self.interval > now);
            for taken in taken.iter() {
                if at + self.interval <= *taken {
                    break;
                }
                at = at.max(*taken + self.interval);
            }
            taken.insert(at);
        }
        Turn {
            at,
            taken: Arc::clone(&self.taken),
        }
    }
}

impl Turn {
    /// Whether the turn was missed.
    fn is_over(&self, now: Instant) -> bool {
        self.at + PATIENCE <= now
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.at > Instant::now() {
            lock(&self.taken).remove(&self.at);
        }
    }
}

fn lock(taken: &Taken) -> MutexGuard<'_, BTreeSet<Instant>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_are_spread_over_the_minute_and_unused_time_is_not_saved_up() {
        let deletions = Deletions::new(NonZeroU32::new(2));
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let turns = [now, now, now].map(|now| deletions.turn(now));
        assert_eq!(
            turns.each_ref().map(|it| it.at),
            [now, after(30), after(60)]
        );
        assert_eq!(deletions.turn(after(300)).at, after(300));
    }

    #[test]
    fn a_turn_that_is_given_back_goes_to_the_next_room_and_one_that_was_missed_is_over() {
        let deletions = Deletions::new(NonZeroU32::new(2));
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut turns: Vec<_> = (0..4).map(|_| deletions.turn(now)).collect();
        drop(turns.remove(2));
        drop(turns.remove(1));
        let next = [now, now, now].map(|now| deletions.turn(now));
        let next = next.each_ref().map(|it| it.at);
        assert_eq!(next, [after(30), after(60), after(120)]);
        assert!(!turns[0].is_over(after(59)) && turns[0].is_over(after(60)));
    }

    #[test]
    fn a_turn_to_be_deleted_is_kept_until_the_room_is_deleted_let_go_or_forgotten() {
        let deletions = Deletions::new(NonZeroU32::new(1));
        let minutes = |uid: &str| (deletions.wait(uid).as_secs_f64() / 60.0).round().to_bits();
        let expected = [0.0_f64, 1.0, 2.0, 3.0].map(f64::to_bits);
        assert_eq!(["uid-1", "uid-2", "uid-3", "uid-4"].map(minutes), expected);
        deletions.give_back("uid-2");
        deletions.give_back("uid-3");
        assert!(!deletions.waits("uid-2") && deletions.waits("uid-4"));
        assert_eq!(
            ["uid-4", "uid-5"].map(minutes),
            [3.0_f64, 1.0].map(f64::to_bits)
        );
        // Another replica has led.
        deletions.clear();
        assert_eq!(minutes("uid-6"), 1.0_f64.to_bits());
    }

    #[test]
    fn without_a_cap_nobody_waits_for_another() {
        let deletions = Deletions::new(None);
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        // A caller with an earlier time does not wait for one with a later time.
        assert_eq!([later, now].map(|now| deletions.turn(now).at), [later, now]);
    }
}
