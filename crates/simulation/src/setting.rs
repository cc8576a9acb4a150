//! What a seed begins with: how many of everything, and every setting of the operator and of the servers.

use std::time::Duration;

use ivschat_core::room::case::Policies;
use ivschat_core::room::when::Pace;
use ivschat_emulator::world;
use ivschat_operator::chat_room;
use jiff::SignedDuration;

/// The regions that rooms can be in. The first is where the operators' own is, at first.
pub(crate) const REGIONS: [&str; 2] = ["us-west-2", "eu-west-1"];
/// The namespaces that objects are in.
pub(crate) const NAMESPACES: [&str; 2] = ["blue", "green"];
/// The namespace of the operators' lease.
pub(crate) const LEASE_NAMESPACE: &str = "operators";
/// The name of their lease.
pub(crate) const LEASE: &str = "ivschat-operator";
/// The cluster's id.
pub(crate) const CLUSTER: &str = "simulated";

/// The operators' class.
pub(crate) const CLASS: &str = "simulated";

/// What a seed begins with.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// How many operators share the lease.
    pub(crate) operators: usize,
    /// How many objects there are at first.
    pub(crate) objects: usize,
    /// How many steps are taken until faults end.
    pub(crate) steps: u32,
    /// How many rooms a page holds.
    pub(crate) page: i32,
    /// How long a lease lasts.
    pub(crate) lease: Duration,
    /// The longest time for a call to Kubernetes.
    pub(crate) kubernetes_timeout: Duration,
    /// Every so often all processes are stopped and started again, even when nothing goes wrong any more.
    pub(crate) restless: Option<Duration>,
    /// How far clocks may be apart: what replicas take for AWS's time, and the times of day of their machines.
    pub(crate) clock_skew: Duration,
    /// How many passes of a line may be under way.
    pub(crate) most: usize,
    /// The share of AWS's quotas that the operator uses.
    pub(crate) quota_factor: f64,
    /// The operator's settings.
    pub(crate) operator: chat_room::Settings,
    /// IVS Chat's settings.
    pub(crate) world: world::Settings,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Setting {
    /// Draws one.
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        let operation_timeout = millis(random.u64(1..=4) * 500);
        let lag_bound = millis(random.u64(1..=6) * 500);
        let lag = |random: &mut fastrand::Rng| match random.u8(..5) {
            0 => Duration::ZERO,
            1 => lag_bound,
            // About as long as a list takes: its pages come from before and after the same change.
            2 => millis(random.u64(5..=100)),
            _ => lag_bound.mul_f64(random.f64()),
        };
        let world = world::Settings {
            get_lag: lag(random),
            list_lag: lag(random),
            lag_is_drawn: random.u8(..4) > 0,
            pages_are_a_snapshot: random.u8(..6) == 0,
            tagging_moves_update_time: random.bool(),
            idle_update_moves_update_time: random.bool(),
            detached_handler_is_empty_object: random.bool(),
            logging_identifiers_are_a_set: random.bool(),
            tag_values_are_trimmed: random.bool(),
            ..world::Settings::default()
        };
        let namespaces = match random.u8(..3) {
            0 => Vec::new(),
            _ => NAMESPACES.map(str::to_owned).to_vec(),
        };
        let clock_skew = millis(random.u64(2..=6) * 250);
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let index_interval = millis(random.u64(5..=20) * 1000);
        let policies = Policies {
            #[expect(clippy::unwrap_used, reason = "a constant")]
            cluster: CLUSTER.parse().unwrap(),
            former_clusters: Vec::new(),
            default_tags: ivschat_core::room::Tags::new(),
            ignored_tags: Vec::new(),
            default_deletion_policy: ivschat_core::api::DeletionPolicy::Delete,
            max_deletions_per_minute: None,
            regions: REGIONS.map(str::to_owned).to_vec(),
            grace: signed(operation_timeout + lag_bound + clock_skew),
            lag_bound: signed(lag_bound),
            skew: signed(clock_skew),
            verify_interval: SignedDuration::from_hours(24),
            lists_count_for: signed(index_interval * 2),
        };
        let pace = Pace {
            drift_interval: millis(random.u64(10..=40) * 1000),
            jitter: 0.2,
            wait_factor: 0.25,
        };
        let operator = chat_room::Settings {
            policies,
            pace,
            namespaces,
            // Without a class there is a second watch, whose task and the passes' tokio wakes up in an order that it draws itself.
            #[expect(clippy::unwrap_used, reason = "a constant")]
            class: Some(CLASS.parse().unwrap()),
            concurrency: random.u16(1..=4),
            index_interval,
            changes_interval: millis(random.u64(1..=8) * 500),
            operation_timeout,
        };
        let lease = operation_timeout + millis(random.u64(2..=6) * 500);
        // Long enough for a lease to be claimed and a list of several pages to be completed, and too short for a grace.
        let grace = operator.grace();
        let restless = lease.max(lag_bound + clock_skew) + millis(1000);
        let restless = (random.u8(..6) == 0 && restless < grace).then_some(restless);
        // Nobody could read several pages as slowly in such a short life.
        let slow = random.u8(..4) == 0;
        let restless = restless.filter(|_| !slow);
        Self {
            restless,
            operators: random.usize(2..=3),
            objects: random.usize(3..=5),
            steps: random.u32(250..=600),
            page: random.i32(2..=3),
            lease,
            most: random.usize(1..=4),
            quota_factor: if slow { 0.4 } else { 1.0 },
            kubernetes_timeout: millis(random.u64(2..=3) * 500),
            clock_skew,
            operator,
            world,
        }
    }
}
