//! Which pass a request belongs to.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Pass;
}

/// A pass of a process over an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pass {
    /// Counts the passes of its process.
    pub(crate) number: u64,
    /// The object.
    pub(crate) object: Arc<Object>,
}

/// An object, as a pass finds it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl Pass {
    /// Runs a pass: what it sends is known to be its.
    pub(crate) async fn run<T>(self, pass: impl Future<Output = T>) -> T {
        CURRENT.scope(self, pass).await
    }
}

/// The pass that asks this.
pub(crate) fn current() -> Option<Pass> {
    CURRENT.try_with(Clone::clone).ok()
}
