//! Call quotas: one token bucket per account, region and operation.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::call::Operation;
use super::{ApiError, Scope};

/// How many calls a second are answered before the rest is throttled.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Quotas {
    /// As many as come.
    #[default]
    Off,
    /// This many times what AWS grants; 1 is AWS. Positive and finite.
    TimesAws(f64),
}

/// The text names no quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotQuotas;

impl std::fmt::Display for NotQuotas {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("must be `aws`, `off`, or a factor such as `x20` or `x0.5`")
    }
}

impl std::error::Error for NotQuotas {}

impl FromStr for Quotas {
    type Err = NotQuotas;

    fn from_str(text: &str) -> Result<Self, NotQuotas> {
        match text {
            "off" => Ok(Self::Off),
            "aws" => Ok(Self::TimesAws(1.0)),
            _ => {
                let factor = text
                    .strip_prefix('x')
                    .and_then(|factor| factor.parse().ok());
                factor
                    .filter(|factor: &f64| factor.is_finite() && *factor > 0.0)
                    .map(Self::TimesAws)
                    .ok_or(NotQuotas)
            }
        }
    }
}

/// What AWS grants, in calls a second.
const fn granted(operation: Operation) -> Option<u32> {
    match operation {
        Operation::CreateRoom
        | Operation::GetRoom
        | Operation::UpdateRoom
        | Operation::DeleteRoom
        | Operation::ListRooms => Some(5),
        Operation::TagResource | Operation::UntagResource | Operation::ListTagsForResource => {
            Some(10)
        }
        Operation::CreateChatToken => Some(200),
        Operation::SendEvent | Operation::DeleteMessage | Operation::DisconnectUser => Some(100),
        Operation::CreateLoggingConfiguration
        | Operation::GetLoggingConfiguration
        | Operation::UpdateLoggingConfiguration
        | Operation::DeleteLoggingConfiguration
        | Operation::ListLoggingConfigurations => Some(3),
        Operation::GetCallerIdentity => None,
    }
}

/// Many more than anyone needs at a time.
const BUCKETS_MAX: usize = 10_000;
/// A bucket of AWS's size is full after a second; one of a small factor holds little.
const REFILLED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// The buckets. Each holds a second's worth of calls and starts full.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets(BTreeMap<(Scope, Operation), Bucket>);

#[derive(Debug, Clone)]
struct Bucket {
    calls: f64,
    at: Timestamp,
}

impl Buckets {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes one call out of its bucket, or refuses it.
    pub(super) fn take(
        &mut self,
        quotas: Quotas,
        scope: &Scope,
        operation: Operation,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let (Quotas::TimesAws(factor), Some(granted)) = (quotas, granted(operation)) else {
            return Ok(());
        };
        let rate = f64::from(granted) * factor;
        // However small the factor: a bucket that never holds a whole call would refuse for ever.
        let capacity = rate.max(1.0);
        if self.0.len() >= BUCKETS_MAX {
            // Clients may call any region. A bucket that is full again says no more than none at all.
            self.0
                .retain(|_, bucket| now.duration_since(bucket.at) < REFILLED_AFTER);
        }
        let bucket = self.0.entry((scope.clone(), operation)).or_insert(Bucket {
            calls: capacity,
            at: now,
        });
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.calls = (bucket.calls + passed * rate).min(capacity);
        bucket.at = now;
        if bucket.calls < 1.0 {
            return Err(ApiError::throttled(scope, operation, rate));
        }
        bucket.calls -= 1.0;
        Ok(())
    }
}
