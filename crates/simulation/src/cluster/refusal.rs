//! What the API server answers instead of an object: a Status that says why.

use std::fmt;

use serde_json::{Map, Value, json};

use super::kind::Kind;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// The reason, in CamelCase; empty for errors that the API server did not foresee.
    pub reason: &'static str,
    /// What people read.
    pub message: String,
    details: Value,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: String, details: Value) -> Self {
        Self {
            code,
            reason,
            message,
            details,
        }
    }

    /// A 404: there is no object of this name.
    pub(super) fn not_found(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource(kind));
        Self::new(404, "NotFound", message, details(kind, name))
    }

    /// A 404: there is no such path.
    pub(super) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource".to_owned();
        Self::new(404, "NotFound", message, json!({}))
    }

    /// A 405: there is no such call.
    pub(super) fn no_such_method() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self::new(405, "MethodNotAllowed", message, json!({}))
    }

    /// A 409: the name is taken.
    pub(super) fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource(kind));
        Self::new(409, "AlreadyExists", message, details(kind, name))
    }

    /// A 409: the object is not as the caller believes.
    pub(super) fn conflict(kind: Kind, name: &str, why: &str) -> Self {
        let resource = resource(kind);
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::new(409, "Conflict", message, details(kind, name))
    }

    /// A 409: the object has another resourceVersion than the caller saw.
    pub(super) fn modified(kind: Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// A 422: these fields are wrong.
    pub(super) fn invalid(kind: Kind, name: &str, causes: &[Cause]) -> Self {
        let told: Vec<_> = causes.iter().map(ToString::to_string).collect();
        let told = match told.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let message = format!("{} \"{name}\" is invalid: {told}", qualified(kind));
        let mut details = details(kind, name);
        details["kind"] = json!(kind.name());
        details["causes"] = causes.iter().map(Cause::shown).collect();
        Self::new(422, "Invalid", message, details)
    }

    /// A 422: the parameters of a request do not go together.
    pub(super) fn options(why: &str) -> Self {
        let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {why}");
        let details = json!({"group": "meta.k8s.io", "kind": "ListOptions"});
        Self::new(422, "Invalid", message, details)
    }

    /// A 422: a JSON patch does not apply, or one of its tests failed.
    pub(super) fn patch_failed() -> Self {
        let message = "the server rejected our request due to an error in our request".to_owned();
        Self::new(422, "Invalid", message, json!({}))
    }

    /// A 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message.into(), Value::Null)
    }

    /// A 415: the body has a format that this call does not take.
    pub(super) fn unknown_format() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json";
        Self::new(415, "UnsupportedMediaType", message.to_owned(), Value::Null)
    }

    /// A 403: nothing new comes into a namespace that is being deleted.
    pub(super) fn terminating(kind: Kind, name: &str, namespace: &str) -> Self {
        let message = format!(
            "{} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
            resource(kind)
        );
        let mut details = details(kind, name);
        details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        Self::new(403, "Forbidden", message, details)
    }

    /// A 410: what is asked for has been forgotten.
    pub(super) fn expired(wanted: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {wanted} ({oldest})");
        Self::new(410, "Expired", message, Value::Null)
    }

    /// A 500: the API server did not foresee this.
    pub(super) fn unforeseen(message: impl Into<String>) -> Self {
        Self::new(500, "", message.into(), Value::Null)
    }

    /// The Status that is answered.
    pub fn status(&self) -> Value {
        let mut status = Map::new();
        status.insert("kind".to_owned(), json!("Status"));
        status.insert("apiVersion".to_owned(), json!("v1"));
        status.insert("metadata".to_owned(), json!({}));
        status.insert("status".to_owned(), json!("Failure"));
        status.insert("message".to_owned(), json!(self.message));
        if !self.reason.is_empty() {
            status.insert("reason".to_owned(), json!(self.reason));
        }
        if !self.details.is_null() {
            status.insert("details".to_owned(), self.details.clone());
        }
        status.insert("code".to_owned(), json!(self.code));
        Value::Object(status)
    }
}

/// A field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) reason: &'static str,
    pub(super) field: String,
    pub(super) message: String,
}

impl Cause {
    pub(super) fn invalid(field: &str, message: impl fmt::Display) -> Self {
        Self {
            reason: "FieldValueInvalid",
            field: field.to_owned(),
            message: format!("Invalid value: {message}"),
        }
    }

    pub(super) fn required(field: &str) -> Self {
        Self {
            reason: "FieldValueRequired",
            field: field.to_owned(),
            message: "Required value".to_owned(),
        }
    }

    pub(super) fn forbidden(field: &str, message: impl fmt::Display) -> Self {
        Self {
            reason: "FieldValueForbidden",
            field: field.to_owned(),
            message: format!("Forbidden: {message}"),
        }
    }

    fn shown(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

/// What a successful deletion answers once the object is gone.
pub(super) fn deleted(kind: Kind, name: &str, uid: &Value) -> Value {
    let mut details = details(kind, name);
    details["uid"] = uid.clone();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// `chatrooms.ivschat-operator.io`
fn resource(kind: Kind) -> String {
    dotted(kind.plural(), kind)
}

/// `ChatRoom.ivschat-operator.io`
fn qualified(kind: Kind) -> String {
    dotted(kind.name(), kind)
}

fn dotted(name: &str, kind: Kind) -> String {
    match kind.group() {
        "" => name.to_owned(),
        group => format!("{name}.{group}"),
    }
}

fn details(kind: Kind, name: &str) -> Value {
    let mut details = json!({"name": name, "kind": kind.plural()});
    if !kind.group().is_empty() {
        details["group"] = json!(kind.group());
    }
    details
}
