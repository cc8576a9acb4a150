//! Calls to the API server: each with a deadline, and with the few errors that are told apart.

use std::future::Future;
use std::time::Duration;

use ivschat_core::errors::chain;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::{Api, ApiResource};
use kube::core::DynamicResourceScope;
use kube::{Client, Error as KubeError, Resource};

/// Why a call, or a pass that makes some, did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is no longer as this pass saw it.
    #[error("the object has changed since the pass began")]
    Stale,
    /// The API server did not answer in time.
    #[error("the Kubernetes API did not answer within {0:?}")]
    Timeout(Duration),
    /// The API server refused, or could not be reached.
    #[error("the Kubernetes API failed: {}", describe(.0))]
    Api(Box<KubeError>),
    /// Another replica leads now, or nobody does: this pass must not continue.
    #[error("this replica no longer leads")]
    Deposed,
    /// A patch could not be built.
    #[error("a patch could not be built")]
    Patch(#[from] serde_json::Error),
}

impl Error {
    /// What the API server says where schema, policy or rights forbid what was asked. It would say so again.
    pub fn refusal(&self) -> Option<&str> {
        let Self::Api(error) = self else { return None };
        let KubeError::Api(status) = &**error else {
            return None;
        };
        // A webhook may choose any code, and one that cannot be called is an internal error.
        let forbids = matches!(status.code, 400 | 403 | 422) || status.message.contains("webhook");
        forbids.then_some(&status.message)
    }

    /// Whether a webhook cannot say what it would do.
    pub(crate) fn knows_no_dry_run(&self) -> bool {
        let message = self.refusal().unwrap_or_default();
        message.contains("does not support dry run")
    }
}

/// Objects in a page of a list.
pub(crate) const PAGE: u32 = 500;

/// The token of the next page; `None`: this was the last.
pub(crate) fn next_page(list: ListMeta) -> Option<String> {
    list.continue_.filter(|token| !token.is_empty())
}

/// One for each namespace that is watched, or one for all of them if none is named.
pub(crate) fn apis<K>(client: &Client, namespaces: &[String], resource: &ApiResource) -> Vec<Api<K>>
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
{
    if namespaces.is_empty() {
        return vec![Api::all_with(client.clone(), resource)];
    }
    let api = |namespace: &String| Api::namespaced_with(client.clone(), namespace, resource);
    namespaces.iter().map(api).collect()
}

/// A call's answer, if it comes in time; a conflict is [`Error::Stale`].
///
/// # Errors
/// What the API server answered, or [`Error::Timeout`].
pub async fn in_time<T>(
    timeout: Duration,
    call: impl Future<Output = Result<T, KubeError>>,
) -> Result<T, Error> {
    match tokio::time::timeout(timeout, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if is_status(&error, 409) => Err(Error::Stale),
        Ok(Err(error)) => Err(Error::Api(Box::new(error))),
        Err(_) => Err(Error::Timeout(timeout)),
    }
}

/// kube's own text repeats the whole answer of the API server; its message is what people need.
fn describe(error: &KubeError) -> String {
    match error {
        KubeError::Api(status) => format!("{} ({})", status.message, status.code),
        error => chain(error),
    }
}

/// Whether the API server answered with this status.
pub fn is_status(error: &KubeError, code: u16) -> bool {
    matches!(error, KubeError::Api(status) if status.code == code)
}
