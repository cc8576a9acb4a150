//! IVS Chat as a pure state machine: no clock, no input or output, no randomness that its seed does not give.

mod call;
mod error;
mod limits;
mod paging;
mod room;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;

pub use call::{Answer, Call, CreateRoom, ListRooms, Operation, UpdateRoom};
pub use error::ApiError;
pub use limits::MAX_TAGS;
pub use room::{FallbackResult, MessageReviewHandler, Room, RoomSummary, Tags};

use paging::{Cursor, Pager};

/// The account every request belongs to while no credentials file tells them apart.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// Answers to what AWS leaves undocumented: a client must be right with every combination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
pub struct Settings {
    /// Whether TagResource and UntagResource move a room's `updateTime`.
    pub tagging_moves_update_time: bool,
    /// Whether an UpdateRoom that changes nothing moves `updateTime`.
    pub idle_update_moves_update_time: bool,
    /// Whether the `name` filter of ListRooms matches every name that begins with it, instead of exactly it.
    pub name_filter_matches_prefix: bool,
    /// Whether a room whose handler was detached comes back with an empty handler object instead of none.
    pub detached_handler_is_empty_object: bool,
    /// Rooms allowed per account and region; past it CreateRoom answers ServiceQuotaExceededException.
    pub room_limit: Option<usize>,
}

/// Whose rooms and where: each account's region is isolated from every other.
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

    fn arn(&self, id: &str) -> String {
        format!("arn:aws:ivschat:{}:{}:room/{id}", self.region, self.account)
    }
}

/// Where a room stands in ListRooms: newest update first, later changes of the same instant before earlier ones.
type Place = Reverse<(Timestamp, u64)>;

#[derive(Debug, Clone, Default)]
struct Region {
    rooms: BTreeMap<String, (Place, Room)>,
    order: BTreeMap<Place, String>,
}

/// Every room of every account and region.
#[derive(Debug, Clone)]
pub struct World {
    settings: Settings,
    pager: Pager,
    random: u64,
    changes: u64,
    regions: BTreeMap<Scope, Region>,
}

impl World {
    /// An empty world. The same seed gives the same room ids and page tokens for the same calls.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            pager: Pager::new(seed),
            random: seed,
            changes: 0,
            regions: BTreeMap::new(),
        }
    }

    /// Carries out one API call.
    pub fn call(&mut self, scope: &Scope, call: Call, now: Timestamp) -> Result<Answer, ApiError> {
        match call {
            Call::CreateRoom(request) => self.create_room(scope, request, now),
            Call::GetRoom { identifier } => {
                limits::room_identifier("identifier", &identifier)?;
                Ok(Answer::Room(self.room(scope, &identifier)?.clone()))
            }
            Call::UpdateRoom(request) => self.update_room(scope, request, now),
            Call::DeleteRoom { identifier } => {
                limits::room_identifier("identifier", &identifier)?;
                self.delete_room(scope, &identifier)
            }
            Call::ListRooms(request) => self.list_rooms(scope, &request),
            Call::TagResource { resource_arn, tags } => {
                limits::resource_arn("resourceArn", &resource_arn)?;
                limits::tags("tags", &tags)?;
                self.tag(scope, &resource_arn, tags, now)
            }
            Call::UntagResource {
                resource_arn,
                tag_keys,
            } => {
                limits::resource_arn("resourceArn", &resource_arn)?;
                limits::tag_keys("tagKeys", &tag_keys)?;
                self.untag(scope, &resource_arn, &tag_keys, now)
            }
            Call::ListTagsForResource { resource_arn } => {
                limits::resource_arn("resourceArn", &resource_arn)?;
                Ok(Answer::Tags(self.room(scope, &resource_arn)?.tags.clone()))
            }
        }
    }

    /// The rooms of `scope`, newest update first.
    pub fn rooms(&self, scope: &Scope) -> Vec<Room> {
        let Some(region) = self.regions.get(scope) else {
            return Vec::new();
        };
        region
            .order
            .values()
            .filter_map(|id| region.rooms.get(id))
            .map(|(_, room)| room.clone())
            .collect()
    }

    /// Sets a tag as AWS itself does with its own `aws:` keys, which no API call may write. False if there is no such room.
    pub fn set_system_tag(&mut self, scope: &Scope, arn: &str, key: &str, value: &str) -> bool {
        let room = id_of(arn).and_then(|id| self.regions.get_mut(scope)?.rooms.get_mut(id));
        room.is_some_and(|(_, room)| {
            room.tags.insert(key.to_owned(), value.to_owned());
            true
        })
    }

    fn create_room(
        &mut self,
        scope: &Scope,
        request: CreateRoom,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::create_room(scope, &request)?;
        let existing = self
            .regions
            .get(scope)
            .map_or(0, |region| region.rooms.len());
        if let Some(limit) = self.settings.room_limit.filter(|limit| existing >= *limit) {
            return Err(ApiError::room_quota(limit));
        }
        let id = self.next_id();
        let room = Room {
            arn: scope.arn(&id),
            id: id.clone(),
            name: request.name.unwrap_or_default(),
            create_time: now,
            update_time: now,
            maximum_message_length: request
                .maximum_message_length
                .unwrap_or(limits::DEFAULT_MESSAGE_LENGTH),
            maximum_message_rate_per_second: request
                .maximum_message_rate_per_second
                .unwrap_or(limits::DEFAULT_MESSAGE_RATE),
            message_review_handler: request
                .message_review_handler
                .and_then(MessageReviewHandler::attached),
            tags: request.tags.unwrap_or_default(),
            logging_configuration_identifiers: request
                .logging_configuration_identifiers
                .unwrap_or_default(),
        };
        let place = self.next_place(now);
        let region = self.regions.entry(scope.clone()).or_default();
        region.order.insert(place, id.clone());
        region.rooms.insert(id, (place, room.clone()));
        Ok(Answer::Room(room))
    }

    fn update_room(
        &mut self,
        scope: &Scope,
        request: UpdateRoom,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::room_identifier("identifier", &request.identifier)?;
        limits::update_room(scope, &request)?;
        let before = self.room(scope, &request.identifier)?.clone();
        let mut room = before.clone();
        if let Some(name) = request.name {
            room.name = name;
        }
        if let Some(length) = request.maximum_message_length {
            room.maximum_message_length = length;
        }
        if let Some(rate) = request.maximum_message_rate_per_second {
            room.maximum_message_rate_per_second = rate;
        }
        if let Some(handler) = request.message_review_handler {
            let detached = self
                .settings
                .detached_handler_is_empty_object
                .then(MessageReviewHandler::default);
            let kept = room.message_review_handler.take().unwrap_or_default();
            room.message_review_handler = handler.or(kept).attached().or(detached);
        }
        if let Some(identifiers) = request.logging_configuration_identifiers {
            room.logging_configuration_identifiers = identifiers;
        }
        if room != before || self.settings.idle_update_moves_update_time {
            room.update_time = now;
        }
        Ok(Answer::Room(self.replace(scope, room)))
    }

    fn delete_room(&mut self, scope: &Scope, arn: &str) -> Result<Answer, ApiError> {
        let id = self.room(scope, arn)?.id.clone();
        if let Some(region) = self.regions.get_mut(scope)
            && let Some((place, _)) = region.rooms.remove(&id)
        {
            region.order.remove(&place);
        }
        Ok(Answer::NoContent)
    }

    fn tag(
        &mut self,
        scope: &Scope,
        arn: &str,
        tags: Tags,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let mut room = self.room(scope, arn)?.clone();
        room.tags.extend(tags);
        limits::tag_count("tags", &room.tags)?;
        self.retagged(scope, room, now);
        Ok(Answer::Empty)
    }

    fn untag(
        &mut self,
        scope: &Scope,
        arn: &str,
        keys: &[String],
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let mut room = self.room(scope, arn)?.clone();
        room.tags.retain(|key, _| !keys.contains(key));
        self.retagged(scope, room, now);
        Ok(Answer::Empty)
    }

    fn retagged(&mut self, scope: &Scope, mut room: Room, now: Timestamp) {
        if self.settings.tagging_moves_update_time {
            room.update_time = now;
        }
        self.replace(scope, room);
    }

    fn list_rooms(&self, scope: &Scope, request: &ListRooms) -> Result<Answer, ApiError> {
        limits::list_rooms(request)?;
        let after = match request
            .next_token
            .as_deref()
            .filter(|token| !token.is_empty())
        {
            Some(token) => Some(self.pager.open(token, scope, request)?),
            None => None,
        };
        let Some(region) = self.regions.get(scope) else {
            return Ok(Answer::Rooms {
                rooms: Vec::new(),
                next_token: None,
            });
        };
        let from = after.map_or(std::ops::Bound::Unbounded, |cursor| {
            std::ops::Bound::Excluded(cursor.place)
        });
        let mut matching = region
            .order
            .range((from, std::ops::Bound::Unbounded))
            .filter_map(|(place, id)| Some((*place, &region.rooms.get(id)?.1)))
            .filter(|(_, room)| self.matches(room, request));
        let page: Vec<_> = matching.by_ref().take(request.page_size()).collect();
        let next_token = match (page.last(), matching.next()) {
            (Some((place, _)), Some(_)) => {
                Some(self.pager.seal(Cursor { place: *place }, scope, request))
            }
            _ => None,
        };
        Ok(Answer::Rooms {
            rooms: page.into_iter().map(|(_, room)| room.summary()).collect(),
            next_token,
        })
    }

    fn matches(&self, room: &Room, request: &ListRooms) -> bool {
        let name = request.name.as_deref().is_none_or(|name| {
            if self.settings.name_filter_matches_prefix {
                room.name.starts_with(name)
            } else {
                room.name == name
            }
        });
        let handler = request
            .message_review_handler_uri
            .as_deref()
            .is_none_or(|uri| {
                let handler = room.message_review_handler.as_ref();
                handler
                    .and_then(|handler| handler.uri.as_deref())
                    .unwrap_or_default()
                    == uri
            });
        let logging = request
            .logging_configuration_identifier
            .as_ref()
            .is_none_or(|wanted| room.logging_configuration_identifiers.contains(wanted));
        name && handler && logging
    }

    fn room(&self, scope: &Scope, arn: &str) -> Result<&Room, ApiError> {
        limits::same_account(scope, arn)?;
        let found = id_of(arn)
            .filter(|id| scope.arn(id) == arn)
            .and_then(|id| self.regions.get(scope)?.rooms.get(id))
            .map(|(_, room)| room);
        found.ok_or_else(|| ApiError::room_not_found(arn))
    }

    /// Stores the changed room. Where its `updateTime` moved, it jumps to the front of the list.
    fn replace(&mut self, scope: &Scope, room: Room) -> Room {
        let fresh = self.next_place(room.update_time);
        let region = self.regions.entry(scope.clone()).or_default();
        if let Some((place, stored)) = region.rooms.get_mut(&room.id) {
            if stored.update_time != room.update_time {
                region.order.remove(place);
                region.order.insert(fresh, room.id.clone());
                *place = fresh;
            }
            *stored = room.clone();
        }
        room
    }

    fn next_place(&mut self, at: Timestamp) -> Place {
        self.changes += 1;
        Reverse((at, self.changes))
    }

    /// A room id: 12 of `[a-zA-Z0-9]`, from a SplitMix64 sequence.
    fn next_id(&mut self) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        (0..12)
            .map(|position| {
                let digit =
                    (bits.rotate_left(position * 5) % ALPHABET.len() as u64).to_le_bytes()[0];
                char::from(ALPHABET[usize::from(digit)])
            })
            .collect()
    }
}

fn id_of(arn: &str) -> Option<&str> {
    arn.split_once(":room/").map(|(_, id)| id)
}

#[cfg(test)]
mod tests;
