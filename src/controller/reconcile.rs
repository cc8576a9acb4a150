//! One pass over one object.

use std::sync::Arc;

use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;

use crate::api::limits::REGION_PATTERN;
use crate::api::{ChatRoomStatus, Reason};
use crate::room::plan::plan;
use crate::room::status::{Knowledge, Record, Verdict};
use crate::room::{Class, DesiredRoom, Failure, Identity, Origin, Owner, Proof, RoomArn};

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
        let again = match reason {
            // The room of an attempt may show up any moment.
            Reason::CreationPending => Again::By(until, Class::Unavailable),
            _ => Again::At(until),
        };
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
        let desired = match self.desired() {
            Ok(desired) => desired,
            Err(failure) => return Ok(Some(Ending::failed(failure, Knowledge::NotAsSpecified))),
        };
        let identity = self.identity();
        let sight = match self.look(&identity, &desired.region).await {
            Ok(sight) => sight,
            Err(failure) => return Ok(Some(Ending::failed(failure, Knowledge::Nothing))),
        };
        let Look { account, sight } = sight;
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
        let region = self.region_to_clear();
        let Look { account, sight } = match self.look(&identity, &region).await {
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
                message,
                until,
                reason,
            }) => {
                let verdict = Verdict::Pending {
                    reason: Reason::Deleting,
                    message,
                };
                Ok(Some(Ending {
                    verdict,
                    ..Ending::unsettled(Unsettled {
                        message: String::new(),
                        until,
                        reason,
                    })
                }))
            }
        }
    }

    fn desired(&self) -> Result<DesiredRoom, Failure> {
        let origin = Origin {
            name: &self.input.name,
            default_region: &self.context.settings.default_region,
            // Where the room is stands in its ARN; status.region can be edited.
            fixed_region: self
                .record
                .arn
                .as_ref()
                .map(RoomArn::region)
                .or(self.record.region.as_deref()),
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

    /// Where to look for rooms of an object that goes: its spec need not be readable for that.
    fn region_to_clear(&self) -> String {
        let asked = self
            .input
            .spec
            .as_ref()
            .ok()
            .and_then(|spec| spec.region.clone());
        let asked = asked.filter(|region| {
            regex::Regex::new(REGION_PATTERN).is_ok_and(|pattern| pattern.is_match(region))
        });
        self.record
            .region
            .clone()
            .or(asked)
            .unwrap_or_else(|| self.context.settings.default_region.clone())
    }

    /// Finds out whose credentials these are, refuses to look through the wrong ones, and looks.
    async fn look(&self, identity: &Identity, region: &str) -> Result<Look, Failure> {
        let account = self.context.account.id().await?;
        let arn = self.record.arn.as_ref().map(RoomArn::account);
        let attempt = self
            .record
            .creation
            .as_ref()
            .map(|creation| creation.account.as_str());
        if let Some(other) = arn
            .into_iter()
            .chain(attempt)
            .find(|recorded| *recorded != account)
        {
            let message = format!(
                "The operator's credentials belong to account {account}, the room to account {other}: nothing is done until \
                 the credentials are those of {other} again"
            );
            return Err(Failure::new(Class::AccountMismatch, message));
        }
        let sight = self.observe(identity, &account, region).await?;
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
