//! What a pass is about: the object as it was seen, what the operator was told, what it remembers, and what follows of these for
//! the room.

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};

use crate::api::{ChatRoomSpec, DeletionPolicy};

use super::census::Lag;
use super::recall::Recall;
use super::record::Record;
use super::seen::Seen;
use super::{
    ClusterId, DesiredRoom, Failure, FailureClass, Identity, KeyPattern, Origin, Owner, Pause,
    RoomArn, TagScope, Tags, is_region,
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
    /// Regions where rooms are made and taken over, the one of objects that name none first. There is one at least.
    pub regions: Vec<String>,
    /// How long reads may lag writes, and a call may be under way: how long after a room was asked for, or first seen missing, a
    /// list can prove it absent.
    pub grace: SignedDuration,
    /// How long reads may lag writes.
    pub lag_bound: SignedDuration,
    /// How far ahead of this clock a time in a status can be.
    pub skew: SignedDuration,
    /// Each room is compared as a whole once in this time, even if no list shows that it has changed.
    pub verify_interval: SignedDuration,
    /// A list that is older does not show that a room is as it was.
    pub lists_count_for: SignedDuration,
}

impl Policies {
    /// How far what AWS shows may be from what is.
    pub fn lag(&self) -> Lag {
        Lag {
            bound: self.lag_bound,
            skew: self.skew,
        }
    }

    /// The region of objects that name none.
    pub fn default_region(&self) -> &str {
        self.regions.first().map_or("", String::as_str)
    }
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
    /// When the pass began, or AWS told what time it is.
    pub now: Timestamp,
    /// What a room must show to be the object's.
    pub identity: Identity,
    /// What is wanted of the room.
    pub intent: Intent<'a>,
    /// What the status and the memory say about the room.
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
            (Task::Follow, None) if seen.observes => Intent::Observe,
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

    /// Rooms are made and taken over where the operator was told to.
    ///
    /// # Errors
    /// `RegionNotServed`: not in this region.
    pub fn require_served(&self, region: &str) -> Result<(), Failure> {
        let served = &self.policies.regions;
        if served.iter().any(|it| it == region) {
            return Ok(());
        }
        let message = format!(
            "This operator makes and takes over no rooms in {region}: its --regions are {}. Correct spec.region, or add {region} to \
             --regions (aws.regions of the chart)",
            served.join(", ")
        );
        Err(Failure::new(FailureClass::RegionNotServed, message))
    }

    /// The region that the spec asks for, if it can be one. It is read even if the spec breaks another rule.
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
            default_region: self.policies.default_region(),
            fixed_region: record.region_in_force(),
            default_tags: &self.policies.default_tags,
            ignored_tags: &self.policies.ignored_tags,
        };
        let spec = self.seen.spec.as_ref().map_err(Clone::clone);
        let desired = spec.and_then(|spec| DesiredRoom::try_from((spec, origin)));
        desired
            .map_err(|violations| Failure::new(FailureClass::Unparseable, violations.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Adopt, TagPolicy};
    use crate::room::sample::{arn, identity, policies, seen, tags};

    fn case<T>(
        task: Task,
        seen: &Seen,
        policies: &Policies,
        read: impl FnOnce(&Case<'_>) -> T,
    ) -> T {
        let (recall, now) = (Recall::default(), Timestamp::UNIX_EPOCH);
        read(&Case::of(task, seen, &recall, policies, now, now))
    }

    #[test]
    fn a_deletion_comes_first_then_a_release_then_a_pause_then_the_management_policy() {
        let intent = |task, deleted: bool, paused: bool, observes: bool| {
            let mut seen = seen();
            seen.deleted_at = deleted.then_some(Timestamp::UNIX_EPOCH);
            seen.pause = paused.then_some(Pause::Asked);
            seen.observes = observes;
            case(task, &seen, &policies(), |case| {
                (format!("{:?}", case.intent), case.leaving())
            })
        };
        let (follow, release) = (Task::Follow, Task::Release);
        for (task, deleted, paused, observed, expected, leaving) in [
            (follow, false, false, false, "Keep", false),
            (follow, false, false, true, "Observe", false),
            (follow, false, true, true, "Paused(Asked)", false),
            (release, false, true, true, "Release", true),
            (release, true, true, true, "Delete", true),
            (follow, true, true, true, "Delete", true),
        ] {
            let found = intent(task, deleted, paused, observed);
            assert_eq!(found, (expected.to_owned(), leaving));
        }
    }

    #[test]
    fn what_becomes_of_the_room_is_as_the_spec_says_or_the_operators_default() {
        let (delete, retain) = (DeletionPolicy::Delete, DeletionPolicy::Retain);
        for (asked, default, retains, takes_back) in [
            (None, delete, false, false),
            (None, retain, true, true),
            (Some(delete), retain, false, true),
            (Some(retain), delete, true, true),
        ] {
            let policies = Policies {
                default_deletion_policy: default,
                ..policies()
            };
            let mut seen = seen();
            seen.deletion_policy = asked;
            let found = case(Task::Follow, &seen, &policies, |case| {
                (case.retains(), case.takes_back())
            });
            assert_eq!(found, (retains, takes_back), "{asked:?} {default:?}");
        }
    }

    #[test]
    fn of_a_spec_only_a_region_that_can_be_one_and_a_room_that_can_be_named_count() {
        let read = |region: &str, arn: &str| {
            let mut seen = seen();
            let spec = seen.spec.as_mut().unwrap();
            spec.region = Some(region.to_owned());
            spec.adopt = Some(Adopt {
                arn: arn.to_owned(),
            });
            case(Task::Follow, &seen, &policies(), |case| {
                (case.region().map(str::to_owned), case.adopt.clone())
            })
        };
        let a = arn("a");
        let both = (Some("eu-west-1".to_owned()), Some(a.clone()));
        assert_eq!(read("eu-west-1", a.as_str()), both);
        assert_eq!(read("Oregon", "lobby"), (None, None));
    }

    #[test]
    fn an_object_is_identified_by_name_and_uid_and_by_every_id_that_the_cluster_had() {
        let policies = Policies {
            former_clusters: vec!["old".parse().unwrap()],
            ..policies()
        };
        let expected = Identity {
            former: policies.former_clusters.clone(),
            ..identity()
        };
        let found = case(Task::Follow, &seen(), &policies, |case| {
            case.identity.clone()
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn the_room_of_the_spec_takes_in_default_tags_and_a_region_that_is_fixed() {
        let policies = Policies {
            default_tags: tags(&[("cost", "1")]),
            ignored_tags: vec!["theirs-*".parse().unwrap()],
            ..policies()
        };
        let mut object = seen();
        let desired = |seen: &Seen, region: Option<&str>| {
            let record = Record {
                region: region.map(str::to_owned),
                ..Record::default()
            };
            case(Task::Follow, seen, &policies, |case| case.desired(&record))
        };
        let room = desired(&object, Some("eu-west-1")).unwrap();
        assert_eq!(
            (room.name.as_str(), &room.region[..]),
            ("lobby", "eu-west-1")
        );
        assert_eq!(room.tags, tags(&[("cost", "1")]));
        assert_eq!(desired(&object, None).unwrap().region, "us-west-2");
        let spec = object.spec.as_mut().unwrap();
        spec.tag_policy = Some(TagPolicy::Additive);
        spec.tags = Some(tags(&[("theirs-1", "1")]));
        let broken = desired(&object, None).unwrap_err();
        assert_eq!(broken.class, FailureClass::Unparseable);
        let applied = ["mine".to_owned()];
        case(Task::Follow, &object, &policies, |case| {
            let scope = case.scope(&applied);
            assert!(scope.removes("mine") && !scope.removes("other"));
            let all = case.scope(&[]);
            assert!(!all.removes("mine") && !all.removes("theirs-2"));
        });
    }
}
