//! Repairs an object with more than one room: it keeps the room in its status.
//!
//! This happens when an operator froze between its last check and the wire, and another operator took over meanwhile.

use ivschat_core::room::twins::{self, Fate};
use ivschat_core::room::{Failure, Identity, RoomArn};
use jiff::Timestamp;

use super::events::News;
use super::input;
use super::kubernetes::Error;
use super::reconcile::{Again, Ending, Pass};

impl Pass<'_> {
    /// Deletes the object's other rooms that were created for it since it exists, and reports those that it cannot judge.
    /// Makes no call if the index knows no other room.
    pub(super) async fn heal_twins(
        &mut self,
        identity: &Identity,
        account: &str,
        ending: Ending,
    ) -> Result<Ending, Error> {
        let Some(kept) = self.record.arn.clone() else {
            return Ok(ending);
        };
        let (index, memory) = (&self.context.index, &self.context.memory);
        let regions = index.regions(account).into_iter();
        let mut twins: Vec<RoomArn> = regions
            .flat_map(|region| index.known(identity, account, &region))
            .collect();
        twins.retain(|arn| *arn != kept && !memory.knows_twin(&self.input.uid, arn));
        if !twins.is_empty() && self.stored.arn.as_deref() != Some(kept.as_str()) {
            // First the status must say which room is kept.
            let again = Again::At(Timestamp::now());
            return Ok(Ending { again, ..ending });
        }
        for arn in twins {
            // The kept room is as specified all the same.
            let again = match self.heal_twin(identity, account, &kept, &arn).await? {
                Ok(None) => continue,
                Ok(Some(again)) => again,
                Err(failure) => {
                    tracing::warn!(object = %self.object(), twin = %arn, %failure, "could not heal a twin");
                    Again::Backoff(failure.class)
                }
            };
            return Ok(Ending { again, ..ending });
        }
        Ok(ending)
    }

    /// Deletes or reports one twin. `Some`: not yet; when to try again.
    async fn heal_twin(
        &mut self,
        identity: &Identity,
        account: &str,
        kept: &RoomArn,
        arn: &RoomArn,
    ) -> Result<Result<Option<Again>, Failure>, Error> {
        let context = self.context;
        let fate = match context.rooms.get(arn).await {
            Ok(Some(twin)) => {
                let (kept, object) = (self.record.create_time, self.input.created_at);
                twins::fate(&twin, kept, object, identity)
            }
            Ok(None) => Fate::NotOurs,
            Err(failure) => return Ok(Err(failure)),
        };
        match fate {
            Fate::Goes => {}
            Fate::NotOurs => return Ok(Ok(None)),
            Fate::Stays => {
                if context.memory.note_twin(&self.input.uid, arn) {
                    self.news.push(News::TwinLeft(arn.clone()));
                }
                return Ok(Ok(None));
            }
        }
        if let Some(again) = self.turn_to_delete(arn) {
            return Ok(Ok(Some(again)));
        }
        // Another operator may keep the twin instead. The status that the API server has now decides.
        if !self.keeps(kept).await? {
            return Err(Error::Stale);
        }
        match self.writes().delete(arn).await {
            Ok(_) => {
                context.memory.note_deleted(&self.input.uid, arn);
                context.index.deleted(account, arn);
                self.news.push(News::TwinDeleted(arn.clone()));
                Ok(Ok(None))
            }
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Whether the object, as the API server has it now, names this room.
    async fn keeps(&self, kept: &RoomArn) -> Result<bool, Error> {
        let object = self.context.kubernetes.get(self.input).await?;
        Ok(self.is_still_own(&object)
            && input::status(&object).arn.as_deref() == Some(kept.as_str()))
    }
}
