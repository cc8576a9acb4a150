//! What servers do to a room's clients: tokens to connect with, events, and the two that moderate.
//!
//! The WebSocket that delivers them is not served yet. It will ask [`World::chat_token`] whom it has before it, and deliver
//! what SendEvent, DeleteMessage and DisconnectUser were called with.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::call::{Answer, Capability, CreateChatToken, DeleteMessage, DisconnectUser, SendEvent};
use super::error::ApiError;
use super::limits;

use super::room::Room;
use super::shelf::later;
use super::{Scope, World};

/// A client has this long to connect with a new token.
const TOKEN_LIFE: Duration = Duration::from_mins(1);
const DEFAULT_SESSION_MINUTES: i32 = 60;

/// Whom a chat token lets in, where, and what they may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatToken {
    /// The room's ARN.
    pub room: String,
    /// The user, as the application names them.
    pub user_id: String,
    /// In the order given; none means that the user may only read.
    pub capabilities: Vec<Capability>,
    /// Sent along with each message of the user.
    pub attributes: BTreeMap<String, String>,
    /// Until when the token lets in.
    pub token_expiration_time: Timestamp,
    /// Until when whom it let in may stay.
    pub session_expiration_time: Timestamp,
}

/// The tokens that still let in, each with when it ceases to, whatever the times that it shows; and the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct ChatTokens {
    live: BTreeMap<String, (Timestamp, ChatToken)>,
    by_age: VecDeque<(Timestamp, String)>,
}

impl ChatTokens {
    fn insert(&mut self, token: String, held: ChatToken, now: Timestamp) {
        let end = later(now, TOKEN_LIFE);
        self.by_age.push_back((end, token.clone()));
        self.live.insert(token, (end, held));
    }

    fn forget_expired(&mut self, now: Timestamp) {
        while let Some((_, token)) = self.by_age.pop_front_if(|(end, _)| *end <= now) {
            self.live.remove(&token);
        }
    }
}

impl World {
    pub(super) fn create_chat_token(
        &mut self,
        scope: &Scope,
        request: CreateChatToken,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        limits::create_chat_token(&request)?;
        let room = self.truth.find::<Room>(scope, &request.room_identifier)?;
        let minutes = request
            .session_duration_in_minutes
            .unwrap_or(DEFAULT_SESSION_MINUTES);
        let session = Duration::from_mins(u64::try_from(minutes).unwrap_or_default());
        let held = ChatToken {
            room: room.arn.clone(),
            user_id: request.user_id,
            capabilities: request.capabilities.unwrap_or_default(),
            attributes: request.attributes.unwrap_or_default(),
            token_expiration_time: later(self.shown(now), TOKEN_LIFE),
            session_expiration_time: later(self.shown(now), session),
        };
        let token = self.random.token();
        let answer = Answer::ChatToken {
            token: token.clone(),
            token_expiration_time: held.token_expiration_time,
            session_expiration_time: held.session_expiration_time,
        };
        self.chat_tokens.forget_expired(now);
        self.chat_tokens.insert(token, held, now);
        Ok(answer)
    }

    /// What CreateChatToken gave `token` for; none where it never did, or more than a minute ago.
    pub fn chat_token(&self, token: &str, now: Timestamp) -> Option<&ChatToken> {
        let (end, held) = self.chat_tokens.live.get(token)?;
        (now < *end).then_some(held)
    }

    pub(super) fn send_event(
        &mut self,
        scope: &Scope,
        request: &SendEvent,
    ) -> Result<Answer, ApiError> {
        limits::send_event(request)?;
        self.truth.find::<Room>(scope, &request.room_identifier)?;
        Ok(Answer::Sent {
            id: self.random.id(),
        })
    }

    pub(super) fn delete_message(
        &mut self,
        scope: &Scope,
        request: &DeleteMessage,
    ) -> Result<Answer, ApiError> {
        limits::delete_message(request)?;
        self.truth.find::<Room>(scope, &request.room_identifier)?;
        Ok(Answer::Sent {
            id: self.random.id(),
        })
    }

    pub(super) fn disconnect_user(
        &self,
        scope: &Scope,
        request: &DisconnectUser,
    ) -> Result<Answer, ApiError> {
        limits::disconnect_user(request)?;
        self.truth.find::<Room>(scope, &request.room_identifier)?;
        Ok(Answer::Empty {})
    }
}
