//! Call quotas: AWS's figures hold per account, region and operation, and cannot be raised.
//!
//! One bucket per region and operation, so that AWS refuses no call of ours for exceeding a quota.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::meter::Meter;

/// The operations the operator uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is AWS's operation of that name")]
pub enum Operation {
    CreateRoom,
    GetRoom,
    UpdateRoom,
    DeleteRoom,
    ListRooms,
    TagResource,
    UntagResource,
}

impl Operation {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::CreateRoom,
        Self::GetRoom,
        Self::UpdateRoom,
        Self::DeleteRoom,
        Self::ListRooms,
        Self::TagResource,
        Self::UntagResource,
    ];

    /// AWS's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateRoom => "CreateRoom",
            Self::GetRoom => "GetRoom",
            Self::UpdateRoom => "UpdateRoom",
            Self::DeleteRoom => "DeleteRoom",
            Self::ListRooms => "ListRooms",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
        }
    }

    const fn is_tagging(self) -> bool {
        matches!(self, Self::TagResource | Self::UntagResource)
    }
}

/// Calls per second that AWS grants each room operation.
const ROOM_CALLS: f64 = 5.0;
/// Calls per second that AWS grants each tagging operation.
const TAG_CALLS: f64 = 10.0;

/// Above this number, buckets that nobody uses are dropped: users can name regions that do not exist.
const MAX_BUCKETS: usize = 100;

type Buckets = DefaultKeyedRateLimiter<(String, Operation)>;

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
        buckets
            .until_key_ready(&(region.to_owned(), operation))
            .await;
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
    RateLimiter::keyed(quota.allow_burst(burst))
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

    #[tokio::test]
    async fn past_the_burst_calls_are_spread_at_the_quota_and_each_region_and_operation_has_its_own()
     {
        let quotas = Quotas::new(20.0, Arc::new(Unmetered));
        let start = Instant::now();
        for _ in 0..100 {
            quotas.admit("us-west-2", Operation::GetRoom).await;
        }
        for _ in 0..100 {
            quotas.admit("eu-west-1", Operation::GetRoom).await;
            quotas.admit("us-west-2", Operation::UpdateRoom).await;
        }
        let burst = start.elapsed();
        for _ in 0..20 {
            quotas.admit("us-west-2", Operation::GetRoom).await;
        }
        // 20 calls past the burst at 100 per second take 200 ms, less what refilled meanwhile.
        let spread = start.elapsed();
        assert!(
            spread >= Duration::from_millis(190),
            "the bucket let 120 calls through in {spread:?}"
        );
        assert!(
            burst < Duration::from_millis(200),
            "three bursts of different keys took {burst:?}"
        );
    }
}
