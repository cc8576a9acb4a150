//! What was called: one entry per request that named an operation, and counts of them all.

use std::collections::BTreeMap;

use axum::body::Bytes;
use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::world::{Operation, Scope};

/// One call as it came in and what it was answered. It holds all that was sent and answered, chat tokens included.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it came in.
    pub at: Timestamp,
    /// What was called.
    pub operation: Operation,
    /// Account and region of the credentials it was signed with; `None` where its signature was refused.
    pub scope: Option<Scope>,
    /// The input: body members, and those of the path and query under their own names. Null where it could not be read.
    pub input: Value,
    /// The HTTP status answered; `None` where the connection was closed without an answer.
    pub status: Option<u16>,
    /// The error code answered, if it was an error.
    pub error: Option<String>,
    /// The body answered; empty where there was none.
    pub answer: Bytes,
    /// The SDK's invocation id: the same for every attempt of one call.
    pub invocation: Option<String>,
    /// What the caller says it is: the SDK's own header, which holds the app id, else User-Agent.
    pub user_agent: Option<String>,
    /// Which attempt of the invocation this is, from 1, where the SDK says so.
    pub attempt: Option<u32>,
    /// Whether a scripted fault struck it.
    pub faulted: bool,
}

impl Entry {
    /// The input member of this name, or null.
    pub fn member(&self, name: &str) -> &Value {
        &self.input[name]
    }

    /// The body answered, as JSON; null where it is none.
    pub fn answer(&self) -> Value {
        serde_json::from_slice(&self.answer).unwrap_or_default()
    }

    /// In a word: `OK`, the error code, or `no answer`.
    pub fn outcome(&self) -> &str {
        match (&self.error, self.status) {
            (Some(code), _) => code,
            (None, Some(_)) => "OK",
            (None, None) => "no answer",
        }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("Entry", 12)?;
        entry.serialize_field("at", &self.at)?;
        entry.serialize_field("operation", &self.operation)?;
        let scope = self.scope.as_ref();
        entry.serialize_field("account", &scope.map(|scope| &scope.account))?;
        entry.serialize_field("region", &scope.map(|scope| &scope.region))?;
        entry.serialize_field("input", &self.input)?;
        entry.serialize_field("status", &self.status)?;
        entry.serialize_field("error", &self.error)?;
        entry.serialize_field("answer", &self.answer())?;
        entry.serialize_field("invocation", &self.invocation)?;
        entry.serialize_field("userAgent", &self.user_agent)?;
        entry.serialize_field("attempt", &self.attempt)?;
        entry.serialize_field("faulted", &self.faulted)?;
        entry.end()
    }
}

/// How often each operation had each [outcome](Entry::outcome).
pub type Counts = BTreeMap<Operation, BTreeMap<String, u64>>;

/// Answers that the journal holds at most, in bytes: lists are long.
const ANSWERS_MAX: usize = 128 * 1024 * 1024;

/// The calls so far.
#[derive(Debug, Clone)]
pub struct Journal {
    calls: Vec<Entry>,
    counts: Counts,
    max: usize,
    /// Of all answers together.
    bytes: usize,
}

impl Journal {
    /// An empty journal that does not grow for ever: past `max` calls, or 128 MiB of answers, the older half goes.
    pub fn new(max: usize) -> Self {
        Self {
            calls: Vec::new(),
            counts: Counts::new(),
            max,
            bytes: 0,
        }
    }

    /// The calls, oldest first; after very many, only the newer ones.
    pub fn calls(&self) -> &[Entry] {
        &self.calls
    }

    /// All calls counted, also those no longer kept.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) fn record(&mut self, entry: Entry) {
        let outcomes = self.counts.entry(entry.operation).or_default();
        match outcomes.get_mut(entry.outcome()) {
            Some(count) => *count += 1,
            None => drop(outcomes.insert(entry.outcome().to_owned(), 1)),
        }
        if self.calls.len() >= self.max || self.bytes >= ANSWERS_MAX {
            let gone = self.calls.drain(..self.calls.len().div_ceil(2));
            self.bytes -= gone.map(|entry| entry.answer.len()).sum::<usize>();
        }
        self.bytes += entry.answer.len();
        self.calls.push(entry);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.max);
    }
}
