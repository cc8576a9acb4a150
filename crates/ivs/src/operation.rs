//! The operations of IVS Chat that the operator uses.

/// An operation of IVS Chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is AWS's operation of that name")]
pub enum Operation {
    CreateRoom,
    GetRoom,
    UpdateRoom,
    DeleteRoom,
    ListRooms,
    TagResource,
    UntagResource,
}

impl Operation {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::CreateRoom,
        Self::GetRoom,
        Self::UpdateRoom,
        Self::DeleteRoom,
        Self::ListRooms,
        Self::TagResource,
        Self::UntagResource,
    ];

    /// AWS's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateRoom => "CreateRoom",
            Self::GetRoom => "GetRoom",
            Self::UpdateRoom => "UpdateRoom",
            Self::DeleteRoom => "DeleteRoom",
            Self::ListRooms => "ListRooms",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
        }
    }

    pub(crate) const fn is_tagging(self) -> bool {
        matches!(self, Self::TagResource | Self::UntagResource)
    }
}
