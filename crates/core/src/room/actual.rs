//! A room as IVS Chat shows it.

use jiff::Timestamp;

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
