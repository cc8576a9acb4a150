//! Call quotas: AWS's figures hold per account, region and operation, and cannot be raised.
//!
//! Calls of a region and operation are sent evenly, so that AWS refuses none of ours for exceeding a quota. Not a second's worth at
//! once: AWS's own bucket may be empty when a process starts, because the one before has just used it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::meter::Meter;
use crate::operation::Operation;

/// Calls per second that AWS grants each room operation.
const ROOM_CALLS: f64 = 5.0;
/// Calls per second that AWS grants each tagging operation.
const TAG_CALLS: f64 = 10.0;

/// Above this number, places that nobody waits for are forgotten: users can name regions that do not exist.
const MAX_PLACES: usize = 100;

pub(crate) struct Quotas {
    /// The share of AWS's figures to use.
    factor: f64,
    /// From when on a call of a region and an operation may be sent.
    next: Mutex<BTreeMap<(String, Operation), Instant>>,
    meter: Arc<dyn Meter>,
}

impl Quotas {
    /// `factor`: the share of AWS's figures to use, more than 0.
    pub(crate) fn new(factor: f64, meter: Arc<dyn Meter>) -> Self {
        Self {
            factor,
            next: Mutex::default(),
            meter,
        }
    }

    /// Returns once the call may be sent. First come, first served.
    pub(crate) async fn admit(&self, region: &str, operation: Operation) {
        let asked = Instant::now();
        // The time is taken at once, so that one call that is late delays no other.
        sleep_until(self.take(region, operation, asked)).await;
        self.meter.waited(operation.name(), asked.elapsed());
    }

    /// Takes the next time at which such a call may be sent.
    fn take(&self, region: &str, operation: Operation, now: Instant) -> Instant {
        let calls = if operation.is_tagging() {
            TAG_CALLS
        } else {
            ROOM_CALLS
        };
        let period = Duration::try_from_secs_f64(1.0 / (calls * self.factor));
        let mut places = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() > MAX_PLACES {
            places.retain(|_, next| *next > now);
        }
        let next = places.entry((region.to_owned(), operation)).or_insert(now);
        let time = now.max(*next);
        *next = time + period.unwrap_or_default();
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Unmetered;

    #[tokio::test]
    async fn regions_that_users_invent_do_not_pile_up() {
        let quotas = Quotas::new(1000.0, Arc::new(Unmetered));
        for region in 0..1000 {
            quotas
                .admit(&format!("aa-bb-{region}"), Operation::GetRoom)
                .await;
        }
        let places = quotas.next.lock().unwrap().len();
        assert!(places <= 2 * MAX_PLACES, "{places}");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_spread_at_the_quota_and_each_region_and_operation_has_its_own() {
        let quotas = Quotas::new(1.0, Arc::new(Unmetered));
        let start = Instant::now();
        for count in 0..20 {
            quotas.admit("us-west-2", Operation::GetRoom).await;
            quotas.admit("eu-west-1", Operation::GetRoom).await;
            quotas.admit("us-west-2", Operation::UpdateRoom).await;
            quotas.admit("us-west-2", Operation::TagResource).await;
            // 5 a second; where nobody waits, at once.
            assert_eq!(start.elapsed(), Duration::from_millis(200 * count));
        }
    }

    #[test]
    fn times_are_taken_in_turn_however_late_who_has_one_comes() {
        let quotas = Quotas::new(1.0, Arc::new(Unmetered));
        let start = Instant::now();
        let take = |asked| {
            let asked = start + Duration::from_millis(asked);
            let time = quotas.take("us-west-2", Operation::GetRoom, asked);
            time.duration_since(start).as_millis()
        };
        assert_eq!([take(0), take(0), take(1)], [0, 200, 400]);
        // 550 ms: nobody has waited since 400.
        assert_eq!([take(550), take(550), take(1000)], [600, 800, 1000]);
    }
}
