//! IVS Chat as the operator sees it. Nothing outside this folder names the AWS SDK.
//!
//! [`Rooms`] carries out one call, [`Writes`] one that writes, unless a [`Fence`] holds it back; [`Index`] knows every room of a region that names an owner; [`Account`] knows whose
//! credentials these are. Every call waits for its quota first, and every error comes back as a
//! [`Failure`](crate::room::Failure).

mod account;
mod attempts;
mod connect;
mod convert;
mod error;
mod fence;
mod index;
mod list;
mod quota;
mod rooms;
mod writes;

pub use account::Account;
pub use connect::{ConnectError, Settings, connect};
pub use fence::Fence;
pub use index::Index;
pub use quota::Operation;
pub use rooms::Rooms;
pub use writes::{CreateError, Writes};
