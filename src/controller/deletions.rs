//! A cap on how fast rooms are deleted: a namespace deleted by mistake leaves time to stop the operator.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Gives each deletion its time, evenly spread. A time once given is its object's: those that wait do not come back together.
#[derive(Debug)]
pub(crate) struct Deletions {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Deletions {
    /// `per_minute`: at most so many; `None`: no cap.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        let interval = per_minute.map(|cap| Duration::from_mins(1) / cap.get());
        Self {
            interval: interval.unwrap_or_default(),
            next: Mutex::default(),
        }
    }

    /// The next free time, from now on.
    pub(super) fn slot(&self, now: Instant) -> Instant {
        if self.interval.is_zero() {
            return now;
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = next.map_or(now, |next| next.max(now));
        *next = slot.checked_add(self.interval);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_are_spread_over_the_minute_and_unused_time_is_not_saved_up() {
        let deletions = Deletions::new(NonZeroU32::new(2));
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let slots = [now, now, now].map(|now| deletions.slot(now));
        assert_eq!(slots, [now, after(30), after(60)]);
        assert_eq!(deletions.slot(after(300)), after(300));
        assert_eq!(deletions.slot(after(300)), after(330));
        let uncapped = Deletions::new(None);
        // Whoever looked at the clock first does not wait for whoever looked last.
        assert_eq!(
            [after(1), now].map(|now| uncapped.slot(now)),
            [after(1), now]
        );
    }
}
