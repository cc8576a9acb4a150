//! IVS Chat as a pure state machine: no clock, no input or output, no randomness that its seed does not give.
//!
//! [`World::call`] is the way in. What each call does stands in a file of its group (`rooms`, `tags`, `messaging`, `logging`),
//! what it may be given in `limits`, and where things are kept, in which order and with which lag, in `shelf`.

mod call;
mod configuration;
mod error;
mod limits;
mod logging;
mod messaging;
mod paging;
mod quota;
mod random;
mod room;
mod rooms;
mod shelf;
mod tags;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use call::{
    Answer, Call, Capability, CreateChatToken, CreateLoggingConfiguration, CreateRoom,
    DeleteMessage, DisconnectUser, ListLoggingConfigurations, ListRooms, Operation, SendEvent,
    UpdateLoggingConfiguration, UpdateRoom,
};
pub use configuration::{
    DestinationConfiguration, LoggingConfiguration, LoggingConfigurationState,
};
pub use error::ApiError;
pub use limits::MAX_TAGS;
pub use messaging::ChatToken;
pub use quota::{NotQuotas, Quotas};
pub use room::{FallbackResult, MessageReviewHandler, Room, RoomSummary, Tags};
pub use shelf::{Change, Shelved};

use messaging::ChatTokens;
use paging::Snapshots;
use quota::Buckets;
use random::Random;
use shelf::{Item, Regions, Replica};

/// The account every request belongs to while no credentials file tells them apart.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// How this IVS Chat behaves where AWS differs by account or documents nothing: a client must be right with every combination.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
pub struct Settings {
    /// How many calls a second are answered before the rest is throttled.
    pub quotas: Quotas,
    /// Rooms allowed per account and region; past it CreateRoom answers ServiceQuotaExceededException.
    pub room_limit: Option<usize>,
    /// Logging configurations allowed per account and region; past it CreateLoggingConfiguration answers
    /// ServiceQuotaExceededException.
    pub logging_configuration_limit: Option<usize>,
    /// How far GetRoom, GetLoggingConfiguration and ListTagsForResource show things as they were before.
    pub get_lag: Duration,
    /// How far ListRooms and ListLoggingConfigurations show things as they were before.
    pub list_lag: Duration,
    /// Whether each call and each page is answered by another replica: its lag is drawn anew, so that a later read may show an
    /// older state. A third of the replicas do not lag, a third lag by all of `get_lag` or `list_lag`, the others by a part.
    pub lag_is_drawn: bool,
    /// Whether the pages of a list show what there was when its first page was read, instead of what there is.
    pub pages_are_a_snapshot: bool,
    /// Whether a page token counts what was listed so far, instead of naming the last of it: a deletion between two pages
    /// makes the list skip a room. The pages of a snapshot are not concerned.
    pub page_tokens_are_offsets: bool,
    /// How long a page token is taken; `None`: for ever.
    pub page_token_life: Option<Duration>,
    /// Whether TagResource and UntagResource move `updateTime`.
    pub tagging_moves_update_time: bool,
    /// Whether an UpdateRoom that changes nothing moves `updateTime`.
    pub idle_update_moves_update_time: bool,
    /// Whether the `name` filter of ListRooms matches every name that begins with it, instead of exactly it.
    pub name_filter_matches_prefix: bool,
    /// Whether a room whose handler was detached comes back with an empty handler object instead of none.
    pub detached_handler_is_empty_object: bool,
    /// Whether the logging configuration identifiers of a room come back sorted and each once, instead of as they were given.
    pub logging_identifiers_are_a_set: bool,
    /// Whether tag values come back without white space at their ends.
    pub tag_values_are_trimmed: bool,
    /// How long a logging configuration is `CREATING`, `UPDATING` or `DELETING`.
    pub logging_transition: Duration,
    /// Names of buckets, log groups and streams that cannot be written to: a logging configuration that names one ends in
    /// `CREATE_FAILED` or `UPDATE_FAILED`.
    pub failing_destinations: Vec<String>,
    /// Whether a logging configuration that a room uses can be deleted (the room keeps its ARN), instead of being refused with
    /// ConflictException.
    pub attached_logging_configuration_can_be_deleted: bool,
}

impl Default for Settings {
    /// No quotas, limits or lag; logging configurations take a second to change.
    fn default() -> Self {
        Self {
            quotas: Quotas::Off,
            room_limit: None,
            logging_configuration_limit: None,
            get_lag: Duration::ZERO,
            list_lag: Duration::ZERO,
            lag_is_drawn: false,
            pages_are_a_snapshot: false,
            page_tokens_are_offsets: false,
            page_token_life: None,
            tagging_moves_update_time: false,
            idle_update_moves_update_time: false,
            name_filter_matches_prefix: false,
            detached_handler_is_empty_object: false,
            logging_identifiers_are_a_set: false,
            tag_values_are_trimmed: false,
            logging_transition: Duration::from_secs(1),
            failing_destinations: Vec::new(),
            attached_logging_configuration_can_be_deleted: false,
        }
    }
}

/// Whose things and where: each account's region is isolated from every other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The AWS account id, 12 digits.
    pub account: String,
    /// The AWS region, e.g. `us-west-2`.
    pub region: String,
}

impl Scope {
    /// The scope of the default account in `region`.
    pub fn in_region(region: &str) -> Self {
        Self {
            account: DEFAULT_ACCOUNT.to_owned(),
            region: region.to_owned(),
        }
    }

    fn arn(&self, kind: &str, id: &str) -> String {
        let Self { account, region } = self;
        format!("arn:aws:ivschat:{region}:{account}:{kind}/{id}")
    }
}

/// Everything of every account and region.
#[derive(Debug, Clone)]
pub struct World {
    settings: Settings,
    random: Random,
    buckets: Buckets,
    truth: Regions,
    get_replica: Replica,
    list_replica: Replica,
    room_snapshots: Snapshots<Room>,
    logging_snapshots: Snapshots<LoggingConfiguration>,
    chat_tokens: ChatTokens,
    /// When something that AWS is doing to a logging configuration ends, and to which.
    settling: BTreeSet<(Timestamp, Scope, String)>,
    number: u64,
    changes: Vec<Change>,
    /// How far the times that the call in hand shows are from those that it happens at.
    skew: SignedDuration,
}

impl World {
    /// An empty world. The same seed gives the same ids, tokens and lags for the same calls.
    pub fn new(settings: Settings, seed: u128) -> Self {
        Self::restored(settings, seed, 0, [])
    }

    /// A world as it was stored: with its seed, the last change of each thing that was there, and the number of times that it
    /// was restored before (a start must not repeat the ids of another).
    pub fn restored(
        settings: Settings,
        seed: u128,
        starts: u64,
        stored: impl IntoIterator<Item = Change>,
    ) -> Self {
        let mut world = Self {
            settings,
            random: Random::new(seed, starts),
            buckets: Buckets::default(),
            truth: Regions::default(),
            get_replica: Replica::default(),
            list_replica: Replica::default(),
            room_snapshots: Snapshots::new(starts),
            logging_snapshots: Snapshots::new(starts),
            chat_tokens: ChatTokens::default(),
            settling: BTreeSet::new(),
            number: 0,
            changes: Vec::new(),
            skew: SignedDuration::ZERO,
        };
        for change in stored {
            world.number = world.number.max(change.number);
            world.resume_transitions(&change);
            world.truth.apply(&change);
            world.get_replica.restore(&change);
            world.list_replica.restore(&change);
        }
        world
    }

    /// Carries out one API call as a server does whose clock is ahead by `skew`, or behind where it is negative. The times that
    /// it shows are off; what happens when is not.
    pub fn call_with_skew(
        &mut self,
        scope: &Scope,
        call: Call,
        now: Timestamp,
        skew: SignedDuration,
    ) -> Result<Answer, ApiError> {
        self.skew = skew;
        let answer = self.call(scope, call, now);
        self.skew = SignedDuration::ZERO;
        answer
    }

    /// Carries out one API call.
    pub fn call(&mut self, scope: &Scope, call: Call, now: Timestamp) -> Result<Answer, ApiError> {
        self.changes.clear();
        self.settle(now);
        self.turn_replicas(now);
        self.buckets
            .take(self.settings.quotas, scope, call.operation(), now)?;
        match call {
            Call::CreateRoom(request) => self.create_room(scope, request, now),
            Call::GetRoom { identifier } => self.get_room(scope, &identifier),
            Call::UpdateRoom(request) => self.update_room(scope, request, now),
            Call::DeleteRoom { identifier } => self.delete_room(scope, &identifier, now),
            Call::ListRooms(request) => self.list_rooms(scope, &request, now),
            Call::TagResource { resource_arn, tags } => self.tag(scope, &resource_arn, tags, now),
            Call::UntagResource {
                resource_arn,
                tag_keys,
            } => self.untag(scope, &resource_arn, &tag_keys, now),
            Call::ListTagsForResource { resource_arn } => self.list_tags(scope, &resource_arn),
            Call::CreateChatToken(request) => self.create_chat_token(scope, request, now),
            Call::SendEvent(request) => self.send_event(scope, &request),
            Call::DeleteMessage(request) => self.delete_message(scope, &request),
            Call::DisconnectUser(request) => self.disconnect_user(scope, &request),
            Call::CreateLoggingConfiguration(request) => {
                self.create_logging_configuration(scope, request, now)
            }
            Call::GetLoggingConfiguration { identifier } => {
                self.get_logging_configuration(scope, &identifier)
            }
            Call::UpdateLoggingConfiguration(request) => {
                self.update_logging_configuration(scope, request, now)
            }
            Call::DeleteLoggingConfiguration { identifier } => {
                self.delete_logging_configuration(scope, &identifier, now)
            }
            Call::ListLoggingConfigurations(request) => {
                self.list_logging_configurations(scope, &request, now)
            }
            Call::GetCallerIdentity => Ok(Answer::CallerIdentity {
                account: scope.account.clone(),
            }),
        }
    }

    /// What the last call changed, in order: what has to be stored before it is answered.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Chooses how far back the call in hand sees.
    fn turn_replicas(&mut self, now: Timestamp) {
        let Settings {
            get_lag,
            list_lag,
            lag_is_drawn,
            ..
        } = self.settings;
        for (replica, longest) in [
            (&mut self.get_replica, get_lag),
            (&mut self.list_replica, list_lag),
        ] {
            let lag = if lag_is_drawn {
                self.random.part(longest)
            } else {
                longest
            };
            replica.turn_to(now, lag, longest);
        }
    }

    /// What gets show.
    fn gets(&self) -> &Regions {
        match self.settings.get_lag {
            Duration::ZERO => &self.truth,
            _ => self.get_replica.seen(),
        }
    }

    /// What lists show.
    fn lists(&self) -> &Regions {
        match self.settings.list_lag {
            Duration::ZERO => &self.truth,
            _ => self.list_replica.seen(),
        }
    }

    /// The time that the call in hand shows for `now`.
    fn shown(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.skew).unwrap_or(now)
    }

    fn put<T: Item>(&mut self, scope: &Scope, item: Arc<T>, now: Timestamp) {
        let id = item.id().to_owned();
        self.change::<T>(scope, id, Some(item), now);
    }

    fn remove<T: Item>(&mut self, scope: &Scope, id: &str, now: Timestamp) {
        self.change::<T>(scope, id.to_owned(), None, now);
    }

    /// The only way in which anything changes.
    fn change<T: Item>(&mut self, scope: &Scope, id: String, item: Option<Arc<T>>, now: Timestamp) {
        self.number += 1;
        let change = Change {
            at: now,
            scope: scope.clone(),
            id,
            number: self.number,
            shelved: T::shelved(item),
        };
        self.truth.apply(&change);
        if !self.settings.get_lag.is_zero() {
            self.get_replica.record(&change);
        }
        if !self.settings.list_lag.is_zero() {
            self.list_replica.record(&change);
        }
        self.changes.push(change);
    }
}

#[cfg(test)]
mod tests;
