//! What requests share: the world and everything beside it, behind locks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp, Unit};
use tokio::sync::watch;

use crate::credentials::Credentials;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::store::Store;
use crate::world::{Answer, ApiError, Call, Scope, World};

/// Refuses calls before they take effect, as IAM does: it is given the world as the call would find it.
pub type Guard = dyn Fn(&World, &Scope, &Call) -> Result<(), ApiError> + Send + Sync;

/// What requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: Mutex<World>,
    pub(crate) store: Option<Store>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) clock_offset: Mutex<SignedDuration>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) guard: Guarded,
    pub(crate) journal: watch::Sender<Journal>,
}

/// The guard, if there is one.
#[derive(Default)]
pub(crate) struct Guarded(Mutex<Option<Arc<Guard>>>);

impl Guarded {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Arc<Guard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Guarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Guarded")
            .field(&self.lock().is_some())
            .finish()
    }
}

impl State {
    /// Whether the call may take effect.
    pub(crate) fn permit(&self, scope: &Scope, call: &Call) -> Result<(), ApiError> {
        let guard = self.guard.lock().clone();
        guard.map_or(Ok(()), |guard| guard(&self.world(), scope, call))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock_offset(&self) -> SignedDuration {
        *self.offset()
    }

    pub(crate) fn set_clock_offset(&self, offset: SignedDuration) {
        *self.offset() = offset;
    }

    fn offset(&self) -> MutexGuard<'_, SignedDuration> {
        let offset = self.clock_offset.lock();
        offset.unwrap_or_else(PoisonError::into_inner)
    }

    /// What time it is by a clock that is ahead of the emulator's by `skew`.
    pub(crate) fn clock(&self, skew: SignedDuration) -> Timestamp {
        let now = now();
        let ahead = self.clock_offset().saturating_add(skew);
        now.saturating_add(ahead).unwrap_or(now)
    }

    /// Carries out a call, now, by a clock that is ahead of the emulator's by `skew`; what it changed is in the state file when this returns.
    pub(crate) async fn call(
        self: &Arc<Self>,
        scope: &Scope,
        call: Call,
        skew: SignedDuration,
    ) -> Result<Answer, ApiError> {
        let skew = skew.saturating_add(self.clock_offset());
        let Some(store) = &self.store else {
            return self.world().call_with_skew(scope, call, now(), skew);
        };
        if !call.operation().writes() {
            let mut world = self.world();
            let answer = world.call_with_skew(scope, call, now(), skew);
            // Only what time alone has changed, which follows from what is stored: it can go in with the next write.
            store.save_later(world.changes());
            return answer;
        }
        let (state, scope) = (Arc::clone(self), scope.clone());
        let stored = tokio::task::spawn_blocking(move || {
            // Held while it is stored, so that changes go in in their order and nobody sees what may yet be lost to a crash.
            let mut world = state.world();
            let answer = world.call_with_skew(&scope, call, now(), skew);
            let saved = state
                .store
                .as_ref()
                .map(|store| store.save(world.changes()));
            saved.unwrap_or(Ok(())).map(|()| answer)
        });
        let problem = match stored.await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(problem, "could not store what a call changed");
        Err(ApiError::new(500, "InternalServerException", &problem))
    }
}

/// The time as AWS shows it: to the millisecond.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now)
}
