//! What was called: one entry per request that named an operation.

use jiff::Timestamp;
use serde_json::Value;

use crate::world::{Operation, Scope};

/// One call as it came in and what it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it came in.
    pub at: Timestamp,
    /// What was called.
    pub operation: Operation,
    /// Account and region of the credentials it was signed with.
    pub scope: Scope,
    /// The input: body members, and those of the path and query under their own names.
    pub input: Value,
    /// The HTTP status answered; `None` where the connection was closed without an answer.
    pub status: Option<u16>,
    /// The error code answered, if it was an error.
    pub error: Option<String>,
    /// The SDK's invocation id: the same for every attempt of one call.
    pub invocation: Option<String>,
}

impl Entry {
    /// The input member of this name, or null.
    pub fn member(&self, name: &str) -> &Value {
        &self.input[name]
    }
}
