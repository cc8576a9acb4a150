//! What a pass writes to Kubernetes: the finalizer, the attempt to create, the status, events.

use std::time::Duration;

use ivschat_core::api::{ChatRoomStatus, Creation};
use ivschat_core::room::status::{self, Verdict};
use jiff::Timestamp;
use kube::api::DynamicObject;

use super::class;
use super::events;
use super::input::{self, Input};
use super::kubernetes::Error;
use super::measure;
use super::reconcile::{Again, Ending, Pass};

impl Pass<'_> {
    pub(super) async fn ensure_finalizer(&mut self) -> Result<(), Error> {
        if !self.has_finalizer {
            let object = self
                .context
                .kubernetes
                .add_finalizer(self.input, &self.version)
                .await?;
            self.has_finalizer = true;
            self.written(&object);
        }
        Ok(())
    }

    /// Removes the finalizer, if it is there.
    pub(super) async fn drop_finalizer(&mut self) -> Result<(), Error> {
        if self.has_finalizer {
            let kubernetes = &self.context.kubernetes;
            let object = kubernetes
                .remove_finalizer(self.input, &self.version)
                .await?;
            self.has_finalizer = false;
            if let Some(object) = object {
                self.written(&object);
            }
        }
        Ok(())
    }

    /// Writes the attempt to create into the status, before the call is sent. The write succeeds only for the object as
    /// this pass saw it, so a stale cache or a second leader fails here.
    pub(super) async fn write_ahead(
        &mut self,
        attempt: &Creation,
        verdict: &Verdict,
    ) -> Result<(), Error> {
        let next = self.next_status(verdict);
        let object = match self
            .context
            .kubernetes
            .write_status(self.input, &self.version, &next)
            .await
        {
            Ok(object) => object,
            // An earlier try of the same write may have gone through without an answer: then it counts as ours.
            Err(error @ (Error::Stale | Error::Timeout(_))) => {
                let object = self.context.kubernetes.get(self.input).await?;
                if input::status(&object).creation.as_ref() != Some(attempt) {
                    return Err(error);
                }
                object
            }
            Err(error) => return Err(error),
        };
        self.written(&object);
        Ok(())
    }

    /// Writes the room just created, whatever else changed about the object meanwhile.
    pub(super) async fn write_created(&mut self, attempt: &Creation) -> Result<(), Error> {
        let next = self.next_status(&Verdict::InSync);
        let object = self
            .context
            .kubernetes
            .write_created(self.input, attempt, &next)
            .await?;
        self.written(&object);
        Ok(())
    }

    /// Writes the status if it differs, publishes what is new, and decides how long to wait before the next pass.
    pub(super) async fn conclude(mut self, ending: Ending) -> Result<Duration, Error> {
        let Ending { verdict, again } = ending;
        let asked = self.input.reconcile_at.clone();
        self.record.handled_reconcile_at = asked.or(self.record.handled_reconcile_at.take());
        let written = self.write_if_new(&verdict).await;
        self.timer.outcome = match &written {
            Ok(()) => measure::outcome(&verdict),
            Err(error) => measure::failed(error),
        };
        // The changes have taken effect, even if the status could not be written yet.
        self.publish_news().await;
        written?;
        if let Some(event) = events::warning(&self.input.status, &verdict) {
            tracing::warn!(object = %self.object(), reason = event.reason, "{}", event.note.as_deref().unwrap_or_default());
            self.context.kubernetes.publish(self.input, &event).await;
        }
        self.show(&verdict);
        let rest = self.rest(&again);
        tracing::debug!(object = %self.object(), generation = self.input.generation, wait_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX), "pass ended");
        let fingerprint = self
            .input
            .fingerprint_with(self.has_finalizer, &self.stored);
        self.context
            .memory
            .settle(&self.input.uid, fingerprint, rest, self.superseded);
        Ok(rest)
    }

    /// Writes the status that follows, if it differs from the one this pass knows.
    pub(super) async fn write_if_new(&mut self, verdict: &Verdict) -> Result<(), Error> {
        let next = self.next_status(verdict);
        if next == self.stored {
            Ok(())
        } else {
            self.write_status(&next).await
        }
    }

    /// Writes a status over the one that this pass knows. If only spec or metadata changed meanwhile, what the pass learned
    /// is still true, and the write is repeated. If the status changed, somebody else knows more, and the pass ends.
    async fn write_status(&mut self, next: &ChatRoomStatus) -> Result<(), Error> {
        const TRIES: usize = 3;
        for _ in 0..TRIES {
            match self
                .context
                .kubernetes
                .write_status(self.input, &self.version, next)
                .await
            {
                Ok(object) => {
                    self.written(&object);
                    return Ok(());
                }
                Err(Error::Stale) => {
                    let object = self.context.kubernetes.get(self.input).await?;
                    // Other finalizers must be the same too: with the new version, our old list could overwrite theirs.
                    if !self.is_still_own(&object)
                        || input::status(&object) != self.stored
                        || Input::read(&object).others_finalizers()
                            != self.input.others_finalizers()
                    {
                        return Err(Error::Stale);
                    }
                    self.version = object.metadata.resource_version.unwrap_or_default();
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Stale)
    }

    /// Whether this is still the object of this pass, and still of this operator's class.
    pub(super) fn is_still_own(&self, object: &DynamicObject) -> bool {
        let same = object.metadata.uid.as_deref() == Some(self.input.uid.as_str());
        same && class::is_own(self.context.settings.class.as_ref(), &object.metadata)
    }

    fn next_status(&self, verdict: &Verdict) -> ChatRoomStatus {
        status::next(
            &self.stored,
            &self.record,
            verdict,
            self.input.generation,
            Timestamp::now(),
        )
    }

    pub(super) async fn publish_news(&self) {
        for news in &self.news {
            let event = news.event();
            tracing::info!(object = %self.object(), reason = event.reason, "{}", event.note.as_deref().unwrap_or_default());
            self.context.kubernetes.publish(self.input, &event).await;
        }
    }

    fn rest(&self, again: &Again) -> Duration {
        let (context, uid) = (self.context, self.input.uid.as_str());
        let until = |time: &Timestamp| {
            Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default()
        };
        match again {
            Again::Interval => {
                context.memory.clear_failures(uid);
                context.jittered(context.settings.drift_interval)
            }
            Again::Backoff(class) => {
                context.backoff(*class, context.memory.count_failure(uid, Some(*class)))
            }
            Again::By(time, class) => until(time)
                .min(context.backoff(*class, context.memory.count_failure(uid, Some(*class)))),
            Again::At(time) => until(time),
        }
    }

    /// Records what the API server holds now, which keeps times to the second only.
    fn written(&mut self, object: &DynamicObject) {
        self.stored = input::status(object);
        let version = object.metadata.resource_version.clone().unwrap_or_default();
        // A write that changes nothing creates no new version.
        if version != self.version {
            self.superseded
                .push(std::mem::replace(&mut self.version, version));
        }
    }
}
