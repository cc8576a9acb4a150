//! Stands in for kube-runtime's `Controller`, which takes due objects in hash order: here the next one is drawn.
//!
//! Everything that decides is the operator's own: which objects need a pass, what a pass does, when the next one is due. This
//! keeps the due ones, at most `concurrency` passes at once and one per object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Fuse};
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt, stream};
use ivschat_core::api::ChatRoom;
use ivschat_operator::chat_room::{Context, Feed, Passed, Shutdown, reconcile, retry};
use ivschat_operator::kit::Error;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use tokio::time::{Instant, sleep_until};

use crate::network::pass::{self, Pass};
use crate::network::{Line, Note};

/// Namespace and name.
type Name = (String, String);
/// How a pass ended, or that its object was gone.
type Outcome = Option<Result<Option<Duration>, (Error, Duration)>>;

/// Makes passes of what the feed asks for.
pub(crate) fn passes(
    feed: Feed,
    context: Arc<Context>,
    concurrency: u16,
    line: Line,
) -> impl Stream<Item = Passed> + Send {
    let desk = Desk {
        changed: feed.changed,
        asked: feed.asked,
        all: feed.all,
        objects: feed.objects,
        shutdown: feed.shutdown.fuse(),
        context,
        concurrency,
        line,
        begun: 0,
        ready: false,
        stopping: false,
        due: BTreeMap::new(),
        running: BTreeSet::new(),
        passes: FuturesUnordered::new(),
    };
    stream::unfold(desk, async |mut desk| {
        desk.next().await.map(|passed| (passed, desk))
    })
}

struct Desk {
    changed: BoxStream<'static, Result<DynamicObject, watcher::Error>>,
    asked: BoxStream<'static, ObjectRef<DynamicObject>>,
    all: BoxStream<'static, ()>,
    objects: Store<DynamicObject>,
    shutdown: Fuse<Shutdown>,
    context: Arc<Context>,
    concurrency: u16,
    line: Line,
    /// Counts passes.
    begun: u64,
    /// Whether the first list has come: no pass begins before.
    ready: bool,
    stopping: bool,
    due: BTreeMap<Name, Instant>,
    running: BTreeSet<Name>,
    passes: FuturesUnordered<BoxFuture<'static, (Name, Outcome)>>,
}

impl Desk {
    /// The next pass that ends.
    async fn next(&mut self) -> Option<Passed> {
        loop {
            self.begin();
            if self.stopping && self.passes.is_empty() {
                return None;
            }
            let store = self.objects.clone();
            let wake = self.wake();
            tokio::select! {
                biased;
                () = &mut self.shutdown, if !self.stopping => self.stopping = true,
                Some((name, outcome)) = self.passes.next() => return Some(self.end(name, outcome)),
                Some(changed) = self.changed.next(), if !self.stopping => match changed {
                    Ok(object) => self.changed(&object),
                    Err(error) => return Some(Err(controller::Error::QueueError(error))),
                },
                Some(asked) = self.asked.next(), if !self.stopping => self.demand(name(&asked), Instant::now()),
                Some(()) = self.all.next(), if !self.stopping => self.demand_all(),
                _ = store.wait_until_ready(), if !self.ready => self.ready = true,
                () = wake => {}
            }
        }
    }

    fn changed(&mut self, object: &DynamicObject) {
        let name = name(&ObjectRef::from_obj_with(object, resource()));
        let version = object
            .metadata
            .resource_version
            .as_deref()
            .unwrap_or_default();
        self.line.note(Note::Emitted {
            object: format!("{}/{}", name.0, name.1),
            uid: object.metadata.uid.clone().unwrap_or_default(),
            version: version.parse().unwrap_or_default(),
        });
        self.demand(name, Instant::now());
    }

    fn demand(&mut self, name: Name, at: Instant) {
        let due = self.due.entry(name).or_insert(at);
        *due = at.min(*due);
    }

    fn demand_all(&mut self) {
        for object in self.objects.state() {
            let reference = ObjectRef::from_obj_with(&*object, resource());
            self.demand(name(&reference), Instant::now());
        }
    }

    /// Waits until the next object is due that no pass is under way for.
    fn wake(&self) -> BoxFuture<'static, ()> {
        let next = self.free().map(|(_, due)| *due).min();
        let full = self.is_full() || self.stopping || !self.ready;
        match next.filter(|_| !full) {
            Some(due) => sleep_until(due).boxed(),
            None => std::future::pending().boxed(),
        }
    }

    fn is_full(&self) -> bool {
        self.running.len() >= usize::from(self.concurrency)
    }

    fn free(&self) -> impl Iterator<Item = (&Name, &Instant)> {
        let free = |(name, _): &(&Name, &Instant)| !self.running.contains(*name);
        self.due.iter().filter(free)
    }

    /// Begins passes, as long as some are due and there is room for more.
    fn begin(&mut self) {
        while self.ready && !self.stopping && !self.is_full() {
            let now = Instant::now();
            let due: Vec<Name> = self
                .free()
                .filter(|(_, due)| **due <= now)
                .map(|(name, _)| name.clone())
                .collect();
            let Some(name) = fastrand::choice(due) else {
                return;
            };
            self.due.remove(&name);
            self.running.insert(name.clone());
            let object = self.objects.get(&reference(&name));
            let context = Arc::clone(&self.context);
            self.begun += 1;
            let ended = pass(name, self.begun, object, context, self.line.clone());
            self.passes.push(ended.boxed());
        }
    }

    fn end(&mut self, name: Name, outcome: Outcome) -> Passed {
        self.running.remove(&name);
        let object = reference(&name);
        let rest = match &outcome {
            None => return Err(controller::Error::ObjectNotFound(Box::new(object.erase()))),
            Some(Ok(rest)) => *rest,
            Some(Err((_, rest))) => Some(*rest),
        };
        if let Some(rest) = rest {
            let now = Instant::now();
            self.demand(name, now.checked_add(rest).unwrap_or(now));
        }
        match outcome {
            Some(Err((error, _))) => Err(controller::Error::ReconcilerFailed(
                error,
                Box::new(object.erase()),
            )),
            _ => Ok((
                object,
                rest.map_or_else(Action::await_change, Action::requeue),
            )),
        }
    }
}

async fn pass(
    name: Name,
    number: u64,
    object: Option<Arc<DynamicObject>>,
    context: Arc<Context>,
    line: Line,
) -> (Name, Outcome) {
    let Some(object) = object else {
        return (name, None);
    };
    let known = pass::Object {
        namespace: name.0.clone(),
        name: name.1.clone(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
    };
    let pass = Pass {
        number,
        object: Arc::new(known),
    };
    line.note(Note::Begun(pass.clone()));
    let reconciled = reconcile(Arc::clone(&object), Arc::clone(&context));
    let ended = Box::pin(pass.run(reconciled)).await;
    let ended = ended.map_err(|error| {
        let rest = retry(&object, &error, &context);
        (error, rest)
    });
    (name, Some(ended))
}

fn resource() -> ApiResource {
    ApiResource::erase::<ChatRoom>(&())
}

fn name(object: &ObjectRef<DynamicObject>) -> Name {
    let namespace = object.namespace.clone().unwrap_or_default();
    (namespace, object.name.clone())
}

fn reference((namespace, name): &Name) -> ObjectRef<DynamicObject> {
    ObjectRef::new_with(name, resource()).within(namespace)
}
