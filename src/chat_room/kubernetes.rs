//! The few writes the operator makes to Kubernetes, each with a deadline and a precondition.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use ivschat_core::api::names::{FINALIZER, OPERATOR};
use ivschat_core::api::{ChatRoom, ChatRoomStatus, Creation};
use ivschat_core::errors::chain;
use ivschat_core::room::news::Notice;
use ivschat_core::room::orphans::ObjectName;
use ivschat_core::room::seen::Seen;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch as JsonPatch, PatchOperation, TestOperation};
use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::runtime::events::{Recorder, Reporter};
use kube::{Client, Error as KubeError, ResourceExt};
use serde_json::{Map, Value, json};

use crate::telemetry::Metrics;

use crate::kit::calls::{Error, PAGE, apis, in_time, is_status, next_page};
use crate::kit::events::event;

use super::signature::Signature;

/// The operator's calls to Kubernetes.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
    resource: ApiResource,
    timeout: Duration,
    instance: Option<String>,
    metrics: Metrics,
    signature: Signature,
}

impl Kubernetes {
    /// `timeout`: the longest time for a call. `instance`: the pod's name, for events.
    pub fn new(
        client: Client,
        timeout: Duration,
        instance: Option<String>,
        metrics: Metrics,
    ) -> Self {
        Self {
            client,
            resource: ApiResource::erase::<ChatRoom>(&()),
            timeout,
            instance,
            metrics,
            signature: Signature::new(None),
        }
    }

    /// The longest time for a call.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Signs every write to an object with this signature.
    #[must_use]
    pub fn signed(self, signature: Signature) -> Self {
        Self { signature, ..self }
    }

    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The UID of the namespace `kube-system`, which tells one cluster from another.
    ///
    /// # Errors
    /// What the API server answered.
    pub async fn cluster_uid(&self) -> Result<String, Error> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace = self.in_time(namespaces.get("kube-system")).await?;
        Ok(namespace.metadata.uid.unwrap_or_default())
    }

    /// Every ChatRoom in these namespaces that the selector selects; in all namespaces if none is given.
    pub(super) async fn list(
        &self,
        namespaces: &[String],
        selector: &str,
    ) -> Result<Vec<DynamicObject>, Error> {
        let mut objects = Vec::new();
        for api in self.apis(namespaces) {
            let mut params = ListParams::default().labels(selector).limit(PAGE);
            loop {
                let page = self.in_time(api.list(&params)).await?;
                objects.extend(page.items);
                match next_page(page.metadata) {
                    Some(token) => params = params.continue_token(&token),
                    None => break,
                }
            }
        }
        Ok(objects)
    }

    /// Namespace and name of every ChatRoom in these namespaces, whatever its class; in all namespaces if none is given.
    pub(super) async fn names(&self, namespaces: &[String]) -> Result<BTreeSet<ObjectName>, Error> {
        let mut names = BTreeSet::new();
        for api in self.apis(namespaces) {
            let mut params = ListParams::default().limit(PAGE);
            loop {
                let page = self.in_time(api.list_metadata(&params)).await?;
                let objects = page.items.into_iter();
                names.extend(objects.map(|it| (it.namespace().unwrap_or_default(), it.name_any())));
                match next_page(page.metadata) {
                    Some(token) => params = params.continue_token(&token),
                    None => break,
                }
            }
        }
        Ok(names)
    }

    fn apis(&self, namespaces: &[String]) -> Vec<Api<DynamicObject>> {
        apis(&self.client, namespaces, &self.resource)
    }

    pub(super) async fn get(&self, object: &Seen) -> Result<DynamicObject, Error> {
        self.in_time(self.api(object).get(&object.name)).await
    }

    /// Adds the finalizer to the object as it was at `version`.
    pub(super) async fn add_finalizer(
        &self,
        object: &Seen,
        version: &str,
    ) -> Result<DynamicObject, Error> {
        let mut finalizers = object.finalizers.clone();
        finalizers.push(FINALIZER.to_owned());
        self.set_finalizers(object, version, &finalizers, false)
            .await
    }

    /// Asks whether the finalizer could be removed from the object as it was at `version`.
    ///
    /// # Errors
    /// It could not.
    pub(super) async fn rehearse(&self, object: &Seen, version: &str) -> Result<(), Error> {
        let others = object.others_finalizers();
        match self.set_finalizers(object, version, &others, true).await {
            // It may let the write through in earnest.
            Err(error) if error.knows_no_dry_run() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Removes the finalizer from the object as it was at `version`. `None`: the object is gone.
    pub(super) async fn remove_finalizer(
        &self,
        object: &Seen,
        version: &str,
    ) -> Result<Option<DynamicObject>, Error> {
        let others = object.others_finalizers();
        match self.set_finalizers(object, version, &others, false).await {
            // Another finalizer's owner was faster, or our own earlier try succeeded.
            Err(Error::Api(error)) if is_status(&error, 404) => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    async fn set_finalizers(
        &self,
        object: &Seen,
        version: &str,
        finalizers: &[String],
        dry_run: bool,
    ) -> Result<DynamicObject, Error> {
        let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": version, "uid": object.uid}});
        let api = self.api(object);
        let parameters = PatchParams {
            dry_run,
            ..self.parameters()
        };
        self.in_time(api.patch(&object.name, &parameters, &Patch::Merge(patch)))
            .await
    }

    /// Writes `status` to the object as it was at `version`; every field that it leaves out is cleared.
    pub(super) async fn write_status(
        &self,
        object: &Seen,
        version: &str,
        status: &ChatRoomStatus,
    ) -> Result<DynamicObject, Error> {
        let metadata = json!({"resourceVersion": version, "uid": object.uid});
        let patch = json!({"metadata": metadata, "status": explicit(status)?});
        let api = self.api(object);
        self.in_time(api.patch_status(&object.name, &self.parameters(), &Patch::Merge(patch)))
            .await
    }

    /// Writes `status` to the object whatever else changed about it, as long as it is still the same object and `attempt`
    /// is its attempt to create: a user's edit in between must not cost the ARN of a room just created.
    pub(super) async fn write_created(
        &self,
        object: &Seen,
        attempt: &Creation,
        status: &ChatRoomStatus,
    ) -> Result<DynamicObject, Error> {
        let test = |path, value| PatchOperation::Test(TestOperation { path, value });
        let attempted = |member| PointerBuf::from_tokens(["status", "creation", member]);
        let patch = JsonPatch(vec![
            test(
                PointerBuf::from_tokens(["metadata", "uid"]),
                json!(object.uid),
            ),
            if attempt.id.is_empty() {
                test(attempted("startedAt"), json!(attempt.started_at))
            } else {
                test(attempted("id"), json!(attempt.id))
            },
            PatchOperation::Add(AddOperation {
                path: PointerBuf::from_tokens(["status"]),
                value: serde_json::to_value(status)?,
            }),
        ]);
        let api = self.api(object);
        match self
            .in_time(api.patch_status(&object.name, &self.parameters(), &Patch::Json::<()>(patch)))
            .await
        {
            // The API server answers 422 if a test of the patch fails.
            Err(Error::Api(error)) if is_status(&error, 422) => Err(Error::Stale),
            outcome => outcome,
        }
    }

    /// Publishes an event. Events are for people: one that cannot be written is logged and given up.
    pub(super) async fn publish(&self, object: &Seen, notice: &Notice) {
        self.publish_about(&object.reference, notice).await;
    }

    /// Publishes an event about an object that may no longer exist.
    pub(super) async fn publish_about(&self, object: &ObjectReference, notice: &Notice) {
        let reporter = Reporter {
            controller: OPERATOR.to_owned(),
            instance: self.instance.clone(),
        };
        // A fresh recorder each time. One that remembers would repeat the text of the first event of a kind for later ones,
        // and the text is what tells them apart.
        let recorder = Recorder::new(self.client.clone(), reporter);
        match self.in_time(recorder.publish(&event(notice), object)).await {
            Ok(()) => {}
            // A namespace that is being deleted accepts no new objects, and nobody reads its events.
            Err(error) if namespace_ends(&error) => {
                tracing::debug!(
                    reason = notice.reason,
                    "no event, as the namespace is being deleted"
                );
            }
            Err(error) => {
                self.metrics.event_lost();
                tracing::warn!(reason = notice.reason, error = %chain(&error), "could not publish an event");
            }
        }
    }

    fn parameters(&self) -> PatchParams {
        PatchParams {
            field_manager: Some(self.signature.as_str().to_owned()),
            ..PatchParams::default()
        }
    }

    fn api(&self, object: &Seen) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &object.namespace, &self.resource)
    }

    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, KubeError>>,
    ) -> Result<T, Error> {
        in_time(self.timeout, call).await
    }
}

/// Whether the API server refuses because the namespace is being deleted.
fn namespace_ends(error: &Error) -> bool {
    let Error::Api(error) = error else {
        return false;
    };
    let KubeError::Api(status) = &**error else {
        return false;
    };
    let details = status.details.iter();
    details
        .flat_map(|it| &it.causes)
        .any(|cause| cause.reason == "NamespaceTerminating")
}

/// The status with null for every field it leaves out: in a merge patch, null clears and absence keeps.
fn explicit(status: &ChatRoomStatus) -> Result<Value, serde_json::Error> {
    const FIELDS: [&str; 12] = [
        "observedGeneration",
        "arn",
        "id",
        "region",
        "createTime",
        "updateTime",
        "creation",
        "missingSince",
        "appliedTagKeys",
        "drift",
        "lastHandledReconcileAt",
        "conditions",
    ];
    let mut fields: Map<String, Value> = FIELDS
        .iter()
        .map(|field| ((*field).to_owned(), Value::Null))
        .collect();
    if let Value::Object(given) = serde_json::to_value(status)? {
        fields.extend(given);
    }
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_empty_status_clears_every_field_that_a_full_one_sets() {
        let time = Some(Timestamp::UNIX_EPOCH);
        let text = || Some("x".to_owned());
        let creation = Creation {
            id: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            region: "us-west-2".to_owned(),
            account: "1".to_owned(),
        };
        let full = ChatRoomStatus {
            observed_generation: Some(1),
            arn: text(),
            id: text(),
            region: text(),
            create_time: time,
            update_time: time,
            missing_since: time,
            creation: Some(creation),
            applied_tag_keys: Some(Vec::new()),
            drift: Some(Vec::new()),
            last_handled_reconcile_at: text(),
            conditions: Some(Vec::new()),
        };
        let keys = |status: &ChatRoomStatus| {
            explicit(status)
                .unwrap()
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&full), keys(&ChatRoomStatus::default()));
        assert!(
            explicit(&ChatRoomStatus::default())
                .unwrap()
                .as_object()
                .unwrap()
                .values()
                .all(Value::is_null)
        );
    }
}
