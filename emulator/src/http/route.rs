//! From method, path, query and body to a call.

use axum::body::Bytes;
use axum::http::{Method, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::world::{ApiError, Call, Operation, Tags};

const TAGS: &str = "/tags/";
/// Members that must be there, by operation. Those inside others are checked where they are.
const REQUIRED: [(Operation, &[&str]); 13] = [
    (Operation::GetRoom, &["identifier"]),
    (Operation::UpdateRoom, &["identifier"]),
    (Operation::DeleteRoom, &["identifier"]),
    (Operation::TagResource, &["tags"]),
    (Operation::UntagResource, &["tagKeys"]),
    (Operation::CreateChatToken, &["roomIdentifier", "userId"]),
    (Operation::SendEvent, &["roomIdentifier", "eventName"]),
    (Operation::DeleteMessage, &["roomIdentifier", "id"]),
    (Operation::DisconnectUser, &["roomIdentifier", "userId"]),
    (Operation::CreateLoggingConfiguration, &[DESTINATION]),
    (Operation::GetLoggingConfiguration, &["identifier"]),
    (Operation::UpdateLoggingConfiguration, &["identifier"]),
    (Operation::DeleteLoggingConfiguration, &["identifier"]),
];
const DESTINATION: &str = "destinationConfiguration";
/// The kinds of a destination, and the one member of each.
const DESTINATIONS: [(&str, &str); 3] = [
    ("s3", "bucketName"),
    ("cloudWatchLogs", "logGroupName"),
    ("firehose", "deliveryStreamName"),
];
const FALLBACK_RESULTS: [&str; 2] = ["ALLOW", "DENY"];
const CAPABILITIES: [&str; 3] = ["SEND_MESSAGE", "DISCONNECT_USER", "DELETE_MESSAGE"];

/// Which operation a request is for; none where there is no such operation.
pub(super) fn operation(method: &Method, uri: &Uri, body: &[u8]) -> Option<Operation> {
    let path = uri.path();
    if path.starts_with(TAGS) {
        return match *method {
            Method::GET => Some(Operation::ListTagsForResource),
            Method::POST => Some(Operation::TagResource),
            Method::DELETE => Some(Operation::UntagResource),
            _ => None,
        };
    }
    if method != Method::POST {
        return None;
    }
    let name = path.strip_prefix('/')?;
    if name.is_empty() {
        let mut form = body.split(|byte| *byte == b'&');
        return form
            .any(|pair| pair == b"Action=GetCallerIdentity")
            .then_some(Operation::GetCallerIdentity);
    }
    let named = |operation: &Operation| operation.name() == name;
    let found = Operation::ALL.into_iter().find(named);
    // These go by other paths.
    found.filter(|operation| {
        !matches!(
            operation,
            Operation::TagResource
                | Operation::UntagResource
                | Operation::ListTagsForResource
                | Operation::GetCallerIdentity
        )
    })
}

/// The operation's input: the members of the body, and those of the path and query under their own names.
pub(super) fn input(operation: Operation, uri: &Uri, body: &Bytes) -> Result<Value, ApiError> {
    let mut input = match operation {
        Operation::GetCallerIdentity
        | Operation::ListTagsForResource
        | Operation::UntagResource => json!({}),
        _ => json_body(body)?,
    };
    if let Some(arn) = uri.path().strip_prefix(TAGS) {
        input["resourceArn"] = Value::from(decoded(arn)?);
    }
    if operation == Operation::UntagResource {
        let query = uri.query().unwrap_or_default().split('&');
        let keys = query.filter_map(|pair| pair.strip_prefix("tagKeys="));
        let keys = keys.map(query_decoded).collect::<Result<Vec<_>, _>>()?;
        // A list in a query that has no elements is not there at all.
        if !keys.is_empty() {
            input["tagKeys"] = Value::from(keys);
        }
    }
    Ok(input)
}

/// The call that an input makes.
pub(super) fn call(operation: Operation, input: &Value) -> Result<Call, ApiError> {
    complete(operation, input)?;
    known_values(operation, input)?;
    Ok(match operation {
        Operation::CreateRoom => Call::CreateRoom(parsed(input)?),
        Operation::GetRoom => Call::GetRoom {
            identifier: parsed::<Identifier>(input)?.identifier,
        },
        Operation::UpdateRoom => Call::UpdateRoom(parsed(input)?),
        Operation::DeleteRoom => Call::DeleteRoom {
            identifier: parsed::<Identifier>(input)?.identifier,
        },
        Operation::ListRooms => Call::ListRooms(parsed(input)?),
        Operation::TagResource => {
            let TagResource { resource_arn, tags } = parsed(input)?;
            Call::TagResource { resource_arn, tags }
        }
        Operation::UntagResource => {
            let UntagResource {
                resource_arn,
                tag_keys,
            } = parsed(input)?;
            Call::UntagResource {
                resource_arn,
                tag_keys,
            }
        }
        Operation::ListTagsForResource => Call::ListTagsForResource {
            resource_arn: parsed::<ResourceArn>(input)?.resource_arn,
        },
        Operation::CreateChatToken => Call::CreateChatToken(parsed(input)?),
        Operation::SendEvent => Call::SendEvent(parsed(input)?),
        Operation::DeleteMessage => Call::DeleteMessage(parsed(input)?),
        Operation::DisconnectUser => Call::DisconnectUser(parsed(input)?),
        Operation::CreateLoggingConfiguration => {
            Call::CreateLoggingConfiguration(parsed(&narrowed(input))?)
        }
        Operation::GetLoggingConfiguration => Call::GetLoggingConfiguration {
            identifier: parsed::<Identifier>(input)?.identifier,
        },
        Operation::UpdateLoggingConfiguration => {
            Call::UpdateLoggingConfiguration(parsed(&narrowed(input))?)
        }
        Operation::DeleteLoggingConfiguration => Call::DeleteLoggingConfiguration {
            identifier: parsed::<Identifier>(input)?.identifier,
        },
        Operation::ListLoggingConfigurations => Call::ListLoggingConfigurations(parsed(input)?),
        Operation::GetCallerIdentity => Call::GetCallerIdentity,
    })
}

#[derive(Deserialize)]
struct Identifier {
    identifier: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceArn {
    resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagResource {
    resource_arn: String,
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

/// Whether every required member is there.
fn complete(operation: Operation, input: &Value) -> Result<(), ApiError> {
    let missing = |name: &str| ApiError::field(name, "Member must not be null");
    let required = REQUIRED.iter().find(|(of, _)| *of == operation);
    for name in required.into_iter().flat_map(|(_, names)| *names) {
        if input[*name].is_null() {
            return Err(missing(name));
        }
    }
    for name in ["messageReviewHandler", DESTINATION] {
        if !input[name].is_null() && !input[name].is_object() {
            return Err(ApiError::malformed(&format!("{name} must be an object")));
        }
    }
    let Some(destination) = input[DESTINATION].as_object() else {
        return Ok(());
    };
    let given = |(kind, _): &&(&str, &str)| destination.get(*kind).is_some_and(|it| !it.is_null());
    let given: Vec<_> = DESTINATIONS.iter().filter(given).collect();
    let [(kind, member)] = given[..] else {
        let problem = format!("exactly one destination must be set, found {}", given.len());
        return Err(ApiError::field(DESTINATION, &problem));
    };
    let path = format!("{DESTINATION}.{kind}");
    match &destination[*kind] {
        inner if !inner.is_object() => {
            Err(ApiError::malformed(&format!("{path} must be an object")))
        }
        inner if inner[*member].is_null() => Err(missing(&format!("{path}.{member}"))),
        _ => Ok(()),
    }
}

/// The input with nothing in its destination but the one that is set: others may be null, or unknown.
fn narrowed(input: &Value) -> Value {
    let mut input = input.clone();
    if let Some(destination) = input[DESTINATION].as_object_mut() {
        destination.retain(|kind, inner| {
            let known = DESTINATIONS.iter().any(|(known, _)| known == kind);
            known && !inner.is_null()
        });
    }
    input
}

/// Whether members that take one of a few values have one of them.
fn known_values(operation: Operation, input: &Value) -> Result<(), ApiError> {
    match operation {
        Operation::CreateRoom | Operation::UpdateRoom => one_of(
            "messageReviewHandler.fallbackResult",
            &input["messageReviewHandler"]["fallbackResult"],
            &FALLBACK_RESULTS,
        ),
        Operation::CreateChatToken => {
            let mut capabilities = input["capabilities"].as_array().into_iter().flatten();
            capabilities
                .try_for_each(|capability| one_of("capabilities", capability, &CAPABILITIES))
        }
        _ => Ok(()),
    }
}

fn one_of(field: &str, value: &Value, known: &[&str]) -> Result<(), ApiError> {
    match value.as_str() {
        Some(value) if !known.contains(&value) => {
            let problem = format!("Member must satisfy enum value set: [{}]", known.join(", "));
            Err(ApiError::field(field, &problem))
        }
        _ => Ok(()),
    }
}

fn json_body(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(ApiError::malformed("the body must be a JSON object")),
        Err(error) => Err(ApiError::malformed(&error.to_string())),
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(input: &Value) -> Result<T, ApiError> {
    T::deserialize(input).map_err(|error| ApiError::malformed(&error.to_string()))
}

fn decoded(text: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| ApiError::malformed("the path and query must be UTF-8"))
}

fn query_decoded(text: &str) -> Result<String, ApiError> {
    decoded(&text.replace('+', "%20"))
}
