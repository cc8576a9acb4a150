//! Carries out plans. Every write follows a GetRoom of the same pass that showed the room to be ours, or to consent to be
//! adopted.

use ivschat_aws::CreateError;
use ivschat_core::api::names::{CONSENT_TAG, CREATION_TAG};
use ivschat_core::api::{Creation, Reason};
use ivschat_core::room::plan::{self, Change, NewRoom, Plan, Step};
use ivschat_core::room::status::{self, Knowledge, Verdict};
use ivschat_core::room::{Class, DesiredRoom, Failure, Identity, ObservedRoom, RoomArn, Tags};
use jiff::Timestamp;
use tokio::time::Instant;

use super::events::News;
use super::kubernetes::Error;
use super::reconcile::{Again, Ending, Pass};

impl Pass<'_> {
    /// Carries the plan out.
    pub(super) async fn act(
        &mut self,
        plan: Plan,
        observed: Option<ObservedRoom>,
        desired: &DesiredRoom,
        identity: &Identity,
        account: &str,
    ) -> Result<Ending, Error> {
        self.ensure_finalizer().await?;
        match (plan, observed) {
            (Plan::Create(new), _) => self.create(&new, account).await,
            (Plan::Change(change), Some(observed)) => {
                Ok(self.change(&change, observed, desired, identity).await)
            }
            (_, Some(observed)) => {
                self.bind(&observed);
                self.applied(desired);
                Ok(Ending::in_sync())
            }
            (_, None) => Ok(Ending::in_sync()),
        }
    }

    /// Writes the attempt to the status, sends CreateRoom once, and writes the outcome.
    async fn create(&mut self, new: &NewRoom, account: &str) -> Result<Ending, Error> {
        let context = self.context;
        self.writes().admit_create(&new.room.region).await;
        if !self.fence.holds() {
            return Err(Error::Deposed);
        }
        // The wait for the quota may have been long.
        if let Err(failure) = self.require_unchanged(account).await {
            return Ok(Ending::failed(failure, Knowledge::NotAsSpecified));
        }
        // The record was about a room that is proven absent.
        self.record.forget_room();

        let deadline = Instant::now() + context.settings.operation_timeout;
        let attempt = Creation {
            started_at: Timestamp::now(),
            region: new.room.region.clone(),
            account: account.to_owned(),
        };
        let fixed = self.record.region.replace(new.room.region.clone());
        self.record.creation = Some(attempt.clone());
        let message = "CreateRoom is under way".to_owned();
        let pending = Verdict::Pending {
            reason: Reason::CreationPending,
            message,
        };
        self.write_ahead(&attempt, &pending).await?;
        // Not earlier: if the attempt cannot be written, the proof of absence still holds.
        context.memory.forget_room(&self.input.uid);
        context
            .memory
            .attempt(&self.input.uid, Some(attempt.clone()));

        match self.writes().create(new, deadline).await {
            Ok(room) => {
                context.memory.learn(&self.input.uid, &room.arn);
                context.memory.attempt(&self.input.uid, None);
                context.index.made(account, &room);
                self.news.push(News::Created(room.arn.clone()));
                self.record.bind(&room);
                self.applied(&new.room);
                self.write_created(&attempt).await?;
                Ok(Ending::in_sync())
            }
            Err(CreateError::Refused(failure)) => {
                // No room exists, so a mistyped region can still be corrected.
                self.record.region = fixed;
                self.record.creation = None;
                context.memory.attempt(&self.input.uid, None);
                Ok(Ending::failed(failure, Knowledge::NotAsSpecified))
            }
            Err(CreateError::Unknown(failure)) => {
                Ok(Ending::failed(failure, Knowledge::NotAsSpecified))
            }
        }
    }

    /// Makes one call per step. Steps before a failure keep their effect.
    async fn change(
        &mut self,
        change: &Change,
        observed: ObservedRoom,
        desired: &DesiredRoom,
        identity: &Identity,
    ) -> Ending {
        self.bind(&observed);
        // All of these may be on the room, until it is known which calls succeeded.
        let mut touched = self.record.applied_tag_keys.clone();
        touched.extend(desired.tags.keys().cloned());
        touched.sort();
        touched.dedup();
        self.record.applied_tag_keys = touched;
        let drift = status::was_ready(&self.input.status, self.input.generation);
        if drift {
            self.found_drift(&change.differences);
        }
        match self.steps(change, desired, identity, observed).await {
            Ok(room) => {
                self.record.bind(&room);
                self.applied(desired);
                if drift {
                    self.corrected_drift(&change.differences);
                }
                self.news.push(News::changed(change, drift));
                Ending::in_sync()
            }
            Err(failure) => Ending::failed(failure, Knowledge::NotAsSpecified),
        }
    }

    async fn steps(
        &self,
        change: &Change,
        desired: &DesiredRoom,
        identity: &Identity,
        observed: ObservedRoom,
    ) -> Result<ObservedRoom, Failure> {
        let writes = self.writes();
        let arn = observed.arn.clone();
        for step in &change.steps {
            match step {
                Step::Tag(tags) => writes.tag(&arn, tags).await?,
                Step::Untag(keys) => writes.untag(&arn, keys).await?,
                // The last step, whose answer shows the room after all of them.
                Step::Update(update) => return writes.update(&arn, update).await,
            }
        }
        // Tag calls return nothing, and AWS does not document whether they move updateTime, so read the room again. If that
        // read lags, the next pass brings the time.
        let fresh = self.context.rooms.get(&arn).await?;
        let settled = |room: &ObservedRoom| {
            plan::plan(desired, Some(room), identity, self.scope()) == Ok(Plan::Keep)
        };
        Ok(fresh.filter(settled).unwrap_or(observed))
    }

    /// Takes over a room that GetRoom just showed to consent. The next pass finds it by its tags, like any room of the
    /// object, and brings it to the spec. So every step can be interrupted.
    pub(super) async fn adopt(
        &mut self,
        mut room: ObservedRoom,
        identity: &Identity,
        account: &str,
    ) -> Result<Result<Ending, Failure>, Error> {
        let tags = match plan::adopt(&room, identity) {
            Ok(Step::Tag(tags)) => tags,
            Ok(Step::Untag(_) | Step::Update(_)) => Tags::new(),
            Err(failure) => return Ok(Err(failure)),
        };
        let (context, uid) = (self.context, &self.input.uid);
        if !context
            .memory
            .claim(&room.arn, uid, context.settings.grace())
        {
            let message = format!("Room {} is being adopted by another ChatRoom", room.arn);
            return Ok(Err(Failure::new(Class::Conflict, message)));
        }
        self.ensure_finalizer().await?;
        // Written ahead like a create: if the answer is lost and somebody removes spec.adopt, the operator still looks for
        // the room.
        self.record.forget_room();
        self.record.bind(&room);
        let attempt = Creation {
            started_at: Timestamp::now(),
            region: room.arn.region().to_owned(),
            account: account.to_owned(),
        };
        self.record.creation = Some(attempt.clone());
        let message = format!("Room {} is being taken over", room.arn);
        let reason = Reason::Adopting;
        let pending = Verdict::Pending {
            reason,
            message: message.clone(),
        };
        self.write_ahead(&attempt, &pending).await?;
        context.memory.attempt(uid, Some(attempt));
        if let Err(failure) = self.writes().tag(&room.arn, &tags).await {
            return Ok(Err(failure));
        }
        room.tags.extend(tags);
        context.index.made(account, &room);
        Ok(Ok(Ending::soon(reason, message)))
    }

    /// Releases a room that GetRoom just showed to be ours: it stays, and consents to be taken back.
    pub(super) async fn release(
        &mut self,
        room: &ObservedRoom,
        identity: &Identity,
        account: &str,
    ) -> Ending {
        self.record.bind(room);
        let mut tags = room.tags.clone();
        for step in plan::release(&room.tags, identity) {
            let done = match &step {
                Step::Tag(new) => self.writes().tag(&room.arn, new).await,
                Step::Untag(keys) => self.writes().untag(&room.arn, keys).await,
                Step::Update(_) => Ok(()),
            };
            if let Err(failure) = done {
                return Ending::failed(failure, Knowledge::NotAsSpecified);
            }
            match step {
                Step::Tag(new) => tags.extend(new),
                Step::Untag(keys) => tags.retain(|key, _| !keys.contains(key)),
                Step::Update(_) => {}
            }
        }
        let released = ObservedRoom {
            tags,
            ..room.clone()
        };
        self.context.index.made(account, &released);
        self.context.memory.forget_room(&self.input.uid);
        self.context
            .memory
            .note_released(&self.input.uid, &room.arn);
        self.record.forget_room();
        self.news.push(News::Retained(room.arn.clone()));
        let message = format!(
            "Left room {}; making sure that none is left behind",
            room.arn
        );
        Ending::soon(Reason::Deleting, message)
    }

    /// Deletes a room that GetRoom just showed to be ours. Later passes prove that it is gone.
    pub(super) async fn delete(&mut self, room: &ObservedRoom, account: &str) -> Ending {
        self.record.bind(room);
        let context = self.context;
        if let Some(again) = self.turn_to_delete(&room.arn) {
            let per_minute = self.context.settings.max_deletions_per_minute;
            let verdict = Verdict::Pending {
                reason: Reason::Deleting,
                message: format!(
                    "Room {} waits to be deleted: the operator deletes at most {} a minute \
                     (--max-deletions-per-minute)",
                    room.arn,
                    per_minute.map_or(0, std::num::NonZeroU32::get)
                ),
            };
            return Ending { verdict, again };
        }
        match self.writes().delete(&room.arn).await {
            Ok(true) => self.news.push(News::Deleted(room.arn.clone())),
            // Deleted before; AWS still shows it.
            Ok(false) => {}
            Err(failure) => return Ending::failed(failure, Knowledge::NotAsSpecified),
        }
        context.memory.note_deleted(&self.input.uid, &room.arn);
        context.index.deleted(account, &room.arn);
        let message = format!("Deleted room {}; making sure that none is left", room.arn);
        // An immediate check would only meet a read that lags.
        let again = Again::Backoff(Class::NotFound);
        Ending {
            verdict: Verdict::Pending {
                reason: Reason::Deleting,
                message,
            },
            again,
        }
    }

    /// When the room's turn to be deleted comes; `None`: now. The object gets a pass within the drift interval all the
    /// same, so that a turn that is no longer needed is given back.
    pub(super) fn turn_to_delete(&self, arn: &RoomArn) -> Option<Again> {
        let context = self.context;
        let wait = context
            .memory
            .wait_to_delete(&self.input.uid, arn, &context.deletions);
        if wait.is_zero() {
            return None;
        }
        let wait = wait.min(context.settings.drift_interval);
        let time = Timestamp::now().checked_add(wait);
        Some(Again::At(time.unwrap_or(Timestamp::MAX)))
    }

    /// Records what the room shows, and publishes an event if the record did not name the room.
    fn bind(&mut self, room: &ObservedRoom) {
        self.context.memory.attempt(&self.input.uid, None);
        // The record names an adopted room even before this first bind; the consent that is still on the room shows that it
        // is the first.
        let adopted = self.record.creation.is_some() && room.tags.contains_key(CONSENT_TAG);
        if self.record.arn.as_ref() != Some(&room.arn) || adopted {
            self.news.push(self.news_of_binding(&room.arn, &room.tags));
        }
        self.record.bind(room);
    }

    fn news_of_binding(&self, arn: &RoomArn, tags: &Tags) -> News {
        let (arn, uid) = (arn.clone(), &self.input.uid);
        match tags.get(CREATION_TAG) {
            Some(other) if other != uid => News::Rebound(arn, other.clone()),
            _ if tags.contains_key(CONSENT_TAG) => News::Adopted(arn),
            _ => News::Bound(arn),
        }
    }

    /// Records that the room carries the wanted tags.
    fn applied(&mut self, desired: &DesiredRoom) {
        self.record.applied_tag_keys = desired.tags.keys().cloned().collect();
    }
}
