//! The kinds that users write and read: group `ivschat-operator.io`, version `v1alpha1`.

mod chat_room;
mod conditions;
mod crd;
pub mod limits;
pub mod names;

pub use chat_room::{
    Adopt, ChatRoom, ChatRoomSpec, ChatRoomStatus, Creation, DeletionPolicy, Drift, FallbackResult,
    ManagementPolicy, MessageReviewHandler, TagPolicy,
};
pub use conditions::{ConditionType, Reason, Truth};
pub use crd::{chat_room_crd, manifest};
