//! A logging configuration, and where it sends messages.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::room::Tags;

/// A logging configuration, as GetLoggingConfiguration answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggingConfiguration {
    /// `arn:aws:ivschat:{region}:{account}:logging-configuration/{id}`.
    pub arn: String,
    /// 12 of `[a-zA-Z0-9]`.
    pub id: String,
    /// 0 to 128 of `[a-zA-Z0-9-_]`; not unique.
    pub name: String,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last updated.
    pub update_time: Timestamp,
    /// Where the messages go.
    pub destination_configuration: DestinationConfiguration,
    /// Whether it can be used, and what is being done to it.
    pub state: LoggingConfigurationState,
    /// At most 50, those of AWS itself (`aws:…`) not counted.
    pub tags: Tags,
}

/// Exactly one place that messages go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DestinationConfiguration {
    /// An Amazon S3 bucket.
    S3 {
        /// 3 to 63 of `[a-z0-9-.]`.
        bucket_name: String,
    },
    /// An Amazon CloudWatch Logs group.
    CloudWatchLogs {
        /// 1 to 512 of `[._/#A-Za-z0-9-]`.
        log_group_name: String,
    },
    /// An Amazon Data Firehose stream.
    Firehose {
        /// 1 to 64 of `[a-zA-Z0-9_.-]`.
        delivery_stream_name: String,
    },
}

impl DestinationConfiguration {
    /// The name of the bucket, the log group or the stream.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::S3 { bucket_name } => bucket_name,
            Self::CloudWatchLogs { log_group_name } => log_group_name,
            Self::Firehose {
                delivery_stream_name,
            } => delivery_stream_name,
        }
    }
}

/// What a logging configuration is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "AWS's own values")]
pub enum LoggingConfigurationState {
    Creating,
    CreateFailed,
    Deleting,
    DeleteFailed,
    Updating,
    UpdateFailed,
    Active,
}

impl LoggingConfigurationState {
    /// Whether AWS is at work on it: until that has ended, no other change is taken.
    pub(super) const fn in_transition(self) -> bool {
        matches!(self, Self::Creating | Self::Updating | Self::Deleting)
    }
}
