//! Detects another operator that works on the same objects. Each operator signs what it writes with its lease. One that
//! finds the signature of another lease under a write, made since it has known the object, reports it. Nothing else
//! changes: the winner of a race is decided elsewhere.

use ivschat_core::room::news::News;
use ivschat_core::room::seen::Seen;

use super::context::Context;

/// Reports a write of another operator to an object, if it came after this one began to work on it.
///
/// Earlier writes are a handover, as when one release takes over from another.
pub(super) async fn report(seen: &Seen, context: &Context) {
    let at = seen.other.as_ref().map(|other| other.at);
    if !context.memory.of(&seen.uid, |entry| entry.others.wrote(at)) {
        return;
    }
    let Some(other) = &seen.other else { return };
    context.metrics.overlapped();
    let notice = News::Overlap(other.signature.clone()).notice();
    tracing::warn!(object = %seen, reason = notice.reason, "{}", notice.note);
    context.kubernetes.publish(seen, &notice).await;
}
