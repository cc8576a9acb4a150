//! Names that stand on Kubernetes objects and on rooms. They are part of the product: changing one orphans rooms.

/// API group of every kind here.
pub const GROUP: &str = "ivschat-operator.io";

/// Holds a ChatRoom until no room of its own remains.
pub const FINALIZER: &str = "ivschat-operator.io/room";

/// Tag on a room: `{cluster}/{namespace}/{name}` of the ChatRoom it belongs to.
pub const OWNER_TAG: &str = "ivschat-operator.io/owner";

/// Tag on a room: `metadata.uid` of the ChatRoom that asked for it.
pub const CREATION_TAG: &str = "ivschat-operator.io/creation";

/// Tag on a room: whose objects may adopt it, `{cluster}/{namespace}/{name}`, or `{cluster}/{namespace}/` or `{cluster}/` for all
/// of them.
pub const CONSENT_TAG: &str = "ivschat-operator.io/adoptable-by";

/// Annotation on a ChatRoom: `"true"` stops changes to its room, never its deletion.
pub const PAUSED_ANNOTATION: &str = "ivschat-operator.io/paused";

/// Annotation on a ChatRoom: any new value asks for a pass now; `status.lastHandledReconcileAt` answers.
pub const RECONCILE_AT_ANNOTATION: &str = "ivschat-operator.io/reconcile-at";

/// Label on a ChatRoom: the class of the operator that is to work on it. Without it, the one without a class does.
pub const CLASS_LABEL: &str = "ivschat-operator.io/class";

/// Tag keys that users may not set begin with this.
pub const RESERVED_TAG_PREFIX: &str = "ivschat-operator.io/";

/// Tag keys that begin with this, in any case of letters, belong to AWS: never written, never counted, never reported.
pub const SYSTEM_TAG_PREFIX: &str = "aws:";

/// Whether a tag key belongs to AWS.
pub fn is_system_tag(key: &str) -> bool {
    let start = key.get(..SYSTEM_TAG_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(SYSTEM_TAG_PREFIX))
}

/// Who this operator says it is: field manager, event reporter, SDK app name.
pub const OPERATOR: &str = "ivschat-operator";
