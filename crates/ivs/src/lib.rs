//! IVS Chat as the operator sees it. Nothing outside this crate names the AWS SDK.
//!
//! - [`Rooms`]: the calls that read.
//! - [`Writes`]: the calls that write, as long as a [`Fence`] is open.
//! - [`Index`]: the rooms of a region, by the owner that they name, read as surely as is asked.
//! - [`Account`]: the account of the operator's credentials.
//! - [`Caller`]: on whose behalf a call is made, which decides whose turn it is.
//! - [`Meter`]: what is counted of all that.
//! - [`Aws`]: what all that stands on, one attempt of one request. [`connect`] puts it on the SDK.
//!
//! Every call waits for its turn first, is repeated where that may help, and every error becomes a
//! [`Failure`](ivschat_core::room::Failure).

mod account;
mod aws_clock;
mod call;
mod caller;
mod clock;
mod connect;
mod error;
mod fence;
mod index;
mod list;
mod meter;
mod operation;
mod port;
mod quota;
mod rate;
mod rooms;
mod sdk;
mod settings;
mod writes;

pub use account::Account;
pub use aws_clock::{Asked, AwsClock, Sent};
pub use caller::{Caller, Recaller};
pub use clock::Clock;
pub use connect::{ConnectError, connect};
pub use fence::Fence;
pub use index::Index;
pub use list::Page;
pub use meter::{Meter, Turn, Unmetered};
pub use operation::Operation;
pub use port::{Answer, AttemptError, Aws, Refusal, Request, Unknown, Unsent};
pub use rooms::Rooms;
pub use settings::Settings;
pub use writes::{Admission, CreateError, Writes};
