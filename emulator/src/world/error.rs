//! The errors IVS Chat answers with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Scope;
use super::call::Operation;

/// An error as the API models it: HTTP status, error code and body members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// The error's name, e.g. `ValidationException`.
    pub code: String,
    /// Body members, `message` among them.
    #[serde(flatten)]
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

    /// A 403: no policy of IAM allows the caller this action.
    pub(crate) fn not_authorized(account: &str, action: &str) -> Self {
        let message = format!(
            "User: arn:aws:iam::{account}:user/emulator is not authorized to perform: {action} because no identity-based \
             policy allows the {action} action"
        );
        Self::new(403, "AccessDeniedException", &message)
    }

    /// A 404: nothing has this ARN. AWS documents no other `resourceType` than `ROOM`, and ids, not ARNs, as `resourceId`.
    pub(crate) fn not_found(arn: &str) -> Self {
        let (_, id) = arn.rsplit_once('/').unwrap_or_default();
        let members = json!({"resourceId": id, "resourceType": "ROOM"});
        Self::with_members(
            404,
            "ResourceNotFoundException",
            &format!("Resource {arn} does not exist"),
            members,
        )
    }

    /// A 409: the resource of this id is not in a state to be changed so.
    pub(crate) fn conflict(id: &str, message: &str) -> Self {
        let members = json!({"resourceId": id, "resourceType": "ROOM"});
        Self::with_members(409, "ConflictException", message, members)
    }

    /// A 402: the account has all it may have here.
    pub(crate) fn quota(scope: &Scope, what: &str, limit: usize) -> Self {
        let members = json!({"resourceId": scope.account, "resourceType": "ROOM", "limit": limit});
        let message = format!("The limit of {limit} {what} is reached");
        Self::with_members(402, "ServiceQuotaExceededException", &message, members)
    }

    /// A 429: the operation is called more often than `rate` times a second.
    pub(crate) fn throttled(scope: &Scope, operation: Operation, rate: f64) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a rate of calls; saturates"
        )]
        let limit = rate.ceil() as i32;
        let members = json!({"resourceId": scope.account, "resourceType": "ROOM", "limit": limit});
        let message = format!("Rate exceeded for {}", operation.name());
        Self::with_members(429, "ThrottlingException", &message, members)
    }

    /// A 400: the request is not of the operation's form.
    pub(crate) fn malformed(problem: &str) -> Self {
        Self::new(400, "SerializationException", problem)
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
