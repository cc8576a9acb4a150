//! Call quotas: AWS's figures hold per account, region and operation, and cannot be raised.
//!
//! One bucket per region and operation, so that AWS refuses no call of ours for exceeding a quota.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep};

use crate::meter::Meter;
use crate::operation::Operation;

/// Calls per second that AWS grants each room operation.
const ROOM_CALLS: f64 = 5.0;
/// Calls per second that AWS grants each tagging operation.
const TAG_CALLS: f64 = 10.0;

/// Above this number, buckets that nobody uses are dropped: users can name regions that do not exist.
const MAX_BUCKETS: usize = 100;

type Key = (String, Operation);
type Buckets = RateLimiter<Key, HashMapStateStore<Key>, Steady, NoOpMiddleware<Duration>>;

/// Tells the time since it was made, on tokio's clock, which a test can pause.
#[derive(Debug, Clone)]
struct Steady(Instant);

impl Clock for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

pub(crate) struct Quotas {
    room: Buckets,
    tag: Buckets,
    meter: Arc<dyn Meter>,
}

impl Quotas {
    /// `factor`: the share of AWS's figures to use, more than 0.
    pub(crate) fn new(factor: f64, meter: Arc<dyn Meter>) -> Self {
        Self {
            room: bucket(ROOM_CALLS * factor),
            tag: bucket(TAG_CALLS * factor),
            meter,
        }
    }

    /// Returns once the call may be sent.
    pub(crate) async fn admit(&self, region: &str, operation: Operation) {
        let buckets = if operation.is_tagging() {
            &self.tag
        } else {
            &self.room
        };
        if buckets.len() > MAX_BUCKETS {
            // A bucket that is full again is as good as a new one.
            buckets.retain_recent();
        }
        let asked = Instant::now();
        let key = (region.to_owned(), operation);
        // Not governor's own `until_key_ready`: it waits on another timer than tokio's.
        while let Err(early) = buckets.check_key(&key) {
            sleep(early.wait_time_from(buckets.clock().now())).await;
        }
        self.meter.waited(operation.name(), asked.elapsed());
    }
}

/// `per_second` calls, at most one second's worth of them at once.
fn bucket(per_second: f64) -> Buckets {
    let period = Duration::from_secs_f64(1.0 / per_second).max(Duration::from_nanos(1));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, which is what is wanted"
    )]
    let burst = NonZeroU32::new(per_second as u32).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst));
    RateLimiter::hashmap_with_clock(quota.allow_burst(burst), Steady(Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Unmetered;

    #[tokio::test]
    async fn buckets_of_regions_that_users_invent_do_not_pile_up() {
        let quotas = Quotas::new(1000.0, Arc::new(Unmetered));
        for region in 0..1000 {
            quotas
                .admit(&format!("aa-bb-{region}"), Operation::GetRoom)
                .await;
        }
        assert!(
            quotas.room.len() <= 2 * MAX_BUCKETS,
            "{} buckets",
            quotas.room.len()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn past_the_burst_calls_are_spread_at_the_quota_and_each_region_and_operation_has_its_own()
     {
        let quotas = Quotas::new(20.0, Arc::new(Unmetered));
        let start = Instant::now();
        for _ in 0..100 {
            quotas.admit("us-west-2", Operation::GetRoom).await;
            quotas.admit("eu-west-1", Operation::GetRoom).await;
            quotas.admit("us-west-2", Operation::UpdateRoom).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "three bursts");
        for _ in 0..20 {
            quotas.admit("us-west-2", Operation::GetRoom).await;
        }
        // 20 calls past the burst at 100 per second take 200 ms.
        assert_eq!(start.elapsed(), Duration::from_millis(200));
    }
}
