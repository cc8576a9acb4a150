//! Manage Amazon IVS Chat rooms as Kubernetes objects.
//!
//! One direction: each layer knows only those below it.
//!
//! - [`check`]: checks that everything the operator needs is in place.
//! - [`controller`]: drives Kubernetes: watches, calls, writes status. Start at [`controller::reconcile`].
//! - [`ivs`]: drives IVS Chat; the only place that names the AWS SDK.
//! - [`room`]: the domain, pure: what is wanted, what is there, what to do about it, what to say of it.
//! - [`api`]: the kinds that users write and read.
//! - [`telemetry`] and [`errors`]: what the process says.

pub mod api;
pub mod check;
pub mod cli;
pub mod controller;
pub mod errors;
pub mod ivs;
pub mod room;
pub mod telemetry;
