//! On whose behalf a call is made.

use std::future::Future;
use std::sync::Arc;

use ivschat_core::lanes::Lane;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// On whose behalf a call is made: where many wait for a quota, it decides whose turn it is.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) lane: Lane,
    pub(crate) namespace: String,
    /// Who waits longest comes first, among those of one namespace.
    pub(crate) since: Instant,
    outdated: Option<watch::Receiver<bool>>,
    left: Arc<Notify>,
}

/// Tells a [`Caller`] that what it asks is no longer worth waiting for, and learns that it waits no more.
#[derive(Debug)]
pub struct Recaller {
    outdated: watch::Sender<bool>,
    left: Arc<Notify>,
}

impl Caller {
    /// One that waits as long as it takes.
    pub fn new(lane: Lane, namespace: impl Into<String>, since: Instant) -> Self {
        Self {
            lane,
            namespace: namespace.into(),
            since,
            outdated: None,
            left: Arc::default(),
        }
    }

    /// The operator itself, which asks for no object. `task`: what for. Tasks take turns with each other and with namespaces.
    pub fn operator(lane: Lane, task: &str) -> Self {
        // No namespace is called like this.
        Self::new(lane, format!("/{task}"), Instant::now())
    }

    /// One that has begun to change things: it waits even if it is recalled, and no longer than what did not work before.
    #[must_use]
    pub fn committed(&self) -> Self {
        Self {
            lane: self.lane.min(Lane::Retry),
            outdated: None,
            ..self.clone()
        }
    }

    /// One that can be told to wait no more.
    #[must_use]
    pub fn recallable(self) -> (Self, Recaller) {
        let (outdated, receiver) = watch::channel(false);
        let left = Arc::clone(&self.left);
        let caller = Self {
            outdated: Some(receiver),
            ..self
        };
        (caller, Recaller { outdated, left })
    }

    /// Ends once it is told to wait no more.
    pub(crate) async fn outdated(&self) {
        let told = match self.outdated.clone() {
            Some(mut outdated) => outdated.wait_for(|outdated| *outdated).await.is_ok(),
            None => false,
        };
        if !told {
            std::future::pending::<()>().await;
        }
    }

    /// Waits no more, and never comes back: whoever recalled it drops the call.
    pub(crate) async fn leave<T>(&self) -> T {
        self.left.notify_one();
        std::future::pending().await
    }
}

impl Recaller {
    /// What is waited for is not worth it any more.
    pub fn recall(&self) {
        self.outdated.send_replace(true);
    }

    /// Ends once the caller was recalled while it waited: nothing of it is under way, and it does not go on.
    pub fn left(&self) -> impl Future<Output = ()> + Send + use<> {
        let left = Arc::clone(&self.left);
        async move { left.notified().await }
    }
}
