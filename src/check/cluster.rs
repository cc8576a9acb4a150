//! The cluster, as the check sees it with its credentials.

use std::time::Duration;

use ivschat_core::room::ClusterId;
use kube::{Client, Error as KubeError};

use crate::chat_room::Kubernetes;
use crate::kit::{Error, LeaseSettings, in_time};

/// The cluster, as the check sees it with its credentials.
pub struct Cluster {
    /// A client with the operator's own credentials.
    pub client: Client,
    /// The same client, as the operator uses it.
    pub kubernetes: Kubernetes,
    /// The longest time for a call.
    pub timeout: Duration,
    /// The only namespaces that the operator would watch; empty: all.
    pub namespaces: Vec<String>,
    /// The cluster id it was given, if any.
    pub cluster_id: Option<ClusterId>,
    /// The lease that the operator would compete for, if any.
    pub lease: Option<LeaseSettings>,
}

impl Cluster {
    /// A call's answer, if it comes in time.
    pub(super) async fn answer<T>(
        &self,
        call: impl Future<Output = Result<T, KubeError>>,
    ) -> Result<T, Error> {
        in_time(self.timeout, call).await
    }
}
