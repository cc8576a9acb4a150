//! What the operator decides about its calls.

use std::time::Duration;

/// What the operator decides about its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Region of objects that name none; `None`: as the SDK finds it (`AWS_REGION`, profile, instance metadata).
    pub region: Option<String>,
    /// Endpoint of IVS Chat and STS; `None`: AWS, or as `AWS_ENDPOINT_URL…` say.
    pub endpoint: Option<String>,
    /// A call, its retries included, ends after this.
    pub operation_timeout: Duration,
    /// The share of AWS's call quotas to use, more than 0.
    pub quota_factor: f64,
    /// How many requests of an operation may be under way at once in a region, at least 1.
    pub concurrency: u16,
    /// Multiplies the waits between attempts; 1 outside tests.
    pub wait_factor: f64,
}

impl Settings {
    /// One attempt ends after this, so that an attempt without an answer leaves time for another.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.operation_timeout.mul_f64(0.45)
    }
}
