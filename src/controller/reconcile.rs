//! One pass over one object.

use std::sync::Arc;

use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;

use crate::api::{ChatRoomStatus, Reason};
use crate::room::plan::plan;
use crate::room::status::{Knowledge, Record, Verdict};
use crate::room::{
    Class, DesiredRoom, Failure, Identity, Origin, Owner, Proof, RoomArn, is_region,
};

use super::Context;
use super::events::News;
use super::input::Input;
use super::kubernetes::Error;
use super::observe::{Sight, Unsettled};

/// Makes IVS Chat hold exactly the room that a ChatRoom describes, and writes into its status what came of it.
///
/// Failures of AWS are outcomes like any other: they end up in the status, and their class decides when to try again. A
/// pass over a room that is as specified makes one GetRoom and writes nothing; one over an object that is as the last pass
/// left it, and not yet due, does nothing at all.
///
/// # Errors
/// Only what Kubernetes made fail: then nothing could be written to the object, and the pass is repeated.
pub async fn reconcile(object: Arc<DynamicObject>, context: Arc<Context>) -> Result<Action, Error> {
    let input = Input::read(&object); // pure
    if let Some(rest) = context.memory.rest(&input) {
        return Ok(Action::requeue(rest));
    }
    let mut pass = Pass::begin(&input, &context); // pure
    let ending = if input.deleted_at.is_some() {
        pass.finalize().await // reads and writes AWS, then takes the finalizer off
    } else {
        pass.converge().await // reads AWS, plans, writes AWS
    };
    match ending {
        Ok(Some(ending)) => pass.conclude(ending).await, // writes the status if it differs, publishes events
        Ok(None) => {
            context.memory.forget(&input.uid);
            Ok(Action::await_change())
        }
        Err(error) => {
            // What was done is done, even if it could not be written down yet.
            pass.publish_news().await;
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
    /// After the interval at which settled rooms are looked at.
    Interval,
    /// As the class says.
    Backoff(Class),
    /// At this time, or earlier as the class says.
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

    fn unsettled(unsettled: Unsettled) -> Self {
        let Unsettled {
            reason,
            message,
            until,
        } = unsettled;
        // The room may show up any moment.
        let again = Again::By(until, Class::NotFound);
        Self {
            verdict: Verdict::Pending { reason, message },
            again,
        }
    }
}

/// A pass under way: what it works with and what it has learned.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    pub(super) input: &'a Input,
    pub(super) record: Record,
    pub(super) news: Vec<News>,
    /// The status that the API server holds, as far as this pass knows.
    pub(super) stored: ChatRoomStatus,
    pub(super) has_finalizer: bool,
    /// The object's resource version after this pass's own writes, and those it replaced.
    pub(super) version: String,
    pub(super) superseded: Vec<String>,
}

impl<'a> Pass<'a> {
    fn begin(input: &'a Input, context: &'a Context) -> Self {
        let mut record = Record::from(&input.status);
        // A room whose ARN could not be written is known all the same.
        record.arn = record.arn.or_else(|| context.memory.learned(&input.uid));
        // Nor is an attempt void because somebody took it out of the status.
        record.creation = record
            .creation
            .or_else(|| context.memory.attempted(&input.uid));
        Self {
            context,
            input,
            record,
            news: Vec::new(),
            stored: input.status.clone(),
            has_finalizer: input.has_finalizer(),
            version: input.resource_version.clone(),
            superseded: Vec::new(),
        }
    }

    /// The object is wanted: make the room what its spec says.
    async fn converge(&mut self) -> Result<Option<Ending>, Error> {
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
        let observed = match sight {
            Sight::Room(room) => Some(room),
            Sight::Absent => None,
            Sight::Unsettled(unsettled) => return Ok(Some(Ending::unsettled(unsettled))),
        };
        match plan(&desired, observed.as_ref(), &identity) {
            Ok(plan) => self
                .act(plan, observed, &desired, &identity, &account)
                .await
                .map(Some),
            Err(failure) => Ok(Some(Ending::failed(failure, Knowledge::NotAsSpecified))),
        }
    }

    /// The object is being deleted: delete its room, and let the object go once no room of its own is left.
    async fn finalize(&mut self) -> Result<Option<Ending>, Error> {
        if !self.has_finalizer {
            return Ok(None);
        }
        let identity = self.identity();
        if let Err(failure) = self.mend_record(&identity).await {
            return Ok(Some(Ending::failed(failure, Knowledge::Nothing)));
        }
        let Look { account, sight } = match self.look(&identity).await {
            Ok(look) => look,
            Err(failure) => return Ok(Some(Ending::failed(failure, Knowledge::Nothing))),
        };
        match sight {
            Sight::Room(room) if identity.prove(&room.tags) == Proof::Ours => {
                Ok(Some(self.delete(&room, &account).await))
            }
            // A room of someone else never holds an object.
            sight @ (Sight::Room(_) | Sight::Absent) => {
                let kubernetes = &self.context.kubernetes;
                kubernetes
                    .remove_finalizer(self.input, &self.version)
                    .await?;
                tracing::info!(object = %self.object(), "released: no room of its own is left");
                if let Sight::Room(room) = sight {
                    self.news.push(News::LeftBehind(room.arn));
                    self.publish_news().await;
                }
                Ok(None)
            }
            Sight::Unsettled(Unsettled {
                reason,
                message,
                until,
            }) => {
                let again = match reason {
                    // The room of an attempt may show up any moment, and has to be deleted then.
                    Reason::CreationPending => Again::By(until, Class::NotFound),
                    _ => Again::At(until),
                };
                let verdict = Verdict::Pending {
                    reason: Reason::Deleting,
                    message,
                };
                Ok(Some(Ending { verdict, again }))
            }
        }
    }

    fn desired(&self) -> Result<DesiredRoom, Failure> {
        let origin = Origin {
            name: &self.input.name,
            default_region: &self.context.settings.default_region,
            fixed_region: self.region_in_force(),
        };
        let spec = self.input.spec.as_ref().map_err(Clone::clone);
        let desired = spec.and_then(|spec| DesiredRoom::try_from((spec, origin)));
        desired.map_err(|violations| Failure::new(Class::Unparseable, violations.to_string()))
    }

    fn identity(&self) -> Identity {
        let owner = Owner {
            cluster: self.context.settings.cluster.clone(),
            namespace: self.input.namespace.clone(),
            name: self.input.name.clone(),
        };
        Identity {
            owner,
            uid: self.input.uid.clone(),
        }
    }

    /// The region that was asked for a room; none before the first attempt.
    fn region_in_force(&self) -> Option<&str> {
        let attempted = self
            .record
            .creation
            .as_ref()
            .map(|creation| creation.region.as_str());
        attempted.or(self.record.region.as_deref()).or(self
            .record
            .arn
            .as_ref()
            .map(RoomArn::region))
    }

    /// Every region the object's room may be in, as far as its status, its spec and the operator's own region tell. They are
    /// one, unless somebody edited the status. Of a spec that cannot be read, or breaks a rule, nothing else is read here.
    fn regions(&self) -> Vec<String> {
        let spec = self
            .input
            .spec
            .as_ref()
            .ok()
            .and_then(|spec| spec.region.as_deref());
        let spec = spec.filter(|region| is_region(region));
        let asked = spec.unwrap_or(&self.context.settings.default_region);
        let arn = self.record.arn.as_ref().map(RoomArn::region);
        let mut regions: Vec<String> = Vec::new();
        let recorded = self
            .region_in_force()
            .into_iter()
            .chain(self.record.region.as_deref())
            .chain(arn);
        for region in recorded.chain([asked]) {
            if !regions.iter().any(|known| known == region) {
                regions.push(region.to_owned());
            }
        }
        regions
    }

    /// An ARN and a region that disagree were edited: the room itself tells which is right, else the ARN is worth nothing.
    async fn mend_record(&mut self, identity: &Identity) -> Result<(), Failure> {
        let (Some(arn), Some(region)) = (&self.record.arn, &self.record.region) else {
            return Ok(());
        };
        if arn.region() != region {
            self.account().await?;
            match self.context.rooms.get(arn).await? {
                Some(room) if identity.prove(&room.tags) == Proof::Ours => self.record.bind(&room),
                _ => self.record.arn = None,
            }
        }
        Ok(())
    }

    /// Whose credentials these are. Those of another account than the record's are refused: through them, the room would
    /// look missing.
    async fn account(&self) -> Result<String, Failure> {
        let account = self.context.account.id().await?;
        let arn = self.record.arn.as_ref().map(RoomArn::account);
        let attempt = self
            .record
            .creation
            .as_ref()
            .map(|creation| creation.account.as_str());
        match arn
            .into_iter()
            .chain(attempt)
            .find(|recorded| *recorded != account)
        {
            None => Ok(account),
            Some(other) => Err(Failure::new(
                Class::AccountMismatch,
                format!(
                    "The operator's credentials belong to account {account}, the room to account {other}: nothing is done \
                     until the credentials are those of {other} again"
                ),
            )),
        }
    }

    async fn look(&self, identity: &Identity) -> Result<Look, Failure> {
        let account = self.account().await?;
        let sight = self.observe(identity, &account, &self.regions()).await?;
        Ok(Look { account, sight })
    }

    pub(super) fn object(&self) -> String {
        format!("{}/{}", self.input.namespace, self.input.name)
    }
}

/// What a look at AWS gave, and through whose credentials.
struct Look {
    account: String,
    sight: Sight,
}
