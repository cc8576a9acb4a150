//! What happens to rooms.

use std::sync::Arc;

use jiff::Timestamp;

use super::call::{Answer, CreateRoom, ListRooms, UpdateRoom};
use super::configuration::{LoggingConfiguration, LoggingConfigurationState};
use super::error::ApiError;
use super::limits;
use super::paging::List;
use super::room::{MessageReviewHandler, Room};
use super::shelf::{Item, Kind};
use super::{Scope, World};

impl Item for Room {
    fn id(&self) -> &str {
        &self.id
    }

    fn update_time(&self) -> Timestamp {
        self.update_time
    }
}

impl World {
    pub(super) fn create_room(
        &mut self,
        scope: &Scope,
        request: CreateRoom,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::create_room(scope, &request)?;
        self.attachable(scope, request.logging_configuration_identifiers.as_deref())?;
        let existing = self.truth.count::<Room>(scope);
        let limit = self.settings.room_limit;
        if let Some(limit) = limit.filter(|limit| existing >= *limit) {
            return Err(ApiError::quota(scope, "rooms", limit));
        }
        let id = self.random.id();
        let room = Room {
            arn: scope.arn(Room::KIND, &id),
            id,
            name: request.name.unwrap_or_default(),
            create_time: self.shown(now),
            update_time: self.shown(now),
            maximum_message_length: request
                .maximum_message_length
                .unwrap_or(limits::DEFAULT_MESSAGE_LENGTH),
            maximum_message_rate_per_second: request
                .maximum_message_rate_per_second
                .unwrap_or(limits::DEFAULT_MESSAGE_RATE),
            message_review_handler: request
                .message_review_handler
                .and_then(MessageReviewHandler::attached),
            tags: self.kept_tags(request.tags.unwrap_or_default()),
            logging_configuration_identifiers: self.kept_identifiers(
                request
                    .logging_configuration_identifiers
                    .unwrap_or_default(),
            ),
        };
        self.put(scope, Arc::new(room.clone()), now);
        Ok(Answer::Room(room))
    }

    pub(super) fn get_room(&mut self, scope: &Scope, arn: &str) -> Result<Answer, ApiError> {
        limits::room_identifier("identifier", arn)?;
        let room = self.gets().find::<Room>(scope, arn)?;
        Ok(Answer::Room(Room::clone(room)))
    }

    pub(super) fn update_room(
        &mut self,
        scope: &Scope,
        request: UpdateRoom,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::update_room(scope, &request)?;
        let before = Arc::clone(self.truth.find::<Room>(scope, &request.identifier)?);
        self.attachable(scope, request.logging_configuration_identifiers.as_deref())?;
        let mut room = Room::clone(&before);
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
            room.logging_configuration_identifiers = self.kept_identifiers(identifiers);
        }
        if room != *before || self.settings.idle_update_moves_update_time {
            room.update_time = self.shown(now);
            self.put(scope, Arc::new(room.clone()), now);
        }
        Ok(Answer::Room(room))
    }

    pub(super) fn delete_room(
        &mut self,
        scope: &Scope,
        arn: &str,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::room_identifier("identifier", arn)?;
        let id = self.truth.find::<Room>(scope, arn)?.id.clone();
        self.remove::<Room>(scope, &id, now);
        Ok(Answer::NoContent)
    }

    pub(super) fn list_rooms(
        &mut self,
        scope: &Scope,
        request: &ListRooms,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::list_rooms(request)?;
        let name = request.name.as_deref();
        let handler = request.message_review_handler_uri.as_deref();
        let logging = request.logging_configuration_identifier.as_ref();
        let by_prefix = self.settings.name_filter_matches_prefix;
        let list = List {
            scope,
            filters: format!("{name:?} {handler:?} {logging:?}"),
            max_results: request.max_results,
            next_token: request.next_token.as_deref(),
            now,
        };
        let page = self.page(&list, |room: &Room| {
            let named = |name| room.name == name || by_prefix && room.name.starts_with(name);
            let reviewed = |uri| room.message_review_handler_uri() == uri;
            let logged = |arn| room.logging_configuration_identifiers.contains(arn);
            name.is_none_or(named) && handler.is_none_or(reviewed) && logging.is_none_or(logged)
        })?;
        Ok(Answer::Rooms {
            rooms: page.items.iter().map(|room| room.summary()).collect(),
            next_token: page.next_token,
        })
    }

    /// The rooms of `scope`, newest update first, however far reads lag behind.
    pub fn rooms(&self, scope: &Scope) -> Vec<Room> {
        let rooms = self.truth.rooms(scope);
        rooms.map(|room| Room::clone(room)).collect()
    }

    /// The identifiers as a room keeps them.
    fn kept_identifiers(&self, mut identifiers: Vec<String>) -> Vec<String> {
        if self.settings.logging_identifiers_are_a_set {
            identifiers.sort();
            identifiers.dedup();
        }
        identifiers
    }

    /// Whether there are logging configurations of these ARNs, none of them on its way out.
    fn attachable(&self, scope: &Scope, arns: Option<&[String]>) -> Result<(), ApiError> {
        for arn in arns.unwrap_or_default() {
            let found = self.truth.find::<LoggingConfiguration>(scope, arn)?;
            if found.state == LoggingConfigurationState::Deleting {
                return Err(ApiError::not_found(arn));
            }
        }
        Ok(())
    }
}
