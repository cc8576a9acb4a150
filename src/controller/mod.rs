//! Drives Kubernetes: watches ChatRooms, and for each runs one pass at a time.
//!
//! Start reading at [`reconcile`]: it is the table of contents.

mod act;
mod claims;
mod class;
mod deletions;
mod events;
mod kubernetes;
mod leadership;
mod look;
mod measure;
mod memory;
mod object;
mod overlap;
mod queue;
mod reconcile;
mod release;
mod report;
mod sweep;
mod unclassed;
mod watch;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use ivschat_aws::{Account, Clock, Index, Rooms};
use ivschat_core::api::ChatRoom;
use ivschat_core::errors::chain;
use ivschat_core::room::Class;
use ivschat_core::room::case::Policies;
use ivschat_core::room::correction::Difference;
use ivschat_core::room::recall::Recall;
use ivschat_core::room::seen::Seen;
use ivschat_core::room::when::{Pace, When};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::controller::{Action, Config, Controller, Error as RuntimeError};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher;
use kube::runtime::{WatchStreamExt, controller};
use kube::{Client, Resource};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::telemetry::{Health, Metrics};

pub use class::{InvalidOperatorClass, OperatorClass};
pub use kubernetes::{Error, Kubernetes, in_time, is_status};
pub use leadership::{Election, Leadership, LeaseSettings};
pub use overlap::Signature;
pub use reconcile::reconcile;
pub use release::{ReleaseError, Released, release_all};
pub use watch::client;

use claims::Claims;
use deletions::Deletions;
use memory::Memory;
use object::Object;
use queue::Queue;

/// What the operator was told about how to work.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// About rooms.
    pub policies: Policies,
    /// About the time between passes.
    pub pace: Pace,
    /// The only namespaces to look at; empty: all.
    pub namespaces: Vec<String>,
    /// The only objects to look at are of this class; `None`: of none.
    pub class: Option<OperatorClass>,
    /// How many objects are worked on at the same time.
    pub concurrency: u16,
    /// Time between two looks over whole regions.
    pub index_interval: Duration,
    /// A CreateRoom that has no answer by then never will.
    pub operation_timeout: Duration,
}

impl Settings {
    /// How long after a room was asked for, or first seen missing, a list can prove it absent.
    pub fn grace(&self) -> Duration {
        Duration::try_from(self.policies.grace).unwrap_or_default()
    }
}

/// Everything that passes share.
pub struct Context {
    pub(crate) settings: Settings,
    pub(crate) kubernetes: Kubernetes,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) index: Index,
    pub(crate) account: Account,
    pub(crate) leadership: Leadership,
    pub(crate) clock: Clock,
    pub(crate) memory: Memory,
    pub(crate) claims: Claims,
    pub(crate) deletions: Deletions,
    pub(crate) queue: Queue,
    pub(crate) metrics: Metrics,
    /// Whether every namespace has been listed: before that, a room may seem to have no object.
    pub(crate) synced: AtomicBool,
}

/// What a [`Context`] is made of, beside what it remembers.
pub struct Parts {
    /// How to work.
    pub settings: Settings,
    /// The calls to Kubernetes.
    pub kubernetes: Kubernetes,
    /// The calls to IVS Chat.
    pub rooms: Arc<Rooms>,
    /// The rooms of whole regions.
    pub index: Index,
    /// Whose the credentials are.
    pub account: Account,
    /// Whether this process leads.
    pub leadership: Leadership,
    /// The time of day.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
}

impl Context {
    /// A context with an empty memory.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            settings,
            kubernetes,
            rooms,
            index,
            account,
            leadership,
            clock,
            metrics,
        } = parts;
        metrics.allow_passes(settings.concurrency);
        metrics.expect_passes(&measure::OUTCOMES, &Difference::FIELDS);
        Self {
            queue: Queue::new(metrics.clone()),
            deletions: Deletions::new(settings.policies.max_deletions_per_minute),
            settings,
            kubernetes,
            rooms,
            index,
            account,
            leadership,
            clock,
            memory: Memory::default(),
            claims: Claims::default(),
            metrics,
            synced: AtomicBool::default(),
        }
    }

    /// Nothing is known of any object: another has led.
    fn begin_term(&self) {
        self.memory.clear();
        self.deletions.clear();
        self.index.renew();
    }

    /// Nothing is known of an object that is gone.
    fn forget(&self, uid: &str) {
        self.memory.forget(uid);
        self.deletions.give_back(uid);
    }

    /// What is known of an object as a pass over it begins.
    fn begin_pass(&self, seen: &Seen) -> Recall {
        let now = self.clock.now();
        self.memory.of(&seen.uid, |entry| {
            entry.measured.saw(seen, now);
            entry.recall.clone()
        })
    }

    /// The object of a pass.
    fn object<'a>(&'a self, seen: &'a Seen) -> Object<'a> {
        Object::new(&self.kubernetes, self.settings.class.as_ref(), seen)
    }

    /// How long an object rests after a pass.
    fn rest(&self, uid: &str, when: When) -> Duration {
        let (pace, now) = (&self.settings.pace, self.clock.now());
        self.memory.of(uid, |entry| {
            when.wait(&mut entry.failures, pace, now, fastrand::f64())
        })
    }

    /// The next pass, where nothing asks for one earlier.
    fn look_later(&self) -> Action {
        let pace = &self.settings.pace;
        Action::requeue(pace.jittered(pace.drift_interval, fastrand::f64()))
    }

    /// The wait after so many failures of a class before.
    fn backoff(&self, class: Class, before: u32) -> Duration {
        self.settings.pace.backoff(class, before, fastrand::f64())
    }
}

/// One pass that ended: over which object, and when it is due again or what went wrong.
pub type Passed = Result<(ObjectRef<DynamicObject>, Action), RuntimeError<Error, watcher::Error>>;

/// Watches ChatRooms and reconciles them, until `shutdown`; then finishes the passes in hand. Each item is a pass that ended.
pub fn passes<S>(
    client: &Client,
    context: Arc<Context>,
    health: Health,
    shutdown: S,
) -> impl Stream<Item = Passed> + use<S>
where
    S: Future<Output = ()> + Send + Sync + 'static,
{
    let resource = ApiResource::erase::<ChatRoom>(&());
    let writer = reflector::store::Writer::new(resource.clone());
    let store = writer.as_reader();
    let (watched, listed) = (Arc::clone(&context), Arc::clone(&context));
    let forgetful = Arc::clone(&context);
    let shutdown = shutdown.shared();
    let unready = unready_at(shutdown.clone(), store.clone());
    let synced = move |unlisted: Vec<String>| {
        if unlisted.is_empty() {
            listed.synced.store(true, Ordering::Relaxed);
        }
        health.listed_all_but(unlisted);
    };
    let objects = watch::watch(client, &context, &resource, synced)
        .inspect(move |event| match event {
            Ok(event) => {
                watched.queue.take(event);
                // Deleted, or of another class now: the room is left to whoever works on it there.
                if let watcher::Event::Delete(object) = event {
                    let uid = object.metadata.uid.as_deref();
                    watched.forget(uid.unwrap_or_default());
                }
            }
            Err(_) => watched.metrics.watch_failed(),
        })
        .reflect(writer)
        .applied_objects();
    let sweeps = sweep::sweeps(Arc::clone(&context), store.clone());
    Controller::for_stream_with(objects, store, resource)
        .reconcile_on(sweeps.take_until(shutdown.clone()))
        .reconcile_all_on(context.leadership.beginnings().take_until(shutdown.clone()))
        .with_config(Config::default().concurrency(context.settings.concurrency))
        .graceful_shutdown_on(shutdown)
        .run(reconcile, error_policy, context)
        .inspect(move |passed| {
            // What a pass noted after its object had left.
            if let Err(controller::Error::ObjectNotFound(object)) = passed {
                let uid = object.extra.uid.as_deref();
                forgetful.forget(uid.unwrap_or_default());
            }
        })
        .take_until(unready)
}

/// Ends at a shutdown that comes before the first list of objects: no pass is under way then, but the runtime would wait for
/// that list, which may never come.
async fn unready_at(shutdown: impl Future<Output = ()>, store: reflector::Store<DynamicObject>) {
    shutdown.await;
    if store.wait_until_ready().now_or_never().is_some() {
        std::future::pending::<()>().await;
    }
}

/// A pass that Kubernetes cut short is repeated; nothing of it could be written to the object.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature that the runtime asks for"
)]
fn error_policy(object: Arc<DynamicObject>, error: &Error, context: Arc<Context>) -> Action {
    if matches!(error, Error::Deposed) {
        return context.look_later();
    }
    // Where the cache was behind, the watch brings the newer object and with it the next pass; this is for a lost watch.
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let before = context.memory.of(uid, |entry| entry.failures.count(None));
    Action::requeue(context.backoff(Class::Unavailable, before))
}

/// Runs passes until `shutdown`, while this process leads; then lets another lead, once those in hand have ended: each finishes
/// its call and writes down what it learned. One that still waits for AWS's quota after the time that takes is cut short, as by a
/// crash. `election`: none where it always leads.
pub async fn run(
    client: &Client,
    context: Arc<Context>,
    election: Option<Election>,
    health: Health,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (stop, stopped) = oneshot::channel();
    let shared = Arc::clone(&context);
    let new_term = move || shared.begin_term();
    // A task of its own: no pass may hold up a renewal.
    let campaign = election.map(|election| tokio::spawn(election.run(new_term, stopped)));
    let credentials = tokio::spawn(resolve_account(Arc::clone(&context), health.clone()));
    let labels = tokio::spawn(unclassed::tell(client.clone(), Arc::clone(&context)));
    let stopping = health.clone();
    let shutdown = shutdown.inspect(move |()| {
        stopping.stopping();
        tracing::info!("stopping: finishing what is under way");
    });
    let shutdown = shutdown.shared();
    let patience = context.settings.operation_timeout + context.kubernetes.timeout();
    let overdue = shutdown.clone().then(|()| tokio::time::sleep(patience));
    let metrics = context.metrics.clone();
    let leadership = context.leadership.clone();
    let passes = passes(client, context, health.clone(), shutdown);
    let turn = || {
        health.turned();
        metrics.lead(leadership.fence().is_some());
        metrics.ready(health.ready().is_ok());
    };
    tokio::select! {
        () = turning(passes, turn, log) => {}
        () = overdue => tracing::warn!("passes that were not done {patience:?} later are left to the replica that leads next"),
    }
    credentials.abort();
    labels.abort();
    // Not before every pass has ended.
    drop(stop);
    metrics.lead(false);
    if let Some(campaign) = campaign
        && let Err(error) = campaign.await
    {
        tracing::error!(%error, "the election failed");
    }
}

/// A standby makes no pass, and yet has to know that it could.
async fn resolve_account(context: Arc<Context>, health: Health) {
    let mut attempt = 0;
    while let Err(failure) = context.account.id().await {
        if attempt == 0 {
            tracing::warn!(%failure, "cannot tell whose the AWS credentials are; this is tried again");
        }
        tokio::time::sleep(context.backoff(failure.class, attempt)).await;
        attempt += 1;
    }
    health.credentials_resolved();
}

/// How often the loop turns at least.
const TURN: Duration = Duration::from_secs(1);

/// Hands on every item of a stream to its end; `turn` is called every second by the task that drives the stream, and by no
/// other: where something in it blocks, it is not.
async fn turning<T>(items: impl Stream<Item = T>, turn: impl Fn(), mut hand_on: impl FnMut(T)) {
    let mut turns = tokio::time::interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut items = std::pin::pin!(items);
    loop {
        tokio::select! {
            item = items.next() => match item {
                Some(item) => hand_on(item),
                None => return,
            },
            _ = turns.tick() => turn(),
        }
    }
}

/// Logs what Kubernetes made fail.
fn log(passed: Passed) {
    match passed {
        Ok((object, _)) => tracing::trace!(%object, "pass"),
        Err(controller::Error::ReconcilerFailed(Error::Stale, object)) => {
            tracing::debug!(%object, "the cache was behind; the pass starts again");
        }
        Err(controller::Error::ReconcilerFailed(Error::Deposed, object)) => {
            tracing::info!(%object, "a pass was left to the replica that leads now");
        }
        // Deleted while it was queued.
        Err(controller::Error::ObjectNotFound(object)) => tracing::trace!(%object, "gone"),
        Err(controller::Error::QueueError(error)) => {
            tracing::warn!("{}", watch_problem(&error));
        }
        Err(error) => tracing::warn!(error = %chain(&error), "pass failed"),
    }
}

/// What keeps the watch from running, and what to do where that is known.
fn watch_problem(error: &watcher::Error) -> String {
    let advice = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => match status.code {
            404 => "; is the CRD installed? ivschat-operator crds | kubectl apply -f -",
            403 => "; may the operator's account get, list and watch chatrooms?",
            _ => "",
        },
        _ => "",
    };
    format!("cannot watch ChatRooms: {}{advice}", chain(error))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn a_loop_that_something_blocks_does_not_turn_and_is_told_from_one_that_waits() {
        let health = Health::stuck_after(Duration::from_millis(1500));
        let probe = health.clone();
        // Half a second from any turn.
        let waits = stream::once(tokio::time::sleep(Duration::from_millis(2500)));
        let blocks = stream::once(async move {
            let before = probe.live();
            std::thread::sleep(Duration::from_secs(2));
            (before, probe.live())
        });
        let items = waits.map(|()| None).chain(blocks.map(Some));
        let mut seen = None;
        turning(
            items,
            || health.turned(),
            |item| seen = seen.take().or(item),
        )
        .await;
        let stuck = Err("the loop has not turned for 2 s".to_owned());
        assert_eq!(seen, Some((Ok(()), stuck)));
    }
}
