//! Conditions: types and reasons, both closed lists.

use std::fmt;

/// The conditions of a ChatRoom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionType {
    /// The room exists and is as specified.
    Ready,
    /// The last exchange with AWS went through.
    Synced,
    /// Only a person's act can help.
    Stalled,
}

impl ConditionType {
    /// As it stands in a condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Synced => "Synced",
            Self::Stalled => "Stalled",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The three values of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody knows.
    Unknown,
}

impl Truth {
    /// As it stands in a condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a condition is what it is. Users match on these: an entry may be added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The room is as specified.
    Available,
    /// A CreateRoom without a known outcome: the room is being looked for.
    CreationPending,
    /// The room is being deleted, or it is being made sure that none is left.
    Deleting,
    /// AWS asks for fewer calls.
    Throttled,
    /// AWS could not be reached, or failed.
    Unavailable,
    /// The credentials may not do this, or there are none.
    Denied,
    /// The AWS account itself is not verified yet.
    AccountUnverified,
    /// The account has all the rooms it may have.
    QuotaExceeded,
    /// AWS refused a value of the spec.
    Invalid,
    /// IVS Chat may not invoke the message review handler.
    HandlerNotPermitted,
    /// The room is missing.
    NotFound,
    /// AWS is busy with another change of the same resource.
    Conflict,
    /// The room belongs to someone else.
    Foreign,
    /// The room carries no proof of whose it is.
    OwnershipLost,
    /// The credentials belong to another account than the room.
    AccountMismatch,
    /// The spec breaks a rule.
    InvalidSpec,
    /// The room to adopt does not consent.
    ConsentMissing,
    /// Tags that the operator may not remove leave no room for the spec's.
    TagQuota,
    /// The operator was not told to make rooms in the region.
    RegionNotServed,
    /// A room that exists already is being taken over.
    Adopting,
    /// The room differs, and is only observed.
    Drifted,
    /// An annotation stops changes.
    Paused,
    /// The operator has let the room go, before it was uninstalled.
    Released,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 23] = [
        Self::Available,
        Self::CreationPending,
        Self::Deleting,
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
        Self::InvalidSpec,
        Self::ConsentMissing,
        Self::TagQuota,
        Self::RegionNotServed,
        Self::Adopting,
        Self::Drifted,
        Self::Paused,
        Self::Released,
    ];

    /// The reason as it stands in a condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::CreationPending => "CreationPending",
            Self::Deleting => "Deleting",
            Self::Throttled => "Throttled",
            Self::Unavailable => "Unavailable",
            Self::Denied => "Denied",
            Self::AccountUnverified => "AccountUnverified",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::Invalid => "Invalid",
            Self::HandlerNotPermitted => "HandlerNotPermitted",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::Foreign => "Foreign",
            Self::OwnershipLost => "OwnershipLost",
            Self::AccountMismatch => "AccountMismatch",
            Self::InvalidSpec => "InvalidSpec",
            Self::ConsentMissing => "ConsentMissing",
            Self::TagQuota => "TagQuota",
            Self::RegionNotServed => "RegionNotServed",
            Self::Adopting => "Adopting",
            Self::Drifted => "Drifted",
            Self::Paused => "Paused",
            Self::Released => "Released",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
