//! Manage Amazon IVS Chat rooms as Kubernetes objects.
//!
//! Dependencies go in one direction: each layer knows only the layers below it.
//!
//! - [`check`]: checks that everything the operator needs is in place.
//! - [`controller`]: drives Kubernetes: watches, calls, writes status. Start at [`controller::reconcile`].
//! - [`ivs`]: drives IVS Chat; the only place that names the AWS SDK.
//! - [`room`]: the domain, as pure functions: the wanted room, the room that exists, the plan, the status.
//! - [`api`]: the kinds that users write and read.
//! - [`telemetry`] and [`errors`]: what the process reports: logs, metrics, probes, the texts of errors.

pub mod api;
pub mod check;
pub mod cli;
pub mod controller;
pub mod errors;
pub mod ivs;
pub mod room;
pub mod telemetry;
