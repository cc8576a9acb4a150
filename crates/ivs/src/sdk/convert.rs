//! Between the SDK's types and the domain's.

use aws_sdk_ivschat::primitives::DateTime;
use aws_sdk_ivschat::types::{FallbackResult as SdkFallbackResult, MessageReviewHandler};
use ivschat_core::api::FallbackResult;
use ivschat_core::api::limits::{MESSAGE_LENGTH_DEFAULT, MESSAGE_RATE_DEFAULT};
use ivschat_core::room::correction::HandlerUpdate;
use ivschat_core::room::{ActualRoom, Handler, RoomArn, Tags};
use jiff::Timestamp;

use crate::port::{AttemptError, Unknown};

#[expect(clippy::disallowed_types, reason = "the SDK's own type")]
type SdkTags = std::collections::HashMap<String, String>;

pub(super) fn timestamp(time: Option<&DateTime>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

pub(super) fn tags(tags: Option<&SdkTags>) -> Tags {
    tags.into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// An ARN that AWS answered with.
pub(super) fn arn(arn: Option<&str>) -> Result<RoomArn, AttemptError> {
    let unusable = |what: String| AttemptError::Unknown(Unknown::Unusable(what));
    let arn = arn.ok_or_else(|| unusable("the answer holds no ARN".to_owned()))?;
    arn.parse()
        .map_err(|error| unusable(format!("the answer's ARN is {error}")))
}

/// A missing handler, `{}` and an empty `uri` all mean no handler. The fallback result then means nothing.
pub(super) fn handler(handler: Option<&MessageReviewHandler>) -> Option<Handler> {
    let handler = handler?;
    let uri = handler.uri().filter(|uri| !uri.is_empty())?.to_owned();
    let fallback_result = match handler.fallback_result() {
        Some(SdkFallbackResult::Deny) => FallbackResult::Deny,
        _ => FallbackResult::Allow,
    };
    Some(Handler {
        uri,
        fallback_result,
    })
}

pub(super) fn sdk_handler(handler: &Handler) -> MessageReviewHandler {
    let fallback_result = match handler.fallback_result {
        FallbackResult::Allow => SdkFallbackResult::Allow,
        FallbackResult::Deny => SdkFallbackResult::Deny,
    };
    MessageReviewHandler::builder()
        .uri(&handler.uri)
        .fallback_result(fallback_result)
        .build()
}

pub(super) fn sdk_handler_update(update: &HandlerUpdate) -> MessageReviewHandler {
    match update {
        HandlerUpdate::Attach(handler) => sdk_handler(handler),
        HandlerUpdate::Detach => MessageReviewHandler::builder().uri("").build(),
    }
}

/// CreateRoom, GetRoom and UpdateRoom answer with the same members under three types.
macro_rules! actual_room {
    ($output:expr) => {{
        let output = $output;
        $crate::sdk::convert::actual(
            $crate::sdk::convert::arn(output.arn())?,
            output.name(),
            (
                output.maximum_message_length,
                output.maximum_message_rate_per_second,
            ),
            output.message_review_handler(),
            output.logging_configuration_identifiers(),
            output.tags(),
            (output.create_time(), output.update_time()),
        )
    }};
}
pub(super) use actual_room;

/// Builds the domain's room; for [`actual_room!`].
pub(super) fn actual(
    arn: RoomArn,
    name: Option<&str>,
    (length, rate): (Option<i32>, Option<i32>),
    handler: Option<&MessageReviewHandler>,
    logging: &[String],
    tags: Option<&SdkTags>,
    (created, updated): (Option<&DateTime>, Option<&DateTime>),
) -> ActualRoom {
    ActualRoom {
        arn,
        name: name.unwrap_or_default().to_owned(),
        maximum_message_length: length.unwrap_or(MESSAGE_LENGTH_DEFAULT),
        maximum_message_rate_per_second: rate.unwrap_or(MESSAGE_RATE_DEFAULT),
        message_review_handler: self::handler(handler),
        logging_configuration_identifiers: logging.to_vec(),
        tags: self::tags(tags),
        create_time: timestamp(created),
        update_time: timestamp(updated),
    }
}
