//! A cap on how fast rooms are deleted: it leaves time to stop the operator after a namespace was deleted by mistake.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Gives each deletion its turn, evenly spread. A room keeps its turn, so that waiting rooms do not come back together.
#[derive(Debug)]
pub(crate) struct Deletions {
    interval: Duration,
    taken: Taken,
}

/// The times that are taken, an interval apart, and the last one that was used.
type Taken = Arc<Mutex<BTreeSet<Instant>>>;

/// When a room may be deleted. If it is dropped before that time, another room can have the turn.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) at: Instant,
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
        }
    }

    /// The next free turn, from now on.
    pub(super) fn turn(&self, now: Instant) -> Turn {
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
    pub(super) fn is_over(&self, now: Instant) -> bool {
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
    fn without_a_cap_nobody_waits_for_another() {
        let deletions = Deletions::new(None);
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        // A caller with an earlier time does not wait for one with a later time.
        assert_eq!([later, now].map(|now| deletions.turn(now).at), [later, now]);
    }
}
