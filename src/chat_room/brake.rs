//! Slows down passes over an object whose room somebody changes again and again: two that correct each other would use up AWS's
//! quotas.

use std::time::Duration;

use tokio::time::Instant;

/// Until when no change of an object's room makes a pass due.
#[derive(Debug, Default)]
pub(super) struct Brake {
    /// How many passes in a row came to something that a change of the room had made due.
    count: u32,
    last: Option<Instant>,
    until: Option<Instant>,
}

impl Brake {
    /// Until when it holds; `None`: it does not.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Takes in that a change of the room made a pass due which corrected something, wrote or failed. The next one waits for `first`,
    /// and twice as long each time, up to `longest`. After twice that without any it begins anew.
    pub(super) fn press(&mut self, now: Instant, first: Duration, longest: Duration) {
        let last = self.last.replace(now);
        let again = last.is_some_and(|last| now.duration_since(last) <= longest * 2);
        self.count = if again {
            self.count.saturating_add(1)
        } else {
            1
        };
        let wait = first.saturating_mul(2_u32.saturating_pow(self.count - 1));
        self.until = now.checked_add(wait.min(longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_that_come_to_something_again_and_again_wait_twice_as_long_each_time() {
        let (first, longest) = (Duration::from_secs(10), Duration::from_mins(1));
        let (mut brake, mut now) = (Brake::default(), Instant::now());
        assert_eq!(brake.until(now), None);
        let mut waits = Vec::new();
        for pause in [0, 0, 0, 0, 0, 120, 121] {
            now += Duration::from_secs(pause);
            brake.press(now, first, longest);
            let until = brake.until(now).unwrap();
            waits.push(until.duration_since(now).as_secs());
        }
        assert_eq!(waits, [10, 20, 40, 60, 60, 60, 10]);
        assert_eq!(brake.until(now + first), None);
    }
}
