//! What the operator knows and decides, pure: no clock, no client, nothing asynchronous.
//!
//! - [`api`]: the kinds that users write and read.
//! - [`room`]: the domain: what is wanted, what is there, what to do about it, what to say of it.
//! - [`lanes`]: whose turn it is, where many wait.
//! - [`pack`]: many values in little memory.
//! - [`errors`]: errors as people read them.

pub mod api;
pub mod errors;
pub mod lanes;
pub mod pack;
pub mod room;
