//! One pass over one object.

use std::sync::Arc;

use ivschat_aws::Writes;
use ivschat_core::api::{ChatRoomStatus, DeletionPolicy, Reason, TagPolicy};
use ivschat_core::room::decide::{self, Decision, Parting, Wanted};
use ivschat_core::room::plan::Difference;
use ivschat_core::room::search::{Sight, Unsettled};
use ivschat_core::room::status::{Knowledge, Record, Verdict};
use ivschat_core::room::{
    Class, DesiredRoom, Failure, Identity, ObservedRoom, Origin, Owner, RoomArn, TagScope,
};
use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;

use crate::telemetry::PassTimer;

use super::events::News;
use super::input::Input;
use super::kubernetes::Error;
use super::leadership::Fence;
use super::look::Look;
use super::measure;
use super::{Context, overlap};

/// Brings the room of a ChatRoom to what the ChatRoom describes, and writes the outcome into its status.
///
/// Failures of AWS are outcomes like any other: they end up in the status, and their class decides when to try again. A
/// pass over a room that is as specified makes one GetRoom and writes nothing. If the object is as the last pass left it,
/// and not yet due, nothing happens at all.
///
/// # Errors
/// Only failures of Kubernetes: then nothing could be written to the object, and the pass is repeated.
pub async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, Error> {
    context
        .queue
        .looked_at(object.metadata.uid.as_deref().unwrap_or_default());
    let Some(fence) = context.leadership.fence() else {
        // A standby only keeps its cache warm. When a replica begins to lead, every object gets a pass. The wait is for
        // clocks that are set back and forth, by which a term may seem to end and continue.
        return Ok(context.look_later());
    };
    let input = Input::read(&object); // pure
    overlap::report(&input, &context).await; // if another operator also writes to the object
    if let Some(rest) = context.memory.rest(&input) {
        return Ok(Action::requeue(rest));
    }
    let mut pass = Pass::begin(&input, &context, fence); // pure
    let ending = if pass.leaving {
        pass.finalize().await // reads and writes AWS, then takes the finalizer off
    } else {
        pass.converge().await // reads AWS, plans, writes AWS
    };
    match ending {
        Ok(Some(_)) if !pass.fence.holds() => {
            pass.publish_news().await;
            pass.timer.outcome = "deposed";
            Err(Error::Deposed)
        }
        Ok(Some(ending)) => pass.conclude(ending).await.map(Action::requeue), // writes the status if it differs, publishes events
        Ok(None) => {
            context.memory.forget(&input.uid);
            pass.timer.outcome = "gone";
            Ok(Action::await_change())
        }
        Err(error) => {
            // The changes have taken effect, even if the status could not be written yet.
            pass.publish_news().await;
            pass.timer.outcome = measure::failed(&error);
            Err(error)
        }
    }
}

/// How a pass ends.
pub(super) struct Ending {
    pub(super) verdict: Verdict,
    pub(super) again: Again,
}

/// When the next pass is due.
pub(super) enum Again {
    /// After the drift interval.
    Interval,
    /// After the wait that the class decides.
    Backoff(Class),
    /// At this time, or earlier if the class decides a shorter wait.
    By(Timestamp, Class),
    /// At this time.
    At(Timestamp),
}

impl Ending {
    pub(super) fn in_sync() -> Self {
        Self {
            verdict: Verdict::InSync,
            again: Again::Interval,
        }
    }

    pub(super) fn failed(failure: Failure, room: Knowledge) -> Self {
        let again = Again::Backoff(failure.class);
        Self {
            verdict: Verdict::Failed { failure, room },
            again,
        }
    }

    pub(super) fn soon(reason: Reason, message: String) -> Self {
        Self {
            verdict: Verdict::Pending { reason, message },
            again: Again::At(Timestamp::now()),
        }
    }

    pub(super) fn unsettled(unsettled: Unsettled) -> Self {
        let Unsettled {
            reason,
            message,
            until,
        } = unsettled;
        // The room may show up at any moment.
        let again = Again::By(until, Class::NotFound);
        Self {
            verdict: Verdict::Pending { reason, message },
            again,
        }
    }

    fn deleting(unsettled: Unsettled) -> Self {
        let Unsettled {
            reason,
            message,
            until,
        } = unsettled;
        let again = match reason {
            // The room of an attempt may show up at any moment, and has to be deleted then.
            Reason::CreationPending => Again::By(until, Class::NotFound),
            _ => Again::At(until),
        };
        let verdict = Verdict::Pending {
            reason: Reason::Deleting,
            message,
        };
        Self { verdict, again }
    }
}

/// A pass under way: what it works with and what it has learned.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    pub(super) input: &'a Input,
    pub(super) fence: Fence,
    pub(super) record: Record,
    pub(super) news: Vec<News>,
    /// The status that the API server holds, as far as this pass knows.
    pub(super) stored: ChatRoomStatus,
    pub(super) has_finalizer: bool,
    /// Whether the room has to go: the object is being deleted, or the room is being released.
    pub(super) leaving: bool,
    /// The object's resource version after this pass's own writes, and those it replaced.
    pub(super) version: String,
    pub(super) superseded: Vec<String>,
    pub(super) timer: PassTimer,
}

impl<'a> Pass<'a> {
    pub(super) fn begin(input: &'a Input, context: &'a Context, fence: Fence) -> Self {
        let mut record = Record::from(&input.status);
        // The memory knows a room whose ARN could not be written.
        record.arn = record.arn.or_else(|| context.memory.learned(&input.uid));
        context.memory.note_generation(input);
        record.not_later_than(Timestamp::now(), context.settings.skew());
        // The memory also knows an attempt that somebody removed from the status, or dated back.
        let attempts = record.creation.into_iter();
        record.creation = attempts
            .chain(context.memory.attempted(&input.uid))
            .max_by_key(|creation| creation.started_at);
        Self {
            context,
            input,
            fence,
            record,
            news: Vec::new(),
            stored: input.status.clone(),
            has_finalizer: input.has_finalizer(),
            leaving: input.deleted_at.is_some(),
            version: input.resource_version.clone(),
            superseded: Vec::new(),
            timer: context.metrics.pass(),
        }
    }

    /// The object is wanted: bring the room to its spec, or report how the room differs.
    async fn converge(&mut self) -> Result<Option<Ending>, Error> {
        if let Some(pause) = &self.input.pause {
            let (verdict, again) = (Verdict::Paused(pause.clone()), Again::Interval);
            return Ok(Some(Ending { verdict, again }));
        }
        let identity = self.identity();
        if let Err(failure) = self.mend_record(&identity).await {
            return Ok(Some(Ending::failed(failure, Knowledge::Nothing)));
        }
        let desired = match self.desired() {
            Ok(desired) => desired,
            Err(failure) => return Ok(Some(Ending::failed(failure, Knowledge::NotAsSpecified))),
        };
        let Look { account, sight } = match self.look(&identity).await {
            Ok(look) => look,
            Err(failure) => return Ok(Some(Ending::failed(failure, Knowledge::Nothing))),
        };
        if self.input.observed && sight == Sight::Absent {
            // Nothing came of an attempt that was made before.
            self.record.creation = None;
            self.context.memory.attempt(&self.input.uid, None);
        }
        let adopt = self.adopted();
        let wanted = Wanted {
            room: &desired,
            scope: self.scope(),
            adopt: adopt.as_ref(),
            observes: self.input.observed,
        };
        let ending = match decide::wanted(sight, wanted, &identity) {
            Err(failure) => Err(failure),
            Ok(Decision::Wait(unsettled)) => Ok(Ending::unsettled(unsettled)),
            Ok(Decision::Report(room, differences)) => Ok(self.report(&room, differences)),
            Ok(Decision::Adopt(room)) => self.adopt(room, &identity, &account).await?,
            Ok(Decision::Apply(plan, room)) => {
                let has_room = room.is_some();
                let acted = self.act(plan, room, &desired, &identity, &account);
                let ending = acted.await?;
                Ok(if has_room {
                    self.heal_twins(&identity, &account, ending).await?
                } else {
                    ending
                })
            }
        };
        // Not while an attempt to create is outstanding: nobody would look after the room that may come of it.
        if self.input.observed && self.record.creation.is_none() {
            self.drop_finalizer().await?;
        }
        Ok(Some(ending.unwrap_or_else(|failure| {
            Ending::failed(failure, Knowledge::NotAsSpecified)
        })))
    }

    /// The room is only observed: differences go into the status.
    fn report(&mut self, room: &ObservedRoom, differences: Vec<Difference>) -> Ending {
        self.record.bind(room);
        self.found_drift(&differences);
        if differences.is_empty() {
            return Ending::in_sync();
        }
        Ending {
            verdict: Verdict::Drifted(differences),
            again: Again::Interval,
        }
    }

    /// The object is being deleted: delete its room or release it, and let the object go once no room of its own is left.
    pub(super) async fn finalize(&mut self) -> Result<Option<Ending>, Error> {
        if !self.has_finalizer {
            return Ok(None);
        }
        if self.input.observed && self.record.creation.is_none() {
            return self.let_go(None).await;
        }
        let identity = self.identity();
        let Look { account, sight } = match self.look(&identity).await {
            Ok(look) => look,
            // The credentials cannot reach the room, which is to stay anyway.
            Err(failure) if failure.class == Class::AccountMismatch && self.retains() => {
                let left = self.record.arn.clone();
                return self.let_go(left.map(|arn| (arn, decide::UNREACHED))).await;
            }
            Err(failure) => return Ok(Some(Ending::failed(failure, Knowledge::Nothing))),
        };
        match decide::deleted(sight, &identity, self.retains(), self.input.observed) {
            Parting::Wait(unsettled) => Ok(Some(Ending::deleting(unsettled))),
            Parting::Release(room) => Ok(Some(self.release(&room, &identity, &account).await)),
            Parting::Delete(room) => Ok(Some(self.delete(&room, &account).await)),
            Parting::LetGo(left) => self.let_go(left).await,
        }
    }

    /// Whether the room stays when the object goes.
    pub(super) fn retains(&self) -> bool {
        let default = self.context.settings.default_deletion_policy;
        self.input.deletion_policy.unwrap_or(default) == DeletionPolicy::Retain
    }

    /// Lets the object go, by removing the finalizer. `left`: a room that stays, and why.
    async fn let_go(
        &mut self,
        left: Option<(RoomArn, &'static str)>,
    ) -> Result<Option<Ending>, Error> {
        self.drop_finalizer().await?;
        tracing::info!(object = %self.object(), "released: no room of its own is left");
        self.news
            .extend(left.map(|(arn, why)| News::LeftBehind(arn, why)));
        self.publish_news().await;
        Ok(None)
    }

    fn desired(&self) -> Result<DesiredRoom, Failure> {
        let origin = Origin {
            name: &self.input.name,
            default_region: &self.context.settings.default_region,
            fixed_region: self.record.region_in_force(),
            default_tags: &self.context.settings.default_tags,
            ignored_tags: &self.context.settings.ignored_tags,
        };
        let spec = self.input.spec.as_ref().map_err(Clone::clone);
        let desired = spec.and_then(|spec| DesiredRoom::try_from((spec, origin)));
        desired.map_err(|violations| Failure::new(Class::Unparseable, violations.to_string()))
    }

    pub(super) fn identity(&self) -> Identity {
        let owner = Owner {
            cluster: self.context.settings.cluster.clone(),
            namespace: self.input.namespace.clone(),
            name: self.input.name.clone(),
        };
        Identity {
            owner,
            uid: self.input.uid.clone(),
            former: self.context.settings.former_clusters.clone(),
        }
    }

    /// Which of the room's tags the operator may remove.
    pub(super) fn scope(&self) -> TagScope<'_> {
        let spec = self.input.spec.as_ref().ok();
        let policy: Option<TagPolicy> = spec.and_then(|spec| spec.tag_policy);
        TagScope {
            policy: policy.unwrap_or_default(),
            applied: &self.record.applied_tag_keys,
            ignored: &self.context.settings.ignored_tags,
        }
    }

    /// The room that the spec names for adoption.
    pub(super) fn adopted(&self) -> Option<RoomArn> {
        let spec = self.input.spec.as_ref().ok()?;
        spec.adopt.as_ref()?.arn.parse().ok()
    }

    /// The calls that write. They are sent only while this process leads, in the term in which the pass began.
    pub(super) fn writes(&self) -> Writes<'_> {
        self.context.rooms.writes(&self.fence)
    }

    pub(super) fn object(&self) -> String {
        format!("{}/{}", self.input.namespace, self.input.name)
    }
}
