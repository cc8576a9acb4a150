//! Rooms as IVS Chat keeps and shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Tag keys and values, case-sensitive.
pub type Tags = BTreeMap<String, String>;

/// A chat room, as GetRoom answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// `arn:aws:ivschat:{region}:{account}:room/{id}`.
    pub arn: String,
    /// 12 of `[a-zA-Z0-9]`.
    pub id: String,
    /// 0 to 128 of `[a-zA-Z0-9-_]`; not unique.
    pub name: String,
    /// When the room was created.
    pub create_time: Timestamp,
    /// When the room was last updated.
    pub update_time: Timestamp,
    /// In code points, 1 to 500.
    pub maximum_message_length: i32,
    /// 1 to 100.
    pub maximum_message_rate_per_second: i32,
    /// The function that reviews messages, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_review_handler: Option<MessageReviewHandler>,
    /// At most 50, those of AWS itself (`aws:…`) not counted.
    pub tags: Tags,
    /// At most 3 ARNs, order kept.
    pub logging_configuration_identifiers: Vec<String>,
}

impl Room {
    /// The room as ListRooms shows it: without the two maximums.
    pub fn summary(&self) -> RoomSummary {
        RoomSummary {
            arn: self.arn.clone(),
            id: self.id.clone(),
            name: self.name.clone(),
            create_time: self.create_time,
            update_time: self.update_time,
            message_review_handler: self.message_review_handler.clone(),
            tags: self.tags.clone(),
            logging_configuration_identifiers: self.logging_configuration_identifiers.clone(),
        }
    }

    /// The ARN of the function that reviews messages; empty where there is none.
    pub(super) fn message_review_handler_uri(&self) -> &str {
        let handler = self.message_review_handler.as_ref();
        handler
            .and_then(|handler| handler.uri.as_deref())
            .unwrap_or_default()
    }
}

/// One room of a ListRooms page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomSummary {
    /// See [`Room::arn`].
    pub arn: String,
    /// See [`Room::id`].
    pub id: String,
    /// See [`Room::name`].
    pub name: String,
    /// See [`Room::create_time`].
    pub create_time: Timestamp,
    /// See [`Room::update_time`].
    pub update_time: Timestamp,
    /// See [`Room::message_review_handler`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_review_handler: Option<MessageReviewHandler>,
    /// See [`Room::tags`].
    pub tags: Tags,
    /// See [`Room::logging_configuration_identifiers`].
    pub logging_configuration_identifiers: Vec<String>,
}

/// The function that reviews each message before it is delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageReviewHandler {
    /// ARN of a Lambda function; empty detaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// What happens to a message when the function fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_result: Option<FallbackResult>,
}

impl MessageReviewHandler {
    /// This handler, with what it leaves out as in `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            uri: self.uri.or(other.uri),
            fallback_result: self.fallback_result.or(other.fallback_result),
        }
    }

    /// The handler with its defaults filled in, or nothing where `uri` is missing or empty.
    pub(super) fn attached(self) -> Option<Self> {
        let uri = self.uri.filter(|uri| !uri.is_empty())?;
        Some(Self {
            uri: Some(uri),
            fallback_result: Some(self.fallback_result.unwrap_or_default()),
        })
    }
}

/// What happens to a message when the review handler does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FallbackResult {
    /// Deliver it.
    #[default]
    Allow,
    /// Drop it.
    Deny,
}
