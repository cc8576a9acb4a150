//! What passes report to the metrics. Every label is one of a closed set.

use std::collections::BTreeMap;
use std::time::Duration;

use ivschat_core::api::{ChatRoomStatus, ConditionType, Reason, Truth};
use ivschat_core::room::correction::Difference;
use ivschat_core::room::seen::Seen;
use ivschat_core::room::status::Verdict;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tokio::time::Instant;

use crate::telemetry::Shown;

use super::Context;
use super::kubernetes::Error;

/// How a pass can end.
pub(super) const OUTCOMES: [&str; 10] = [
    "synced", "waiting", "drifted", "paused", "released", "failed", "gone", "conflict", "deposed",
    "error",
];

/// Drift has returned if the same field was corrected at most this many drift intervals ago.
const RECENT_LOOKS: u32 = 4;

/// The outcome of a pass with a verdict.
pub(super) fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::InSync => "synced",
        Verdict::Pending { .. } => "waiting",
        Verdict::Drifted(_) => "drifted",
        Verdict::Paused(_) => "paused",
        Verdict::Released => "released",
        Verdict::Failed { .. } => "failed",
    }
}

/// The outcome of a pass that Kubernetes cut short.
pub(super) fn failed(error: &Error) -> &'static str {
    match error {
        Error::Stale => "conflict",
        Error::Deposed => "deposed",
        Error::Timeout(_) | Error::Api(_) | Error::Patch(_) => "error",
    }
}

/// What is known of an object for the metrics.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// The generation that was seen last, and since when (`awaited`) it has been expected to become Ready.
    generation: Option<i64>,
    awaited: Option<Timestamp>,
    /// Fields that were corrected on the object's room, and when.
    corrected: BTreeMap<&'static str, Instant>,
    /// Counts the object for as long as it is known.
    shown: Option<Shown>,
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
    fn corrected(&mut self, fields: &[&'static str], within: Duration) -> Vec<&'static str> {
        let now = Instant::now();
        self.corrected
            .retain(|_, at| now.duration_since(*at) <= within);
        let mut returned = fields.to_vec();
        returned.retain(|field| self.corrected.insert(field, now).is_some());
        returned
    }
}

/// Counts the fields that differ.
pub(super) fn found_drift(context: &Context, differences: &[Difference]) {
    for field in fields(differences) {
        context.metrics.found_drift(field);
    }
}

/// Counts the fields that were set back.
pub(super) fn corrected_drift(context: &Context, uid: &str, differences: &[Difference]) {
    let Context {
        memory,
        metrics,
        settings,
        ..
    } = context;
    let fields = fields(differences);
    for field in &fields {
        metrics.corrected_drift(field);
    }
    let recently = settings.pace.drift_interval.saturating_mul(RECENT_LOOKS);
    for field in memory.of(uid, |entry| entry.measured.corrected(&fields, recently)) {
        metrics.drift_returned(field);
    }
}

/// Counts the object under the conditions it now has, and the time it took to become Ready.
pub(super) fn show(context: &Context, seen: &Seen, status: &ChatRoomStatus, verdict: &Verdict) {
    let (memory, metrics) = (&context.memory, &context.metrics);
    let shown = status.conditions.iter().flatten().filter_map(labels);
    let shown = metrics.show(shown.collect(), seen.deleted_at.map(Into::into));
    let ready = *verdict == Verdict::InSync;
    let awaited = memory.of(&seen.uid, |entry| {
        entry.measured.shown = Some(shown);
        entry.measured.awaited.take_if(|_| ready)
    });
    if let Some(since) = awaited {
        let took = context.clock.now().duration_since(since);
        metrics.became_ready(Duration::try_from(took).unwrap_or_default());
    }
}

/// A condition in words of closed sets; `None`: it is none of the operator's.
fn labels(condition: &Condition) -> Option<[&'static str; 3]> {
    let types = [
        ConditionType::Ready,
        ConditionType::Synced,
        ConditionType::Stalled,
    ];
    let truths = [Truth::True, Truth::False, Truth::Unknown];
    let kind = types.iter().find(|it| it.to_string() == condition.type_)?;
    let truth = truths
        .iter()
        .find(|it| it.to_string() == condition.status)?;
    let reason = Reason::ALL
        .iter()
        .find(|it| it.as_str() == condition.reason)?;
    Some([kind.as_str(), truth.as_str(), reason.as_str()])
}

/// The fields that differ, each once.
fn fields(differences: &[Difference]) -> Vec<&'static str> {
    let mut fields: Vec<_> = differences.iter().map(Difference::kind).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
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
