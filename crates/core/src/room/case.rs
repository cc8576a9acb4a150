//! What a pass is about: the object as it was seen, what the operator was told, what it remembers, and what follows of these for
//! the room.

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};

use crate::api::{ChatRoomSpec, DeletionPolicy};

use super::recall::Recall;
use super::record::Record;
use super::seen::Seen;
use super::{
    Class, ClusterId, DesiredRoom, Failure, Identity, KeyPattern, Origin, Owner, Pause, RoomArn,
    TagScope, Tags, is_region,
};

/// What the operator was told about rooms.
#[derive(Debug, Clone, PartialEq)]
pub struct Policies {
    /// Stands in the owner tag of every room.
    pub cluster: ClusterId,
    /// Ids that the cluster had before.
    pub former_clusters: Vec<ClusterId>,
    /// Tags of every room, unless a spec gives the key another value.
    pub default_tags: Tags,
    /// Tags that are left alone.
    pub ignored_tags: Vec<KeyPattern>,
    /// What becomes of the room of an object that does not say.
    pub default_deletion_policy: DeletionPolicy,
    /// Rooms deleted in a minute at most; `None`: as many as asked.
    pub max_deletions_per_minute: Option<NonZeroU32>,
    /// Region of objects that name none.
    pub default_region: String,
    /// How long reads may lag writes, and a call may be under way: how long after a room was asked for, or first seen missing, a
    /// list can prove it absent.
    pub grace: SignedDuration,
    /// How far ahead of this clock a time in a status can be.
    pub skew: SignedDuration,
}

/// What is asked of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// What the object says.
    Follow,
    /// To let every room go and the object too, so that the operator can be uninstalled. Deletions are finished.
    Release,
}

/// What is wanted of an object's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent<'a> {
    /// Nothing is to be changed.
    Paused(&'a Pause),
    /// It is to be as the spec says.
    Keep,
    /// It is only looked at.
    Observe,
    /// It goes with the object, which is being deleted, or stays behind.
    Delete,
    /// The object stays, and lets it go.
    Release,
}

/// All that a pass decides from, but for what AWS shows.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// The object.
    pub seen: &'a Seen,
    /// What the operator was told.
    pub policies: &'a Policies,
    /// What this process knows of the object beside its status.
    pub recall: &'a Recall,
    /// When another may last have worked on the object.
    pub alone_since: Timestamp,
    /// When the pass began.
    pub now: Timestamp,
    /// What a room must show to be the object's.
    pub identity: Identity,
    /// What is wanted of the room.
    pub intent: Intent<'a>,
    /// What status and memory tell of the room.
    pub record: Record,
    /// The room that the spec wants to be taken over.
    pub adopt: Option<RoomArn>,
}

impl<'a> Case<'a> {
    /// What a pass over this object is about.
    pub fn of(
        task: Task,
        seen: &'a Seen,
        recall: &'a Recall,
        policies: &'a Policies,
        alone_since: Timestamp,
        now: Timestamp,
    ) -> Self {
        let intent = match (task, &seen.pause) {
            _ if seen.deleted_at.is_some() => Intent::Delete,
            (Task::Release, _) => Intent::Release,
            (Task::Follow, Some(pause)) => Intent::Paused(pause),
            (Task::Follow, None) if seen.observed => Intent::Observe,
            (Task::Follow, None) => Intent::Keep,
        };
        let owner = Owner {
            cluster: policies.cluster.clone(),
            namespace: seen.namespace.clone(),
            name: seen.name.clone(),
        };
        let adopt = spec(seen).and_then(|spec| spec.adopt.as_ref()?.arn.parse().ok());
        Self {
            identity: Identity {
                owner,
                uid: seen.uid.clone(),
                former: policies.former_clusters.clone(),
            },
            record: recall.complete(Record::from(&seen.status), now, policies.skew),
            intent,
            adopt,
            seen,
            policies,
            recall,
            alone_since,
            now,
        }
    }

    /// Whether no room is wanted any more.
    pub fn leaving(&self) -> bool {
        matches!(self.intent, Intent::Delete | Intent::Release)
    }

    /// Whether the room stays when the object goes.
    pub fn retains(&self) -> bool {
        let policy = self.seen.deletion_policy;
        policy.unwrap_or(self.policies.default_deletion_policy) == DeletionPolicy::Retain
    }

    /// Whether a room that an object of this name has released may be taken back without being named: only where somebody has
    /// said what becomes of it in the end.
    pub fn takes_back(&self) -> bool {
        self.seen.deletion_policy.is_some() || self.retains()
    }

    /// The region that the spec asks for, if it can be one. Of a spec that breaks another rule it is read, too.
    pub fn region(&self) -> Option<&'a str> {
        let region = spec(self.seen)?.region.as_deref();
        region.filter(|region| is_region(region))
    }

    /// The room as the spec describes it.
    ///
    /// # Errors
    /// `Unparseable`: which rules the spec breaks.
    pub fn desired(&self, record: &Record) -> Result<DesiredRoom, Failure> {
        let origin = Origin {
            name: &self.seen.name,
            default_region: &self.policies.default_region,
            fixed_region: record.region_in_force(),
            default_tags: &self.policies.default_tags,
            ignored_tags: &self.policies.ignored_tags,
        };
        let spec = self.seen.spec.as_ref().map_err(Clone::clone);
        let desired = spec.and_then(|spec| DesiredRoom::try_from((spec, origin)));
        desired.map_err(|violations| Failure::new(Class::Unparseable, violations.to_string()))
    }

    /// Which of the room's tags the operator may remove. `applied`: those that the object has put on it.
    pub fn scope<'s>(&'s self, applied: &'s [String]) -> TagScope<'s> {
        let policy = spec(self.seen).and_then(|spec| spec.tag_policy);
        TagScope {
            policy: policy.unwrap_or_default(),
            applied,
            ignored: &self.policies.ignored_tags,
        }
    }
}

fn spec(seen: &Seen) -> Option<&ChatRoomSpec> {
    seen.spec.as_ref().ok()
}
