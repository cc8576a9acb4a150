//! What the operator knows about each object between passes. Losing it costs calls and waits, never a room.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ivschat_core::api::Creation;
use ivschat_core::room::search::Recall;
use ivschat_core::room::{Class, RoomArn};
use jiff::{SignedDuration, Timestamp};

use crate::telemetry::Shown;

use super::deletions::{Deletions, Turn};
use super::input::Input;

/// How long the watch may take to show our own write. After that the watch counts as lost, and the object gets a pass
/// anyway.
const CACHE_LAG: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// By `metadata.uid`.
    objects: Mutex<HashMap<String, Entry>>,
    /// Rooms that are being adopted: the object, and the time until which reads may not show it yet.
    claims: Mutex<HashMap<RoomArn, (String, Instant)>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The fingerprint that the last pass left, and when the next pass is due.
    settled: Option<(u64, Instant)>,
    /// Resource versions that our own writes replaced: the cache may still show them.
    superseded: Vec<String>,
    failures: u32,
    class: Option<Class>,
    missing: Option<(RoomArn, Timestamp)>,
    learned: Option<RoomArn>,
    attempt: Option<Creation>,
    /// Other rooms that prove to be this object's, and have been reported.
    twins: HashSet<RoomArn>,
    /// Rooms of this object that were released.
    released: BTreeSet<RoomArn>,
    /// When the object's room may be deleted; `None` once it was deleted.
    turn: Option<Turn>,
    /// The room that was deleted last. Reads may still show it.
    deleted: Option<RoomArn>,
    /// The generation that was seen last, and since when (`awaited`) it has been expected to become Ready.
    generation: Option<i64>,
    awaited: Option<Timestamp>,
    /// Fields that were corrected on the object's room, and when.
    corrected: BTreeMap<&'static str, Instant>,
    /// When another operator last wrote to the object, or the earliest time if never. `None`: not checked yet.
    others: Option<Timestamp>,
    /// Counts the object in the metrics.
    shown: Option<Shown>,
}

impl Memory {
    /// How long the object needs no pass: it is as the last pass left it, or older.
    pub(super) fn rest(&self, input: &Input) -> Option<Duration> {
        let entries = self.entries();
        let entry = entries.get(&input.uid)?;
        let (fingerprint, due) = entry.settled?;
        let due = if entry.superseded.contains(&input.resource_version) {
            // The pass's own write is still on its way. A pass over an older object would only meet a conflict.
            due.checked_add(CACHE_LAG)?
        } else if fingerprint == input.fingerprint() {
            due
        } else {
            return None;
        };
        let rest = due.checked_duration_since(Instant::now())?;
        (!rest.is_zero()).then_some(rest)
    }

    /// Records the state that a pass left behind, and for how long the object needs no other pass.
    pub(super) fn settle(
        &self,
        uid: &str,
        fingerprint: u64,
        rest: Duration,
        superseded: Vec<String>,
    ) {
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        entry.settled = Instant::now()
            .checked_add(rest)
            .map(|due| (fingerprint, due));
        entry.superseded = superseded;
    }

    /// Makes a pass due now: something has changed that the object itself does not show.
    pub(super) fn wake(&self, uid: &str) {
        if let Some(entry) = self.entries().get_mut(uid) {
            entry.settled = None;
        }
    }

    /// Records another room that proves to be the object's. False: it was known already.
    pub(super) fn note_twin(&self, uid: &str, arn: &RoomArn) -> bool {
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        entry.twins.insert(arn.clone())
    }

    /// Whether this other room has been reported.
    pub(super) fn knows_twin(&self, uid: &str, arn: &RoomArn) -> bool {
        self.entries()
            .get(uid)
            .is_some_and(|entry| entry.twins.contains(arn))
    }

    /// Records that a room was released.
    pub(super) fn note_released(&self, uid: &str, arn: &RoomArn) {
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        entry.released.insert(arn.clone());
    }

    /// How long this room of the object must wait until it may be deleted.
    pub(super) fn wait_to_delete(
        &self,
        uid: &str,
        arn: &RoomArn,
        deletions: &Deletions,
    ) -> Duration {
        let now = Instant::now();
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        if entry.deleted.as_ref() == Some(arn) {
            return Duration::ZERO;
        }
        let turn = entry.turn.take().filter(|turn| !turn.is_over(now));
        let turn = entry
            .turn
            .insert(turn.unwrap_or_else(|| deletions.turn(now)));
        turn.at.saturating_duration_since(now)
    }

    /// Records that a room of the object was deleted.
    pub(super) fn note_deleted(&self, uid: &str, arn: &RoomArn) {
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        entry.deleted = Some(arn.clone());
        entry.turn = None;
    }

    /// Whether a room of the object still waits for its turn to be deleted.
    pub(super) fn waits_to_delete(&self, uid: &str) -> bool {
        let entries = self.entries();
        let turn = entries.get(uid).and_then(|entry| entry.turn.as_ref());
        turn.is_some_and(|turn| turn.at > Instant::now())
    }

    /// Counts a failure. Returns how many of the same class came before it in a row.
    pub(super) fn count_failure(&self, uid: &str, class: Option<Class>) -> u32 {
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        if entry.class != class {
            entry.class = class;
            entry.failures = 0;
        }
        let before = entry.failures;
        entry.failures = entry.failures.saturating_add(1);
        before
    }

    /// Clears the count of failures: the last pass went well.
    pub(super) fn clear_failures(&self, uid: &str) {
        if let Some(entry) = self.entries().get_mut(uid) {
            entry.failures = 0;
            entry.class = None;
        }
    }

    /// Records a 404 of GetRoom for this room.
    pub(super) fn missing(&self, uid: &str, arn: &RoomArn, at: Timestamp) {
        let mut entries = self.entries();
        let missing = &mut entries.entry(uid.to_owned()).or_default().missing;
        if missing.as_ref().is_none_or(|(known, _)| known != arn) {
            *missing = Some((arn.clone(), at));
        }
    }

    /// Clears the 404s: GetRoom showed the object's room.
    pub(super) fn seen(&self, uid: &str) {
        if let Some(entry) = self.entries().get_mut(uid) {
            entry.missing = None;
        }
    }

    /// What a search may know of the object. `alone_since`: when another may last have worked on it.
    pub(super) fn recall(&self, uid: &str, alone_since: Timestamp) -> Recall {
        let entries = self.entries();
        let entry = entries.get(uid);
        Recall {
            missing: entry.and_then(|entry| entry.missing.clone()),
            made: entry.and_then(|entry| entry.learned.clone()),
            released: entry
                .map(|entry| entry.released.clone())
                .unwrap_or_default(),
            alone_since,
        }
    }

    /// Keeps the ARN of a room just created, in case it cannot be written to the object.
    pub(super) fn learn(&self, uid: &str, arn: &RoomArn) {
        self.entries().entry(uid.to_owned()).or_default().learned = Some(arn.clone());
    }

    /// The ARN that [`learn`](Self::learn) keeps.
    pub(super) fn learned(&self, uid: &str) -> Option<RoomArn> {
        self.entries().get(uid)?.learned.clone()
    }

    /// Keeps an attempt to create whose outcome is not known, in case the object loses it; `None` once it is known.
    pub(super) fn attempt(&self, uid: &str, attempt: Option<Creation>) {
        self.entries().entry(uid.to_owned()).or_default().attempt = attempt;
    }

    /// The attempt that [`attempt`](Self::attempt) keeps.
    pub(super) fn attempted(&self, uid: &str) -> Option<Creation> {
        self.entries().get(uid)?.attempt.clone()
    }

    /// Forgets what was known about the room: it is gone, or was released.
    pub(super) fn forget_room(&self, uid: &str) {
        if let Some(entry) = self.entries().get_mut(uid) {
            entry.missing = None;
            entry.learned = None;
            entry.attempt = None;
            entry.turn = None;
        }
    }

    /// Claims a room for adoption, so that two objects never adopt it at once. The claim lasts for `grace`, as reads may
    /// lag behind the first object's tags. False: another object has claimed the room.
    pub(super) fn claim(&self, arn: &RoomArn, uid: &str, grace: SignedDuration) -> bool {
        let now = Instant::now();
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|_, (_, until)| *until > now);
        let mine = claims.get(arn).is_none_or(|(claimant, _)| claimant == uid);
        if mine {
            let grace = Duration::try_from(grace).unwrap_or_default();
            let until = now.checked_add(grace).unwrap_or(now);
            claims.insert(arn.clone(), (uid.to_owned(), until));
        }
        mine
    }

    /// Forgets everything: another replica has led, so any object may have changed.
    pub(super) fn clear(&self) {
        self.entries().clear();
    }

    /// Records a generation that nobody has worked on yet. From now on it is expected to become Ready.
    pub(super) fn note_generation(&self, input: &Input) {
        let mut entries = self.entries();
        let entry = entries.entry(input.uid.clone()).or_default();
        if entry.generation == Some(input.generation) {
            return;
        }
        entry.generation = Some(input.generation);
        entry.awaited = match input.status.observed_generation {
            None | Some(..=0) => input.created_at,
            // Another process began to work on it, and nobody knows when.
            Some(observed) if observed == input.generation => None,
            Some(_) => Some(Timestamp::now()),
        };
    }

    /// Records when another operator last wrote to the object. True: it has written since the previous check here.
    pub(super) fn others_wrote(&self, uid: &str, last: Option<Timestamp>) -> bool {
        let mut entries = self.entries();
        let entry = entries.entry(uid.to_owned()).or_default();
        let last = last.unwrap_or(Timestamp::MIN);
        let known = entry.others.replace(last);
        known.is_some_and(|known| last > known)
    }

    /// The present generation is Ready. Returns, the first time, since when that was expected.
    pub(super) fn became_ready(&self, uid: &str) -> Option<Timestamp> {
        self.entries().get_mut(uid)?.awaited.take()
    }

    /// Records fields that were corrected. Returns those that had also been corrected within this time before.
    pub(super) fn note_corrected(
        &self,
        uid: &str,
        fields: &[&'static str],
        within: Duration,
    ) -> Vec<&'static str> {
        let now = Instant::now();
        let mut entries = self.entries();
        let corrected = &mut entries.entry(uid.to_owned()).or_default().corrected;
        corrected.retain(|_, at| now.duration_since(*at) <= within);
        let mut returned = fields.to_vec();
        returned.retain(|field| corrected.insert(field, now).is_some());
        returned
    }

    /// Counts the object in the metrics for as long as it is known.
    pub(super) fn show(&self, uid: &str, shown: Shown) {
        self.entries().entry(uid.to_owned()).or_default().shown = Some(shown);
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.entries().remove(uid);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_returns_where_the_same_field_of_the_same_object_was_set_back_not_long_ago() {
        let memory = Memory::default();
        let hour = Duration::from_hours(1);
        assert_eq!(memory.note_corrected("uid-1", &["name"], hour), [""; 0]);
        assert_eq!(memory.note_corrected("uid-2", &["name"], hour), [""; 0]);
        let again = memory.note_corrected("uid-1", &["name", "tags"], hour);
        assert_eq!(again, ["name"]);
        let long_ago = Duration::ZERO;
        assert_eq!(memory.note_corrected("uid-1", &["tags"], long_ago), [""; 0]);
    }

    #[test]
    fn what_another_wrote_before_the_first_look_is_a_handover_and_what_comes_later_is_told_once() {
        let memory = Memory::default();
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        for (uid, last, told) in [
            ("taken over", at(1), false),
            ("taken over", at(1), false),
            ("taken over", at(2), true),
            ("taken over", at(2), false),
            ("taken over", None, false),
            ("new", None, false),
            ("new", at(1), true),
        ] {
            assert_eq!(memory.others_wrote(uid, last), told, "{uid} {last:?}");
        }
        memory.clear();
        assert!(!memory.others_wrote("taken over", at(3)), "another has led");
    }

    #[test]
    fn a_turn_to_be_deleted_is_kept_until_the_room_is_deleted_let_go_or_forgotten() {
        let memory = Memory::default();
        let deletions = Deletions::new(std::num::NonZeroU32::new(1));
        let arn = |id: &str| -> RoomArn {
            let arn = format!("arn:aws:ivschat:us-west-2:123456789012:room/{id}");
            arn.parse().unwrap()
        };
        let minutes = |uid: &str, id: &str| {
            let wait = memory.wait_to_delete(uid, &arn(id), &deletions);
            wait.as_secs_f64() / 60.0
        };
        let waits = ["uid-1", "uid-2", "uid-3", "uid-4"].map(|uid| minutes(uid, uid).round());
        assert_eq!(
            waits.map(f64::to_bits),
            [0.0, 1.0, 2.0, 3.0].map(f64::to_bits)
        );
        memory.note_deleted("uid-1", &arn("uid-1"));
        assert!(minutes("uid-1", "uid-1") <= 0.0, "reads lag");
        memory.forget_room("uid-2");
        memory.forget("uid-3");
        assert!(!memory.waits_to_delete("uid-2") && memory.waits_to_delete("uid-4"));
        let waits = [minutes("uid-4", "uid-4"), minutes("uid-1", "twin")].map(f64::round);
        assert_eq!(waits.map(f64::to_bits), [3.0, 1.0].map(f64::to_bits));
        // Another replica has led.
        memory.clear();
        assert!(minutes("uid-5", "uid-5").round() <= 1.0);
    }

    #[test]
    fn a_room_is_claimed_by_one_object_at_a_time_and_for_a_grace() {
        let memory = Memory::default();
        let arn: RoomArn = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
            .parse()
            .unwrap();
        let long = SignedDuration::from_hours(1);
        assert!(memory.claim(&arn, "uid-1", long) && memory.claim(&arn, "uid-1", long));
        assert!(!memory.claim(&arn, "uid-2", long));
        assert!(memory.claim(&arn, "uid-1", SignedDuration::ZERO));
        assert!(
            memory.claim(&arn, "uid-2", long),
            "the first claim has ended"
        );
    }
}
