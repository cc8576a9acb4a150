//! A local Amazon IVS Chat control plane.
//!
//! - [`world`]: what IVS Chat does, as a pure state machine `(state, call, now) -> answer`.
//! - [`http`]: how it is spoken to: AWS's restJson1 wire form, one endpoint for every account and region.
//! - [`journal`] and [`fault`]: what tests need to read back and to break; over HTTP too, under `/_emulator`.
//! - [`credentials`]: who may call.
//!
//! Tests start one in their own process with [`Emulator::start`]; people run the binary of the same name.

pub mod credentials;
pub mod fault;
pub mod http;
pub mod journal;
mod server;
mod state;
mod store;
pub mod world;

pub use server::{Emulator, Options, StartError};
pub use state::Guard;
pub use store::StoreError;
