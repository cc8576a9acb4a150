//! What can go wrong, as a closed set of classes. The class decides reason, wait, and whether a person is needed.

use std::time::Duration;

use crate::api::Reason;

/// Why a pass could not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// AWS asks for fewer calls (429).
    Throttled,
    /// AWS failed (5xx) or could not be reached.
    Unavailable,
    /// The credentials may not do this, have expired, or are missing.
    Denied,
    /// The AWS account itself is not verified yet (PendingVerification).
    AccountUnverified,
    /// The account has all the rooms it may have (402).
    QuotaExceeded,
    /// The API refused a value (400).
    Invalid,
    /// IVS Chat may not invoke the review handler. The permission may still be spreading.
    HandlerNotPermitted,
    /// The room is missing (404).
    NotFound,
    /// AWS is busy with another change of the same resource (409).
    Conflict,
    /// The room's tags name another owner.
    Foreign,
    /// The room carries neither of the operator's tags.
    OwnershipLost,
    /// The credentials belong to another account than the room.
    AccountMismatch,
    /// The object breaks a rule.
    Unparseable,
    /// The room to adopt does not consent.
    ConsentMissing,
    /// Tags that the operator may not remove leave no space for the spec's tags.
    TagQuota,
}

/// First and longest wait between attempts; each attempt doubles it.
struct Waits {
    first: Duration,
    longest: Duration,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 15] = [
        Self::Throttled,
        Self::Unavailable,
        Self::Denied,
        Self::AccountUnverified,
        Self::QuotaExceeded,
        Self::Invalid,
        Self::HandlerNotPermitted,
        Self::NotFound,
        Self::Conflict,
        Self::Foreign,
        Self::OwnershipLost,
        Self::AccountMismatch,
        Self::Unparseable,
        Self::ConsentMissing,
        Self::TagQuota,
    ];

    /// The reason that conditions and events give.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Throttled => Reason::Throttled,
            Self::Unavailable => Reason::Unavailable,
            Self::Denied => Reason::Denied,
            Self::AccountUnverified => Reason::AccountUnverified,
            Self::QuotaExceeded => Reason::QuotaExceeded,
            Self::Invalid => Reason::Invalid,
            Self::HandlerNotPermitted => Reason::HandlerNotPermitted,
            Self::NotFound => Reason::NotFound,
            Self::Conflict => Reason::Conflict,
            Self::Foreign => Reason::Foreign,
            Self::OwnershipLost => Reason::OwnershipLost,
            Self::AccountMismatch => Reason::AccountMismatch,
            Self::Unparseable => Reason::InvalidSpec,
            Self::ConsentMissing => Reason::ConsentMissing,
            Self::TagQuota => Reason::TagQuota,
        }
    }

    /// Whether only a person can help. `Denied` does not count: IAM may still be spreading a permission.
    pub const fn stalled(self) -> bool {
        matches!(
            self,
            Self::Invalid
                | Self::Foreign
                | Self::OwnershipLost
                | Self::AccountMismatch
                | Self::AccountUnverified
                | Self::Unparseable
                | Self::ConsentMissing
        )
    }

    /// How long to wait before attempt `attempt + 1`, without jitter: the first wait, doubled each time, up to the longest.
    /// The operator never gives up: it retries slowly what needs a person.
    pub fn wait(self, attempt: u32) -> Duration {
        let Waits { first, longest } = self.waits();
        first
            .saturating_mul(2_u32.saturating_pow(attempt))
            .min(longest)
    }

    const fn waits(self) -> Waits {
        let (first, longest) = match self {
            // Retried soon: load and lag pass by themselves.
            Self::Throttled => (2, 120),
            Self::Unavailable | Self::NotFound | Self::Conflict => (1, 60),
            // IAM and Lambda permissions take seconds to minutes to spread.
            Self::Denied | Self::HandlerNotPermitted => (5, 300),
            // Someone has to delete a room, or take tags off one.
            Self::QuotaExceeded | Self::TagQuota => (30, 600),
            // Somebody gives consent in AWS, and no event reports it.
            Self::ConsentMissing => (15, 300),
            // Only a person can help, and an edit starts a pass at once anyway.
            Self::Invalid
            | Self::AccountUnverified
            | Self::Foreign
            | Self::OwnershipLost
            | Self::AccountMismatch
            | Self::Unparseable => (60, 1800),
        };
        Waits {
            first: Duration::from_secs(first),
            longest: Duration::from_secs(longest),
        }
    }
}

/// A failure's class, and its message to the user: what happened and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", class.reason())]
pub struct Failure {
    /// Decides reason, wait, and whether a person is needed.
    pub class: Class,
    /// For people; holds no secret and nothing that changes from attempt to attempt.
    pub message: String,
}

impl Failure {
    /// A failure of this class.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_first_to_the_longest_and_never_overflow() {
        let waits: Vec<_> = (0..9)
            .map(|attempt| Class::Unavailable.wait(attempt).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(Class::Invalid.wait(u32::MAX), Duration::from_mins(30));
    }

    #[test]
    fn every_class_has_a_reason_of_its_own() {
        let reasons: std::collections::BTreeSet<_> = Class::ALL
            .iter()
            .map(|class| class.reason().as_str())
            .collect();
        assert_eq!(reasons.len(), Class::ALL.len());
    }
}
