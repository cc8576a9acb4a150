//! A room as IVS Chat shows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::desired::Handler;
use super::{RoomArn, Tags};

/// What GetRoom answered, with the API's defaults filled in for members it left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualRoom {
    /// The room's ARN.
    pub arn: RoomArn,
    /// Its name; empty if it has none.
    pub name: String,
    /// In code points.
    pub maximum_message_length: i32,
    /// Messages per second.
    pub maximum_message_rate_per_second: i32,
    /// `None` if the handler is missing, is `{}`, or has an empty `uri`: all three mean no handler.
    pub message_review_handler: Option<Handler>,
    /// In AWS's order.
    pub logging_configuration_identifiers: Vec<String>,
    /// Every tag, those of AWS itself included.
    pub tags: Tags,
    /// When AWS created it, if AWS says.
    pub create_time: Option<Timestamp>,
    /// When it was last updated, if AWS says.
    pub update_time: Option<Timestamp>,
}

/// A room as ListRooms shows it: both maximums are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The room's ARN.
    pub arn: RoomArn,
    /// Its name; empty if it has none.
    pub name: String,
    /// As in [`ActualRoom`].
    pub message_review_handler: Option<Handler>,
    /// In AWS's order.
    pub logging_configuration_identifiers: Vec<String>,
    /// Every tag, those of AWS itself included.
    pub tags: Tags,
    /// When AWS created it, if AWS says.
    pub create_time: Option<Timestamp>,
    /// When it was last updated, if AWS says.
    pub update_time: Option<Timestamp>,
}

impl From<&ActualRoom> for Summary {
    fn from(room: &ActualRoom) -> Self {
        Self {
            arn: room.arn.clone(),
            name: room.name.clone(),
            message_review_handler: room.message_review_handler.clone(),
            logging_configuration_identifiers: room.logging_configuration_identifiers.clone(),
            tags: room.tags.clone(),
            create_time: room.create_time,
            update_time: room.update_time,
        }
    }
}

impl Summary {
    /// The room, if the two maximums that a summary lacks are these.
    pub fn with_maximums(&self, length: i32, rate: i32) -> ActualRoom {
        ActualRoom {
            arn: self.arn.clone(),
            name: self.name.clone(),
            maximum_message_length: length,
            maximum_message_rate_per_second: rate,
            message_review_handler: self.message_review_handler.clone(),
            logging_configuration_identifiers: self.logging_configuration_identifiers.clone(),
            tags: self.tags.clone(),
            create_time: self.create_time,
            update_time: self.update_time,
        }
    }
}
