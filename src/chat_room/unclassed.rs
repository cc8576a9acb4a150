//! Reports ChatRooms that no operator works on, because their class label can be no operator's class.
//!
//! The operator without a class does so, because people look to it. No selector finds such labels. So it has a watch of its own,
//! which shows every object with the label, without its spec.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use ivschat_core::api::ChatRoom;
use ivschat_core::api::names::CLASS_LABEL;
use ivschat_core::room::news::News;
use kube::api::{Api, ApiResource, DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Client, Resource, ResourceExt};

use super::context::Context;
use super::operator_class::OperatorClass;
use crate::kit::calls::apis;
use crate::kit::watch;

/// How many objects are remembered as told. Users can create and delete any number; past this, objects are told again.
const MOST_TOLD: usize = 10_000;

/// Reports without end, while this process leads.
pub(super) async fn tell(client: Client, context: Arc<Context>) {
    if context.settings.class.is_some() {
        return;
    }
    context.leadership.begin().await;
    let resource = ApiResource::erase::<ChatRoom>(&());
    let labelled = watcher::Config::default().labels(CLASS_LABEL);
    let apis: Vec<Api<PartialObjectMeta<DynamicObject>>> =
        apis(&client, &context.settings.namespaces, &resource);
    let watches = apis.into_iter().map(|api| {
        let objects = watcher(api, labelled.clone());
        objects
            .backoff(watch::pauses())
            .applied_objects()
            // The watch of the objects themselves fails for the same reasons, and says so.
            .inspect_err(|error| tracing::debug!(%error, "cannot watch labels"))
            .boxed()
    });
    let mut objects = stream::select_all(watches);
    let mut told = BTreeMap::new();
    while let Some(object) = objects.next().await {
        let Ok(object) = object else { continue };
        let label = object.labels().get(CLASS_LABEL).cloned();
        let Some(label) = label.filter(|label| label.parse::<OperatorClass>().is_err()) else {
            continue;
        };
        context.leadership.begin().await;
        let uid = object.uid().unwrap_or_default();
        if told.len() >= MOST_TOLD {
            told.clear();
        }
        if told.insert(uid, label.clone()).as_ref() != Some(&label) {
            let notice = News::InvalidClass(label).notice();
            let reference = object.object_ref(&resource);
            context.kubernetes.publish_about(&reference, &notice).await;
        }
    }
}
