//! What all passes share.

use std::sync::Arc;
use std::time::Duration;

use ivschat_aws::{Account, AwsClock, Index, Rooms};
use ivschat_core::room::case::Policies;
use ivschat_core::room::correction::Difference;
use ivschat_core::room::recall::Recall;
use ivschat_core::room::seen::Seen;
use ivschat_core::room::when::{Pace, When};
use ivschat_core::room::{Failure, FailureClass, verification};

use crate::kit::Leadership;
use crate::telemetry::Metrics;

use super::claims::Claims;
use super::deletions::Deletions;
use super::kubernetes::Kubernetes;
use super::listed::Listed;
use super::measured;
use super::memory::Memory;
use super::object::Object;
use super::operator_class::OperatorClass;
use super::places::Places;
use super::term::Term;

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
    /// Time between two looks for rooms that were updated since.
    pub changes_interval: Duration,
    /// A CreateRoom that has no answer by then never will.
    pub operation_timeout: Duration,
}

impl Settings {
    /// How old a list may be that passes rest on. A sweep reads a new one before that, even if it takes long.
    pub fn list_age(&self) -> Duration {
        self.index_interval.mul_f64(1.5)
    }

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
    pub(crate) clock: AwsClock,
    pub(crate) term: Term,
    pub(crate) places: Places,
    pub(crate) memory: Memory,
    pub(crate) claims: Claims,
    pub(crate) deletions: Deletions,
    pub(crate) metrics: Metrics,
    pub(crate) listed: Listed,
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
    /// AWS's time.
    pub clock: AwsClock,
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
        metrics.expect_passes(&measured::OUTCOMES, &Difference::FIELDS);
        Self {
            deletions: Deletions::new(settings.policies.max_deletions_per_minute),
            settings,
            kubernetes,
            rooms,
            index,
            account,
            leadership,
            clock,
            term: Term::new(),
            places: Places::default(),
            memory: Memory::default(),
            claims: Claims::default(),
            metrics,
            listed: Listed::default(),
        }
    }

    /// Nothing is known of any object: another has led.
    pub(super) fn begin_term(&self) {
        self.memory.clear();
        self.deletions.clear();
        self.places.clear();
        self.clock.forget();
        self.term.renew();
        self.index.renew();
    }

    /// Lets a region through where rooms may be looked after.
    ///
    /// # Errors
    /// `RegionNotServed`.
    pub(super) fn require_place(&self, region: &str) -> Result<(), Failure> {
        self.places.require(region, &self.settings.policies.regions)
    }

    /// Nothing is known of an object that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.memory.forget(uid);
        self.deletions.give_back(uid);
    }

    /// What is known of an object as a pass over it begins.
    pub(super) fn begin_pass(&self, seen: &Seen) -> Recall {
        let (memory, now) = (&self.memory, self.clock.now());
        memory.of(&seen.uid, |entry| entry.measured.saw(seen, now));
        memory.begin(&seen.uid)
    }

    /// The object of a pass.
    pub(super) fn object<'a>(&'a self, seen: &'a Seen) -> Object<'a> {
        Object::new(&self.kubernetes, self.settings.class.as_ref(), seen)
    }

    /// How long an object rests after a pass. The room of one that `is_settled` is compared as a whole when that is due, however far apart
    /// looks are.
    pub(super) fn rest(&self, uid: &str, when: When, is_settled: bool) -> Duration {
        let (pace, now) = (&self.settings.pace, self.clock.now());
        let rest = self.memory.of(uid, |entry| {
            when.wait(&mut entry.failures, pace, now, fastrand::f64())
        });
        let due = verification::next(uid, self.settings.policies.verify_interval, now);
        match Duration::try_from(due.duration_since(now)) {
            Ok(due) if is_settled && when == When::Interval => rest.min(due),
            Ok(_) | Err(_) => rest,
        }
    }

    /// The next pass, where nothing asks for one earlier.
    pub(super) fn look_later(&self) -> Duration {
        let pace = &self.settings.pace;
        pace.jittered(pace.drift_interval, fastrand::f64())
    }

    /// The wait after so many failures of a class before.
    pub(super) fn backoff(&self, class: FailureClass, before: u32) -> Duration {
        self.settings.pace.backoff(class, before, fastrand::f64())
    }
}
