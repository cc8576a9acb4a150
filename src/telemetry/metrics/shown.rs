//! ChatRooms by condition, counted as they change: a scrape walks over the conditions, not over the rooms.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// A ChatRoom that is counted until this is dropped.
#[derive(Debug)]
pub struct Shown {
    rooms: Arc<ShownRooms>,
    conditions: Conditions,
    deleted: Option<u64>,
}

/// The conditions of a ChatRoom. Those that have the same share them.
type Conditions = Arc<[[&'static str; 3]]>;

impl Shown {
    pub(super) fn new(
        rooms: &Arc<ShownRooms>,
        conditions: &[[&'static str; 3]],
        deleted: Option<SystemTime>,
    ) -> Self {
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH);
        let shown = Self {
            conditions: rooms.share(conditions),
            rooms: Arc::clone(rooms),
            deleted: deleted.map(|time| since(time).unwrap_or_default().as_secs()),
        };
        rooms.change(&shown, 1);
        shown
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.rooms.change(self, -1);
    }
}

#[derive(Debug, Default)]
pub(super) struct ShownRooms {
    leads: AtomicBool,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    conditions: BTreeMap<Conditions, i64>,
    /// ChatRooms that are being deleted, by the second since the epoch in which that was asked for.
    deletions: BTreeMap<u64, i64>,
}

impl Counts {
    fn by_condition(&self) -> BTreeMap<[&'static str; 3], i64> {
        let mut counts = BTreeMap::new();
        for (alike, count) in &self.conditions {
            for condition in alike.iter() {
                *counts.entry(*condition).or_default() += count;
            }
        }
        counts
    }
}

impl ShownRooms {
    pub(super) fn lead(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    fn share(&self, conditions: &[[&'static str; 3]]) -> Conditions {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counts.conditions.get_key_value(conditions);
        known.map_or_else(|| conditions.into(), |(known, _)| Arc::clone(known))
    }

    fn change(&self, shown: &Shown, by: i64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = Arc::clone(&shown.conditions);
        // Even where no room is left: a series that ends looks like one that stays as it was.
        *counts.conditions.entry(alike).or_default() += by;
        if let Some(second) = shown.deleted {
            let deletions = counts.deletions.entry(second).or_default();
            *deletions += by;
            if *deletions == 0 {
                counts.deletions.remove(&second);
            }
        }
    }
}

impl Collector for ShownRooms {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (conditions, oldest) = if self.leads.load(Ordering::Relaxed) {
            let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let oldest = counts
                .deletions
                .first_key_value()
                .map(|(second, _)| *second);
            (counts.by_condition(), oldest)
        } else {
            (BTreeMap::new(), None)
        };
        let mut rooms = encoder.encode_descriptor(
            "ivschat_operator_chat_rooms",
            "ChatRooms by the conditions that this replica last wrote or found; none on a standby",
            None,
            MetricType::Gauge,
        )?;
        for ([condition, status, reason], count) in conditions {
            let labels = [
                ("condition", condition),
                ("status", status),
                ("reason", reason),
            ];
            ConstGauge::new(count).encode(rooms.encode_family(&labels)?)?;
        }
        let deletion = encoder.encode_descriptor(
            "ivschat_operator_oldest_deletion_timestamp",
            "Since when the ChatRoom that has waited longest to be gone waits, since the epoch; none where none waits",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        match oldest {
            Some(second) => ConstGauge::new(second).encode(deletion),
            None => Ok(()),
        }
    }
}
