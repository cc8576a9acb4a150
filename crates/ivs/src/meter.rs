//! What is counted of the calls.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Counts calls. Every `operation` is AWS's name of one, every `code` a reason of [`Reason`](ivschat_core::api::Reason) or `OK`.
pub trait Meter: fmt::Debug + Send + Sync {
    /// There can be calls of this operation: its figures begin at 0.
    fn expect_calls(&self, operation: &'static str);
    /// A request ended, retries counted one by one, after this long.
    fn called(&self, operation: &'static str, code: &'static str, took: Duration);
    /// AWS asked for fewer calls.
    fn throttled(&self, operation: &'static str);
    /// A call waited this long for its quota.
    fn waited(&self, operation: &'static str, time: Duration);
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
    fn waited(&self, _: &'static str, _: Duration) {}
    fn listed(&self, _: SystemTime) {}
}
