//! Whether the process is alive and ready, as its own parts say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A loop that has not turned for this long is stuck. It turns every second, whatever AWS and Kubernetes do.
pub const STUCK_AFTER: Duration = Duration::from_mins(1);

/// What probes ask. Clones share it.
#[derive(Debug, Clone)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stuck_after: Duration,
    turned: Mutex<Instant>,
    watch: AtomicBool,
    /// Namespaces that have not been listed yet, if only some are watched.
    unlisted: Mutex<Vec<String>>,
    credentials: AtomicBool,
    stopping: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self::stuck_after(STUCK_AFTER)
    }
}

impl Health {
    /// The health of a process that has just started. `stuck_after`: the longest time between two turns of its loop.
    pub fn stuck_after(stuck_after: Duration) -> Self {
        Self(Arc::new(Inner {
            stuck_after,
            turned: Mutex::new(Instant::now()),
            watch: AtomicBool::default(),
            unlisted: Mutex::default(),
            credentials: AtomicBool::default(),
            stopping: AtomicBool::default(),
        }))
    }

    /// Records that the loop turned.
    pub fn turned(&self) {
        *self.last_turn() = Instant::now();
    }

    /// Records that every object has been listed once, except those of these namespaces.
    pub fn listed_all_but(&self, namespaces: Vec<String>) {
        self.0.watch.store(namespaces.is_empty(), Ordering::Relaxed);
        *self.unlisted() = namespaces;
    }

    /// Records that AWS credentials and their account have been found once.
    pub fn credentials_resolved(&self) {
        self.0.credentials.store(true, Ordering::Relaxed);
    }

    /// Records that the process is stopping.
    pub fn stopping(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the loop turns. An outage of AWS or of the API server does not stop it.
    ///
    /// # Errors
    /// How long it has not turned.
    pub fn live(&self) -> Result<(), String> {
        let since = self.last_turn().elapsed();
        if since <= self.0.stuck_after {
            return Ok(());
        }
        Err(format!("the loop has not turned for {} s", since.as_secs()))
    }

    /// Whether this replica can do its work, or stand by for it.
    ///
    /// # Errors
    /// What is missing, on one line.
    pub fn ready(&self) -> Result<(), String> {
        let set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        if set(&self.0.stopping) {
            return Err("stopping: finishing what is under way".to_owned());
        }
        let mut missing = Vec::new();
        if !set(&self.0.watch) {
            let unlisted = self.unlisted().join(", ");
            missing.push(match unlisted.as_str() {
                "" => "the ChatRooms have not been listed yet".to_owned(),
                _ => format!("the ChatRooms of {unlisted} have not been listed yet"),
            });
        }
        if !set(&self.0.credentials) {
            missing.push("no AWS credentials have been resolved yet".to_owned());
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing.join("; "))
        }
    }

    fn unlisted(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0
            .unlisted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn last_turn(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.0.turned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_once_it_has_listed_its_objects_and_found_its_credentials() {
        let health = Health::default();
        assert_eq!(
            health.ready(),
            Err(
                "the ChatRooms have not been listed yet; no AWS credentials have been resolved yet"
                    .to_owned()
            )
        );
        health.listed_all_but(vec!["live".to_owned(), "test".to_owned()]);
        let told = "the ChatRooms of live, test have not been listed yet; no AWS credentials have been resolved yet";
        assert_eq!(health.ready(), Err(told.to_owned()));
        health.listed_all_but(Vec::new());
        assert_eq!(
            health.ready(),
            Err("no AWS credentials have been resolved yet".to_owned())
        );
        health.credentials_resolved();
        assert_eq!(health.ready(), Ok(()));
        health.stopping();
        assert_eq!(
            health.ready(),
            Err("stopping: finishing what is under way".to_owned())
        );
        assert_eq!(health.live(), Ok(()));
    }
}
