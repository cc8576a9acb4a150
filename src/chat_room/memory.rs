//! What the operator knows about each object between passes. Losing it costs calls and waits, never a room.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ivschat_core::lanes::Lane;
use ivschat_core::room::RoomArn;
use ivschat_core::room::recall::Recall;
use ivschat_core::room::seen::Seen;
use ivschat_core::room::urgency::{self, Tried};
use ivschat_core::room::when::Failures;
use jiff::Timestamp;
use tokio::time::Instant;

use super::brake::Brake;
use super::measured::Measured;
use super::signature::Others;

/// How long the watch may take to show our own write. After that the watch counts as lost, and the object gets a pass
/// anyway.
const CACHE_LAG: Duration = Duration::from_secs(1);

/// By `metadata.uid`.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, Box<Entry>>>);

/// Each part belongs to the file that its type comes from.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What is known of the object's room.
    recalled: Recalled,
    /// How the last passes failed.
    pub(super) failures: Failures,
    /// For how long the object needs no pass.
    rest: Option<Rest>,
    /// Something has changed since the last pass began.
    woken: bool,
    /// That is why the pass under way began.
    wakes: bool,
    brake: Brake,
    /// [`Seen::asked`] of the object that the last pass worked on which came to an end.
    asked: Option<u64>,
    /// What the metrics show.
    pub(super) measured: Measured,
    /// Which other operators have written to it.
    pub(super) others: Others,
    /// What the API server said when it refused the last write, and people were told.
    pub(super) refused: Option<String>,
}

/// A [`Recall`] in little memory: of most objects only these three are known.
#[derive(Debug, Default)]
struct Recalled {
    shown: Option<(RoomArn, Timestamp)>,
    had: Option<RoomArn>,
    compared_at: Option<Timestamp>,
    /// All of it, where more is known.
    whole: Option<Box<Recall>>,
}

impl Recalled {
    fn get(&self) -> Recall {
        let usual = || Recall {
            shown: self.shown.clone(),
            had: self.had.clone(),
            compared_at: self.compared_at,
            ..Recall::default()
        };
        self.whole.as_deref().cloned().unwrap_or_else(usual)
    }

    fn set(&mut self, recall: Recall) {
        *self = Self {
            shown: recall.shown.clone(),
            had: recall.had.clone(),
            compared_at: recall.compared_at,
            whole: None,
        };
        if self.get() != recall {
            self.whole = Some(Box::new(recall));
        }
    }
}

impl Entry {
    /// Changes what is known of the object's room.
    pub(super) fn recall(&mut self, change: impl FnOnce(&mut Recall)) {
        let mut recall = self.recalled.get();
        change(&mut recall);
        self.recalled.set(recall);
    }
}

/// An object as a pass left it.
#[derive(Debug)]
struct Rest {
    fingerprint: u64,
    /// When the next pass is due.
    due: Instant,
    /// The next pass is the regular look: nothing else has to be done.
    regular: bool,
    /// Resource versions that our own writes replaced: the cache may still show them.
    superseded: Vec<String>,
}

/// What a pass leaves behind.
#[derive(Debug)]
pub(super) struct Left {
    /// [`Seen::fingerprint`] of the object once it shows what the pass has written.
    pub(super) fingerprint: u64,
    /// For how long the object needs no other pass.
    pub(super) rest: Duration,
    /// That one is the regular look.
    pub(super) regular: bool,
    /// The pass corrected something, wrote or failed.
    pub(super) busy: bool,
    /// How long the first and any other pass waits that a change of the room makes due after one that was busy.
    pub(super) brake: (Duration, Duration),
    /// Resource versions that its writes replaced.
    pub(super) superseded: Vec<String>,
}

impl Memory {
    /// How long the object needs no pass: it is as the last pass left it, or older.
    pub(super) fn rest(&self, seen: &Seen) -> Option<Duration> {
        let mut entries = self.entries();
        let rest = entries.get_mut(&seen.uid)?.rest.as_mut()?;
        let due = if rest.superseded.contains(&seen.resource_version) {
            // The pass's own write is still on its way. A pass over an older object would only meet a conflict.
            rest.due.checked_add(CACHE_LAG)?
        } else if rest.fingerprint == seen.fingerprint() {
            // The watch has caught up.
            rest.superseded = Vec::new();
            rest.due
        } else {
            return None;
        };
        let left = due.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then_some(left)
    }

    /// Records the state that a pass left behind.
    pub(super) fn settle(&self, seen: &Seen, left: Left) {
        let now = Instant::now();
        let due = now.checked_add(left.rest);
        self.of(&seen.uid, |entry| {
            entry.asked = Some(seen.asked());
            if entry.wakes && left.busy {
                let (first, longest) = left.brake;
                entry.brake.press(now, first, longest);
            }
            let (due, regular) = match entry.brake.until(now) {
                _ if !entry.woken => (due, left.regular),
                Some(until) => (due.map(|due| due.min(until)), false),
                None => (None, false),
            };
            entry.rest = due.map(|due| Rest {
                fingerprint: left.fingerprint,
                due,
                regular,
                superseded: left.superseded,
            });
        });
    }

    /// How urgent the next pass over an object is.
    pub(super) fn lane(&self, seen: &Seen) -> Lane {
        let entries = self.entries();
        let tried = entries.get(&seen.uid).and_then(|entry| {
            let rest = entry.rest.as_ref();
            let as_left = rest.is_some_and(|rest| rest.fingerprint == seen.fingerprint());
            let settled = as_left && rest.is_some_and(|rest| rest.regular);
            entry.asked.map(|asked| Tried { asked, settled })
        });
        urgency::lane(seen, tried)
    }

    /// Makes a pass due as soon as the brake lets it: something has changed that the object itself does not show.
    pub(super) fn wake(&self, uid: &str) {
        if let Some(entry) = self.entries().get_mut(uid) {
            entry.woken = true;
            match (&mut entry.rest, entry.brake.until(Instant::now())) {
                (Some(rest), Some(until)) => {
                    rest.due = rest.due.min(until);
                    rest.regular = false;
                }
                (rest, _) => *rest = None,
            }
        }
    }

    /// What is known of an object's room as a pass begins.
    pub(super) fn begin(&self, uid: &str) -> Recall {
        self.of(uid, |entry| {
            entry.wakes = std::mem::take(&mut entry.woken);
            entry.recalled.get()
        })
    }

    /// What is known of an object, to be read or changed.
    pub(super) fn of<T>(&self, uid: &str, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(self.entries().entry(uid.to_owned()).or_default())
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.entries().remove(uid);
    }

    /// Forgets everything: another replica has led, so any object may have changed.
    pub(super) fn clear(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Box<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kube::api::DynamicObject;

    use super::*;
    use crate::chat_room::resource;

    #[test]
    fn an_object_that_is_woken_during_its_pass_gets_another_one_after_it() {
        let mut object = DynamicObject::new("lobby", &resource());
        object.metadata.uid = Some("uid-1".to_owned());
        let (memory, seen) = (Memory::default(), Seen::read(&object));
        let hour = Duration::from_hours(1);
        let pass = |wake: bool, busy: bool| {
            memory.begin(&seen.uid);
            if wake {
                memory.wake(&seen.uid);
            }
            let left = Left {
                fingerprint: seen.fingerprint(),
                rest: hour,
                regular: true,
                busy,
                brake: (Duration::from_secs(10), hour),
                superseded: Vec::new(),
            };
            memory.settle(&seen, left);
            let rest = memory.rest(&seen).map(|rest| rest.as_secs() / 10);
            (rest, memory.lane(&seen))
        };
        let look = (Some(359), Lane::Look);
        assert_eq!(pass(false, true), look);
        assert_eq!(pass(true, false), (None, Lane::Retry));
        assert_eq!(pass(false, false), look);
        memory.wake(&seen.uid);
        assert_eq!(memory.rest(&seen), None);
        // One that comes to something lets the next one wait.
        assert_eq!(pass(true, true), (Some(0), Lane::Retry));
        assert_eq!(pass(false, true), look);
        memory.wake(&seen.uid);
        let rest = memory.rest(&seen).unwrap();
        assert!(rest > Duration::from_secs(19), "{rest:?}");
    }
}
