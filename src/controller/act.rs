//! Carries out plans. Every write follows a GetRoom of the same pass that showed the room to be ours.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::api::{Creation, Reason};
use crate::ivs::CreateError;
use crate::room::plan::{self, Change, NewRoom, Plan, Step};
use crate::room::status::{self, Knowledge, Verdict};
use crate::room::{Class, DesiredRoom, Failure, Identity, ObservedRoom};

use super::events::News;
use super::kubernetes::Error;
use super::reconcile::{Again, Ending, Pass};

impl Pass<'_> {
    /// Brings the room to what is wanted.
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
                Ok(Ending::in_sync())
            }
            (_, None) => Ok(Ending::in_sync()),
        }
    }

    /// Writes the attempt down, sends it once, writes down what came of it.
    async fn create(&mut self, new: &NewRoom, account: &str) -> Result<Ending, Error> {
        let context = self.context;
        context.rooms.admit_create(&new.room.region).await;
        // What the record knew was of a room that is proven absent.
        self.record.forget_room();
        context.memory.forget_room(&self.input.uid);

        let deadline = Instant::now() + context.settings.operation_timeout;
        let attempt = Creation {
            started_at: Timestamp::now(),
            region: new.room.region.clone(),
            account: account.to_owned(),
        };
        self.record.region = Some(new.room.region.clone());
        self.record.creation = Some(attempt.clone());
        let message = "CreateRoom is under way".to_owned();
        let pending = Verdict::Pending {
            reason: Reason::CreationPending,
            message,
        };
        self.write_ahead(&attempt, &pending).await?;
        context
            .memory
            .attempt(&self.input.uid, Some(attempt.clone()));

        match context.rooms.create(new, deadline).await {
            Ok(room) => {
                context.memory.learn(&self.input.uid, &room.arn);
                context.memory.attempt(&self.input.uid, None);
                context.index.made(account, &room);
                self.news.push(News::Created(room.arn.clone()));
                self.record.bind(&room);
                self.write_created(&attempt).await?;
                Ok(Ending::in_sync())
            }
            Err(CreateError::Refused(failure)) => {
                self.record.creation = None;
                context.memory.attempt(&self.input.uid, None);
                Ok(Ending::failed(failure, Knowledge::NotAsSpecified))
            }
            Err(CreateError::Unknown(failure)) => {
                Ok(Ending::failed(failure, Knowledge::NotAsSpecified))
            }
        }
    }

    /// One call a step. What went through before a failure stays.
    async fn change(
        &mut self,
        change: &Change,
        observed: ObservedRoom,
        desired: &DesiredRoom,
        identity: &Identity,
    ) -> Ending {
        self.bind(&observed);
        match self.steps(change, desired, identity, observed).await {
            Ok(room) => {
                self.record.bind(&room);
                let drift = status::was_ready(&self.input.status, self.input.generation);
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
        let rooms = &self.context.rooms;
        let arn = observed.arn.clone();
        for step in &change.steps {
            match step {
                Step::Tag(tags) => rooms.tag(&arn, tags).await?,
                Step::Untag(keys) => rooms.untag(&arn, keys).await?,
                // The last step, whose answer shows the room after all of them.
                Step::Update(update) => return rooms.update(&arn, update).await,
            }
        }
        // Tag calls answer nothing, and AWS does not say whether they move updateTime: look. A read that lags shows the room
        // as it was; then the next look brings the time.
        let fresh = rooms.get(&arn).await?;
        let settled =
            |room: &ObservedRoom| plan::plan(desired, Some(room), identity) == Ok(Plan::Keep);
        Ok(fresh.filter(settled).unwrap_or(observed))
    }

    /// Deletes a room that GetRoom just showed to be ours. That it is gone is for later passes to prove.
    pub(super) async fn delete(&mut self, room: &ObservedRoom, account: &str) -> Ending {
        self.record.bind(room);
        match self.context.rooms.delete(&room.arn).await {
            Ok(true) => self.news.push(News::Deleted(room.arn.clone())),
            // Deleted before; AWS still shows it.
            Ok(false) => {}
            Err(failure) => return Ending::failed(failure, Knowledge::NotAsSpecified),
        }
        self.context.index.deleted(account, &room.arn);
        let message = format!("Deleted room {}; making sure that none is left", room.arn);
        // A look at once would only meet a read that lags.
        let again = Again::Backoff(Class::NotFound);
        Ending {
            verdict: Verdict::Pending {
                reason: Reason::Deleting,
                message,
            },
            again,
        }
    }

    /// Takes over what a room shows, and says so where the record did not know it.
    fn bind(&mut self, room: &ObservedRoom) {
        self.context.memory.attempt(&self.input.uid, None);
        if self.record.arn.as_ref() != Some(&room.arn) {
            self.news.push(News::Bound(room.arn.clone()));
        }
        self.record.bind(room);
    }
}
