//! The calls IVS Chat takes and the answers it gives, with AWS's own member names.

use serde::{Deserialize, Serialize};

use super::room::{MessageReviewHandler, Room, RoomSummary, Tags};

/// The operations served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
}

impl Operation {
    /// Whether the operation changes a room.
    pub const fn writes(self) -> bool {
        !matches!(
            self,
            Self::GetRoom | Self::ListRooms | Self::ListTagsForResource
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

impl ListRooms {
    /// Rooms per page: 50 unless asked for fewer.
    pub(super) fn page_size(&self) -> usize {
        self.max_results
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(50)
    }
}

/// What a call that went through answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// CreateRoom, GetRoom, UpdateRoom.
    Room(Room),
    /// ListRooms.
    Rooms {
        /// The page.
        rooms: Vec<RoomSummary>,
        /// Opaque; present while more follow.
        #[serde(rename = "nextToken", skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
    },
    /// ListTagsForResource.
    #[serde(serialize_with = "tags_member")]
    Tags(Tags),
    /// TagResource, UntagResource: `{}`.
    #[serde(serialize_with = "empty_object")]
    Empty,
    /// DeleteRoom: 204 without a body.
    #[serde(serialize_with = "empty_object")]
    NoContent,
}

fn tags_member<S: serde::Serializer>(tags: &Tags, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("tags", tags)?;
    map.end()
}

fn empty_object<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    serializer.serialize_map(Some(0))?.end()
}
