//! Since when this process is the only one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ivschat_aws::AwsClock;
use jiff::Timestamp;
use tokio::time::Instant;

/// When another may last have worked on objects. Since then only this process has led.
pub(crate) struct Term(Mutex<Begun>);

struct Begun {
    at: Instant,
    /// By AWS's clock, once that was heard. It stays so: who compares it with what it was takes another for another term.
    time: Option<Timestamp>,
}

impl Term {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Begun {
            at: Instant::now(),
            time: None,
        }))
    }

    /// Begins anew: another has led.
    pub(crate) fn renew(&self) {
        *self.lock() = Begun {
            at: Instant::now(),
            time: None,
        };
    }

    /// When it began, by the steady clock.
    pub(crate) fn at(&self) -> Instant {
        self.lock().at
    }

    /// When it began, by AWS's clock.
    pub(crate) fn begun(&self, clock: &AwsClock) -> Timestamp {
        let mut begun = self.lock();
        let heard = clock.is_heard();
        let time = begun.time.unwrap_or_else(|| clock.at(begun.at));
        if heard {
            begun.time = Some(time);
        }
        time
    }

    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
