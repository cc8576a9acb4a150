//! What is counted of the calls.

use std::fmt;
use std::time::{Duration, SystemTime};

use ivschat_core::lanes::Lane;

/// A call that waits for its quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Where it goes.
    pub region: String,
    /// AWS's name of it.
    pub operation: &'static str,
    /// How urgent it is.
    pub lane: Lane,
    /// The namespace of the object that it is for; empty: it is for none.
    pub namespace: String,
    /// Counts the calls of its region and operation.
    pub number: u64,
}

/// Counts calls. Every `operation` is AWS's name of one, every `code` a reason of [`Reason`](ivschat_core::api::Reason) or `OK`.
pub trait Meter: fmt::Debug + Send + Sync {
    /// There can be calls of this operation: its figures begin at 0.
    fn expect_calls(&self, operation: &'static str);
    /// A request ended, retries counted one by one, after this long.
    fn called(&self, operation: &'static str, code: &'static str, took: Duration);
    /// AWS asked for fewer calls.
    fn throttled(&self, operation: &'static str);
    /// A call waits for its quota from now on.
    fn waits(&self, turn: &Turn) {
        let _ = turn;
    }
    /// A call waited this long for its quota, and is sent now.
    fn waited(&self, turn: &Turn, time: Duration);
    /// A call waits for its quota no more, and is not sent.
    fn left(&self, turn: &Turn) {
        let _ = turn;
    }
    /// Since AWS refused calls, this share of the quota is used in a region, more than 0 and at most 1: all of it again.
    fn learned(&self, region: &str, operation: &'static str, share: f64) {
        let _ = (region, operation, share);
    }
    /// A complete list of a region was made, which began then.
    fn listed(&self, begun: SystemTime);
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn expect_calls(&self, _: &'static str) {}
    fn called(&self, _: &'static str, _: &'static str, _: Duration) {}
    fn throttled(&self, _: &'static str) {}
    fn waited(&self, _: &Turn, _: Duration) {}
    fn listed(&self, _: SystemTime) {}
}
