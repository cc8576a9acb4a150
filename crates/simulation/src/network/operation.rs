//! What a request asks for, in one word.

use std::fmt;

use http::Method;
use ivschat_aws as aws;

/// An operation of one of the two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operation {
    CreateRoom,
    GetRoom,
    UpdateRoom,
    DeleteRoom,
    ListRooms,
    TagResource,
    UntagResource,
    ListChatRooms,
    WatchChatRooms,
    GetChatRoom,
    PatchChatRoom,
    PatchStatus,
    GetLease,
    WriteLease,
    CreateEvent,
    GetVersion,
}

impl Operation {
    /// All of them, in the order of the coverage table.
    pub(crate) const ALL: [Self; 16] = [
        Self::CreateRoom,
        Self::GetRoom,
        Self::UpdateRoom,
        Self::DeleteRoom,
        Self::ListRooms,
        Self::TagResource,
        Self::UntagResource,
        Self::ListChatRooms,
        Self::WatchChatRooms,
        Self::GetChatRoom,
        Self::PatchChatRoom,
        Self::PatchStatus,
        Self::GetLease,
        Self::WriteLease,
        Self::CreateEvent,
        Self::GetVersion,
    ];

    /// What a request to IVS Chat asks for.
    pub(crate) fn of_aws(request: &aws::Request) -> Self {
        match request.operation() {
            aws::Operation::CreateRoom => Self::CreateRoom,
            aws::Operation::GetRoom => Self::GetRoom,
            aws::Operation::UpdateRoom => Self::UpdateRoom,
            aws::Operation::DeleteRoom => Self::DeleteRoom,
            aws::Operation::ListRooms => Self::ListRooms,
            aws::Operation::TagResource => Self::TagResource,
            aws::Operation::UntagResource => Self::UntagResource,
        }
    }

    /// What a request to the Kubernetes API asks for.
    pub(crate) fn of_kubernetes(method: &Method, uri: &http::Uri) -> Self {
        let path = uri.path();
        let reads = method == Method::GET;
        if path.ends_with("/version") {
            Self::GetVersion
        } else if path.contains("/leases") {
            if reads {
                Self::GetLease
            } else {
                Self::WriteLease
            }
        } else if path.ends_with("/events") {
            Self::CreateEvent
        } else if path.ends_with("/status") {
            Self::PatchStatus
        } else if !reads {
            Self::PatchChatRoom
        } else if !path.ends_with("/chatrooms") {
            Self::GetChatRoom
        } else if is_watch(uri) {
            Self::WatchChatRooms
        } else {
            Self::ListChatRooms
        }
    }

    /// Whether it changes something in AWS.
    pub(crate) const fn writes_aws(self) -> bool {
        matches!(
            self,
            Self::CreateRoom
                | Self::UpdateRoom
                | Self::DeleteRoom
                | Self::TagResource
                | Self::UntagResource
        )
    }

    /// Whether it changes something in Kubernetes.
    pub(crate) const fn writes_kubernetes(self) -> bool {
        matches!(
            self,
            Self::PatchChatRoom | Self::PatchStatus | Self::WriteLease | Self::CreateEvent
        )
    }

    /// Whether whoever asks waits until the connection breaks.
    pub(crate) const fn is_patient(self) -> bool {
        matches!(self, Self::ListChatRooms | Self::WatchChatRooms)
    }

    /// Whether it is the election's.
    pub(crate) const fn is_lease(self) -> bool {
        matches!(self, Self::GetLease | Self::WriteLease)
    }
}

fn is_watch(uri: &http::Uri) -> bool {
    let mut parts = uri.query().unwrap_or_default().split('&');
    parts.any(|part| part == "watch=true" || part == "watch=1")
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}
