//! What must always hold. The oracles see everything as it truly is, which no operator can.

mod lease;
mod letting_go;
mod order;
mod quiet;
mod retry;
mod rooms;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use ivschat_core::api::names::{CREATION_TAG, OWNER_TAG};
use ivschat_emulator::world::{Room, Scope, World};
use serde_json::Value;

use crate::network::pass::Pass;
use crate::network::{Note, ProcessId, Serial};
use crate::setting::{CLUSTER, REGIONS, Setting};
use crate::time::Time;

pub(crate) use lease::Renewed;
pub(crate) use quiet::{deletions, settled};
pub(crate) use rooms::Attempt;

/// Which rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oracle {
    /// An object has one room.
    OneRoom,
    /// At most one replica leads, and writes to AWS only while it leads.
    Lease,
    /// A write follows a GetRoom of the same pass that showed the proof.
    Proof,
    /// No room of an object's own is left when it goes.
    LettingGo,
    /// A room is made again only a grace of true time after what may have made one before, or after it was first missing.
    Grace,
    /// What a watch emits of an object never goes backwards.
    Order,
    /// What was refused is tried again within the wait of its class.
    Retry,
    /// A deletion finishes, even if processes start all the time.
    Deletion,
    /// Without faults every object becomes Ready exactly where its room is as specified, and no room is left that nothing knows.
    Convergence,
    /// Where everything is as specified nobody writes.
    Silence,
    /// Nobody who waits for a quota is passed over by more than a round.
    Turns,
    /// Nothing panics.
    Panic,
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub oracle: Oracle,
    /// How, in words.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(oracle: Oracle, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { oracle, what }
    }
}

/// What the oracles know of an object, by its uid.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// The owner tag of its rooms.
    owner: String,
    /// CreateRoom, as often as it was sent for it.
    attempts: Vec<Attempt>,
    /// The ARN that its status names.
    recorded: Option<String>,
    /// The ARN that its status named before the attempt under way.
    missing: Option<String>,
    /// Why it may have more than one room for a while.
    excuse: Option<&'static str>,
    /// When somebody last touched a tag of the operator's on a room that was made for it.
    touched: Option<Time>,
    /// When a user last changed the object.
    changed: Option<Time>,
    /// A user took our finalizer off.
    stripped: bool,
    /// A user took the status, or put another in its place.
    status_lost: bool,
}

impl Life {
    /// Whether it may have more than one room.
    fn is_excused(&self) -> bool {
        self.excuse.is_some() || self.is_forgotten()
    }

    /// Whether a user has removed everything that names its room.
    fn is_forgotten(&self) -> bool {
        self.stripped && self.status_lost
    }
}

/// Everything that is watched over.
#[derive(Debug, Default)]
pub(crate) struct Oracles {
    pub(crate) violation: Option<Violation>,
    grace: Duration,
    /// How old a list can be that proves an object to have no other room: regions are listed again after the index interval.
    list_age: Duration,
    skew: Duration,
    /// A room whose tags change moves to the front of lists.
    tags_move: bool,
    wait_factor: f64,
    lives: BTreeMap<String, Life>,
    /// Rooms that a person made with the tags of another, by ARN, and when.
    copies: BTreeMap<String, Time>,
    /// Those of them that reads may not have shown yet when their object went.
    unseen: BTreeSet<String>,
    /// The rooms that GetRoom showed a pass to be its object's. What a pass sent may take effect after its end.
    proofs: BTreeMap<(ProcessId, Pass), BTreeSet<String>>,
    /// When GetRoom first answered 404.
    first_missing: BTreeMap<String, Time>,
    /// The last version that a process's watch emitted, by uid.
    emitted: BTreeMap<(ProcessId, String), u64>,
    refused: Vec<retry::Refused>,
    /// Until then nobody may lead for a while.
    leaderless_until: Time,
    /// Until when each process may lead.
    leads_until: BTreeMap<ProcessId, Time>,
    /// Processes that have ended. What they have sent may still be under way.
    ended: BTreeSet<ProcessId>,
    throttled: BTreeMap<String, u32>,
    /// Calls that wait for a quota.
    waiters: Vec<turns::Waiter>,
    /// When something went wrong for a process last.
    unsteady: BTreeMap<ProcessId, Time>,
}

impl Oracles {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            grace: setting.operator.grace(),
            list_age: setting.operator.list_age()
                + setting.operator.index_interval
                + setting.operator.grace(),
            skew: setting.clock_skew,
            tags_move: setting.world.tagging_moves_update_time,
            wait_factor: setting.operator.pace.wait_factor,
            ..Self::default()
        }
    }

    fn broken(&mut self, oracle: Oracle, what: impl Into<String>) {
        self.violation
            .get_or_insert_with(|| Violation::new(oracle, what));
    }

    fn life(&mut self, uid: &str) -> &mut Life {
        if !self.lives.contains_key(uid) {
            self.lives.insert(uid.to_owned(), Life::default());
        }
        // Inserted where it was missing.
        self.lives.entry(uid.to_owned()).or_default()
    }

    // --- what users did -------------------------------------------------------------------------------------------------

    pub(crate) fn user_stripped(&mut self, named: &Named) {
        let life = self.life(&named.uid);
        life.stripped = true;
        life.owner.clone_from(&named.owner);
    }

    pub(crate) fn user_wrote_status(&mut self, uid: &str) {
        let life = self.life(uid);
        life.status_lost = true;
        life.recorded = None;
        life.missing = None;
    }

    pub(crate) fn user_touched(&mut self, uid: &str, now: Time) {
        self.life(uid).touched = Some(now);
    }

    pub(crate) fn user_copied(&mut self, arn: &str, now: Time) {
        self.copies.insert(arn.to_owned(), now);
    }

    pub(crate) fn user_changed(&mut self, uid: &str, now: Time) {
        self.life(uid).changed = Some(now);
        self.refused.retain(|refused| refused.uid != uid);
    }

    // --- what processes did ---------------------------------------------------------------------------------------------

    pub(crate) fn noted(&mut self, by: ProcessId, note: Note) {
        match note {
            Note::Emitted {
                object,
                uid,
                version,
            } => self.emitted(by, &object, uid, version),
            Note::Begun(_) => {}
            Note::Waits(turn) => self.waits(by, turn),
            Note::Served(turn) => self.served(by, &turn),
            Note::Left(turn) => self.waits_no_more(by, &turn),
        }
    }

    /// A process ended.
    pub(crate) fn ended(&mut self, process: ProcessId) {
        self.emitted.retain(|(by, _), _| *by != process);
        self.ended.insert(process);
        self.waiters.retain(|waiter| waiter.by != process);
        self.disturbed(process);
    }

    /// The attempt of this number.
    fn attempt(&mut self, serial: Serial) -> Option<&mut Attempt> {
        let lives = self.lives.values_mut();
        let mut attempts = lives.flat_map(|life| &mut life.attempts);
        attempts.find(|attempt| attempt.serial == serial)
    }
}

/// An object's name, uid and owner tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) object: String,
    pub(crate) uid: String,
    pub(crate) owner: String,
}

impl Named {
    pub(crate) fn of(object: &Value) -> Self {
        let meta = &object["metadata"];
        let text = |member: &str| meta[member].as_str().unwrap_or_default().to_owned();
        let name = format!("{}/{}", text("namespace"), text("name"));
        Self {
            owner: format!("{CLUSTER}/{name}"),
            object: name,
            uid: text("uid"),
        }
    }

    /// Whether a room proves to be this object's.
    pub(crate) fn owns(&self, room: &Room) -> bool {
        match room.tags.get(OWNER_TAG) {
            Some(owner) => *owner == self.owner,
            None => room.tags.get(CREATION_TAG) == Some(&self.uid),
        }
    }

    /// Whether a room's tags say that it was made for this very object.
    pub(crate) fn asked_for(&self, room: &Room) -> bool {
        room.tags.get(OWNER_TAG) == Some(&self.owner)
            && room.tags.get(CREATION_TAG) == Some(&self.uid)
    }
}

/// Every room there is.
pub(crate) fn all_rooms(world: &World) -> Vec<Room> {
    let regions = REGIONS.iter();
    regions
        .flat_map(|region| world.rooms(&Scope::in_region(region)))
        .collect()
}
