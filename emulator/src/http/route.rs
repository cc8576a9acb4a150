//! From method, path, query and body to a call.

use axum::body::Bytes;
use axum::http::{Method, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::world::{ApiError, Call, CreateRoom, ListRooms, Tags, UpdateRoom};

/// What a request asks for.
pub(super) enum Route {
    /// A call of IVS Chat, and its input as the journal shows it.
    IvsChat { call: Call, input: Value },
    /// STS: which account do these credentials belong to?
    GetCallerIdentity,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(default)]
    identifier: String,
}

#[derive(Deserialize)]
struct TagsMember {
    tags: Option<Tags>,
}

pub(super) fn route(method: &Method, uri: &Uri, body: &Bytes) -> Result<Route, ApiError> {
    let path = uri.path();
    if let Some(arn) = path.strip_prefix("/tags/") {
        return tag_route(
            method,
            &decoded(arn)?,
            uri.query().unwrap_or_default(),
            body,
        );
    }
    if method != Method::POST {
        return Err(ApiError::unknown_operation());
    }
    if path == "/" {
        return sts_route(body);
    }
    let input = json_body(body)?;
    let call = match path {
        "/CreateRoom" => Call::CreateRoom(parsed::<CreateRoom>(&input)?),
        "/GetRoom" => Call::GetRoom {
            identifier: parsed::<Identifier>(&input)?.identifier,
        },
        "/UpdateRoom" => Call::UpdateRoom(parsed::<UpdateRoom>(&input)?),
        "/DeleteRoom" => Call::DeleteRoom {
            identifier: parsed::<Identifier>(&input)?.identifier,
        },
        "/ListRooms" => Call::ListRooms(parsed::<ListRooms>(&input)?),
        _ => return Err(ApiError::unknown_operation()),
    };
    Ok(Route::IvsChat { call, input })
}

fn tag_route(method: &Method, arn: &str, query: &str, body: &Bytes) -> Result<Route, ApiError> {
    let resource_arn = arn.to_owned();
    let (call, input) = match *method {
        Method::GET => (
            Call::ListTagsForResource { resource_arn },
            json!({"resourceArn": arn}),
        ),
        Method::POST => {
            let members = parsed::<TagsMember>(&json_body(body)?)?;
            let tags = members
                .tags
                .ok_or_else(|| ApiError::field("tags", "Member must not be null"))?;
            let input = json!({"resourceArn": arn, "tags": tags});
            (Call::TagResource { resource_arn, tags }, input)
        }
        Method::DELETE => {
            let keys = query
                .split('&')
                .filter_map(|pair| pair.strip_prefix("tagKeys="));
            let tag_keys = keys.map(query_decoded).collect::<Result<Vec<_>, _>>()?;
            let input = json!({"resourceArn": arn, "tagKeys": tag_keys});
            (
                Call::UntagResource {
                    resource_arn,
                    tag_keys,
                },
                input,
            )
        }
        _ => return Err(ApiError::unknown_operation()),
    };
    Ok(Route::IvsChat { call, input })
}

fn sts_route(body: &Bytes) -> Result<Route, ApiError> {
    let form = std::str::from_utf8(body).unwrap_or_default();
    if form
        .split('&')
        .any(|pair| pair == "Action=GetCallerIdentity")
    {
        Ok(Route::GetCallerIdentity)
    } else {
        Err(ApiError::unknown_operation())
    }
}

fn json_body(body: &Bytes) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(malformed("the body must be a JSON object")),
        Err(error) => Err(malformed(&error.to_string())),
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(input: &Value) -> Result<T, ApiError> {
    T::deserialize(input).map_err(|error| malformed(&error.to_string()))
}

fn malformed(problem: &str) -> ApiError {
    ApiError::new(400, "SerializationException", problem)
}

fn decoded(text: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| malformed("the path is not UTF-8"))
}

fn query_decoded(text: &str) -> Result<String, ApiError> {
    decoded(&text.replace('+', "%20"))
}
