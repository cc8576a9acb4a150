//! The kind `ChatRoom`. Its doc comments are what `kubectl explain` prints.

#![allow(
    unreachable_pub,
    reason = "the derives repeat the visibility of the kind on what they generate"
)]

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits;

/// What the room should be. A field that is absent means the API's own default; the operator never writes here.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "ivschat-operator.io",
    version = "v1alpha1",
    kind = "ChatRoom",
    plural = "chatrooms",
    shortname = "room",
    category = "aws",
    category = "ivschat",
    namespaced,
    status = "ChatRoomStatus",
    derive = "PartialEq",
    doc = "A ChatRoom is one Amazon IVS Chat room: created, kept as specified, and deleted with this object.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Synced", type_ = "string", json_path = ".status.conditions[?(@.type=='Synced')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Room", type_ = "string", json_path = ".status.id", description = "The room's id."),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.arn", priority = 1),
    validation = Rule::new("size(self.metadata.name) <= 128")
        .message("metadata.name: a ChatRoom's name has at most 128 characters"),
    validation = Rule::new("has(self.spec.name) || self.metadata.name.matches('^[a-zA-Z0-9_-]+$')")
        .message("metadata.name: has a dot, so it cannot be the room's name: set spec.name (a-z A-Z 0-9 - _)"),
    validation = Rule::new(
        "!has(self.status) || !has(self.status.region) || !has(self.spec.region) || self.spec.region == self.status.region"
    )
    .message("spec.region: fixed once the room was asked for; to move a room, create another ChatRoom"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "!has(self.region) || !has(self.messageReviewHandler) || self.messageReviewHandler.uri.startsWith('arn:aws:lambda:' + self.region + ':')"
    )
    .message("messageReviewHandler.uri: the function must be in the room's region"),
    validation = Rule::new(
        "!has(self.region) || !has(self.loggingConfigurationIdentifiers) || self.loggingConfigurationIdentifiers.all(arn, arn.startsWith('arn:aws:ivschat:' + self.region + ':'))"
    )
    .message("loggingConfigurationIdentifiers: logging configurations must be in the room's region"),
    validation = Rule::new(
        "!has(self.adopt) || has(self.deletionPolicy) || (has(self.managementPolicy) && self.managementPolicy == 'Observe')"
    )
    .message("deletionPolicy: must be given with adopt, so that nobody loses a room that was there before"),
    validation = Rule::new(
        "!has(self.region) || !has(self.adopt) || self.adopt.arn.startsWith('arn:aws:ivschat:' + self.region + ':')"
    )
    .message("adopt.arn: the room must be in spec.region")
)]
pub struct ChatRoomSpec {
    /// AWS region of the room, e.g. us-west-2. Absent: the first of the operator's regions. Fixed from the first attempt to create
    /// the room; the region in force stands in status.region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::REGION_MAX), regex(pattern = limits::REGION_PATTERN))]
    pub region: Option<String>,

    /// The room's name in AWS: 1 to 128 of a-z, A-Z, 0-9, hyphen and underscore. Names need not be unique. Absent:
    /// metadata.name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::NAME_MAX), regex(pattern = limits::NAME_PATTERN))]
    pub name: Option<String>,

    /// The longest message a client may send, in Unicode code points: 1 to 500. Absent: 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = limits::MESSAGE_LENGTH.0, max = limits::MESSAGE_LENGTH.1))]
    pub maximum_message_length: Option<i32>,

    /// Messages per second that all of the room's clients together may send: 1 to 100. Absent: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = limits::MESSAGE_RATE.0, max = limits::MESSAGE_RATE.1))]
    pub maximum_message_rate_per_second: Option<i32>,

    /// A Lambda function that reviews each message before it is delivered. Absent: none; removing the block detaches the
    /// function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_review_handler: Option<MessageReviewHandler>,

    /// ARNs of the logging configurations that the room's messages go to, at most 3, each once, of the room's account and region.
    /// Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = limits::LOGGING_MAX),
        inner(length(max = limits::LOGGING_ARN_MAX), regex(pattern = limits::LOGGING_ARN_PATTERN)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub logging_configuration_identifiers: Option<Vec<String>>,

    /// The room's tags, at most 48. Keys have 1 to 128 and values at most 256 characters of letters, digits, space and
    /// _ . : / = + - @. Keys that begin with aws:, in any case of letters, or with ivschat-operator.io/ are reserved. tagPolicy
    /// decides what happens to the room's other tags. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "tags_schema")]
    #[x_kube(
        validation = Rule::new("self.all(key, size(key) >= 1 && size(key) <= 128)")
            .message("tag keys have 1 to 128 characters"),
        validation = Rule::new("self.all(key, key.matches('^[\\\\p{L}\\\\p{N} _.:/=+@-]+$'))")
            .message("tag keys consist of letters, digits, space and _ . : / = + - @"),
        validation = Rule::new("self.all(key, !key.matches('^[aA][wW][sS]:') && !key.startsWith('ivschat-operator.io/'))")
            .message("tag keys that begin with aws: or ivschat-operator.io/ are reserved")
    )]
    pub tags: Option<BTreeMap<String, String>>,

    /// See [`TagPolicy`], whose comment the schema shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_policy: Option<TagPolicy>,

    /// See [`DeletionPolicy`], whose comment the schema shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// See [`ManagementPolicy`], whose comment the schema shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,

    /// A room that exists already, to be taken over instead of making one. The room itself must consent, by the tag
    /// ivschat-operator.io/adoptable-by, whose value is {cluster id}/{namespace}/{name} of this object, or {cluster
    /// id}/{namespace}/ for every object of the namespace. Absent: a room is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adopt>,
}

/// A room that exists already.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopt {
    /// The room's ARN.
    #[schemars(length(max = limits::ROOM_ARN_MAX), regex(pattern = limits::ROOM_ARN_PATTERN))]
    pub arn: String,
}

/// What happens to tags of the room that are not listed in tags: Exclusive removes them, Additive leaves them alone, except
/// for those that were listed before. Absent: Exclusive.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagPolicy {
    /// They are removed.
    #[default]
    Exclusive,
    /// They stay, unless the spec listed them before.
    Additive,
}

/// What happens to the room when this object is deleted: Delete deletes it, Retain leaves it, without the operator's tags and
/// ready to be taken back by an object of the same name. Absent: the operator's default, which is Delete unless it was told
/// otherwise.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// It is deleted.
    #[default]
    Delete,
    /// It stays, without the operator's tags.
    Retain,
}

/// Manage creates and changes the room; Observe never writes to AWS and shows in status.drift how the room differs. Absent:
/// Manage.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagementPolicy {
    /// It does.
    #[default]
    Manage,
    /// It only looks.
    Observe,
}

/// The function that reviews each message before it is delivered.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageReviewHandler {
    /// ARN of the Lambda function, of the room's account and region. IVS Chat (ivschat.amazonaws.com) needs permission to
    /// invoke it.
    #[schemars(length(max = limits::HANDLER_URI_MAX), regex(pattern = limits::HANDLER_URI_PATTERN))]
    pub uri: String,

    /// See [`FallbackResult`], whose comment the schema shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_result: Option<FallbackResult>,
}

/// What happens to a message when the function fails or does not answer in time: ALLOW delivers it, DENY drops it. Absent:
/// ALLOW.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FallbackResult {
    /// Deliver it.
    #[default]
    Allow,
    /// Drop it.
    Deny,
}

/// What is in force. Written by the operator alone.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatRoomStatus {
    /// The metadata.generation that this status speaks of; -1 before the operator has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The room's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,

    /// The room's id: the last part of its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,

    /// The region the room is in, or was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// When AWS created the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub create_time: Option<Timestamp>,

    /// When the room was last updated, as AWS says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub update_time: Option<Timestamp>,

    /// The attempt to create or adopt the room, from before it is sent until its outcome is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation: Option<Creation>,

    /// When AWS first answered that there is no such room, while that lasts. The room counts as deleted once this is long enough ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub missing_since: Option<Timestamp>,

    /// The keys of the tags that this object has put on the room: under tagPolicy Additive only these are ever removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_tag_keys: Option<Vec<String>>,

    /// Under managementPolicy Observe: how the room differs from the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drift>>,

    /// The value of the annotation ivschat-operator.io/reconcile-at that the last pass has answered; its first 256 bytes, if it is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,

    /// Ready: the room exists and is as specified. Synced: the last exchange with AWS went through. Stalled: only a
    /// person's act can help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}

/// A field of the room that is not as specified.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The field's name under spec, e.g. `tags[team]`.
    pub field: String,

    /// What it should be; empty where it should not be there.
    pub wanted: String,

    /// What it is; empty where it is not there.
    pub found: String,
}

/// An attempt to create or adopt the room whose outcome is not known.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    /// Tells this attempt from every other, made at random. Attempts of operators that knew of no id have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,

    /// When the attempt began; written before it was sent.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,

    /// The region it was sent to.
    pub region: String,

    /// The AWS account of the credentials it was sent with.
    pub account: String,
}

/// Two statuses that are equal have the same hash. `Condition` has none of its own.
impl Hash for ChatRoomStatus {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            observed_generation,
            arn,
            id,
            region,
            create_time,
            update_time,
            creation,
            missing_since,
            applied_tag_keys,
            drift,
            last_handled_reconcile_at,
            conditions,
        } = self;
        (observed_generation, arn, id, region).hash(state);
        (create_time, update_time, creation, missing_since).hash(state);
        (applied_tag_keys, drift, last_handled_reconcile_at).hash(state);
        conditions.as_ref().map(Vec::len).hash(state);
        for condition in conditions.iter().flatten() {
            let Condition {
                last_transition_time,
                message,
                observed_generation,
                reason,
                status,
                type_,
            } = condition;
            (type_, status, reason, message).hash(state);
            (last_transition_time.0, observed_generation).hash(state);
        }
    }
}

impl Creation {
    /// Whether this is the other attempt, as an API server may store it whose CRD knows of no id.
    pub fn is(&self, other: &Self) -> bool {
        let pruned = Self {
            id: String::new(),
            ..other.clone()
        };
        *self == *other || *self == pruned
    }
}

fn tags_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": limits::USER_TAGS_MAX,
        "additionalProperties": {
            "type": "string",
            "maxLength": limits::TAG_VALUE_MAX,
            "pattern": limits::TAG_VALUE_PATTERN,
        },
    })
}
