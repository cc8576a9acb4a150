//! At most one replica leads, and a replica writes to AWS only while it leads.

use std::time::Duration;

use super::{Oracle, Oracles};
use crate::network::{Operation, ProcessId};
use crate::time::Time;

/// A lease that was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renewed {
    /// When the request was sent.
    pub(crate) sent: Time,
    /// When it took effect.
    pub(crate) now: Time,
    /// Whether it names its process as the holder; else the lease is given back.
    pub(crate) holds: bool,
    /// How long it lasts.
    pub(crate) lasts: Duration,
}

impl Oracles {
    /// The lease was written.
    pub(crate) fn renewed(&mut self, by: ProcessId, renewed: Renewed) {
        let Renewed {
            sent,
            now,
            holds,
            lasts,
        } = renewed;
        if !holds {
            // What it has sent before may still be under way.
            let until = self.leads_until.entry(by).or_default();
            *until = sent.min(*until);
            return;
        }
        let others = self.leads_until.iter();
        let mut others = others.filter(|(other, _)| **other != by && !self.ended.contains(other));
        if let Some((other, until)) = others.find(|(_, until)| **until > now) {
            let left = until.saturating_sub(now).as_secs_f64();
            let what = format!(
                "operator-{} takes the lease, and operator-{} may lead for another {left:.1} s",
                by.operator, other.operator
            );
            self.broken(Oracle::Lease, what);
        }
        self.leads_until.insert(by, sent + lasts);
    }

    /// A call that writes to AWS, and that was sent then, takes effect.
    pub(crate) fn require_lead(&mut self, by: ProcessId, operation: Operation, sent: Time) {
        let until = self.leads_until.get(&by).copied();
        if until.is_none_or(|until| sent > until) {
            let what = format!(
                "operator-{} sends {operation}, and does not lead",
                by.operator
            );
            self.broken(Oracle::Lease, what);
        }
    }
}
