//! What is known of an object for the metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use ivschat_core::room::seen::Seen;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::telemetry::Shown;

/// How a pass can end.
pub(super) const OUTCOMES: [&str; 12] = [
    "synced",
    "waiting",
    "drifted",
    "paused",
    "released",
    "failed",
    "gone",
    "conflict",
    "deposed",
    "refused",
    "abandoned",
    "error",
];

/// What is known of an object for the metrics.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// The generation that was seen last, and since when (`awaited`) it has been expected to become Ready.
    generation: Option<i64>,
    pub(super) awaited: Option<Timestamp>,
    /// Fields that were corrected on the object's room, and when.
    corrected: BTreeMap<&'static str, Instant>,
    /// Counts the object for as long as it is known.
    pub(super) shown: Option<Shown>,
}

impl Measured {
    /// Takes in a generation that nobody may have worked on yet. From now on it is expected to become Ready.
    pub(super) fn saw(&mut self, seen: &Seen, now: Timestamp) {
        if self.generation == Some(seen.generation) {
            return;
        }
        self.generation = Some(seen.generation);
        self.awaited = match seen.status.observed_generation {
            None | Some(..=0) => seen.created_at,
            // Another process began to work on it, and nobody knows when.
            Some(observed) if observed == seen.generation => None,
            Some(_) => Some(now),
        };
    }

    /// Takes in fields that were corrected. Returns those that had also been corrected within this time before.
    pub(super) fn corrected(
        &mut self,
        fields: &[&'static str],
        within: Duration,
    ) -> Vec<&'static str> {
        let now = Instant::now();
        self.corrected
            .retain(|_, at| now.duration_since(*at) <= within);
        let mut returned = fields.to_vec();
        returned.retain(|field| self.corrected.insert(field, now).is_some());
        returned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_returns_where_the_same_field_was_set_back_not_long_ago() {
        let mut measured = Measured::default();
        let hour = Duration::from_hours(1);
        assert_eq!(measured.corrected(&["name"], hour), [""; 0]);
        assert_eq!(measured.corrected(&["name", "tags"], hour), ["name"]);
        let long_ago = Duration::ZERO;
        assert_eq!(measured.corrected(&["tags"], long_ago), [""; 0]);
    }
}
