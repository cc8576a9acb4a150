//! What the process says about itself: logs, metrics, health. It knows nothing of what the process is for.

mod health;
mod http;
mod logs;
mod metrics;
mod process;
#[cfg(feature = "otlp")]
mod traces;

pub use health::{Health, STUCK_AFTER};
pub use http::{ListenError, listen, serve_apart};
pub use logs::{LogFormat, Telemetry, start_logs};
pub use metrics::{Metrics, PassTimer, Shown};

/// The version and the commit it was built from, e.g. `0.1.0 (0123456789ab)`.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_COMMIT"), ")");
/// The version alone.
const VERSION_ONLY: &str = env!("CARGO_PKG_VERSION");
/// The commit; `unknown` if the source came without git and `GIT_COMMIT` did not say.
const COMMIT: &str = env!("BUILD_COMMIT");
