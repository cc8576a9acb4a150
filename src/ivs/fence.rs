//! What keeps a replica that no longer leads from writing.

use std::future::Future;
use std::task::Poll;

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

/// The answer of a call, which is given up at `end`, or once the fence closes.
///
/// # Errors
/// `Unavailable`: no answer came in time.
pub(super) async fn within<T>(
    fence: &dyn Fence,
    end: Instant,
    operation: Operation,
    call: impl Future<Output = T> + Send,
) -> Result<T, Failure> {
    let mut call = std::pin::pin!(call);
    // Asked before every step of the call: its retries are writes, too, and a process that was frozen comes back here.
    let guarded = std::future::poll_fn(|context| {
        if fence.until().is_none() || Instant::now() >= end {
            return Poll::Ready(None);
        }
        call.as_mut().poll(context).map(Some)
    });
    let answer = tokio::time::timeout_at(end, guarded).await;
    answer.ok().flatten().ok_or_else(|| {
        let message = format!("{}: AWS did not answer in time", operation.name());
        Failure::new(Class::Unavailable, message)
    })
}
