//! What an operator for any kind needs. Nothing here knows of rooms.
//!
//! - `calls`: calls to the API server, with deadlines.
//! - `watch`: one watch over several namespaces.
//! - `queue`: how many objects wait.
//! - `leadership`: which replica acts.
//! - `events`: what people are told.

pub(crate) mod calls;
pub(crate) mod events;
pub(crate) mod leadership;
pub(crate) mod queue;
pub(crate) mod watch;

pub use calls::{Error, in_time, is_status};
pub use leadership::{Election, Leadership, LeaseSettings};
pub use watch::client;
