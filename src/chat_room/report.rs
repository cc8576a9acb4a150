//! Reports a pass: writes the status if it differs, sends events and metrics, and decides when the next pass is due.

use std::time::Duration;

use ivschat_core::room::case::Case;
use ivschat_core::room::course::Course;
use ivschat_core::room::news::{self, News};
use ivschat_core::room::plan::Outcome;
use ivschat_core::room::status::{self, Verdict};
use ivschat_core::room::when::When;

use crate::telemetry::PassTimer;

use super::act::Acted;
use super::context::Context;
use super::measure;
use super::memory::Left;
use super::object::Object;
use crate::kit::Error;
use crate::kit::leadership::Mandate;

/// What a pass over an object came to that is still there.
pub(super) struct Passed {
    pub(super) verdict: Verdict,
    /// How long the object needs no other pass.
    pub(super) rest: Duration,
}

/// Tells of a pass.
///
/// # Errors
/// Kubernetes did not let the pass, or its status, come to an end.
pub(super) async fn report(
    case: &Case<'_>,
    acted: Acted<'_>,
    object: Object<'_>,
    context: &Context,
    mandate: &Mandate,
    mut timer: PassTimer,
) -> Result<Option<Passed>, Error> {
    let Acted { course, broke } = acted;
    measure::corrected_drift(context, &case.seen.uid, &course.corrected());
    let ended = match (broke, course.outcome()) {
        // The changes have taken effect, even if the status could not be written yet.
        (Some(error), _) => Err(error),
        (None, Outcome::Gone) => Ok(None),
        (None, Outcome::Stays { .. }) if !mandate.holds() => Err(Error::Deposed),
        (None, Outcome::Stays { verdict, when }) => Ok(Some((verdict, when))),
    };
    match ended {
        Err(error) => {
            publish_news(case, &course, context).await;
            if let Some(words) = error.refusal() {
                tell_refusal(case, words, context).await;
            }
            timer.outcome = measure::failed(&error);
            Err(error)
        }
        Ok(None) => {
            publish_news(case, &course, context).await;
            context.forget(&case.seen.uid);
            timer.outcome = "gone";
            Ok(None)
        }
        Ok(Some((verdict, when))) => {
            let concluded = conclude(case, course, object, verdict, when, context, &mut timer);
            concluded.await.map(Some)
        }
    }
}

/// Writes the status if it differs, publishes what is new, and decides how long to wait before the next pass.
async fn conclude(
    case: &Case<'_>,
    mut course: Course<'_>,
    mut object: Object<'_>,
    verdict: Verdict,
    when: When,
    context: &Context,
    timer: &mut PassTimer,
) -> Result<Passed, Error> {
    let seen = case.seen;
    if let Some(asked) = &seen.reconcile_at {
        course.record.handled_reconcile_at = Some(asked.clone());
    }
    let (generation, now) = (seen.generation, context.clock.now());
    let next = status::next(&object.stored, &course.record, &verdict, generation, now);
    let written = object.write(&next).await;
    timer.outcome = match &written {
        Ok(()) if course.forbidden.is_some() => "refused",
        Ok(()) => measure::outcome(&verdict),
        Err(error) => measure::failed(error),
    };
    publish_news(case, &course, context).await;
    let refused = written.as_ref().err().and_then(Error::refusal);
    match refused.or(course.forbidden.as_deref()) {
        Some(words) => tell_refusal(case, words, context).await,
        None if written.is_ok() => context.memory.of(&seen.uid, |entry| entry.refused = None),
        None => {}
    }
    written?;
    if let Some(notice) = news::warning(&seen.status, &verdict) {
        tracing::warn!(object = %seen, reason = notice.reason, "{}", notice.note);
        context.kubernetes.publish(seen, &notice).await;
    }
    measure::show(context, seen, &object.stored, &verdict);
    let (settings, is_settled) = (&context.settings, verdict == Verdict::InSync);
    let (rest, regular) = (
        context.rest(&seen.uid, when, is_settled),
        when == When::Interval,
    );
    let failed = matches!(verdict, Verdict::Failed { .. });
    let wait_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(object = %seen, generation, wait_ms, "pass ended");
    let fingerprint = object.fingerprint();
    let left = Left {
        fingerprint,
        rest,
        regular,
        busy: failed || !course.corrected().is_empty() || !object.superseded.is_empty(),
        brake: (settings.changes_interval, settings.pace.drift_interval),
        superseded: object.superseded,
    };
    context.memory.settle(seen, left);
    Ok(Passed { verdict, rest })
}

/// Tells of a write that schema, policy or rights forbid, once for each answer.
async fn tell_refusal(case: &Case<'_>, words: &str, context: &Context) {
    let memory = &context.memory;
    let known = memory.of(&case.seen.uid, |entry| {
        entry.refused.replace(words.to_owned())
    });
    if known.as_deref() != Some(words) {
        let notice = News::WriteRefused(words.to_owned()).notice();
        tracing::warn!(object = %case.seen, reason = notice.reason, "{}", notice.note);
        context.kubernetes.publish(case.seen, &notice).await;
    }
}

async fn publish_news(case: &Case<'_>, course: &Course<'_>, context: &Context) {
    for news in &course.news {
        let notice = news.notice();
        tracing::info!(object = %case.seen, reason = notice.reason, "{}", notice.note);
        context.kubernetes.publish(case.seen, &notice).await;
    }
}
