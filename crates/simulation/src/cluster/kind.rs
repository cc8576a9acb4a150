//! The kinds that this API server knows, and in what they differ.

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is Kubernetes' kind of that name")]
pub enum Kind {
    ChatRoom,
    Event,
    Lease,
    Namespace,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ChatRoom, Self::Event, Self::Lease, Self::Namespace];

    /// Its API group; empty for the core group.
    pub const fn group(self) -> &'static str {
        match self {
            Self::ChatRoom => "ivschat-operator.io",
            Self::Event => "events.k8s.io",
            Self::Lease => "coordination.k8s.io",
            Self::Namespace => "",
        }
    }

    /// Its version.
    pub const fn version(self) -> &'static str {
        match self {
            Self::ChatRoom => "v1alpha1",
            Self::Event | Self::Lease | Self::Namespace => "v1",
        }
    }

    /// Group and version, as an object names them.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::ChatRoom => "ivschat-operator.io/v1alpha1",
            Self::Event => "events.k8s.io/v1",
            Self::Lease => "coordination.k8s.io/v1",
            Self::Namespace => "v1",
        }
    }

    /// Its name in paths.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ChatRoom => "chatrooms",
            Self::Event => "events",
            Self::Lease => "leases",
            Self::Namespace => "namespaces",
        }
    }

    /// Its name in objects.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatRoom => "ChatRoom",
            Self::Event => "Event",
            Self::Lease => "Lease",
            Self::Namespace => "Namespace",
        }
    }

    /// The kind of this name in paths, in this group and version.
    pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            kind.group() == group && kind.version() == version && kind.plural() == plural
        })
    }

    /// Whether its objects are in a namespace.
    pub(super) const fn is_namespaced(self) -> bool {
        !matches!(self, Self::Namespace)
    }

    /// Whether it comes from a CustomResourceDefinition.
    pub(super) const fn is_custom(self) -> bool {
        matches!(self, Self::ChatRoom)
    }

    /// Whether it has the subresource `status` and a generation.
    pub(super) const fn has_status(self) -> bool {
        matches!(self, Self::ChatRoom)
    }

    /// Whether a PUT to a name that is free creates the object.
    pub(super) const fn put_creates(self) -> bool {
        matches!(self, Self::Event | Self::Lease)
    }

    /// Whether an update without a resourceVersion overwrites whatever there is.
    pub(super) const fn updates_unconditionally(self) -> bool {
        matches!(self, Self::Event | Self::Namespace)
    }
}
