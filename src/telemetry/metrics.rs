//! Figures for Prometheus. Every label is one of a closed set of values: never the name of an object, a room or an error.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ivschat_aws::{Meter, Operation, Turn};
use ivschat_core::lanes::Lane;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use shown::ShownRooms;

use super::process::Process;
use super::{COMMIT, VERSION_ONLY};

pub use shown::Shown;

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Seconds = Counter<f64, AtomicU64>;
type Histograms = Family<Labels<1>, Histogram, fn() -> Histogram>;

/// The figures of this process. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    passes: Family<Labels<1>, Counter>,
    pass_duration: Histogram,
    in_flight: Gauge,
    queue_depth: Gauge,
    time_to_ready: Histogram,
    rooms_compared: Family<Labels<1>, Counter>,
    drift_found: Family<Labels<1>, Counter>,
    drift_corrected: Family<Labels<1>, Counter>,
    drift_returned: Family<Labels<1>, Counter>,
    calls: Family<Labels<2>, Counter>,
    call_duration: Histograms,
    throttles: Family<Labels<1>, Counter>,
    quota_wait: Family<Labels<2>, Seconds>,
    waiting: Family<Labels<2>, Gauge>,
    quota_share: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    /// Where less than the whole quota is used.
    learned: Mutex<BTreeMap<(String, &'static str), f64>>,
    leader: Gauge,
    ready: Gauge,
    shown: Arc<ShownRooms>,
    sweeps: Family<Labels<1>, Counter>,
    sweep_duration: Histogram,
    orphans: Gauge,
    twins: Gauge,
    index_listed: Gauge<f64, AtomicU64>,
    watch_errors: Counter,
    unpublished_events: Counter,
    overlaps: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process));
        let shown = Arc::new(ShownRooms::default());
        registry.register_collector(Box::new(Arc::clone(&shown)));
        let mut ours = Registrar(registry.sub_registry_with_prefix("ivschat_operator"));
        ours.0.register(
            "build",
            "What runs",
            Info::new([("version", VERSION_ONLY), ("commit", COMMIT)]),
        );
        let inner = Inner {
            passes: ours.add("reconciles", "Passes over a ChatRoom, by how they ended", Family::default()),
            pass_duration: ours.seconds(
                "reconcile_duration",
                "How long a pass over a ChatRoom took, waits for the call quota included",
                pass_histogram(),
            ),
            in_flight: ours.add("reconciles_in_flight", "Passes under way", Gauge::default()),
            queue_depth: ours.add("queue_depth", "ChatRooms that are due for more than a regular check and wait until another pass ends, because too many are under way", Gauge::default()),
            time_to_ready: ours.seconds(
                "time_to_ready",
                "From a ChatRoom's creation, or its edit being seen, to Ready being written",
                Histogram::new([0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0, 300.0, 900.0, 3600.0]),
            ),
            rooms_compared: ours.add(
                "rooms_compared",
                "Rooms compared with their ChatRoom, by the operation of AWS that showed them",
                Family::default(),
            ),
            drift_found: ours.add(
                "drift_found",
                "Fields found different on the room of a ChatRoom that had been settled, or is only observed",
                Family::default(),
            ),
            drift_corrected: ours.add(
                "drift_corrected",
                "Fields corrected on the room of a ChatRoom that had been settled",
                Family::default(),
            ),
            drift_returned: ours.add(
                "drift_returned",
                "Fields corrected again on the same room within four drift intervals",
                Family::default(),
            ),
            calls: ours.add("aws_calls", "Requests to AWS, retries included, by what was answered", Family::default()),
            call_duration: ours.seconds(
                "aws_call_duration",
                "How long AWS took to answer a request",
                Family::new_with_constructor(call_histogram as fn() -> Histogram),
            ),
            throttles: ours.add("aws_throttles", "Requests to AWS that were answered with throttling", Family::default()),
            quota_wait: ours.seconds(
                "aws_quota_wait",
                "Time that calls waited for their turn: for the operator's own call quota, or for others under way to end",
                Family::default(),
            ),
            waiting: ours.add("aws_calls_waiting", "Calls that wait for their turn", Family::default()),
            quota_share: ours.add(
                "aws_quota_share",
                "Share of the call quota that the operator uses, as of the last call of the region that has the least; less than 1: AWS refused calls",
                Family::default(),
            ),
            learned: Mutex::default(),
            leader: ours.add("leader", "Whether this replica leads", Gauge::default()),
            ready: ours.add("ready", "Whether this replica is ready, as /readyz says", Gauge::default()),
            shown,
            sweeps: ours.add("sweeps", "Sweeps over all rooms of every region, by how they ended", Family::default()),
            sweep_duration: ours.seconds(
                "sweep_duration",
                "How long a sweep over all rooms of every region took",
                Histogram::new([0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 150.0, 300.0, 600.0]),
            ),
            orphans: ours.add(
                "orphans",
                "Rooms with this cluster's owner tag whose ChatRoom did not exist in two sweeps; 0 on a standby",
                Gauge::default(),
            ),
            twins: ours.add("twins", "Rooms beyond the one of each ChatRoom, as of the last sweep; 0 on a standby", Gauge::default()),
            index_listed: ours.seconds(
                "index_listed_timestamp",
                "When the last complete list of a region began, since the epoch; 0: never",
                Gauge::default(),
            ),
            watch_errors: ours.add("watch_errors", "Watches of ChatRooms that broke or could not begin", Counter::default()),
            unpublished_events: ours.add("events_unpublished", "Events that the API server did not take", Counter::default()),
            overlaps: ours.add("overlaps", "Writes of another operator to ChatRooms that this one works on", Counter::default()),
            registry: Registry::default(),
        };
        for outcome in ["complete", "incomplete"] {
            drop(inner.sweeps.get_or_create(&[("outcome", outcome)]));
        }
        Self(Arc::new(Inner { registry, ..inner }))
    }
}

/// Registers a metric, and returns it.
struct Registrar<'a>(&'a mut Registry);

impl Registrar<'_> {
    fn add<M>(&mut self, name: &str, help: &str, metric: M) -> M
    where
        M: prometheus_client::registry::Metric + Clone,
    {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds<M>(&mut self, name: &str, help: &str, metric: M) -> M
    where
        M: prometheus_client::registry::Metric + Clone,
    {
        self.0
            .register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

fn pass_histogram() -> Histogram {
    Histogram::new([
        0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
    ])
}

fn call_histogram() -> Histogram {
    Histogram::new([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

impl Metrics {
    /// All metrics as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(32 * 1024);
        // Writing into a String cannot fail.
        let _ = text::encode(&mut text, &self.0.registry);
        text
    }

    // --- passes ------------------------------------------------------------------------------------------------------

    /// Begins to measure a pass. Dropping the timer counts the pass, with the outcome it then has.
    pub fn pass(&self) -> PassTimer {
        self.0.in_flight.inc();
        PassTimer {
            metrics: self.clone(),
            begun: Instant::now(),
            outcome: "abandoned",
        }
    }

    /// Sets how many ChatRooms are due for more than a regular check and wait until another pass ends.
    pub fn queued(&self, depth: usize) {
        self.0.queue_depth.set(count(depth));
    }

    /// Records how long a ChatRoom took to become Ready.
    pub fn became_ready(&self, after: Duration) {
        self.0.time_to_ready.observe(after.as_secs_f64());
    }

    /// Counts a room that was compared with its ChatRoom.
    pub fn compared(&self, operation: Operation) {
        let labels = [("operation", operation.name())];
        self.0.rooms_compared.get_or_create(&labels).inc();
    }

    /// Counts a field that was found different.
    pub fn found_drift(&self, field: &'static str) {
        self.0.drift_found.get_or_create(&[("field", field)]).inc();
    }

    /// Counts a field that was corrected.
    pub fn corrected_drift(&self, field: &'static str) {
        let corrected = self.0.drift_corrected.get_or_create(&[("field", field)]);
        corrected.inc();
    }

    /// Counts a field that was corrected again, not long after the last time.
    pub fn drift_returned(&self, field: &'static str) {
        let returned = self.0.drift_returned.get_or_create(&[("field", field)]);
        returned.inc();
    }

    /// Starts the series of every outcome and field at 0, so that the first of each shows as a change.
    pub fn expect_passes(&self, outcomes: &[&'static str], fields: &[&'static str]) {
        for outcome in outcomes {
            drop(self.0.passes.get_or_create(&[("outcome", *outcome)]));
        }
        for operation in [Operation::ListRooms, Operation::GetRoom] {
            let labels = [("operation", operation.name())];
            drop(self.0.rooms_compared.get_or_create(&labels));
        }
        for field in fields {
            drop(self.0.drift_found.get_or_create(&[("field", *field)]));
            drop(self.0.drift_corrected.get_or_create(&[("field", *field)]));
            drop(self.0.drift_returned.get_or_create(&[("field", *field)]));
        }
    }

    /// Counts a ChatRoom under each of these conditions (type, status, reason) until the returned value is dropped.
    /// `deleted`: since when it has been waiting to be gone.
    pub fn show(&self, conditions: &[[&'static str; 3]], deleted: Option<SystemTime>) -> Shown {
        Shown::new(&self.0.shown, conditions, deleted)
    }

    // --- sweeps ------------------------------------------------------------------------------------------------------

    /// Records a sweep, and whether every region and every namespace could be listed.
    pub fn swept(&self, took: Duration, complete: bool, orphans: usize, twins: usize) {
        let outcome = if complete { "complete" } else { "incomplete" };
        self.0.sweeps.get_or_create(&[("outcome", outcome)]).inc();
        self.0.sweep_duration.observe(took.as_secs_f64());
        self.0.orphans.set(count(orphans));
        self.0.twins.set(count(twins));
    }

    // --- the process -------------------------------------------------------------------------------------------------

    /// Sets whether this replica leads. A standby knows nothing about the rooms, and shows none.
    pub fn lead(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
        self.0.shown.lead(leads);
        if !leads {
            self.0.orphans.set(0);
            self.0.twins.set(0);
            self.forget_shares();
        }
    }

    /// A standby makes no calls: what it learned of the quotas no longer holds.
    fn forget_shares(&self) {
        let mut learned = self
            .0
            .learned
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (_, operation) in std::mem::take(&mut *learned).into_keys() {
            let labels = [("operation", operation)];
            self.0.quota_share.get_or_create(&labels).set(1.0);
        }
    }

    /// Sets whether this replica can do its work, or stand by for it.
    pub fn ready(&self, ready: bool) {
        self.0.ready.set(i64::from(ready));
    }

    /// Counts a watch that broke, or could not begin.
    pub fn watch_failed(&self) {
        self.0.watch_errors.inc();
    }

    /// Counts a write of another operator to an object that this one works on.
    pub fn overlapped(&self) {
        self.0.overlaps.inc();
    }

    /// Counts an event that could not be written.
    pub fn event_lost(&self) {
        self.0.unpublished_events.inc();
    }
}

impl Meter for Metrics {
    fn called(&self, operation: &'static str, code: &'static str, took: Duration) {
        let labels = [("operation", operation), ("code", code)];
        self.0.calls.get_or_create(&labels).inc();
        let duration = self
            .0
            .call_duration
            .get_or_create(&[("operation", operation)]);
        duration.observe(took.as_secs_f64());
    }

    fn throttled(&self, operation: &'static str) {
        let throttles = self.0.throttles.get_or_create(&[("operation", operation)]);
        throttles.inc();
    }

    fn waits(&self, turn: &Turn) {
        self.0.waiting.get_or_create(&labels(turn)).inc();
    }

    fn waited(&self, turn: &Turn, time: Duration) {
        let labels = labels(turn);
        self.0.waiting.get_or_create(&labels).dec();
        let wait = self.0.quota_wait.get_or_create(&labels);
        wait.inc_by(time.as_secs_f64());
    }

    fn left(&self, turn: &Turn) {
        self.0.waiting.get_or_create(&labels(turn)).dec();
    }

    fn learned(&self, region: &str, operation: &'static str, share: f64) {
        let mut learned = self
            .0
            .learned
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let place = (region.to_owned(), operation);
        if share < 1.0 {
            learned.insert(place, share);
        } else {
            learned.remove(&place);
        }
        let others = learned.iter().filter(|((_, other), _)| *other == operation);
        let least = others.fold(1.0, |least: f64, (_, share)| least.min(*share));
        let labels = [("operation", operation)];
        self.0.quota_share.get_or_create(&labels).set(least);
    }

    fn expect_calls(&self, operation: &'static str) {
        let labels = [("operation", operation)];
        let calls = [("operation", operation), ("code", "OK")];
        drop(self.0.calls.get_or_create(&calls));
        drop(self.0.call_duration.get_or_create(&labels));
        drop(self.0.throttles.get_or_create(&labels));
        self.0.quota_share.get_or_create(&labels).set(1.0);
        for lane in Lane::ALL {
            let labels = [("operation", operation), ("lane", lane.name())];
            drop(self.0.quota_wait.get_or_create(&labels));
            drop(self.0.waiting.get_or_create(&labels));
        }
    }

    fn listed(&self, begun: SystemTime) {
        let since = begun.duration_since(SystemTime::UNIX_EPOCH);
        self.0
            .index_listed
            .set(since.unwrap_or_default().as_secs_f64());
    }
}

fn labels(turn: &Turn) -> Labels<2> {
    [("operation", turn.operation), ("lane", turn.lane.name())]
}

/// A pass that runs.
#[derive(Debug)]
pub struct PassTimer {
    metrics: Metrics,
    begun: Instant,
    /// Recorded when dropped; "abandoned" unless set: nobody waited for the pass to end.
    pub outcome: &'static str,
}

impl Drop for PassTimer {
    fn drop(&mut self) {
        let Inner {
            in_flight,
            passes,
            pass_duration,
            ..
        } = &*self.metrics.0;
        in_flight.dec();
        passes.get_or_create(&[("outcome", self.outcome)]).inc();
        pass_duration.observe(self.begun.elapsed().as_secs_f64());
    }
}

mod shown;
#[cfg(test)]
mod tests;
