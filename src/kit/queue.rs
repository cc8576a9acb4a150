//! Which objects wait for a pass. The runtime has a queue of its own, but does not report its length.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::watcher::Event;

use crate::telemetry::Metrics;

/// Objects that the watch has delivered, new or changed, and that `reconcile` has not seen since.
#[derive(Debug)]
pub(crate) struct Queue {
    /// By `metadata.uid`.
    waiting: Mutex<BTreeSet<String>>,
    metrics: Metrics,
}

impl Queue {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            waiting: Mutex::default(),
            metrics,
        }
    }

    /// Takes in an event of the watch.
    pub(crate) fn take(&self, event: &Event<DynamicObject>) {
        match event {
            Event::Apply(object) | Event::InitApply(object) => self.change(|waiting| {
                waiting.insert(object.uid().unwrap_or_default());
            }),
            Event::Delete(object) => self.looked_at(&object.uid().unwrap_or_default()),
            Event::Init | Event::InitDone => {}
        }
    }

    /// Takes out an object: `reconcile` has it now, or it is gone.
    pub(crate) fn looked_at(&self, uid: &str) {
        self.change(|waiting| {
            waiting.remove(uid);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<String>)) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut waiting);
        self.metrics.queued(waiting.len());
    }
}
