//! What can go wrong, as a closed set of classes. The class decides reason, wait, and whether a person is needed.

use std::fmt;
use std::time::Duration;

use crate::api::Reason;

/// Why a pass could not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
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
    /// The operator was not told to make rooms in the region.
    RegionNotServed,
}

/// First and longest wait between attempts; each attempt doubles it.
struct Waits {
    first: Duration,
    longest: Duration,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 16] = [
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
        Self::RegionNotServed,
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
            Self::RegionNotServed => Reason::RegionNotServed,
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
                | Self::RegionNotServed
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
            | Self::Unparseable
            | Self::RegionNotServed => (60, 1800),
        };
        Waits {
            first: Duration::from_secs(first),
            longest: Duration::from_secs(longest),
        }
    }
}

/// What failed and why. Conditions and events show its [`message`](Self::message).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", class.reason(), self.message())]
pub struct Failure {
    /// Decides reason, wait, and whether a person is needed.
    pub class: FailureClass,
    /// AWS's name of the call that failed, if it was a call.
    pub operation: Option<&'static str>,
    /// What happened.
    pub cause: Cause,
}

/// What happened. Holds no secret and nothing that changes from attempt to attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// This, in words that also say what to do, if anything is to be done.
    Told(String),
    /// AWS answered with an error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// AWS's code of the error, if it gave one.
        code: Option<String>,
        /// AWS's words, if it gave any.
        message: Option<String>,
    },
    /// AWS could not be reached.
    Unreachable {
        /// The innermost cause: a name that does not resolve, a refused connection.
        why: String,
        /// The region that was called, if a user may have named one where IVS Chat is not offered.
        region: Option<String>,
    },
    /// The call could not be signed, because of another failure.
    Unsigned(Box<Failure>),
}

impl Failure {
    /// A failure of this class, with a message that says what happened and what to do.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            operation: None,
            cause: Cause::Told(message.into()),
        }
    }

    /// A failure of a call to AWS. `operation`: AWS's name of it.
    pub const fn of_call(class: FailureClass, operation: &'static str, cause: Cause) -> Self {
        Self {
            class,
            operation: Some(operation),
            cause,
        }
    }

    /// For people: what happened and what to do.
    pub fn message(&self) -> String {
        let operation = self.operation.map(|name| format!("{name}: "));
        let advice = self.cause.advice(self.class);
        format!("{}{}{advice}", operation.unwrap_or_default(), self.cause)
    }
}

impl Cause {
    /// What to do about it; begins with the full stop of the sentence before.
    fn advice(&self, class: FailureClass) -> String {
        match self {
            Self::Refused { .. } => refused_advice(class).to_owned(),
            Self::Unreachable {
                region: Some(region),
                ..
            } => {
                format!(
                    ". Is IVS Chat offered in region {region}, and within the operator's reach?"
                )
            }
            Self::Unreachable { region: None, .. } | Self::Told(_) | Self::Unsigned(_) => {
                String::new()
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(what) => f.write_str(what),
            Self::Refused {
                status, code: None, ..
            } => write!(f, "HTTP {status}"),
            Self::Refused {
                code: Some(code),
                message: None,
                ..
            } => f.write_str(code),
            Self::Refused {
                code: Some(code),
                message: Some(message),
                ..
            } => {
                // Whether it ends with a full stop is AWS's whim; the advice begins with one.
                write!(f, "{code}: {}", message.trim_end_matches('.'))
            }
            Self::Unreachable { why, .. } => write!(f, "AWS could not be reached: {why}"),
            Self::Unsigned(failure) => f.write_str(&failure.message()),
        }
    }
}

/// What to do if AWS answered with an error of this class.
const fn refused_advice(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Throttled => ". AWS asks for fewer calls; this is tried again",
        FailureClass::Denied => ". Check the operator's AWS credentials and IAM policy",
        FailureClass::AccountUnverified => {
            ". AWS has not verified this account yet: contact AWS Support"
        }
        FailureClass::QuotaExceeded => {
            ". Delete rooms that are no longer needed, or use another region or account"
        }
        FailureClass::Invalid => ". Correct the spec",
        FailureClass::HandlerNotPermitted => ". Allow ivschat.amazonaws.com to invoke the function",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_first_to_the_longest_and_never_overflow() {
        let waits: Vec<_> = (0..9)
            .map(|attempt| FailureClass::Unavailable.wait(attempt).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(
            FailureClass::Invalid.wait(u32::MAX),
            Duration::from_mins(30)
        );
    }

    #[test]
    fn every_class_has_a_reason_of_its_own() {
        let reasons: std::collections::BTreeSet<_> = FailureClass::ALL
            .iter()
            .map(|class| class.reason().as_str())
            .collect();
        assert_eq!(reasons.len(), FailureClass::ALL.len());
    }

    #[test]
    fn the_message_says_what_was_called_what_happened_and_what_to_do() {
        let refused = |class, code: Option<&str>, message: Option<&str>| {
            let cause = Cause::Refused {
                status: 403,
                code: code.map(str::to_owned),
                message: message.map(str::to_owned),
            };
            Failure::of_call(class, "CreateRoom", cause)
        };
        let unreachable = |region: Option<&str>| {
            let cause = Cause::Unreachable {
                why: "connection refused".to_owned(),
                region: region.map(str::to_owned),
            };
            Failure::of_call(FailureClass::Unavailable, "GetRoom", cause)
        };
        let pending = Some("PendingVerification");
        let unverified = FailureClass::AccountUnverified;
        let unsigned = Box::new(refused(FailureClass::Denied, Some("ExpiredToken"), None));
        for (failure, message) in [
            (
                refused(unverified, pending, Some("Your account is pending.")),
                "CreateRoom: PendingVerification: Your account is pending. AWS has not verified this account yet: contact AWS Support",
            ),
            (
                refused(unverified, pending, None),
                "CreateRoom: PendingVerification. AWS has not verified this account yet: contact AWS Support",
            ),
            (
                refused(FailureClass::Unavailable, None, None),
                "CreateRoom: HTTP 403",
            ),
            (
                unreachable(None),
                "GetRoom: AWS could not be reached: connection refused",
            ),
            (
                unreachable(Some("us-west-2")),
                "GetRoom: AWS could not be reached: connection refused. Is IVS Chat offered in region us-west-2, and within the operator's reach?",
            ),
            (
                Failure::of_call(FailureClass::Denied, "GetRoom", Cause::Unsigned(unsigned)),
                "GetRoom: CreateRoom: ExpiredToken. Check the operator's AWS credentials and IAM policy",
            ),
            (
                Failure::new(FailureClass::Foreign, "Not ours."),
                "Not ours.",
            ),
        ] {
            assert_eq!(failure.message(), message);
            let reason = failure.class.reason();
            assert_eq!(failure.to_string(), format!("{reason}: {message}"));
        }
    }

    #[test]
    fn every_refusal_that_a_person_can_do_something_about_says_what() {
        for class in FailureClass::ALL {
            let cause = Cause::Refused {
                status: 400,
                code: Some("Code".to_owned()),
                message: None,
            };
            let message = Failure::of_call(class, "UpdateRoom", cause).message();
            let told = message.strip_prefix("UpdateRoom: Code").unwrap();
            let expected = match class {
                FailureClass::Throttled => ". AWS asks for fewer calls",
                FailureClass::Denied => ". Check the operator's AWS credentials",
                FailureClass::AccountUnverified => ". AWS has not verified this account yet",
                FailureClass::QuotaExceeded => ". Delete rooms that are no longer needed",
                FailureClass::Invalid => ". Correct the spec",
                FailureClass::HandlerNotPermitted => ". Allow ivschat.amazonaws.com",
                _ => {
                    assert_eq!(told, "", "{class:?}");
                    continue;
                }
            };
            assert!(told.starts_with(expected), "{class:?}: {told}");
        }
    }
}
