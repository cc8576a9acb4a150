//! Whether this process leads, and until when.

use std::time::Duration;

use futures::{Stream, stream};
use ivschat_aws::Clock;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

/// Whether this process leads. Every pass asks it.
#[derive(Debug, Clone)]
pub struct Leadership {
    term: watch::Receiver<Term>,
    clock: Clock,
}

/// A period in which this process leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    /// The term's number, from 1; 0 before the first.
    pub(super) number: u64,
    /// How often this process has begun to lead. It also counts each return after a time in which it could not renew.
    pub(super) beginning: u64,
    /// The end of the term: nothing is sent after it.
    pub(super) until: Until,
}

/// An end by two clocks, as either can mislead: the steady clock stops while a virtual machine is suspended, and somebody
/// may set the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Until {
    pub(super) steady: Instant,
    pub(super) wall: Timestamp,
}

impl Until {
    /// The end of a period that begins now.
    pub(super) fn after(validity: Duration, clock: &Clock) -> Self {
        let (steady, wall) = (Instant::now(), clock.now());
        Self {
            steady: steady.checked_add(validity).unwrap_or(steady),
            wall: wall.checked_add(validity).unwrap_or(wall),
        }
    }

    pub(super) fn is_past(&self, clock: &Clock) -> bool {
        Instant::now() >= self.steady || clock.now() >= self.wall
    }
}

impl Leadership {
    /// Follows the terms of an election.
    pub(super) fn told_by(term: watch::Receiver<Term>, clock: Clock) -> Self {
        Self { term, clock }
    }

    /// The leadership of an operator without replicas: it always leads.
    pub fn alone(clock: Clock) -> Self {
        const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 30);
        let term = Term {
            number: 1,
            beginning: 1,
            until: Until::after(FOR_EVER, &clock),
        };
        let term = watch::Sender::new(term).subscribe();
        Self { term, clock }
    }

    /// The mandate of the present term; `None`: this process does not lead.
    pub(crate) fn mandate(&self) -> Option<Mandate> {
        let mandate = Mandate {
            term: self.term.borrow().number,
            now: self.term.clone(),
            clock: self.clock.clone(),
        };
        mandate.holds().then_some(mandate)
    }

    /// Waits until this process leads.
    pub(crate) async fn begin(&self) {
        let mut terms = self.term.clone();
        // An error means that the election has ended: this process is going down.
        let _ = terms
            .wait_for(|term| !term.until.is_past(&self.clock))
            .await;
    }

    /// Yields an item whenever this process begins to lead: every object needs a pass then.
    pub(crate) fn beginnings(&self) -> impl Stream<Item = ()> + Send + 'static {
        stream::unfold((self.term.clone(), 0), async |(mut terms, known)| {
            let term = terms.wait_for(|term| term.beginning > known).await;
            let beginning = term.ok()?.beginning;
            Some(((), (terms, beginning)))
        })
    }
}

/// Lets a pass write only in the term in which it began.
#[derive(Debug, Clone)]
pub(crate) struct Mandate {
    now: watch::Receiver<Term>,
    term: u64,
    clock: Clock,
}

impl Mandate {
    /// Whether this pass may still begin something.
    pub(crate) fn holds(&self) -> bool {
        ivschat_aws::Fence::until(self).is_some()
    }
}

impl ivschat_aws::Fence for Mandate {
    fn until(&self) -> Option<Instant> {
        // Borrowed during the whole check, so that no renewal comes in between.
        let now = self.now.borrow();
        let same = now.number == self.term && now.number > 0;
        (same && !now.until.is_past(&self.clock)).then_some(now.until.steady)
    }
}
