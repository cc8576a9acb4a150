//! Manage Amazon IVS Chat rooms as Kubernetes objects.
//!
//! Dependencies go in one direction: each crate knows only the crates below it.
//!
//! - [`chat_room`]: keeps each ChatRoom's room as the ChatRoom says. Start at [`chat_room::reconcile`].
//! - [`check`]: checks that everything the operator needs is in place.
//! - [`kit`]: watches, leadership, calls with deadlines: what an operator for any kind needs.
//! - [`telemetry`]: what the process reports: logs, metrics, probes.
//! - [`ivschat_aws`]: drives IVS Chat; the only place that names the AWS SDK.
//! - [`ivschat_core`]: the kinds that users write and read, and the domain as pure functions: the wanted room, the room that
//!   exists, the plan, the status.

pub mod chat_room;
pub mod check;
pub mod cli;
pub mod kit;
pub mod telemetry;
