//! What passes report to the metrics. Every label is one of a closed set.

use std::time::Duration;

use ivschat_core::api::{ConditionType, Reason, Truth};
use ivschat_core::room::plan::Difference;
use ivschat_core::room::status::Verdict;
use jiff::Timestamp;

use super::Context;
use super::kubernetes::Error;
use super::reconcile::Pass;

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

impl Pass<'_> {
    pub(super) fn found_drift(&self, differences: &[Difference]) {
        for field in fields(differences) {
            self.context.metrics.found_drift(field);
        }
    }

    pub(super) fn corrected_drift(&self, differences: &[Difference]) {
        let Context {
            memory,
            metrics,
            settings,
            ..
        } = self.context;
        let fields = fields(differences);
        for field in &fields {
            metrics.corrected_drift(field);
        }
        let recently = settings.drift_interval.saturating_mul(RECENT_LOOKS);
        for field in memory.note_corrected(&self.input.uid, &fields, recently) {
            metrics.drift_returned(field);
        }
    }

    /// Counts the object under the conditions it now has, and the time it took to become Ready.
    pub(super) fn show(&self, verdict: &Verdict) {
        let (memory, metrics) = (&self.context.memory, &self.context.metrics);
        let uid = &self.input.uid;
        let conditions = self.stored.conditions.iter().flatten();
        let shown = conditions.filter_map(|condition| {
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
        });
        let deleted = self.input.deleted_at.map(Into::into);
        memory.show(uid, metrics.show(shown.collect(), deleted));
        if *verdict == Verdict::InSync
            && let Some(since) = memory.became_ready(uid)
        {
            let took = Timestamp::now().duration_since(since);
            metrics.became_ready(Duration::try_from(took).unwrap_or_default());
        }
    }
}

/// The fields that differ, each once.
fn fields(differences: &[Difference]) -> Vec<&'static str> {
    let mut fields: Vec<_> = differences.iter().map(Difference::kind).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}
