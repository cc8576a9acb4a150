//! One replica leads; the others stand by with a warm cache.
//!
//! # Contract
//! - **At most one leads.** A leader's term is good until nine tenths of the lease's duration after it *sent* its last renewal; a
//!   candidate takes the lease over only after it has itself seen the same record for the whole duration. So the two never
//!   overlap, whatever their clocks say of the time of day: only their speeds must agree to within a tenth.
//! - **A deposed leader begins no write to AWS.** Each asks its pass's [`Fence`] right before it is sent and at every step,
//!   retries included, and ends with the term. What a process frozen between that question and the wire sends once it thaws cannot be held back; it is found and
//!   healed by the next sweep.
//! - **A term is one holder's.** A leader that could not renew for a while and finds the record as it left it goes on in the
//!   same term: nobody else has led. Any other begins a new one, with nothing in memory.
//! - **Failover** takes at most the duration and half a second after a crash, and half a second after a graceful stop, which
//!   gives the lease back.
//!
//! Why not by the record's own times, as most do: they are another machine's clock.

mod candidate;
mod election;

use std::time::Duration;

use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ivs;

pub use election::{Election, LeaseSettings};

/// Whether this process leads, as every pass asks it.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Term>);

/// A time of leading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Term {
    /// Which it is, from 1; 0 before the first.
    number: u64,
    /// How often this process has begun to lead: also after a while in which it could not renew.
    beginning: u64,
    /// Nothing is sent past this.
    until: Until,
}

/// An end by two clocks: the steady one stands still while a virtual machine is suspended, the other may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Until {
    steady: Instant,
    wall: Timestamp,
}

impl Until {
    /// The end of what begins now.
    fn after(validity: Duration) -> Self {
        let (steady, wall) = (Instant::now(), Timestamp::now());
        Self {
            steady: steady.checked_add(validity).unwrap_or(steady),
            wall: wall.checked_add(validity).unwrap_or(wall),
        }
    }

    fn is_past(&self) -> bool {
        Instant::now() >= self.steady || Timestamp::now() >= self.wall
    }
}

impl Leadership {
    /// That of an operator without replicas: it always leads.
    pub fn alone() -> Self {
        const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 30);
        let term = Term {
            number: 1,
            beginning: 1,
            until: Until::after(FOR_EVER),
        };
        Self(watch::Sender::new(term).subscribe())
    }

    /// The fence of the present term; `None`: this process does not lead.
    pub(super) fn fence(&self) -> Option<Fence> {
        let fence = Fence {
            term: self.0.borrow().number,
            now: self.0.clone(),
        };
        fence.holds().then_some(fence)
    }

    /// Waits until this process leads.
    pub(super) async fn begin(&self) {
        let mut terms = self.0.clone();
        // Where it ends without one, this process is going down.
        let _ = terms.wait_for(|term| !term.until.is_past()).await;
    }

    /// Gives an item whenever this process leads after it did not: every object needs a pass then.
    pub(super) fn beginnings(&self) -> impl Stream<Item = ()> + Send + 'static {
        stream::unfold((self.0.clone(), 0), async |(mut terms, known)| {
            let term = terms.wait_for(|term| term.beginning > known).await;
            let beginning = term.ok()?.beginning;
            Some(((), (terms, beginning)))
        })
    }
}

/// Lets a pass write only in the term in which it began.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    now: watch::Receiver<Term>,
    term: u64,
}

impl Fence {
    /// Whether this pass may still begin something.
    pub(super) fn holds(&self) -> bool {
        ivs::Fence::until(self).is_some()
    }
}

impl ivs::Fence for Fence {
    fn until(&self) -> Option<Instant> {
        // Held while it is looked at, so that no renewal comes in between.
        let now = self.now.borrow();
        let same = now.number == self.term && now.number > 0;
        (same && !now.until.is_past()).then_some(now.until.steady)
    }
}
