//! Checks whole regions at an interval, for what no single object shows: objects with more than one room, and rooms whose
//! object no longer exists.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures::{Stream, StreamExt, stream};
use kube::ResourceExt;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::reflector::{ObjectRef, Store};

use crate::api::{ChatRoom, names};
use crate::room::{Owner, RoomArn, is_region};

use super::Context;
use super::events::News;

/// The rooms of this cluster's ChatRooms, by their owner tags.
type Owned = BTreeMap<(String, String), Vec<RoomArn>>;

/// Sweeps without end, and yields the objects that need a pass: those with more than one room.
pub(super) fn sweeps(
    context: Arc<Context>,
    store: Store<DynamicObject>,
) -> impl Stream<Item = ObjectRef<DynamicObject>> {
    let sweep = Sweep {
        context,
        store,
        suspects: HashSet::new(),
        reported: HashSet::new(),
    };
    stream::unfold(sweep, async |mut sweep| {
        let interval = sweep.context.settings.index_interval;
        tokio::time::sleep(sweep.context.jittered(interval)).await;
        // Before the first list of objects every room would look like an orphan.
        let ready = sweep.context.synced.load(Ordering::Relaxed);
        let leads = sweep.context.leadership.fence().is_some();
        let found = if ready && leads {
            sweep.sweep().await
        } else {
            Vec::new()
        };
        Some((stream::iter(found), sweep))
    })
    .flatten()
}

struct Sweep {
    context: Arc<Context>,
    store: Store<DynamicObject>,
    /// Rooms that had no object in the last sweep. A room whose object is on its way is in here once, but not twice.
    suspects: HashSet<RoomArn>,
    reported: HashSet<RoomArn>,
}

impl Sweep {
    async fn sweep(&mut self) -> Vec<ObjectRef<DynamicObject>> {
        let begun = Instant::now();
        let context = Arc::clone(&self.context);
        let Ok(account) = context.account.id().await else {
            return Vec::new();
        };
        let mut owned = Owned::new();
        let mut unlisted = BTreeSet::new();
        for region in self.regions(&account) {
            match context.index.relist(&account, &region).await {
                Ok(rooms) => {
                    for (owner, arn) in rooms {
                        self.sort_in(&mut owned, &owner, arn);
                    }
                }
                Err(failure) => {
                    tracing::warn!(region, %failure, "could not sweep a region");
                    unlisted.insert(region);
                }
            }
        }
        let mut twins = Vec::new();
        let mut surplus = 0;
        let strangers = self.strangers(&owned).await;
        let unseen = |arn: &&RoomArn| unlisted.contains(arn.region());
        let mut orphans: HashSet<_> = self.suspects.iter().filter(unseen).cloned().collect();
        for ((namespace, name), rooms) in owned {
            let reference = ObjectRef::new_with(&name, resource()).within(&namespace);
            match self.store.get(&reference) {
                Some(object) if rooms.len() > 1 => {
                    context.memory.wake(&object.uid().unwrap_or_default());
                    surplus += rooms.len() - 1;
                    twins.push(reference);
                }
                Some(_) => {}
                None => {
                    // The object has another class, or does not exist, or nobody can tell now.
                    let object = (namespace.clone(), name.clone());
                    let exists = strangers.as_ref().map(|it| it.contains(&object));
                    for arn in rooms {
                        let orphan = exists == Some(false) && self.suspects.contains(&arn);
                        if orphan && self.reported.insert(arn.clone()) {
                            report_orphan(&context, &namespace, &name, &arn).await;
                        }
                        if exists == Some(true) {
                            self.reported.remove(&arn);
                        }
                        orphans.insert(arn);
                    }
                }
            }
        }
        self.reported.retain(|arn| orphans.contains(arn));
        self.suspects = orphans;
        let (complete, orphans) = (unlisted.is_empty(), self.reported.len());
        context
            .metrics
            .swept(begun.elapsed(), complete, orphans, surplus);
        twins
    }

    /// All ChatRoom names, of any class; fetched only when a room may be an orphan. `None`: not fetched, or in vain.
    async fn strangers(&self, owned: &Owned) -> Option<HashSet<(String, String)>> {
        let suspected = |arn: &RoomArn| self.suspects.contains(arn);
        if !owned.values().flatten().any(suspected) {
            return None;
        }
        let names = self
            .context
            .kubernetes
            .names(&self.context.settings.namespaces);
        let names = names.await;
        names
            .inspect_err(|error| tracing::warn!(%error, "could not tell rooms without an object"))
            .ok()
    }

    /// The regions where rooms can be. A process that has just started has listed none of them, so the statuses count too.
    fn regions(&self, account: &str) -> BTreeSet<String> {
        let in_force = |object: Arc<DynamicObject>| {
            let region = object.data["status"]["region"].as_str()?;
            is_region(region).then(|| region.to_owned())
        };
        let mut regions: BTreeSet<_> = self
            .store
            .state()
            .into_iter()
            .filter_map(in_force)
            .collect();
        regions.insert(self.context.settings.default_region.clone());
        regions.extend(self.context.index.regions(account));
        regions
    }

    /// Keeps only rooms of this cluster, and of namespaces that this operator watches.
    fn sort_in(&self, owned: &mut Owned, tag: &str, arn: RoomArn) {
        let settings = &self.context.settings;
        let Some(Owner {
            cluster,
            namespace,
            name,
        }) = Owner::parse(tag)
        else {
            return;
        };
        let here = settings.namespaces.is_empty() || settings.namespaces.contains(&namespace);
        let ours = cluster == settings.cluster || settings.former_clusters.contains(&cluster);
        if ours && here {
            owned.entry((namespace, name)).or_default().push(arn);
        }
    }
}

/// Reports a room without an object. Only a person can tell whether it is still wanted.
async fn report_orphan(context: &Context, namespace: &str, name: &str, arn: &RoomArn) {
    let event = News::Orphan(arn.clone()).event();
    let note = event.note.as_deref().unwrap_or_default();
    tracing::warn!(object = %format!("{namespace}/{name}"), reason = event.reason, "{note}");
    let reference = k8s_openapi::api::core::v1::ObjectReference {
        api_version: Some(format!("{}/v1alpha1", names::GROUP)),
        kind: Some("ChatRoom".to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        ..Default::default()
    };
    context.kubernetes.publish_about(&reference, &event).await;
}

fn resource() -> ApiResource {
    ApiResource::erase::<ChatRoom>(&())
}
