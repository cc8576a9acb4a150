//! Every limit of the API's shapes, and the refusal that names the member.

use std::collections::BTreeMap;

use super::Scope;
use super::call::{
    CreateChatToken, CreateLoggingConfiguration, CreateRoom, DeleteMessage, DisconnectUser,
    ListLoggingConfigurations, ListRooms, SendEvent, UpdateLoggingConfiguration, UpdateRoom,
};
use super::configuration::DestinationConfiguration;
use super::error::ApiError;
use super::room::{MessageReviewHandler, Tags};

/// Tags a resource may carry, those of AWS itself not counted.
pub const MAX_TAGS: usize = 50;
/// Keys that begin with this, in any case of letters, belong to AWS.
const SYSTEM_TAG_PREFIX: &str = "aws:";

fn is_system(key: &str) -> bool {
    let start = key.get(..SYSTEM_TAG_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(SYSTEM_TAG_PREFIX))
}

/// Of all attributes of a token or an event together, keys and values.
const MAX_ATTRIBUTE_BYTES: usize = 1024;

pub(super) const DEFAULT_MESSAGE_LENGTH: i32 = 500;
pub(super) const DEFAULT_MESSAGE_RATE: i32 = 10;

type Check = Result<(), ApiError>;

fn require(holds: bool, field: &str, problem: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Err(ApiError::field(field, &problem()))
    }
}

pub(super) fn create_room(scope: &Scope, request: &CreateRoom) -> Check {
    room_members(
        scope,
        request.name.as_deref(),
        request.maximum_message_length,
        request.maximum_message_rate_per_second,
        request.message_review_handler.as_ref(),
        request.logging_configuration_identifiers.as_deref(),
    )?;
    request
        .tags
        .as_ref()
        .map_or(Ok(()), |given| tags("tags", given))
}

pub(super) fn update_room(scope: &Scope, request: &UpdateRoom) -> Check {
    room_identifier("identifier", &request.identifier)?;
    room_members(
        scope,
        request.name.as_deref(),
        request.maximum_message_length,
        request.maximum_message_rate_per_second,
        request.message_review_handler.as_ref(),
        request.logging_configuration_identifiers.as_deref(),
    )
}

fn room_members(
    scope: &Scope,
    name: Option<&str>,
    length: Option<i32>,
    rate: Option<i32>,
    handler: Option<&MessageReviewHandler>,
    logging: Option<&[String]>,
) -> Check {
    name.map_or(Ok(()), resource_name)?;
    range("maximumMessageLength", length, 1, 500)?;
    range("maximumMessageRatePerSecond", rate, 1, 100)?;
    handler
        .and_then(|handler| handler.uri.as_deref())
        .map_or(Ok(()), |uri| handler_uri(scope, uri))?;
    logging.map_or(Ok(()), |identifiers| {
        logging_identifiers(scope, identifiers)
    })
}

pub(super) fn list_rooms(request: &ListRooms) -> Check {
    request.name.as_deref().map_or(Ok(()), resource_name)?;
    page(request.max_results, request.next_token.as_deref())?;
    if let Some(identifier) = &request.logging_configuration_identifier {
        logging_configuration_identifier("loggingConfigurationIdentifier", identifier)?;
    }
    if let Some(uri) = &request.message_review_handler_uri {
        lambda_arn("messageReviewHandlerUri", uri)?;
    }
    Ok(())
}

pub(super) fn list_logging_configurations(request: &ListLoggingConfigurations) -> Check {
    page(request.max_results, request.next_token.as_deref())
}

fn page(max_results: Option<i32>, next_token: Option<&str>) -> Check {
    range("maxResults", max_results, 1, 50)?;
    optional_length("nextToken", next_token, 0, 1024)
}

pub(super) fn create_chat_token(request: &CreateChatToken) -> Check {
    room_identifier("roomIdentifier", &request.room_identifier)?;
    length("userId", &request.user_id, 1, 128)?;
    let minutes = request.session_duration_in_minutes;
    range("sessionDurationInMinutes", minutes, 1, 180)?;
    attributes(request.attributes.as_ref())
}

pub(super) fn send_event(request: &SendEvent) -> Check {
    room_identifier("roomIdentifier", &request.room_identifier)?;
    length("eventName", &request.event_name, 1, 100)?;
    attributes(request.attributes.as_ref())
}

pub(super) fn delete_message(request: &DeleteMessage) -> Check {
    room_identifier("roomIdentifier", &request.room_identifier)?;
    length("id", &request.id, 12, 12)?;
    characters("id", &request.id, "[a-zA-Z0-9]+", |c| {
        c.is_ascii_alphanumeric()
    })?;
    optional_length("reason", request.reason.as_deref(), 1, 256)
}

pub(super) fn disconnect_user(request: &DisconnectUser) -> Check {
    room_identifier("roomIdentifier", &request.room_identifier)?;
    length("userId", &request.user_id, 1, 128)?;
    optional_length("reason", request.reason.as_deref(), 1, 256)
}

fn attributes(attributes: Option<&BTreeMap<String, String>>) -> Check {
    let bytes = attributes
        .into_iter()
        .flatten()
        .map(|(key, value)| key.len() + value.len());
    let bytes: usize = bytes.sum();
    require(bytes <= MAX_ATTRIBUTE_BYTES, "attributes", || {
        format!("Member must have at most {MAX_ATTRIBUTE_BYTES} bytes in all, found {bytes}")
    })
}

pub(super) fn create_logging_configuration(request: &CreateLoggingConfiguration) -> Check {
    request.name.as_deref().map_or(Ok(()), resource_name)?;
    destination(&request.destination_configuration)?;
    request
        .tags
        .as_ref()
        .map_or(Ok(()), |given| tags("tags", given))
}

pub(super) fn update_logging_configuration(request: &UpdateLoggingConfiguration) -> Check {
    logging_configuration_identifier("identifier", &request.identifier)?;
    request.name.as_deref().map_or(Ok(()), resource_name)?;
    request
        .destination_configuration
        .as_ref()
        .map_or(Ok(()), destination)
}

fn destination(destination: &DestinationConfiguration) -> Check {
    match destination {
        DestinationConfiguration::S3 { bucket_name } => {
            const FIELD: &str = "destinationConfiguration.s3.bucketName";
            length(FIELD, bucket_name, 3, 63)?;
            characters(FIELD, bucket_name, "[a-z0-9-.]+", |c| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c)
            })
        }
        DestinationConfiguration::CloudWatchLogs { log_group_name } => {
            const FIELD: &str = "destinationConfiguration.cloudWatchLogs.logGroupName";
            length(FIELD, log_group_name, 1, 512)?;
            characters(FIELD, log_group_name, r"[\.\-_/#A-Za-z0-9]+", |c| {
                c.is_ascii_alphanumeric() || ".-_/#".contains(c)
            })
        }
        DestinationConfiguration::Firehose {
            delivery_stream_name,
        } => {
            const FIELD: &str = "destinationConfiguration.firehose.deliveryStreamName";
            length(FIELD, delivery_stream_name, 1, 64)?;
            characters(FIELD, delivery_stream_name, "[a-zA-Z0-9_.-]+", |c| {
                c.is_ascii_alphanumeric() || "_.-".contains(c)
            })
        }
    }
}

pub(super) fn logging_configuration_identifier(field: &str, arn: &str) -> Check {
    length(field, arn, 1, 128)?;
    ivschat_arn(field, arn, &["logging-configuration"]).map(drop)
}

pub(super) fn room_identifier(field: &str, arn: &str) -> Check {
    length(field, arn, 1, 128)?;
    ivschat_arn(field, arn, &["room"]).map(drop)
}

pub(super) fn resource_arn(field: &str, arn: &str) -> Check {
    length(field, arn, 1, 128)?;
    ivschat_arn(field, arn, &["room", "logging-configuration"]).map(drop)
}

/// A well-formed ARN of another account is denied rather than not found.
pub(super) fn same_account(scope: &Scope, arn: &str) -> Check {
    if arn.split(':').nth(4) == Some(scope.account.as_str()) {
        Ok(())
    } else {
        Err(ApiError::other_account(arn))
    }
}

pub(super) fn tags(field: &str, tags: &Tags) -> Check {
    tag_count(field, tags)?;
    for (key, value) in tags {
        tag_key(field, key)?;
        let allowed = value.chars().count() <= 256 && value.chars().all(tag_character);
        require(allowed, field, || {
            format!("value of tag '{key}' must have at most 256 of the allowed characters")
        })?;
    }
    Ok(())
}

pub(super) fn tag_count(field: &str, tags: &Tags) -> Check {
    let count = tags.keys().filter(|key| !is_system(key)).count();
    require(count <= MAX_TAGS, field, || {
        format!("at most {MAX_TAGS} tags, found {count}")
    })
}

pub(super) fn tag_keys(field: &str, keys: &[String]) -> Check {
    require(keys.len() <= MAX_TAGS, field, || {
        format!("at most {MAX_TAGS} keys, found {}", keys.len())
    })?;
    keys.iter().try_for_each(|key| tag_key(field, key))
}

fn tag_key(field: &str, key: &str) -> Check {
    require(!is_system(key), field, || {
        format!("tag key '{key}' is reserved for AWS")
    })?;
    let characters = key.chars().count();
    let allowed = (1..=128).contains(&characters) && key.chars().all(tag_character);
    require(allowed, field, || {
        "tag keys must have 1 to 128 of the allowed characters".to_owned()
    })
}

fn tag_character(c: char) -> bool {
    c.is_alphabetic() || c.is_numeric() || " _.:/=+-@".contains(c)
}

/// Of a room or a logging configuration.
fn resource_name(name: &str) -> Check {
    length("name", name, 0, 128)?;
    characters("name", name, "[a-zA-Z0-9-_]*", |c| {
        c.is_ascii_alphanumeric() || c == '-' || c == '_'
    })
}

fn handler_uri(scope: &Scope, uri: &str) -> Check {
    let Some((region, account)) = lambda_arn("messageReviewHandler.uri", uri)? else {
        return Ok(());
    };
    if region == scope.region && account == scope.account {
        return Ok(());
    }
    Err(ApiError::invalid(
        "The message review handler must be in the room's account and region",
    ))
}

/// The region and account of a Lambda function's ARN; none where it is empty.
fn lambda_arn<'a>(field: &str, uri: &'a str) -> Result<Option<(&'a str, &'a str)>, ApiError> {
    length(field, uri, 0, 170)?;
    if uri.is_empty() {
        return Ok(None);
    }
    let parts: Vec<&str> = uri.splitn(7, ':').collect();
    if let ["arn", "aws", "lambda", region, account, "function", name] = parts[..]
        && is_region(region)
        && account.len() == 12
        && is_digits(account)
        && !name.is_empty()
        // What `.` of the pattern does not match.
        && !name.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
    {
        return Ok(Some((region, account)));
    }
    Err(ApiError::field(
        field,
        "Member must be the ARN of a Lambda function",
    ))
}

fn logging_identifiers(scope: &Scope, identifiers: &[String]) -> Check {
    const FIELD: &str = "loggingConfigurationIdentifiers";
    require(identifiers.len() <= 3, FIELD, || {
        format!("at most 3, found {}", identifiers.len())
    })?;
    for identifier in identifiers {
        length(FIELD, identifier, 1, 128)?;
        let (region, account) = ivschat_arn(FIELD, identifier, &["logging-configuration"])?;
        require(
            region == scope.region && account == scope.account,
            FIELD,
            || "logging configurations must be in the room's account and region".to_owned(),
        )?;
    }
    Ok(())
}

/// The region and account of `arn:aws:ivschat:{region}:{account}:{kind}/{id}`.
fn ivschat_arn<'a>(
    field: &str,
    arn: &'a str,
    kinds: &[&str],
) -> Result<(&'a str, &'a str), ApiError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", "aws", "ivschat", region, account, resource] = parts[..]
        && is_region(region)
        && is_digits(account)
        && let Some((kind, id)) = resource.split_once('/')
        && kinds.contains(&kind)
        && !id.is_empty()
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return Ok((region, account));
    }
    Err(ApiError::field(
        field,
        "Member must be the ARN of an IVS Chat resource",
    ))
}

fn is_region(region: &str) -> bool {
    !region.is_empty()
        && region
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

fn length(field: &str, value: &str, min: usize, max: usize) -> Check {
    let characters = value.chars().count();
    require((min..=max).contains(&characters), field, || {
        format!("Member must have length between {min} and {max}, found {characters}")
    })
}

fn optional_length(field: &str, value: Option<&str>, min: usize, max: usize) -> Check {
    value.map_or(Ok(()), |value| length(field, value, min, max))
}

fn characters(field: &str, value: &str, pattern: &str, allowed: impl Fn(char) -> bool) -> Check {
    require(value.chars().all(allowed), field, || {
        format!("Member must satisfy regular expression pattern: {pattern}")
    })
}

fn range(field: &str, value: Option<i32>, min: i32, max: i32) -> Check {
    value.map_or(Ok(()), |value| {
        require((min..=max).contains(&value), field, || {
            format!("Member must have value between {min} and {max}, found {value}")
        })
    })
}
