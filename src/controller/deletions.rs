//! A cap on how fast rooms are deleted: a namespace deleted by mistake leaves time to stop the operator.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Lets so many deletions a minute pass.
#[derive(Debug)]
pub(crate) struct Deletions(Option<DefaultDirectRateLimiter>);

impl Deletions {
    /// `per_minute`: as many at once, and then evenly spread; `None`: no cap.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self(per_minute.map(|cap| RateLimiter::direct(Quota::per_minute(cap))))
    }

    /// Counts a deletion, or says how long it has to wait.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        match &self.0 {
            Some(cap) => cap
                .check()
                .map_err(|early| early.wait_time_from(DefaultClock::default().now())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_cap_a_deletion_waits_for_its_share_of_the_minute() {
        let deletions = Deletions::new(NonZeroU32::new(2));
        assert_eq!([deletions.admit(), deletions.admit()], [Ok(()), Ok(())]);
        let wait = deletions.admit().unwrap_err();
        assert!(
            wait > Duration::from_secs(25) && wait <= Duration::from_secs(30),
            "{wait:?}"
        );
        let uncapped = Deletions::new(None);
        assert!((0..10_000).all(|_| uncapped.admit() == Ok(())));
    }
}
