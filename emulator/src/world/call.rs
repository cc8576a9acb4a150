//! The calls IVS Chat takes and the answers it gives, with AWS's own member names.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::configuration::{DestinationConfiguration, LoggingConfiguration};
use super::room::{MessageReviewHandler, Room, RoomSummary, Tags};

/// The operations served: the 17 of IVS Chat, and the one of STS that tells a client its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is AWS's operation of that name")]
pub enum Operation {
    CreateRoom,
    GetRoom,
    UpdateRoom,
    DeleteRoom,
    ListRooms,
    TagResource,
    UntagResource,
    ListTagsForResource,
    CreateChatToken,
    SendEvent,
    DeleteMessage,
    DisconnectUser,
    CreateLoggingConfiguration,
    GetLoggingConfiguration,
    UpdateLoggingConfiguration,
    DeleteLoggingConfiguration,
    ListLoggingConfigurations,
    GetCallerIdentity,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::CreateRoom,
        Self::GetRoom,
        Self::UpdateRoom,
        Self::DeleteRoom,
        Self::ListRooms,
        Self::TagResource,
        Self::UntagResource,
        Self::ListTagsForResource,
        Self::CreateChatToken,
        Self::SendEvent,
        Self::DeleteMessage,
        Self::DisconnectUser,
        Self::CreateLoggingConfiguration,
        Self::GetLoggingConfiguration,
        Self::UpdateLoggingConfiguration,
        Self::DeleteLoggingConfiguration,
        Self::ListLoggingConfigurations,
        Self::GetCallerIdentity,
    ];

    /// The operation's name, as in its path and in IAM actions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateRoom => "CreateRoom",
            Self::GetRoom => "GetRoom",
            Self::UpdateRoom => "UpdateRoom",
            Self::DeleteRoom => "DeleteRoom",
            Self::ListRooms => "ListRooms",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
            Self::ListTagsForResource => "ListTagsForResource",
            Self::CreateChatToken => "CreateChatToken",
            Self::SendEvent => "SendEvent",
            Self::DeleteMessage => "DeleteMessage",
            Self::DisconnectUser => "DisconnectUser",
            Self::CreateLoggingConfiguration => "CreateLoggingConfiguration",
            Self::GetLoggingConfiguration => "GetLoggingConfiguration",
            Self::UpdateLoggingConfiguration => "UpdateLoggingConfiguration",
            Self::DeleteLoggingConfiguration => "DeleteLoggingConfiguration",
            Self::ListLoggingConfigurations => "ListLoggingConfigurations",
            Self::GetCallerIdentity => "GetCallerIdentity",
        }
    }

    /// Whether the operation changes a room or a logging configuration.
    pub const fn writes(self) -> bool {
        matches!(
            self,
            Self::CreateRoom
                | Self::UpdateRoom
                | Self::DeleteRoom
                | Self::TagResource
                | Self::UntagResource
                | Self::CreateLoggingConfiguration
                | Self::UpdateLoggingConfiguration
                | Self::DeleteLoggingConfiguration
        )
    }
}

/// One API call with its input, well-formed but not yet checked against any limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub enum Call {
    CreateRoom(CreateRoom),
    GetRoom {
        identifier: String,
    },
    UpdateRoom(UpdateRoom),
    DeleteRoom {
        identifier: String,
    },
    ListRooms(ListRooms),
    TagResource {
        resource_arn: String,
        tags: Tags,
    },
    UntagResource {
        resource_arn: String,
        tag_keys: Vec<String>,
    },
    ListTagsForResource {
        resource_arn: String,
    },
    CreateChatToken(CreateChatToken),
    SendEvent(SendEvent),
    DeleteMessage(DeleteMessage),
    DisconnectUser(DisconnectUser),
    CreateLoggingConfiguration(CreateLoggingConfiguration),
    GetLoggingConfiguration {
        identifier: String,
    },
    UpdateLoggingConfiguration(UpdateLoggingConfiguration),
    DeleteLoggingConfiguration {
        identifier: String,
    },
    ListLoggingConfigurations(ListLoggingConfigurations),
    GetCallerIdentity,
}

impl Call {
    /// Which operation this calls.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::CreateRoom(_) => Operation::CreateRoom,
            Self::GetRoom { .. } => Operation::GetRoom,
            Self::UpdateRoom(_) => Operation::UpdateRoom,
            Self::DeleteRoom { .. } => Operation::DeleteRoom,
            Self::ListRooms(_) => Operation::ListRooms,
            Self::TagResource { .. } => Operation::TagResource,
            Self::UntagResource { .. } => Operation::UntagResource,
            Self::ListTagsForResource { .. } => Operation::ListTagsForResource,
            Self::CreateChatToken(_) => Operation::CreateChatToken,
            Self::SendEvent(_) => Operation::SendEvent,
            Self::DeleteMessage(_) => Operation::DeleteMessage,
            Self::DisconnectUser(_) => Operation::DisconnectUser,
            Self::CreateLoggingConfiguration(_) => Operation::CreateLoggingConfiguration,
            Self::GetLoggingConfiguration { .. } => Operation::GetLoggingConfiguration,
            Self::UpdateLoggingConfiguration(_) => Operation::UpdateLoggingConfiguration,
            Self::DeleteLoggingConfiguration { .. } => Operation::DeleteLoggingConfiguration,
            Self::ListLoggingConfigurations(_) => Operation::ListLoggingConfigurations,
            Self::GetCallerIdentity => Operation::GetCallerIdentity,
        }
    }
}

/// Input of CreateRoom. An absent member takes the API's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct CreateRoom {
    pub name: Option<String>,
    pub maximum_message_length: Option<i32>,
    pub maximum_message_rate_per_second: Option<i32>,
    pub message_review_handler: Option<MessageReviewHandler>,
    pub tags: Option<Tags>,
    pub logging_configuration_identifiers: Option<Vec<String>>,
}

/// Input of UpdateRoom. An absent member stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct UpdateRoom {
    pub identifier: String,
    pub name: Option<String>,
    pub maximum_message_length: Option<i32>,
    pub maximum_message_rate_per_second: Option<i32>,
    pub message_review_handler: Option<MessageReviewHandler>,
    pub logging_configuration_identifiers: Option<Vec<String>>,
}

/// Input of ListRooms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct ListRooms {
    pub name: Option<String>,
    pub message_review_handler_uri: Option<String>,
    pub logging_configuration_identifier: Option<String>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// What the holder of a chat token may do besides reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "AWS's own values")]
pub enum Capability {
    SendMessage,
    DisconnectUser,
    DeleteMessage,
}

/// Input of CreateChatToken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct CreateChatToken {
    pub room_identifier: String,
    pub user_id: String,
    pub capabilities: Option<Vec<Capability>>,
    pub session_duration_in_minutes: Option<i32>,
    pub attributes: Option<BTreeMap<String, String>>,
}

/// Input of SendEvent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct SendEvent {
    pub room_identifier: String,
    pub event_name: String,
    pub attributes: Option<BTreeMap<String, String>>,
}

/// Input of DeleteMessage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct DeleteMessage {
    pub room_identifier: String,
    pub id: String,
    pub reason: Option<String>,
}

/// Input of DisconnectUser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct DisconnectUser {
    pub room_identifier: String,
    pub user_id: String,
    pub reason: Option<String>,
}

/// Input of CreateLoggingConfiguration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct CreateLoggingConfiguration {
    pub name: Option<String>,
    pub destination_configuration: DestinationConfiguration,
    pub tags: Option<Tags>,
}

/// Input of UpdateLoggingConfiguration. An absent member stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct UpdateLoggingConfiguration {
    pub identifier: String,
    pub name: Option<String>,
    pub destination_configuration: Option<DestinationConfiguration>,
}

/// Input of ListLoggingConfigurations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "members are AWS's own")]
pub struct ListLoggingConfigurations {
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// What a call that went through answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Answer {
    /// CreateRoom, GetRoom, UpdateRoom.
    Room(Room),
    /// ListRooms.
    Rooms {
        /// The page.
        rooms: Vec<RoomSummary>,
        /// Opaque; present while more follow.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    },
    /// ListTagsForResource.
    Tags {
        /// All of the resource's tags.
        tags: Tags,
    },
    /// CreateChatToken.
    ChatToken {
        /// Opaque; what a client of the room connects with.
        token: String,
        /// Until when a client may connect with the token: a minute from now.
        token_expiration_time: Timestamp,
        /// Until when a client that is connected may stay.
        session_expiration_time: Timestamp,
    },
    /// SendEvent, DeleteMessage: what was sent to the room's clients.
    Sent {
        /// 12 of `[a-zA-Z0-9]`.
        id: String,
    },
    /// Create-, Get- and UpdateLoggingConfiguration.
    LoggingConfiguration(LoggingConfiguration),
    /// ListLoggingConfigurations.
    LoggingConfigurations {
        /// The page.
        logging_configurations: Vec<LoggingConfiguration>,
        /// Opaque; present while more follow.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    },
    /// STS GetCallerIdentity.
    CallerIdentity {
        /// 12 digits.
        account: String,
    },
    /// TagResource, UntagResource, DisconnectUser: `{}`.
    Empty {},
    /// DeleteRoom, DeleteLoggingConfiguration: 204 without a body.
    NoContent,
}
