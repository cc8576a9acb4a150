//! Manage Amazon IVS Chat rooms as Kubernetes objects.
//!
//! Dependencies go in one direction: each crate knows only the crates below it.
//!
//! - [`check`]: checks that everything the operator needs is in place.
//! - [`controller`]: drives Kubernetes: watches, calls, writes status. Start at [`controller::reconcile`].
//! - [`telemetry`]: what the process reports: logs, metrics, probes.
//! - [`ivschat_aws`]: drives IVS Chat; the only place that names the AWS SDK.
//! - [`ivschat_core`]: the kinds that users write and read, and the domain as pure functions: the wanted room, the room that
//!   exists, the plan, the status.

pub mod check;
pub mod cli;
pub mod controller;
pub mod telemetry;
