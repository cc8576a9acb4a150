//! When an object's next pass is due.

use std::time::Duration;

use jiff::Timestamp;

use super::FailureClass;

/// When to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After the drift interval.
    Interval,
    /// After the wait that the class decides.
    Backoff(FailureClass),
    /// At this time, or earlier if the class decides a shorter wait.
    By(Timestamp, FailureClass),
    /// At this time.
    At(Timestamp),
    /// At once.
    Now,
}

/// How passes are spaced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Time between two looks at a room that is as specified.
    pub drift_interval: Duration,
    /// The share by which waits vary at random, 0 to 1.
    pub jitter: f64,
    /// Every wait after a failure is multiplied by this; 1 outside tests.
    pub wait_factor: f64,
}

/// Failures of one class in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    class: Option<FailureClass>,
    count: u32,
}

impl Failures {
    /// Counts one more; `None`: Kubernetes failed. Returns how many of the same class came before it.
    pub fn count(&mut self, class: Option<FailureClass>) -> u32 {
        if self.class != class {
            *self = Self { class, count: 0 };
        }
        let before = self.count;
        self.count = self.count.saturating_add(1);
        before
    }
}

impl Pace {
    /// A wait that varies, so that objects that failed together do not come back together. `random`: 0 to 1.
    pub fn jittered(&self, wait: Duration, random: f64) -> Duration {
        wait.mul_f64(1.0 + self.jitter * (random - 0.5))
    }

    /// How long to wait after so many failures of this class before.
    pub fn backoff(&self, class: FailureClass, before: u32, random: f64) -> Duration {
        self.jittered(class.wait(before).mul_f64(self.wait_factor), random)
    }
}

impl When {
    /// How long that is from `now`.
    pub fn wait(
        self,
        failures: &mut Failures,
        pace: &Pace,
        now: Timestamp,
        random: f64,
    ) -> Duration {
        let until = |time: Timestamp| Duration::try_from(time.duration_since(now));
        let mut backoff = |class| pace.backoff(class, failures.count(Some(class)), random);
        match self {
            Self::Backoff(class) => backoff(class),
            Self::By(time, class) => until(time).unwrap_or_default().min(backoff(class)),
            Self::At(time) => until(time).unwrap_or_default(),
            Self::Now => Duration::ZERO,
            Self::Interval => {
                *failures = Failures::default();
                pace.jittered(pace.drift_interval, random)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    const PACE: Pace = Pace {
        drift_interval: Duration::from_mins(10),
        jitter: 0.2,
        wait_factor: 1.0,
    };

    #[test]
    fn waits_grow_while_one_class_repeats_and_begin_anew_with_another_or_after_success() {
        let (mut failures, now) = (Failures::default(), Timestamp::UNIX_EPOCH);
        let mut wait = |when: When| when.wait(&mut failures, &PACE, now, 0.5).as_secs();
        let denied = When::Backoff(FailureClass::Denied);
        assert_eq!([wait(denied), wait(denied), wait(denied)], [5, 10, 20]);
        assert_eq!(wait(When::Backoff(FailureClass::Unavailable)), 1);
        assert_eq!(wait(denied), 5);
        assert_eq!(wait(When::At(now + 7.seconds())), 7);
        assert_eq!(wait(denied), 10);
        assert_eq!(wait(When::Interval), 600);
        assert_eq!(wait(denied), 5);
    }

    #[test]
    fn a_time_is_waited_for_no_longer_than_the_class_says_and_one_that_is_past_not_at_all() {
        let (mut failures, now) = (Failures::default(), Timestamp::UNIX_EPOCH);
        let mut wait = |seconds: i64| {
            let when = When::By(now + seconds.seconds(), FailureClass::NotFound);
            when.wait(&mut failures, &PACE, now, 0.5).as_secs()
        };
        assert_eq!([wait(100), wait(100), wait(3), wait(-9)], [1, 2, 3, 0]);
        let past = When::At(now - 1.second());
        assert!(past.wait(&mut failures, &PACE, now, 0.5).is_zero());
        assert!(When::Now.wait(&mut failures, &PACE, now, 0.5).is_zero());
    }

    #[test]
    fn waits_vary_by_the_share_that_jitter_gives_them() {
        let wait = |random| PACE.jittered(Duration::from_secs(100), random).as_secs();
        assert_eq!([wait(0.0), wait(0.5), wait(1.0)], [90, 100, 110]);
    }
}
