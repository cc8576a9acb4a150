//! Makes passes of what needs them: takes in what the watch delivers, and begins the passes that the queue says are due.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Fuse, Shared};
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt, stream};
use ivschat_aws::{Caller, Recaller};
use ivschat_core::lanes::Lane;
use ivschat_core::room::FailureClass;
use ivschat_core::room::seen::Seen;
use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::context::Context;
use super::resource;
use crate::kit::Error;
use crate::kit::queue::{Line, Name, Queue};

/// A shutdown that several can wait for.
pub type Shutdown = Shared<BoxFuture<'static, ()>>;

/// Which objects need a pass: what [`passes`] works off.
pub struct Feed {
    /// What the watch delivers. The cache has taken it in already.
    pub watched: BoxStream<'static, Result<Event<DynamicObject>, watcher::Error>>,
    /// Every object as it was delivered last.
    pub objects: Store<DynamicObject>,
    /// Objects that need a pass although they have not changed.
    pub asked: BoxStream<'static, ObjectRef<DynamicObject>>,
    /// Each item: every object needs a pass.
    pub all: BoxStream<'static, ()>,
    /// No pass begins after it; those in hand are finished.
    pub shutdown: Shutdown,
}

/// Something came to an end.
#[derive(Debug)]
pub enum Passed {
    /// A pass over an object: when it needs the next, or why Kubernetes did not let it end.
    Ended(ObjectRef<DynamicObject>, Result<Option<Duration>, Error>),
    /// A watch, which is set up again.
    Watch(watcher::Error),
}

/// How many passes may be under way that are equally urgent and depend on the same region. They may wait for long, and each takes
/// memory: up to 20 kB.
pub const MOST: usize = 256;
/// How many events of the watch are taken in before passes go on.
const EVENTS: usize = 32;

/// Makes passes as the feed asks for it, one at a time for each object. `most`: how many may be under way that are equally urgent and
/// depend on the same region. `reconcile`: a pass.
pub fn passes<R, F>(
    feed: Feed,
    context: Arc<Context>,
    most: usize,
    reconcile: R,
) -> impl Stream<Item = Passed>
where
    R: Fn(Arc<DynamicObject>, Caller, Arc<Context>) -> F,
    F: Future<Output = Result<Option<Duration>, Error>> + Send + 'static,
{
    let desk = Desk {
        watched: feed.watched,
        objects: feed.objects,
        asked: feed.asked,
        all: feed.all,
        shutdown: feed.shutdown.fuse(),
        context,
        reconcile,
        ready: false,
        stopping: false,
        queue: Queue::new(most),
        running: BTreeMap::new(),
        left: BTreeSet::new(),
        passes: FuturesUnordered::new(),
    };
    stream::unfold(desk, async |mut desk| {
        desk.next().await.map(|passed| (passed, desk))
    })
}

struct Desk<R> {
    watched: BoxStream<'static, Result<Event<DynamicObject>, watcher::Error>>,
    objects: Store<DynamicObject>,
    asked: BoxStream<'static, ObjectRef<DynamicObject>>,
    all: BoxStream<'static, ()>,
    shutdown: Fuse<Shutdown>,
    context: Arc<Context>,
    reconcile: R,
    /// Whether the first list has come: no pass begins before.
    ready: bool,
    stopping: bool,
    queue: Queue,
    running: BTreeMap<Name, Running>,
    /// Objects whose last pass waited no more. The next one waits as long as it takes.
    left: BTreeSet<Name>,
    passes: FuturesUnordered<BoxFuture<'static, (Name, Outcome)>>,
}

/// A pass under way.
struct Running {
    /// `metadata.uid` of its object.
    uid: String,
    /// [`Seen::asked`] of its object.
    asked: u64,
    /// Since when its object waited for it.
    since: Instant,
    recaller: Recaller,
    /// It waits for its turn even if its object changes.
    patient: bool,
}

/// How a pass ended; `None`: it waited for its turn with AWS while its object changed, and waits no more.
type Outcome = Option<Result<Option<Duration>, Error>>;

impl<R, F> Desk<R>
where
    R: Fn(Arc<DynamicObject>, Caller, Arc<Context>) -> F,
    F: Future<Output = Result<Option<Duration>, Error>> + Send + 'static,
{
    /// What comes to an end next.
    async fn next(&mut self) -> Option<Passed> {
        loop {
            if let Some(failed) = self.take_waiting() {
                return Some(Passed::Watch(failed));
            }
            self.begin();
            self.context.metrics.queued(self.queue.behind());
            if self.stopping && self.passes.is_empty() {
                return None;
            }
            let (store, wake) = (self.objects.clone(), self.wake());
            tokio::select! {
                biased;
                () = &mut self.shutdown, if !self.stopping => {
                    self.stopping = true;
                    self.recall_all();
                }
                Some((name, outcome)) = self.passes.next() => {
                    if let Some(passed) = self.end(&name, outcome) {
                        return Some(passed);
                    }
                }
                Some(watched) = self.watched.next(), if !self.stopping => match watched {
                    Ok(event) => self.take(&event),
                    Err(error) => return Some(Passed::Watch(error)),
                },
                Some(asked) = self.asked.next(), if !self.stopping => self.want(&name_of(&asked)),
                Some(()) = self.all.next(), if !self.stopping => {
                    // What they have seen is of another term.
                    self.recall_all();
                    self.want_all();
                }
                _ = store.wait_until_ready(), if !self.ready => self.ready = true,
                () = wake => {}
            }
        }
    }

    /// Takes in what the watch has delivered already, so that no number of passes holds it up. Returns why it failed.
    fn take_waiting(&mut self) -> Option<watcher::Error> {
        for _ in 0..EVENTS {
            if self.stopping {
                break;
            }
            match unconstrained(self.watched.next()).now_or_never() {
                Some(Some(Ok(event))) => self.take(&event),
                Some(Some(Err(error))) => return Some(error),
                Some(None) | None => break,
            }
        }
        None
    }

    fn take(&mut self, event: &Event<DynamicObject>) {
        match event {
            Event::Apply(object) | Event::InitApply(object) => self.changed(object),
            Event::Delete(object) => {
                let name = name_of(&reference(object));
                self.queue.forget(&name);
                self.left.remove(&name);
                if let Some(running) = self.running.get(&name) {
                    running.recaller.recall();
                }
            }
            Event::Init | Event::InitDone => {}
        }
    }

    fn changed(&mut self, object: &DynamicObject) {
        let (name, seen) = (name_of(&reference(object)), Seen::read(object));
        let (line, now) = (self.line(&seen), Instant::now());
        match self.context.memory.rest(&seen) {
            Some(rest) => self.queue.want_at(&name, line, after(now, rest)),
            None => self.queue.ask(&name, line, now),
        }
        if let Some(running) = self.running.get(&name)
            && (running.uid != seen.uid || (running.asked != seen.asked() && !running.patient))
        {
            running.recaller.recall();
        }
    }

    /// Lets no pass wait any longer that has changed nothing yet.
    fn recall_all(&self) {
        for running in self.running.values() {
            running.recaller.recall();
        }
    }

    /// Lets an object have a pass as soon as can be, although nobody has asked for it.
    fn want(&mut self, name: &Name) {
        if let Some(object) = self.objects.get(&reference_to(name)) {
            let line = self.line(&Seen::read(&object));
            self.queue.want_at(name, line, Instant::now());
        }
    }

    fn want_all(&mut self) {
        for object in self.objects.state() {
            self.want(&name_of(&reference(&object)));
        }
    }

    fn line(&self, seen: &Seen) -> Line {
        Line {
            lane: self.context.memory.lane(seen),
            place: place(seen, &self.context.settings.policies.regions).to_owned(),
        }
    }

    /// Waits until the next object is due.
    fn wake(&self) -> BoxFuture<'static, ()> {
        match self.queue.next().filter(|_| self.ready && !self.stopping) {
            Some(due) => sleep_until(due).boxed(),
            None => std::future::pending().boxed(),
        }
    }

    /// Begins every pass that is due.
    fn begin(&mut self) {
        while self.ready
            && !self.stopping
            && let Some(due) = self.queue.due(Instant::now())
        {
            let name = due.object;
            let Some(object) = self.objects.get(&reference_to(&name)) else {
                self.queue.ended(&name);
                self.queue.forget(&name);
                continue;
            };
            let seen = Seen::read(&object);
            let line = self.line(&seen);
            if let Some(rest) = self.context.memory.rest(&seen) {
                self.queue.was_none(&name);
                self.queue.want_at(&name, line, after(Instant::now(), rest));
                continue;
            }
            let caller = Caller::new(line.lane, name.namespace.clone(), due.since);
            let (caller, recaller) = caller.recallable();
            let left = recaller.left();
            let patient = self.left.remove(&name) && line.lane == Lane::Asked;
            let running = Running {
                asked: seen.asked(),
                uid: seen.uid,
                since: due.since,
                recaller,
                patient,
            };
            let pass = (self.reconcile)(object, caller, Arc::clone(&self.context));
            let object = format!("{}/{}", name.namespace, name.name);
            let span = tracing::info_span!(target: "pass", "pass", object, lane = line.lane.name());
            let passed = run(name.clone(), pass, left).instrument(span);
            self.passes.push(passed.boxed());
            self.running.insert(name, running);
        }
    }

    /// Takes in how a pass has ended; `None`: another is begun in its place.
    fn end(&mut self, name: &Name, outcome: Outcome) -> Option<Passed> {
        self.queue.ended(name);
        let running = self.running.remove(name)?;
        let object = reference_to(name);
        let known = self.objects.get(&object).map(|known| Seen::read(&known));
        if known.as_ref().is_none_or(|known| known.uid != running.uid) {
            // What the pass noted after its object had left is noted for nobody.
            self.context.forget(&running.uid);
        }
        let Some(known) = known else {
            self.queue.forget(name);
            return outcome.map(|ended| Passed::Ended(object, ended));
        };
        let Some(ended) = outcome else {
            self.left.insert(name.clone());
            self.queue.want_at(name, self.line(&known), running.since);
            return None;
        };
        let rest = match &ended {
            Ok(rest) => *rest,
            Err(error) => Some(retry(&known, error, &self.context)),
        };
        if let Some(rest) = rest {
            let at = after(Instant::now(), rest);
            self.queue.want_at(name, self.line(&known), at);
        }
        Some(Passed::Ended(object, ended))
    }
}

async fn run(
    name: Name,
    pass: impl Future<Output = Result<Option<Duration>, Error>>,
    left: impl Future<Output = ()>,
) -> (Name, Outcome) {
    let outcome = tokio::select! {
        biased;
        ended = pass => Some(ended),
        () = left => None,
    };
    (name, outcome)
}

/// What a pass over this object depends on: the region where its room is or is to be. `served`: where rooms are made, the default first.
fn place<'a>(seen: &'a Seen, served: &'a [String]) -> &'a str {
    match (seen.recorded_region(), seen.asked_region()) {
        (Some(recorded), _) => recorded,
        // Its room may be in any of them.
        (None, _) if seen.has_finalizer() => "any",
        (None, Some(asked)) if served.iter().all(|region| region != asked) => "none",
        (None, Some(asked)) => asked,
        (None, None) => served.first().map_or("none", String::as_str),
    }
}

/// When a pass that Kubernetes cut short is repeated; nothing of it could be written to the object.
fn retry(seen: &Seen, error: &Error, context: &Context) -> Duration {
    if matches!(error, Error::Deposed) {
        return context.look_later();
    }
    // Where the cache was behind, the watch brings the newer object and with it the next pass; this is for a lost watch.
    let before = context
        .memory
        .of(&seen.uid, |entry| entry.failures.count(None));
    context.backoff(FailureClass::Unavailable, before)
}

fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}

fn reference(object: &DynamicObject) -> ObjectRef<DynamicObject> {
    ObjectRef::from_obj_with(object, resource())
}

fn reference_to(name: &Name) -> ObjectRef<DynamicObject> {
    ObjectRef::new_with(&name.name, resource()).within(&name.namespace)
}

fn name_of(object: &ObjectRef<DynamicObject>) -> Name {
    Name {
        namespace: object.namespace.clone().unwrap_or_default(),
        name: object.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::chat_room::reconcile;

    fn size_of<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        std::mem::size_of::<F>()
    }

    #[test]
    fn a_pass_that_waits_takes_as_much_memory_as_is_reckoned_with() {
        let size = size_of(reconcile);
        assert!(size < 16_000, "{size}");
    }
}
