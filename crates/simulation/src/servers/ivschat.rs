//! The emulator's world behind the AWS port: what a request means to it, and what its answer means to the operator.

use ivschat_aws::{Answer, AttemptError, Page, Refusal, Request, Unknown};
use ivschat_core::api::FallbackResult;
use ivschat_core::room::correction::{HandlerUpdate, NewRoom, RoomUpdate};
use ivschat_core::room::{ActualRoom, Handler, RoomArn, Summary};
use ivschat_emulator::world::{
    self, ApiError, Call, CreateRoom, ListRooms, RoomSummary, UpdateRoom,
};

/// The call that a request is to the world. `page`: how many rooms a page of a list holds.
pub(crate) fn call(request: &Request, page: i32) -> Call {
    match request {
        Request::Create(new, _) => Call::CreateRoom(create(new)),
        Request::Get(arn) => Call::GetRoom {
            identifier: arn.to_string(),
        },
        Request::Update(arn, update) => Call::UpdateRoom(self::update(arn, update)),
        Request::Delete(arn) => Call::DeleteRoom {
            identifier: arn.to_string(),
        },
        Request::List { token, .. } => Call::ListRooms(ListRooms {
            max_results: Some(page),
            next_token: token.clone(),
            ..ListRooms::default()
        }),
        Request::Tag(arn, tags) => Call::TagResource {
            resource_arn: arn.to_string(),
            tags: tags.clone(),
        },
        Request::Untag(arn, keys) => Call::UntagResource {
            resource_arn: arn.to_string(),
            tag_keys: keys.clone(),
        },
    }
}

fn create(NewRoom { room, tags }: &NewRoom) -> CreateRoom {
    CreateRoom {
        name: Some(room.name.clone()),
        maximum_message_length: Some(room.maximum_message_length),
        maximum_message_rate_per_second: Some(room.maximum_message_rate_per_second),
        message_review_handler: room.message_review_handler.as_ref().map(attached),
        tags: Some(tags.clone()),
        logging_configuration_identifiers: Some(room.logging_configuration_identifiers.clone()),
    }
}

fn update(arn: &RoomArn, update: &RoomUpdate) -> UpdateRoom {
    UpdateRoom {
        identifier: arn.to_string(),
        name: update.name.clone(),
        maximum_message_length: update.maximum_message_length,
        maximum_message_rate_per_second: update.maximum_message_rate_per_second,
        message_review_handler: update.message_review_handler.as_ref().map(
            |handler| match handler {
                HandlerUpdate::Attach(handler) => attached(handler),
                HandlerUpdate::Detach => world::MessageReviewHandler {
                    uri: Some(String::new()),
                    fallback_result: None,
                },
            },
        ),
        logging_configuration_identifiers: update.logging_configuration_identifiers.clone(),
    }
}

fn attached(handler: &Handler) -> world::MessageReviewHandler {
    world::MessageReviewHandler {
        uri: Some(handler.uri.clone()),
        fallback_result: Some(match handler.fallback_result {
            FallbackResult::Allow => world::FallbackResult::Allow,
            FallbackResult::Deny => world::FallbackResult::Deny,
        }),
    }
}

/// What the world's answer is to the operator.
pub(crate) fn answer(answered: Result<world::Answer, ApiError>) -> Result<Answer, AttemptError> {
    match answered {
        Ok(world::Answer::Room(room)) => observed(&room).map(Answer::Room).ok_or_else(unusable),
        Ok(world::Answer::Rooms { rooms, next_token }) => {
            let rooms: Option<_> = rooms.iter().map(summary).collect();
            let rooms = rooms.ok_or_else(unusable)?;
            Ok(Answer::Page(Page { rooms, next_token }))
        }
        Ok(_) => Ok(Answer::Done),
        Err(error) => Err(AttemptError::Answered(refusal(&error))),
    }
}

fn unusable() -> AttemptError {
    AttemptError::Unknown(Unknown::Unusable("an ARN".to_owned()))
}

/// An error as the operator sees it.
pub(crate) fn refusal(error: &ApiError) -> Refusal {
    Refusal {
        status: error.status,
        code: Some(error.code.clone()),
        message: Some(error.message().to_owned()),
        body: serde_json::to_string(&error.members).unwrap_or_default(),
        retry_after: None,
        clock_off: false,
    }
}

fn observed(room: &world::Room) -> Option<ActualRoom> {
    Some(ActualRoom {
        arn: room.arn.parse().ok()?,
        name: room.name.clone(),
        maximum_message_length: room.maximum_message_length,
        maximum_message_rate_per_second: room.maximum_message_rate_per_second,
        message_review_handler: room.message_review_handler.as_ref().and_then(handler),
        logging_configuration_identifiers: room.logging_configuration_identifiers.clone(),
        tags: room.tags.clone(),
        create_time: Some(room.create_time),
        update_time: Some(room.update_time),
    })
}

fn summary(room: &RoomSummary) -> Option<Summary> {
    Some(Summary {
        arn: room.arn.parse().ok()?,
        name: room.name.clone(),
        message_review_handler: room.message_review_handler.as_ref().and_then(handler),
        logging_configuration_identifiers: room.logging_configuration_identifiers.clone(),
        tags: room.tags.clone(),
        create_time: Some(room.create_time),
        update_time: Some(room.update_time),
    })
}

fn handler(handler: &world::MessageReviewHandler) -> Option<Handler> {
    Some(Handler {
        uri: handler.uri.clone().filter(|uri| !uri.is_empty())?,
        fallback_result: match handler.fallback_result.unwrap_or_default() {
            world::FallbackResult::Allow => FallbackResult::Allow,
            world::FallbackResult::Deny => FallbackResult::Deny,
        },
    })
}
