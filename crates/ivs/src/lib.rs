//! IVS Chat as the operator sees it. Nothing outside this crate names the AWS SDK.
//!
//! - [`Rooms`]: the calls that read.
//! - [`Writes`]: the calls that write, as long as a [`Fence`] is open.
//! - [`Index`]: the rooms of a region, by the owner that they name.
//! - [`Account`]: the account of the operator's credentials.
//! - [`Meter`]: what is counted of all that.
//!
//! Every call waits for its quota first, and every error becomes a [`Failure`](ivschat_core::room::Failure).

mod account;
mod attempts;
mod clock;
mod connect;
mod convert;
mod error;
mod fence;
mod index;
mod list;
mod meter;
mod quota;
mod rooms;
mod writes;

pub use account::Account;
pub use clock::Clock;
pub use connect::{ConnectError, Settings, connect};
pub use fence::Fence;
pub use index::Index;
pub use meter::{Meter, Unmetered};
pub use quota::Operation;
pub use rooms::Rooms;
pub use writes::{CreateError, Writes};
