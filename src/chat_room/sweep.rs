//! Checks whole regions at an interval, for what no single object shows: objects with more than one room, and rooms whose
//! object no longer exists.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::{Stream, StreamExt, stream};
use ivschat_aws::Caller;
use ivschat_core::api::names;
use ivschat_core::lanes::Lane;
use ivschat_core::room::RoomArn;
use ivschat_core::room::delta::Delta;
use ivschat_core::room::news::News;
use ivschat_core::room::orphans::{ObjectName, Orphans, Owned, Watched};
use kube::ResourceExt;
use tokio::time::Instant;

use super::cache::Cache;
use super::context::Context;
use super::regions::regions;
use crate::kit::Name;

/// Sweeps without end, and yields the objects that need a pass: those with more than one room.
pub(super) fn sweeps(context: Arc<Context>, objects: Cache) -> impl Stream<Item = Name> {
    let sweep = Sweep {
        context,
        objects,
        orphans: Orphans::default(),
        term: None,
    };
    stream::unfold(sweep, async |mut sweep| {
        sweep.wait().await;
        let leads = sweep.context.leadership.mandate().is_some();
        let listed = sweep.context.listed.of(&sweep.context.settings.namespaces);
        let found = match listed.filter(|_| leads) {
            Some(namespaces) => sweep.sweep(&namespaces).await,
            None => {
                tokio::time::sleep(UNREADY_WAIT).await;
                Vec::new()
            }
        };
        Some((stream::iter(found), sweep))
    })
    .flatten()
}

struct Sweep {
    context: Arc<Context>,
    objects: Cache,
    orphans: Orphans,
    /// The term in which the last sweep began.
    term: Option<Instant>,
}

/// Until a namespace is listed, a sweep would take its rooms for those without an object.
const UNREADY_WAIT: Duration = Duration::from_secs(1);

impl Sweep {
    /// Waits until the next sweep is due: at once when a term begins, so that every region is listed from the start, then at the interval.
    async fn wait(&mut self) {
        let context = Arc::clone(&self.context);
        let settings = &context.settings;
        if self.term == Some(context.term.at()) {
            let interval = settings.index_interval;
            let interval = settings.pace.jittered(interval, fastrand::f64());
            tokio::time::sleep(interval).await;
        } else {
            context.leadership.begin().await;
        }
    }

    /// Sweeps for the objects of these namespaces; empty: of all.
    async fn sweep(&mut self, namespaces: &[String]) -> Vec<Name> {
        let begun = Instant::now();
        let context = Arc::clone(&self.context);
        let term = context.term.at();
        // What passes have read since the term began does for its first sweep.
        let again = self.term == Some(term);
        let since = again.then(|| context.clock.now());
        let Ok(account) = context.account.id().await else {
            tokio::time::sleep(UNREADY_WAIT).await;
            return Vec::new();
        };
        self.term = Some(term);
        let caller = Caller::operator(Lane::Look, "sweeps");
        let (mut owned, mut unlisted) = (Vec::new(), BTreeSet::new());
        let lists = regions(&context, &self.objects)
            .into_iter()
            .map(async |region| {
                let rooms = context.index.relist(&account, &region, since, &caller);
                (region.clone(), rooms.await)
            });
        for (region, listed) in join_all(lists).await {
            match listed {
                Ok(rooms) => owned.extend(rooms),
                Err(failure) => {
                    tracing::warn!(region, %failure, "could not sweep a region");
                    unlisted.insert(region);
                }
            }
        }
        let settings = &context.settings;
        let watched = Watched {
            cluster: &settings.policies.cluster,
            former: &settings.policies.former_clusters,
            namespaces,
        };
        let delta = Delta::of(owned, &watched, |object| self.objects.holds(&name(object)));
        let surplus = delta.surplus();
        let twins = delta.twins.keys().map(|object| {
            let name = name(object);
            let uid = self.objects.get(&name).and_then(|object| object.uid());
            context.memory.wake(&uid.unwrap_or_default());
            name
        });
        let (twins, without_object) = (twins.collect(), delta.orphans);
        let names = self.names(namespaces, &without_object).await;
        for ((namespace, name), arn) in
            self.orphans
                .sweep(without_object, &unlisted, names.as_ref())
        {
            report_orphan(&context, &namespace, &name, &arn).await;
        }
        let all = namespaces.len() == settings.namespaces.len();
        let (complete, orphans) = (all && unlisted.is_empty(), self.orphans.count());
        context
            .metrics
            .swept(begun.elapsed(), complete, orphans, surplus);
        twins
    }

    /// All ChatRoom names, of any class; fetched only when a room may be an orphan. `None`: not fetched, or in vain.
    async fn names(
        &self,
        namespaces: &[String],
        without_object: &Owned,
    ) -> Option<BTreeSet<ObjectName>> {
        if !self.orphans.need_names(without_object) {
            return None;
        }
        let names = self.context.kubernetes.names(namespaces).await;
        names
            .inspect_err(|error| tracing::warn!(%error, "could not tell rooms without an object"))
            .ok()
    }
}

/// Reports a room without an object. Only a person can tell whether it is still wanted.
async fn report_orphan(context: &Context, namespace: &str, name: &str, arn: &RoomArn) {
    let notice = News::Orphan(arn.clone()).notice();
    tracing::warn!(object = %format!("{namespace}/{name}"), reason = notice.reason, "{}", notice.note);
    let reference = k8s_openapi::api::core::v1::ObjectReference {
        api_version: Some(format!("{}/v1alpha1", names::GROUP)),
        kind: Some("ChatRoom".to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        ..Default::default()
    };
    context.kubernetes.publish_about(&reference, &notice).await;
}

fn name((namespace, name): &ObjectName) -> Name {
    Name::new(namespace, name)
}
