//! The rooms of each account and region, as ListRooms shows them and this process has left them. All objects share them.
//!
//! The index may prove that there is nothing to do, or show where to look. Every write follows a GetRoom of the room
//! itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ivschat_core::room::census::{Census, Lag, Need, Next, Reading};
use ivschat_core::room::delta::Changes;
use ivschat_core::room::search::{Listed, Unmet};
use ivschat_core::room::{ActualRoom, Cause, Failure, FailureClass, Identity, RoomArn};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::meter::Meter;

use super::account::Account;
use super::aws_clock::AwsClock;
use super::caller::Caller;
use super::list::{Front, read_front};
use super::operation::Operation;
use super::rooms::Rooms;

/// How many readings one question may take: rooms may change faster than they can be read.
const READINGS: usize = 3;

/// Rooms by the tags that name their owner.
pub struct Index {
    rooms: Arc<Rooms>,
    account: Account,
    meter: Arc<dyn Meter>,
    clock: AwsClock,
    max_age: Duration,
    lag: Lag,
    regions: Mutex<BTreeMap<(String, String), Arc<Slot>>>,
}

/// What is known of one region.
#[derive(Default)]
struct Slot {
    /// Held while the region is read: the first caller for whom it is too little reads, and the others wait. The value says
    /// when that last failed, and why.
    turn: tokio::sync::Mutex<Option<(Instant, Failure)>>,
    /// Never held while the region is read.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    census: Census,
    /// How many standstills of the machine had been noticed when it was last read.
    standstills: u32,
    /// When the last reading began that could not be dated.
    undated: Option<Instant>,
    /// Readings that began earlier prove nothing.
    renewed: Option<Instant>,
    is_listed: bool,
    /// When the last reading failed, and why, unless one has succeeded since.
    failed: Option<(Instant, Failure)>,
}

/// When a reading begins.
#[derive(Debug, Clone, Copy)]
struct Begun {
    at: Instant,
    /// How many standstills of the machine had been noticed.
    standstills: u32,
}

/// For so long a reading that failed will do for those that are lenient.
const FAILED: Duration = Duration::from_secs(30);

impl Index {
    /// An empty index that takes readings up to `max_age` for new. `account`: whose credentials `rooms` works with.
    pub fn new(
        rooms: Arc<Rooms>,
        account: Account,
        max_age: Duration,
        lag: Lag,
        meter: Arc<dyn Meter>,
        clock: AwsClock,
    ) -> Self {
        Self {
            rooms,
            account,
            meter,
            clock,
            max_age,
            lag,
            regions: Mutex::default(),
        }
    }

    /// The rooms of a region that prove to be this ChatRoom's, or that an object of its name has released. It is read until it
    /// shows what is needed, or nothing would help that is read now.
    ///
    /// # Errors
    /// A page's failure. Callers that waited for the reading share its failure instead of asking AWS again.
    pub async fn rooms_of(
        &self,
        identity: &Identity,
        account: &str,
        region: &str,
        need: &Need,
        caller: &Caller,
    ) -> Result<Listed, Failure> {
        let slot = self.slot(account, region);
        let unmet = self.read(&slot, account, region, need, caller).await?;
        let known = slot.known();
        Ok(Listed {
            ours: known.census.rooms_of(identity),
            released: known.census.released(identity),
            unmet,
        })
    }

    /// Reads a region until it shows what is needed. Returns what it does not show even so.
    async fn read(
        &self,
        slot: &Slot,
        account: &str,
        region: &str,
        need: &Need,
        caller: &Caller,
    ) -> Result<Option<Unmet>, Failure> {
        let asked = Instant::now();
        // What is known already waits for nobody who reads.
        match self.next(slot, need, asked) {
            Next::Nothing => return Ok(None),
            Next::Wait(until) => return Ok(Some(slot.unmet(until))),
            Next::Read(_) => {}
        }
        // Nor is a region waited for that does not answer.
        if need.lenient
            && let Some(failure) = slot.failed(asked)
        {
            return Err(failure);
        }
        let mut failed = slot.turn.lock().await;
        for _ in 0..READINGS {
            let next = match self.next(slot, need, asked) {
                Next::Nothing => return Ok(None),
                Next::Wait(until) => return Ok(Some(slot.unmet(until))),
                Next::Read(down_to) => down_to,
            };
            if let Some((at, failure)) = &*failed
                && *at >= asked
            {
                return Err(failure.clone());
            }
            let begun = self.begin();
            match self.front(account, region, next, caller).await {
                Ok(front) => {
                    let whole = front.down_to.is_none();
                    self.take(slot, begun, front);
                    // What it is called may be earlier than what was asked for, as time goes back a little.
                    if need.whole && whole {
                        return Ok(None);
                    }
                }
                Err(failure) => {
                    *failed = Some((Instant::now(), failure.clone()));
                    slot.known().failed.clone_from(&failed);
                    self.let_go();
                    return Err(failure);
                }
            }
        }
        // Rooms change faster than they can be read.
        let soon = self.clock.now() + SignedDuration::from_secs(1);
        Ok(Some(slot.unmet(soon)))
    }

    fn next(&self, slot: &Slot, need: &Need, asked: Instant) -> Next {
        let mut known = slot.known();
        if !self.clock.is_heard() {
            // While nobody knows what time it is, a reading tells: one for all who wait.
            return match known.undated {
                Some(begun) if begun >= asked => Next::Nothing,
                _ => Next::Read(None),
            };
        }
        known.trust(self.clock.standstills());
        let now = self.clock.now();
        let new = now.checked_sub(signed(self.max_age));
        let need = Need {
            not_before: need.not_before.or(Some(new.unwrap_or(Timestamp::MIN))),
            ..*need
        };
        known.census.next(&need, now, self.lag)
    }

    /// Reads the front of a region, with credentials of this account.
    async fn front(
        &self,
        account: &str,
        region: &str,
        down_to: Option<Timestamp>,
        caller: &Caller,
    ) -> Result<Front, Failure> {
        let front = read_front(&mut self.rooms.pages(region, caller), down_to).await?;
        // Credentials are fetched when a call is signed, so they may have changed to another account on the way.
        if self.account.id().await? != account {
            let changed = "the operator's AWS credentials changed to another account meanwhile";
            return Err(Failure::of_call(
                FailureClass::Unavailable,
                Operation::ListRooms.name(),
                Cause::Told(changed.to_owned()),
            ));
        }
        Ok(front)
    }

    /// A reading begins now.
    fn begin(&self) -> Begun {
        Begun {
            standstills: self.clock.standstills(),
            at: Instant::now(),
        }
    }

    fn take(&self, slot: &Slot, begun: Begun, front: Front) {
        let mut known = slot.known();
        let (outdated, standstills) = (self.is_outdated(&known, begun), self.clock.standstills());
        let begun = begun.at;
        if front.down_to.is_none() {
            self.meter.listed(self.clock.at(begun).into());
        }
        let reading = Reading {
            begun: self.clock.at(begun),
            ended: self.clock.now(),
            down_to: front.down_to,
            first_down_to: front.first_down_to,
            rooms: front.rooms,
        };
        known.is_listed = true;
        known.failed = None;
        known.census.take(reading, self.lag);
        // Nobody may know what time it was.
        if !self.clock.is_heard() {
            known.census.distrust();
            known.undated = Some(begun);
        }
        if outdated {
            known.census.distrust();
        }
        known.trust(standstills);
    }

    /// Whether the machine has stood still since a reading began, or another has led.
    fn is_outdated(&self, known: &Known, begun: Begun) -> bool {
        known.renewed > Some(begun.at) || begun.standstills != self.clock.standstills()
    }

    /// The rooms of a region that prove to be this ChatRoom's, as far as known without asking AWS or waiting for a list
    /// that runs.
    pub fn known(&self, identity: &Identity, account: &str, region: &str) -> Vec<RoomArn> {
        let slot = self.slot(account, region);
        let rooms = slot.known().census.rooms_of(identity);
        rooms.into_iter().map(|room| room.arn).collect()
    }

    /// The regions that were ever listed with credentials of this account.
    pub fn regions(&self, account: &str) -> Vec<String> {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let here = regions.keys().filter(|(known, _)| known == account);
        here.map(|(_, region)| region.clone()).collect()
    }

    /// Lists a region again, unless a list was begun since; `None`: unless one is not too old. Returns the rooms that it shows with
    /// an owner tag, and its value.
    ///
    /// # Errors
    /// A page's failure.
    pub async fn relist(
        &self,
        account: &str,
        region: &str,
        since: Option<Timestamp>,
        caller: &Caller,
    ) -> Result<Vec<(String, RoomArn)>, Failure> {
        let slot = self.slot(account, region);
        let need = Need {
            not_before: since,
            whole: true,
            ..Need::default()
        };
        self.read(&slot, account, region, &need, caller).await?;
        Ok(slot.known().census.owned())
    }

    /// Reads the rooms of a region that were updated since its last reading, while others may read all of it. Returns how many pages
    /// that took: none where there is no reading to join on to.
    ///
    /// # Errors
    /// A page's failure.
    pub async fn refresh(
        &self,
        account: &str,
        region: &str,
        caller: &Caller,
    ) -> Result<u32, Failure> {
        let slot = self.slot(account, region);
        let Some(down_to) = self.front_of(&slot) else {
            return Ok(0);
        };
        let begun = self.begin();
        let front = self.front(account, region, Some(down_to), caller).await?;
        let pages = front.pages;
        if !self.is_outdated(&slot.known(), begun) {
            self.take(&slot, begun, front);
        }
        Ok(pages)
    }

    /// What the readings of a region show otherwise than before, since this was asked last.
    pub fn changes(&self, account: &str, region: &str) -> Changes {
        self.slot(account, region).known().census.changes()
    }

    fn front_of(&self, slot: &Slot) -> Option<Timestamp> {
        let mut known = slot.known();
        known.trust(self.clock.standstills());
        let front = known.census.front(self.lag);
        front.filter(|_| self.clock.is_heard())
    }

    /// Adds a room that this process has just created, or whose owner or consent it has just changed.
    pub fn made(&self, account: &str, room: &ActualRoom) {
        let slot = self.slot(account, room.arn.region());
        let mut known = slot.known();
        known.census.made(room, self.clock.now(), self.lag);
    }

    /// Removes a room that this process has just deleted.
    pub fn deleted(&self, account: &str, arn: &RoomArn) {
        let slot = self.slot(account, arn.region());
        let mut known = slot.known();
        known.census.deleted(arn, self.clock.now(), self.lag);
    }

    /// Takes in that GetRoom does not show a room. One that the newest list does not show either is gone.
    pub fn missing(&self, account: &str, arn: &RoomArn) {
        let slot = self.slot(account, arn.region());
        slot.known().census.missing(arn);
    }

    /// From now on, what was read before proves nothing: another replica has created and deleted rooms since. What this
    /// process has done still counts, since lists may lag behind it.
    pub fn renew(&self) {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in regions.values() {
            let mut known = slot.known();
            known.census.distrust();
            known.renewed = Some(Instant::now());
        }
    }

    /// Drops regions that have never been listed, and that nobody asks for any more: users can name regions that do not exist.
    fn let_go(&self) {
        let now = Instant::now();
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.retain(|_, slot| {
            let known = slot.known();
            let failed = known.failed.as_ref();
            let lately = failed.is_none_or(|(at, _)| now.duration_since(*at) < FAILED);
            lately || known.is_listed || !known.census.is_empty()
        });
    }

    fn slot(&self, account: &str, region: &str) -> Arc<Slot> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            regions
                .entry((account.to_owned(), region.to_owned()))
                .or_default(),
        )
    }
}

fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

impl Slot {
    /// Why the region could not be read a moment ago.
    fn failed(&self, now: Instant) -> Option<Failure> {
        let known = self.known();
        let (at, failure) = known.failed.as_ref()?;
        (now.duration_since(*at) < FAILED).then(|| failure.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unmet(&self, until: Timestamp) -> Unmet {
        let restless = self.known().census.is_restless();
        Unmet { until, restless }
    }
}

impl Known {
    /// What was read before the machine stood still cannot be dated any more.
    fn trust(&mut self, standstills: u32) {
        if self.standstills != standstills {
            self.census.distrust();
            self.standstills = standstills;
        }
    }
}

#[cfg(test)]
mod tests;
