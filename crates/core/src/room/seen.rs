//! An object as the watch delivered it. Each part is read on its own, so that no part can spoil another.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::Resource;
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use serde_path_to_error::Segment;

use crate::api::names::{FINALIZER, PAUSED_ANNOTATION, RECONCILE_AT_ANNOTATION};
use crate::api::{
    ChatRoom, ChatRoomSpec, ChatRoomStatus, ConditionType, DeletionPolicy, ManagementPolicy, Reason,
};

use super::{Pause, Violation, Violations, status as conditions};

/// A ChatRoom, parsed part by part: a spec that cannot be read leaves status and deletion readable.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.finalizers`, the operator's own among them.
    pub finalizers: Vec<String>,
    /// When the user asked for the object to be deleted.
    pub deleted_at: Option<Timestamp>,
    /// When the object was created.
    pub created_at: Option<Timestamp>,
    /// Whether an annotation stops changes.
    pub pause: Option<Pause>,
    /// The request for a pass, from an annotation.
    pub reconcile_at: Option<String>,
    /// What happens to the room with the object; `None`: the operator's default. Read on its own, because it must be known
    /// even if the spec cannot be read.
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether the room is only observed. Read on its own, like the deletion policy.
    pub observes: bool,
    /// Whether nobody can tell if the room is only observed: the member cannot be read.
    pub may_observe: bool,
    /// The spec, or what of it cannot be read.
    pub spec: Result<ChatRoomSpec, Violations>,
    /// The status; empty where it cannot be read.
    pub status: ChatRoomStatus,
    /// Names the object in events.
    pub reference: ObjectReference,
    /// The last write of another operator. Meaningful only for an object that the watch delivered.
    pub other: Option<Other>,
}

impl Seen {
    /// Reads an object.
    pub fn read(object: &DynamicObject) -> Self {
        let meta = object.metadata.clone();
        let annotation = |name: &str| {
            let annotations = object.metadata.annotations.as_ref()?;
            annotations.get(name).cloned()
        };
        Self {
            other: Other::last(meta.managed_fields.as_deref()),
            created_at: meta.creation_timestamp.map(|time| time.0),
            pause: annotation(PAUSED_ANNOTATION).and_then(|value| Pause::read(&value)),
            reconcile_at: annotation(RECONCILE_AT_ANNOTATION),
            deletion_policy: deletion_policy(&object.data["spec"]),
            observes: observes(&object.data["spec"]),
            may_observe: may_observe(&object.data["spec"]),
            namespace: meta.namespace.unwrap_or_default(),
            name: meta.name.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            resource_version: meta.resource_version.unwrap_or_default(),
            finalizers: meta.finalizers.unwrap_or_default(),
            deleted_at: meta.deletion_timestamp.map(|time| time.0),
            spec: spec(&object.data["spec"]),
            status: status(object),
            reference: object.object_ref(&ApiResource::erase::<ChatRoom>(&())),
        }
    }

    /// The region that the status names: where the room is, or may be.
    pub fn recorded_region(&self) -> Option<&str> {
        let attempt = self.status.creation.as_ref().map(|it| it.region.as_str());
        let arn = || region_of(self.status.arn.as_deref()?);
        attempt.or(self.status.region.as_deref()).or_else(arn)
    }

    /// The region that the spec names, by itself or by the room to adopt.
    pub fn asked_region(&self) -> Option<&str> {
        let spec = self.spec.as_ref().ok()?;
        let adopt = || region_of(&spec.adopt.as_ref()?.arn);
        spec.region.as_deref().or_else(adopt)
    }

    /// All finalizers but the operator's own.
    pub fn others_finalizers(&self) -> Vec<String> {
        let others = self.finalizers.iter().filter(|it| *it != FINALIZER);
        others.cloned().collect()
    }

    /// Whether the operator's finalizer holds the object.
    pub fn has_finalizer(&self) -> bool {
        self.finalizers
            .iter()
            .any(|finalizer| finalizer == FINALIZER)
    }

    /// Whether there may be something to release. Without its finalizer, which somebody may have removed, an object may still have a
    /// room.
    pub fn may_hold_something(&self) -> bool {
        let ready = conditions::reason(&self.status, ConditionType::Ready);
        let released = ready == Some(Reason::Released.as_str());
        let named = self.status.arn.is_some() || self.status.creation.is_some();
        let wanted = self.deleted_at.is_none() && !self.observes;
        self.has_finalizer() || (wanted && named && !released)
    }

    /// What people ask for: two objects with the same value ask for the same.
    pub fn asked(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_asked(&mut hasher);
        hasher.finish()
    }

    fn hash_asked(&self, hasher: &mut impl Hasher) {
        let asked = (self.generation, self.deleted_at.is_some());
        (asked, &self.pause, &self.reconcile_at).hash(hasher);
    }

    /// Two objects with the same fingerprint lead to the same pass.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint_with(self.has_finalizer(), &self.status)
    }

    /// The fingerprint that the object has once these are written.
    pub fn fingerprint_with(&self, has_finalizer: bool, status: &ChatRoomStatus) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_asked(&mut hasher);
        has_finalizer.hash(&mut hasher);
        status.hash(&mut hasher);
        hasher.finish()
    }
}

/// The region in an ARN, whatever else that is.
fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3)
}

/// The object as `namespace/name`.
impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The last write of another operator to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// When.
    pub at: Timestamp,
    /// What it signs with.
    pub signature: String,
}

impl Other {
    /// The last of the writes of other operators that these fields name.
    pub fn last(others: Option<&[ManagedFieldsEntry]>) -> Option<Self> {
        let writes = others.unwrap_or_default().iter().filter_map(|entry| {
            Some(Self {
                at: entry.time.as_ref()?.0,
                signature: entry.manager.clone()?,
            })
        });
        writes.max_by_key(|other| other.at)
    }
}

/// A policy that cannot be read means `Retain`: in doubt, the room stays.
fn deletion_policy(spec: &Value) -> Option<DeletionPolicy> {
    match (spec, &spec["deletionPolicy"]) {
        (Value::Object(_), Value::Null) => None,
        (_, policy) => {
            let read = serde_json::from_value(policy.clone());
            Some(read.unwrap_or(DeletionPolicy::Retain))
        }
    }
}

fn observes(spec: &Value) -> bool {
    spec["managementPolicy"] == json!(ManagementPolicy::Observe)
}

fn may_observe(spec: &Value) -> bool {
    let policy = &spec["managementPolicy"];
    let absent = spec.is_object() && policy.is_null();
    !absent && serde_json::from_value::<ManagementPolicy>(policy.clone()).is_err()
}

/// A status that cannot be read was not written by the operator, and counts as empty.
pub fn status(object: &DynamicObject) -> ChatRoomStatus {
    object
        .data
        .get("status")
        // serde would read a list as the fields in order.
        .filter(|status| status.is_object())
        .cloned()
        .and_then(|status| serde_json::from_value(status).ok())
        .unwrap_or_default()
}

/// The parts of a spec that must be objects. serde would read a list in their place as their fields in order.
const OBJECTS: [&str; 3] = ["", "/messageReviewHandler", "/adopt"];

fn spec(spec: &Value) -> Result<ChatRoomSpec, Violations> {
    let violation = |field: String, limit: String, found: &Value| {
        Violations(vec![Violation {
            field,
            limit,
            found: found.to_string(),
        }])
    };
    for path in OBJECTS {
        if let Some(list @ Value::Array(_)) = spec.pointer(path) {
            let field = format!("spec{}", path.replace('/', "."));
            return Err(violation(field, "must be an object".to_owned(), list));
        }
    }
    serde_path_to_error::deserialize(spec).map_err(|error| {
        let field = match error.path().to_string().as_str() {
            "." => "spec".to_owned(),
            path => format!("spec.{path}"),
        };
        let found = error
            .path()
            .iter()
            .try_fold(spec, |value, segment| match segment {
                Segment::Map { key } => value.get(key),
                Segment::Seq { index } => value.get(index),
                Segment::Enum { .. } | Segment::Unknown => None,
            });
        violation(field, error.inner().to_string(), found.unwrap_or(spec))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::record::Record;

    #[test]
    fn a_room_is_never_deleted_by_a_policy_that_cannot_be_read() {
        let cases = [
            (json!({}), None),
            (json!({"deletionPolicy": null}), None),
            (
                json!({"deletionPolicy": "Delete"}),
                Some(DeletionPolicy::Delete),
            ),
            (
                json!({"deletionPolicy": "Retain"}),
                Some(DeletionPolicy::Retain),
            ),
            (
                json!({"deletionPolicy": "delete"}),
                Some(DeletionPolicy::Retain),
            ),
            (json!({"deletionPolicy": 1}), Some(DeletionPolicy::Retain)),
            (json!("Delete"), Some(DeletionPolicy::Retain)),
            (Value::Null, Some(DeletionPolicy::Retain)),
        ];
        for (spec, policy) in cases {
            assert_eq!(deletion_policy(&spec), policy, "{spec}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_path() {
        let cases = [
            (
                json!({"maximumMessageLength": "long"}),
                "spec.maximumMessageLength: invalid type: string \"long\", expected i32; found \"long\"",
            ),
            (
                json!({"messageReviewHandler": {"uri": 7}}),
                "spec.messageReviewHandler.uri: invalid type: integer `7`, expected a string; found 7",
            ),
            (
                json!(["us-west-2"]),
                "spec: must be an object; found [\"us-west-2\"]",
            ),
            (
                json!({"messageReviewHandler": ["arn"]}),
                "spec.messageReviewHandler: must be an object; found [\"arn\"]",
            ),
            (
                Value::Null,
                "spec: invalid type: null, expected struct ChatRoomSpec; found null",
            ),
        ];
        for (value, message) in cases {
            assert_eq!(spec(&value).unwrap_err().to_string(), message);
        }
    }

    /// An object in the state that a pass leaves it in.
    fn object() -> DynamicObject {
        let mut object = DynamicObject::new("lobby", &ApiResource::erase::<ChatRoom>(&()));
        object.metadata.namespace = Some("live".to_owned());
        object.metadata.generation = Some(3);
        object.metadata.finalizers = Some(vec![FINALIZER.to_owned(), "theirs".to_owned()]);
        object.metadata.annotations = Some(
            [
                (PAUSED_ANNOTATION, "true"),
                (RECONCILE_AT_ANNOTATION, "now"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        );
        object.data = json!({
            "spec": {"managementPolicy": "Observe"},
            "status": {"observedGeneration": 3, "arn": "as it is"},
        });
        object
    }

    #[test]
    fn each_part_of_an_object_is_read_whatever_the_others_are() {
        let seen = Seen::read(&object());
        assert_eq!(seen.to_string(), "live/lobby");
        assert!(seen.observes && seen.has_finalizer());
        assert_eq!(seen.others_finalizers(), ["theirs"]);
        assert_eq!(seen.pause, Some(Pause::Asked));
        assert_eq!(seen.reconcile_at.as_deref(), Some("now"));
        assert_eq!(seen.status.arn.as_deref(), Some("as it is"));
        let mut broken = object();
        broken.data["spec"] = json!("none");
        broken.data["status"] = json!([1]);
        let seen = Seen::read(&broken);
        assert!(seen.spec.is_err() && !seen.observes && seen.has_finalizer());
        assert_eq!(seen.status, ChatRoomStatus::default());
        assert_eq!(seen.deletion_policy, Some(DeletionPolicy::Retain));
    }

    #[test]
    fn a_management_policy_that_cannot_be_read_may_be_observe() {
        for (spec, observes, may_observe) in [
            (json!({}), false, false),
            (json!({"managementPolicy": null}), false, false),
            (json!({"managementPolicy": "Manage"}), false, false),
            (json!({"managementPolicy": "Observe"}), true, false),
            (json!({"managementPolicy": "observe"}), false, true),
            (json!({"managementPolicy": ["Manage"]}), false, true),
            (json!("none"), false, true),
            (json!(null), false, true),
        ] {
            let mut object = object();
            object.data["spec"] = spec.clone();
            let seen = Seen::read(&object);
            let read = (seen.observes, seen.may_observe);
            assert_eq!(read, (observes, may_observe), "{spec}");
        }
    }

    #[test]
    fn objects_have_one_fingerprint_if_they_lead_to_the_same_pass() {
        let print = |change: fn(&mut DynamicObject)| {
            let mut object = object();
            change(&mut object);
            Seen::read(&object).fingerprint()
        };
        let same = print(|_| {});
        assert_eq!(print(|it| it.metadata.labels = Some([].into())), same);
        for change in [
            (|it| it.metadata.generation = Some(4)) as fn(&mut DynamicObject),
            |it| it.metadata.finalizers = None,
            |it| it.metadata.annotations = None,
            |it| it.data["status"]["arn"] = json!("other"),
            |it| {
                let time =
                    k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH);
                it.metadata.deletion_timestamp = Some(time);
            },
        ] {
            assert_ne!(print(change), same);
        }
        let seen = Seen::read(&object());
        assert_eq!(seen.fingerprint_with(true, &seen.status), same);
        assert_ne!(seen.fingerprint_with(false, &seen.status), same);
    }

    #[test]
    fn an_object_may_hold_something_by_its_finalizer_or_a_room_that_was_not_released() {
        let mut seen = Seen::read(&object());
        seen.observes = false;
        let holds = |change: fn(&mut Seen)| {
            let mut seen = seen.clone();
            change(&mut seen);
            seen.may_hold_something()
        };
        let bare = |seen: &mut Seen| seen.finalizers.clear();
        assert!(holds(|_| {}) && holds(|seen| seen.status.arn = None));
        assert!(holds(bare));
        for change in [
            (|seen: &mut Seen| seen.status.arn = None) as fn(&mut Seen),
            |seen| seen.observes = true,
            |seen| seen.deleted_at = Some(Timestamp::UNIX_EPOCH),
            |seen| {
                let (nothing, record) = (ChatRoomStatus::default(), Record::default());
                let released = conditions::next(
                    &nothing,
                    &record,
                    &conditions::Verdict::Released,
                    3,
                    Timestamp::UNIX_EPOCH,
                );
                seen.status.conditions = released.conditions;
            },
        ] {
            let mut seen = seen.clone();
            seen.finalizers.clear();
            change(&mut seen);
            assert!(!seen.may_hold_something(), "{:?}", seen.status);
        }
        let mut attempted = seen.clone();
        attempted.finalizers.clear();
        attempted.status.arn = None;
        attempted.status.creation = Some(crate::api::Creation {
            id: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            region: String::new(),
            account: String::new(),
        });
        assert!(attempted.may_hold_something());
    }

    #[test]
    fn the_last_write_of_another_operator_counts() {
        let write = |manager: &str, second: Option<i64>| ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            time: second.map(|it| {
                let time = Timestamp::from_second(it).unwrap();
                k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time)
            }),
            ..ManagedFieldsEntry::default()
        };
        assert_eq!(Other::last(None), None);
        let writes = [write("a", Some(2)), write("b", Some(3)), write("c", None)];
        let last = Other {
            at: Timestamp::from_second(3).unwrap(),
            signature: "b".to_owned(),
        };
        assert_eq!(Other::last(Some(&writes)), Some(last));
    }
}
