//! The errors IVS Chat answers with.

use serde_json::{Map, Value, json};

/// An error as the API models it: HTTP status, error code and body members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The error's name, e.g. `ValidationException`.
    pub code: String,
    /// Body members, `message` among them.
    pub members: Map<String, Value>,
}

impl ApiError {
    /// An error with only a message, as a fault or a front door gives it.
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self::with_members(status, code, message, json!({}))
    }

    /// A 400: member `field` breaks a limit.
    pub(crate) fn field(field: &str, problem: &str) -> Self {
        let message = format!(
            "1 validation error detected: Value at '{field}' failed to satisfy constraint: {problem}"
        );
        let members = json!({
            "reason": "FIELD_VALIDATION_FAILED",
            "fieldList": [{"name": field, "message": problem}],
        });
        Self::with_members(400, "ValidationException", &message, members)
    }

    /// A 400 that no single member is to blame for.
    pub(crate) fn invalid(message: &str) -> Self {
        Self::with_members(
            400,
            "ValidationException",
            message,
            json!({"reason": "OTHER"}),
        )
    }

    /// A 400: there is no operation at this method and path.
    pub(crate) fn unknown_operation() -> Self {
        Self::with_members(
            400,
            "ValidationException",
            "Unknown operation",
            json!({"reason": "UNKNOWN_OPERATION"}),
        )
    }

    /// A 403: the caller's account may not touch this resource.
    pub(crate) fn other_account(arn: &str) -> Self {
        Self::new(
            403,
            "AccessDeniedException",
            &format!("Not authorized to access {arn}"),
        )
    }

    /// A 404 for a room.
    pub(crate) fn room_not_found(arn: &str) -> Self {
        let members = json!({"resourceId": arn, "resourceType": "ROOM"});
        Self::with_members(
            404,
            "ResourceNotFoundException",
            &format!("Room {arn} does not exist"),
            members,
        )
    }

    /// A 402: the account has all the rooms it may have here.
    pub(crate) fn room_quota(limit: usize) -> Self {
        let members = json!({"resourceId": "*", "resourceType": "ROOM", "limit": limit});
        let message = format!("The limit of {limit} rooms is reached");
        Self::with_members(402, "ServiceQuotaExceededException", &message, members)
    }

    fn with_members(status: u16, code: &str, message: &str, members: Value) -> Self {
        let mut members = match members {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.insert("message".to_owned(), Value::from(message));
        Self {
            status,
            code: code.to_owned(),
            members,
        }
    }

    /// The error's `message` member.
    pub fn message(&self) -> &str {
        self.members
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}
