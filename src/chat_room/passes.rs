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
use kube::runtime::watcher::{self, Event};
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::cache::Cache;
use super::context::Context;
use crate::kit::queue::{Line, Queue};
use crate::kit::{Error, Name};

/// A shutdown that several can wait for.
pub type Shutdown = Shared<BoxFuture<'static, ()>>;

/// Which objects need a pass: what [`passes`] works off.
pub struct Feed {
    /// What the watch delivers. The cache has taken it in already.
    pub watched: BoxStream<'static, Result<Event<DynamicObject>, watcher::Error>>,
    /// Every object as it was delivered last.
    pub objects: Cache,
    /// Objects that need a pass although they have not changed.
    pub asked: BoxStream<'static, Name>,
    /// Each item: every object needs a pass.
    pub all: BoxStream<'static, ()>,
    /// No pass begins after it; those in hand are finished.
    pub shutdown: Shutdown,
}

/// Something came to an end.
#[derive(Debug)]
pub enum Passed {
    /// A pass over an object: when it needs the next, or why Kubernetes did not let it end.
    Ended(Name, Result<Option<Duration>, Error>),
    /// A watch, which is set up again.
    Watch(watcher::Error),
}

/// How many passes may be under way that are equally urgent and depend on the same region. They may wait for long, and each takes
/// memory: up to 20 kB.
pub const MOST: usize = 256;
/// How many events of the watch are taken in before passes go on.
const EVENTS: usize = 32;
/// How many objects are read in a row.
const AT_ONCE: usize = 100;

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
        places: Texts::default(),
        running: BTreeMap::new(),
        left: BTreeSet::new(),
        to_want: Vec::new(),
        passes: FuturesUnordered::new(),
    };
    stream::unfold(desk, async |mut desk| {
        desk.next().await.map(|passed| (passed, desk))
    })
}

struct Desk<R> {
    watched: BoxStream<'static, Result<Event<DynamicObject>, watcher::Error>>,
    objects: Cache,
    asked: BoxStream<'static, Name>,
    all: BoxStream<'static, ()>,
    shutdown: Fuse<Shutdown>,
    context: Arc<Context>,
    reconcile: R,
    /// Whether the first list has come: no pass begins before.
    ready: bool,
    stopping: bool,
    queue: Queue,
    places: Texts,
    running: BTreeMap<Name, Running>,
    /// Objects whose last pass waited no more. The next one waits as long as it takes.
    left: BTreeSet<Name>,
    /// Objects that are to have a pass although nobody has asked for it.
    to_want: Vec<Name>,
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

/// Texts that many objects have in common.
#[derive(Default)]
struct Texts(BTreeSet<Arc<str>>);

impl Texts {
    /// The text, shared with whoever has it.
    fn share(&mut self, text: &str) -> Arc<str> {
        /// Above this number, texts that nobody has any more are forgotten: users can make some up.
        const MOST: usize = 100;
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() > MOST {
            self.0.retain(|text| Arc::strong_count(text) > 1);
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }
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
            let wake = self.wake();
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
                Some(asked) = self.asked.next(), if !self.stopping => self.want(&asked),
                Some(()) = self.all.next(), if !self.stopping => {
                    // What they have seen is of another term.
                    self.recall_all();
                    self.to_want = self.objects.names();
                }
                () = yield_now(), if !self.to_want.is_empty() => self.want_some(),
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
                let name = Name::of(object);
                self.queue.forget(&name);
                self.left.remove(&name);
                if let Some(running) = self.running.get(&name) {
                    running.recaller.recall();
                }
            }
            Event::InitDone => self.ready = true,
            Event::Init => {}
        }
    }

    fn changed(&mut self, object: &DynamicObject) {
        let (name, seen) = (self.objects.name_of(object), Seen::read(object));
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
        if let Some(object) = self.objects.get(name) {
            let line = self.line(&Seen::read(&object));
            self.queue.want_at(name, line, Instant::now());
        }
    }

    /// Lets some of the objects have a pass that all are to have. Not all at once: that would hold up everything else, the lease's
    /// renewal first.
    fn want_some(&mut self) {
        let rest = self.to_want.len().saturating_sub(AT_ONCE);
        for name in self.to_want.split_off(rest) {
            self.want(&name);
        }
    }

    fn line(&mut self, seen: &Seen) -> Line {
        let place = place(seen, &self.context.settings.policies.regions);
        Line {
            lane: self.context.memory.lane(seen),
            place: self.places.share(place),
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
            let Some(object) = self.objects.get(&name) else {
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
            let caller = Caller::new(line.lane, name.namespace(), due.since);
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
            let pass = (self.reconcile)(Arc::new(object), caller, Arc::clone(&self.context));
            let span = tracing::info_span!(target: "pass", "pass", object = %name, lane = line.lane.name());
            let passed = run(name.clone(), pass, left).instrument(span);
            self.passes.push(passed.boxed());
            self.running.insert(name, running);
        }
    }

    /// Takes in how a pass has ended; `None`: another is begun in its place.
    fn end(&mut self, name: &Name, outcome: Outcome) -> Option<Passed> {
        self.queue.ended(name);
        let running = self.running.remove(name)?;
        let known = self.objects.get(name).map(|known| Seen::read(&known));
        if known.as_ref().is_none_or(|known| known.uid != running.uid) {
            // What the pass noted after its object had left is noted for nobody.
            self.context.forget(&running.uid);
        }
        let Some(known) = known else {
            self.queue.forget(name);
            return outcome.map(|ended| Passed::Ended(name.clone(), ended));
        };
        let Some(ended) = outcome else {
            self.left.insert(name.clone());
            let line = self.line(&known);
            self.queue.want_at(name, line, running.since);
            return None;
        };
        let rest = match &ended {
            Ok(rest) => *rest,
            Err(error) => Some(retry(&known, error, &self.context)),
        };
        if let Some(rest) = rest {
            let (line, at) = (self.line(&known), after(Instant::now(), rest));
            self.queue.want_at(name, line, at);
        }
        Some(Passed::Ended(name.clone(), ended))
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
