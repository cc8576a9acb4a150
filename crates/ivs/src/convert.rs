//! Between the SDK's types and the domain's.

use std::collections::HashMap;

use aws_sdk_ivschat::primitives::DateTime;
use aws_sdk_ivschat::types::{FallbackResult as SdkFallbackResult, MessageReviewHandler};
use ivschat_core::api::FallbackResult;
use ivschat_core::api::limits::{MESSAGE_LENGTH_DEFAULT, MESSAGE_RATE_DEFAULT};
use ivschat_core::room::correction::HandlerUpdate;
use ivschat_core::room::{Class, Failure, Handler, ObservedRoom, RoomArn, Tags};
use jiff::Timestamp;

pub(crate) fn timestamp(time: Option<&DateTime>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

pub(crate) fn tags(tags: Option<&HashMap<String, String>>) -> Tags {
    tags.into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// An ARN that AWS answered with.
pub(crate) fn arn(operation: &str, arn: Option<&str>) -> Result<RoomArn, Failure> {
    let unusable = |what: String| Failure::new(Class::Unavailable, format!("{operation}: {what}"));
    let arn = arn.ok_or_else(|| unusable("the answer holds no ARN".to_owned()))?;
    arn.parse()
        .map_err(|error| unusable(format!("the answer's ARN is {error}")))
}

/// A missing handler, `{}` and an empty `uri` all mean no handler. The fallback result then means nothing.
pub(crate) fn handler(handler: Option<&MessageReviewHandler>) -> Option<Handler> {
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

pub(crate) fn sdk_handler(handler: &Handler) -> MessageReviewHandler {
    let fallback_result = match handler.fallback_result {
        FallbackResult::Allow => SdkFallbackResult::Allow,
        FallbackResult::Deny => SdkFallbackResult::Deny,
    };
    MessageReviewHandler::builder()
        .uri(&handler.uri)
        .fallback_result(fallback_result)
        .build()
}

pub(crate) fn sdk_handler_update(update: &HandlerUpdate) -> MessageReviewHandler {
    match update {
        HandlerUpdate::Attach(handler) => sdk_handler(handler),
        HandlerUpdate::Detach => MessageReviewHandler::builder().uri("").build(),
    }
}

/// CreateRoom, GetRoom and UpdateRoom answer with the same members under three types.
macro_rules! observed_room {
    ($operation:expr, $output:expr) => {{
        let output = $output;
        $crate::convert::observed(
            $crate::convert::arn($operation.name(), output.arn())?,
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
pub(crate) use observed_room;

/// Builds the domain's room; for [`observed_room!`].
pub(crate) fn observed(
    arn: RoomArn,
    name: Option<&str>,
    (length, rate): (Option<i32>, Option<i32>),
    handler: Option<&MessageReviewHandler>,
    logging: &[String],
    tags: Option<&HashMap<String, String>>,
    (created, updated): (Option<&DateTime>, Option<&DateTime>),
) -> ObservedRoom {
    ObservedRoom {
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
