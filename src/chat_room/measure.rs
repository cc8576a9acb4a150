//! What passes report to the metrics. Every label is one of a closed set.

use std::time::Duration;

use ivschat_core::api::{ChatRoomStatus, ConditionType, Reason, Truth};
use ivschat_core::room::correction::Difference;
use ivschat_core::room::seen::Seen;
use ivschat_core::room::status::Verdict;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::context::Context;
use crate::kit::Error;

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
        refused if refused.refusal().is_some() => "refused",
        Error::Timeout(_) | Error::Api(_) | Error::Patch(_) => "error",
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
    let conditions = status.conditions.iter().flatten().filter_map(labels);
    let conditions: Vec<_> = conditions.collect();
    let shown = metrics.show(&conditions, seen.deleted_at.map(Into::into));
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
