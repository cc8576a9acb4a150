//! What keeps a replica that no longer leads from writing.

use std::future::Future;

use tokio::time::Instant;

use crate::room::{Class, Failure};

use super::quota::Operation;

/// Asked right before each call that writes is sent.
pub trait Fence: Send + Sync {
    /// Nothing is sent, and no answer waited for, past this; `None`: not even now.
    fn until(&self) -> Option<Instant>;
}

/// The time until which a call may be under way.
///
/// # Errors
/// `Unavailable`: it may not begin.
pub(super) fn open(fence: &dyn Fence, operation: Operation) -> Result<Instant, Failure> {
    let closed = || {
        let message = format!(
            "{}: not sent, because this replica no longer leads",
            operation.name()
        );
        Failure::new(Class::Unavailable, message)
    };
    fence.until().ok_or_else(closed)
}

/// The answer of a call, which is given up at `end`, retries included.
///
/// # Errors
/// `Unavailable`: no answer came in time.
pub(super) async fn within<T>(
    end: Instant,
    operation: Operation,
    call: impl Future<Output = T> + Send,
) -> Result<T, Failure> {
    tokio::select! {
        // First, so that a process that was frozen does not send before it looks at the clock.
        biased;
        () = tokio::time::sleep_until(end) => {
            let message = format!("{}: AWS did not answer in time", operation.name());
            Err(Failure::new(Class::Unavailable, message))
        }
        answer = call => Ok(answer),
    }
}
