//! How many calls a second a region takes of an operation: what AWS grants, until it refuses calls; then what is learned from that.
//!
//! AWS's figures hold for a whole account. Another replica, another cluster or other software may use a part of them, and AWS may
//! grant less than it documents. The rate falls with a refusal and rises along the cubic curve that TCP's CUBIC (RFC 9438) made
//! known: fast up to where calls were last refused, slowly around it, then fast again. So most of the time is spent close to what
//! AWS takes.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of the rate after a refusal.
const DECREASE: f64 = 0.85;
/// How long it takes back to the rate at which calls were refused.
const RECOVERY: Duration = Duration::from_mins(1);
/// The lowest share of AWS's figure that is ever learned.
const LEAST: f64 = 0.05;
/// Of so many calls one may be refused before anything is learned, at the full rate: that is within what timers and AWS's own counting
/// differ by.
const TOLERATED: f64 = 50.0;

/// A rate that learns.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    /// Calls a second: what AWS grants.
    most: f64,
    learned: Option<Learned>,
    /// When the last call was refused.
    refused: Option<Instant>,
}

/// What the last decrease left.
#[derive(Debug, Clone, Copy)]
struct Learned {
    since: Instant,
    /// Calls a second right after it.
    least: f64,
    /// Calls a second that AWS may take.
    plateau: f64,
    /// AWS has taken a call that was sent since then.
    takes: bool,
}

impl Rate {
    /// `most`: calls a second, more than 0.
    pub(crate) fn new(most: f64) -> Self {
        Self {
            most,
            learned: None,
            refused: None,
        }
    }

    /// Calls a second.
    pub(crate) fn at(&self, now: Instant) -> f64 {
        self.learned.map_or(self.most, |learned| {
            learned.at(now).clamp(self.most * LEAST, self.most)
        })
    }

    /// The share of AWS's figure that it comes to, at most 1.
    pub(crate) fn share(&self, now: Instant) -> f64 {
        self.at(now) / self.most
    }

    /// The time between two calls.
    pub(crate) fn period(&self, now: Instant) -> Duration {
        Duration::try_from_secs_f64(1.0 / self.at(now)).unwrap_or(Duration::MAX)
    }

    /// AWS has taken a call that was sent then.
    pub(crate) fn taken(&mut self, sent: Instant) {
        if let Some(learned) = &mut self.learned {
            learned.takes |= sent >= learned.since;
        }
    }

    /// AWS has refused a call that was sent then, because there were too many.
    pub(crate) fn refused(&mut self, sent: Instant, now: Instant) {
        let rate = self.at(now);
        if rate >= self.most {
            self.learned = None;
        }
        // It says nothing of the rate as it is now. Nor does it where every call is refused, at whatever rate: that is an outage, and
        // must not be felt long after it.
        let settles = |learned: Learned| learned.takes && sent >= learned.since;
        if self.learned.is_some_and(|learned| !settles(learned)) {
            return;
        }
        let since = |time: Instant| now.duration_since(time).as_secs_f64();
        let alone = self
            .refused
            .is_none_or(|before| since(before) * rate > TOLERATED);
        self.refused = Some(now);
        if self.learned.is_none() && alone {
            return;
        }
        // Refused before it was back where calls were refused last: there is less to be had than then.
        let plateau = match self.learned {
            Some(before) if rate < before.plateau => rate * f64::midpoint(1.0, DECREASE),
            _ => rate,
        };
        self.learned = Some(Learned {
            since: now,
            least: rate * DECREASE,
            plateau,
            takes: false,
        });
    }
}

impl Learned {
    fn at(&self, now: Instant) -> f64 {
        let since = now.duration_since(self.since).as_secs_f64() / RECOVERY.as_secs_f64();
        self.plateau + (self.plateau - self.least) * (since - 1.0).powi(3)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the same reckoning gives the same number")]
mod tests {
    use super::*;

    /// AWS as a bucket of this many calls that fills up at this rate.
    struct Bucket {
        depth: f64,
        rate: f64,
        level: f64,
        at: Instant,
    }

    impl Bucket {
        fn takes(&mut self, now: Instant) -> bool {
            let since = now.duration_since(self.at).as_secs_f64();
            self.level = self.depth.min(self.level + since * self.rate);
            self.at = now;
            let takes = self.level >= 1.0;
            if takes {
                self.level -= 1.0;
            }
            takes
        }
    }

    /// Sends calls for as long as that, always as soon as the rate allows. Each is answered 50 ms later. Gives how many were taken
    /// and how many refused.
    fn send(rate: &mut Rate, bucket: &mut Bucket, now: &mut Instant, time: Duration) -> (u32, u32) {
        let end = *now + time;
        let (mut taken, mut refused) = (0, 0);
        while *now < end {
            if bucket.takes(*now) {
                taken += 1;
                rate.taken(*now);
            } else {
                refused += 1;
                rate.refused(*now, *now + Duration::from_millis(50));
            }
            *now += rate.period(*now);
        }
        (taken, refused)
    }

    #[test]
    fn four_minutes_from_a_cut_on_nine_tenths_of_the_new_quota_are_used_and_one_call_in_fifty_is_refused()
     {
        for cut in [1.0, 2.0, 4.0] {
            // AWS does not document how many calls it takes at once.
            for depth in [1.0, 2.0, 5.0, 10.0] {
                let mut now = Instant::now();
                let mut rate = Rate::new(5.0);
                let mut bucket = Bucket {
                    depth,
                    rate: cut,
                    level: depth,
                    at: now,
                };
                send(&mut rate, &mut bucket, &mut now, Duration::from_mins(1));
                let (taken, refused) =
                    send(&mut rate, &mut bucket, &mut now, Duration::from_mins(4));
                let used = f64::from(taken) / (cut * 240.0);
                let share = f64::from(refused) / f64::from(taken + refused);
                assert!(used >= 0.9, "{cut} {depth}: {used}");
                assert!(share <= 0.02, "{cut} {depth}: {share}");
            }
        }
    }

    #[test]
    fn two_that_share_a_quota_find_to_about_a_half_each() {
        let start = Instant::now();
        let mut bucket = Bucket {
            depth: 5.0,
            rate: 5.0,
            level: 5.0,
            at: start,
        };
        let mut rates = [Rate::new(5.0), Rate::new(5.0)];
        let mut next = [start, start + Duration::from_millis(30)];
        let mut taken = [0.0, 0.0];
        let mut refused = 0.0;
        loop {
            let who = usize::from(next[1] < next[0]);
            let now = next[who];
            let since = now.duration_since(start);
            if since > Duration::from_mins(20) {
                break;
            }
            if bucket.takes(now) {
                rates[who].taken(now);
                if since > Duration::from_mins(10) {
                    taken[who] += 1.0;
                }
            } else {
                rates[who].refused(now, now);
                refused += 1.0;
            }
            next[who] = now + rates[who].period(now);
        }
        let share = taken[0] / (taken[0] + taken[1]);
        assert!((0.35..=0.65).contains(&share), "{share}");
        assert!(taken[0] + taken[1] >= 0.9 * 5.0 * 600.0, "{taken:?}");
        assert!(refused <= 0.02 * 5.0 * 1200.0, "{refused}");
    }

    #[test]
    fn a_refusal_now_and_then_changes_nothing_and_a_second_one_soon_after_does() {
        let start = Instant::now();
        let seconds = |seconds| start + Duration::from_secs(seconds);
        let mut rate = Rate::new(5.0);
        for second in [0, 11, 22, 33] {
            rate.refused(seconds(second), seconds(second));
            assert_eq!(rate.period(seconds(second)), Duration::from_millis(200));
        }
        rate.refused(seconds(34), seconds(34));
        // Up to where it was refused, fast at first, and no further than AWS's figure.
        let rates = [34, 49, 64, 94, 1000].map(|second| rate.at(seconds(second)));
        let thousandths = rates.map(|rate| (rate * 1000.0).round());
        assert_eq!(thousandths, [4250.0, 4684.0, 4906.0, 5000.0, 5000.0]);
    }

    #[test]
    fn calls_that_were_under_way_at_a_decrease_count_once() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut rate = Rate::new(5.0);
        for _ in 0..40 {
            rate.refused(start, later);
        }
        assert_eq!(rate.share(later), DECREASE);
    }

    #[test]
    fn an_outage_costs_a_seventh_of_the_rate_and_a_minute() {
        let mut now = Instant::now();
        let mut rate = Rate::new(5.0);
        let begun = now;
        while now < begun + Duration::from_secs(30) {
            rate.refused(now, now);
            now += rate.period(now);
        }
        assert!(rate.at(now) >= 4.25);
        assert_eq!(rate.at(begun + Duration::from_secs(62)), 5.0);
    }

    #[test]
    fn the_rate_never_falls_below_a_twentieth() {
        let mut now = Instant::now();
        let mut rate = Rate::new(5.0);
        for _ in 0..200 {
            rate.taken(now);
            rate.refused(now, now);
            now += Duration::from_millis(1);
        }
        assert_eq!(rate.share(now), LEAST);
    }
}
