//! What an operator for any kind needs. Nothing here knows of rooms.
//!
//! - `calls`: calls to the API server, with deadlines.
//! - `watch`: one watch over several namespaces.
//! - `queue`: which object is next.
//! - [`Name`]: the name of an object.
//! - `leadership`: which replica acts.
//! - `events`: what people are told.

pub(crate) mod calls;
pub(crate) mod events;
pub(crate) mod leadership;
mod name;
pub(crate) mod queue;
pub(crate) mod watch;

pub use calls::{Error, in_time, is_status};
pub use leadership::{Election, Leadership, LeaseSettings};
pub use name::Name;
pub use watch::client;
