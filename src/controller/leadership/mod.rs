//! One replica leads; the others stand by with a warm cache.
//!
//! # Contract
//! - **At most one leads.** A leader's term ends nine tenths of the lease's duration after it *sent* its last renewal. A
//!   candidate takes the lease over only after it has itself seen the same record for the whole duration. So two terms never
//!   overlap, whatever time of day the clocks show. Only the speeds of the clocks must agree to within a tenth.
//! - **A deposed leader begins no write to AWS.** Each write asks its pass's [`Fence`] right before it is sent and at every
//!   step, retries included, and ends with the term. One case is out of reach: a process that freezes between this check and
//!   the wire sends the call once it thaws. The next sweep finds and repairs what comes of it.
//! - **A term belongs to one holder.** A leader that could not renew for a while, and finds the record as it left it,
//!   continues its term: nobody else has led. Otherwise a new term begins, with nothing in memory.
//! - **Failover** takes at most the duration and half a second after a crash. After a graceful stop it takes half a second,
//!   because the leader gives the lease back.
//!
//! Most implementations compare the record's own times. This one does not, because they come from another machine's clock.

mod candidate;
mod election;

use std::time::Duration;

use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

pub use election::{Election, LeaseSettings};

/// Whether this process leads. Every pass asks it.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Term>);

/// A period in which this process leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Term {
    /// The term's number, from 1; 0 before the first.
    number: u64,
    /// How often this process has begun to lead. It also counts each return after a time in which it could not renew.
    beginning: u64,
    /// The end of the term: nothing is sent after it.
    until: Until,
}

/// An end by two clocks, as either can mislead: the steady clock stops while a virtual machine is suspended, and somebody
/// may set the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Until {
    steady: Instant,
    wall: Timestamp,
}

impl Until {
    /// The end of a period that begins now.
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
    /// The leadership of an operator without replicas: it always leads.
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
        // An error means that the election has ended: this process is going down.
        let _ = terms.wait_for(|term| !term.until.is_past()).await;
    }

    /// Yields an item whenever this process begins to lead: every object needs a pass then.
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
        ivschat_aws::Fence::until(self).is_some()
    }
}

impl ivschat_aws::Fence for Fence {
    fn until(&self) -> Option<Instant> {
        // Borrowed during the whole check, so that no renewal comes in between.
        let now = self.now.borrow();
        let same = now.number == self.term && now.number > 0;
        (same && !now.until.is_past()).then_some(now.until.steady)
    }
}
