//! An index of rooms by their tags: one complete list per account and region, plus what this process has done since. All
//! objects share it.
//!
//! The index may prove that there is nothing to do, or show where to look. Every write follows a GetRoom of the room
//! itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ivschat_core::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG};
use ivschat_core::room::{ActualRoom, Cause, Failure, FailureClass, Identity, Proof, RoomArn};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::meter::Meter;

use super::account::Account;
use super::aws_clock::AwsClock;
use super::list::{Summary, complete_list};
use super::operation::Operation;
use super::rooms::Rooms;

/// Rooms by the tags that name their owner.
pub struct Index {
    rooms: Arc<Rooms>,
    account: Account,
    meter: Arc<dyn Meter>,
    clock: AwsClock,
    max_age: Duration,
    lag_bound: Duration,
    /// Lists that began earlier do not count: until then another replica may have created and deleted rooms.
    since: Mutex<Since>,
    regions: Mutex<BTreeMap<(String, String), Arc<Slot>>>,
}

/// What is known of one region.
#[derive(Default)]
struct Slot {
    /// Held while a list runs: the first caller that finds the listing too old lists, and the others wait. The value says
    /// when that last failed, and why.
    turn: tokio::sync::Mutex<Option<(Instant, Failure)>>,
    /// Never held while a list runs.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    listing: Option<Arc<Listing>>,
    /// What this process has done since. A list that began earlier, or lags, does not show it.
    done: Vec<(Instant, Done)>,
}

/// When this process became the only one.
struct Since {
    at: Instant,
    /// By AWS's clock, once that was heard. It stays so: who compares it with what it was takes another for another term.
    time: Option<Timestamp>,
}

impl Since {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            time: None,
        }
    }
}

enum Done {
    Made(Summary),
    Deleted(RoomArn),
}

impl Done {
    fn arn(&self) -> &RoomArn {
        match self {
            Self::Made(room) => &room.arn,
            Self::Deleted(arn) => arn,
        }
    }
}

struct Listing {
    begun: Instant,
    /// How many standstills had been noticed when it began.
    standstills: u32,
    listed: Instant,
    /// By the value of the owner tag.
    by_owner: BTreeMap<String, Vec<Summary>>,
    /// Rooms without an owner tag, by the value of the creation tag.
    by_creation: BTreeMap<String, Vec<Summary>>,
    /// Rooms with neither, by the value of the consent tag.
    by_consent: BTreeMap<String, Vec<Summary>>,
}

impl Index {
    /// An empty index that lists a region again once its listing is older than `max_age`. `lag_bound`: how long ListRooms
    /// may take to show a new room. `account`: whose credentials `rooms` works with.
    pub fn new(
        rooms: Arc<Rooms>,
        account: Account,
        max_age: Duration,
        lag_bound: Duration,
        meter: Arc<dyn Meter>,
        clock: AwsClock,
    ) -> Self {
        Self {
            rooms,
            account,
            meter,
            max_age,
            lag_bound,
            since: Mutex::new(Since::now()),
            clock,
            regions: Mutex::default(),
        }
    }

    /// The rooms of a region that prove to be this ChatRoom's: first those that this object asked for, each group oldest
    /// first. They come from a complete list that began no earlier than `not_before`; with `None`, from any list that is
    /// not too old.
    ///
    /// # Errors
    /// The list's failure. Callers that waited for the list share its failure instead of asking AWS again.
    pub async fn rooms_of(
        &self,
        identity: &Identity,
        account: &str,
        region: &str,
        not_before: Option<Timestamp>,
    ) -> Result<Vec<RoomArn>, Failure> {
        let slot = self.slot(account, region);
        self.listed(&slot, account, region, not_before).await?;
        Ok(arns(slot.known().rooms_of(identity)))
    }

    /// A listing that began no earlier than `not_before`; with `None`, one that is not too old.
    async fn listed(
        &self,
        slot: &Slot,
        account: &str,
        region: &str,
        not_before: Option<Timestamp>,
    ) -> Result<Arc<Listing>, Failure> {
        let asked = Instant::now();
        let mut failed = slot.turn.lock().await;
        let listing = slot.known().listing.clone();
        // While nobody knows what time it is, a list tells: one for all who wait.
        let does = |it: &Arc<Listing>| {
            if self.clock.is_heard() {
                self.counts(it, not_before)
            } else {
                it.begun >= asked
            }
        };
        if let Some(listing) = listing.clone().filter(does) {
            return Ok(listing);
        }
        if let Some((at, failure)) = &*failed
            && *at >= asked
        {
            return Err(failure.clone());
        }
        let (begun, standstills) = (Instant::now(), self.clock.standstills());
        match self.list(account, region).await {
            Ok(rooms) => {
                self.meter.listed(self.clock.at(begun).into());
                let mut known = slot.known();
                // The list itself shows what was done more than a lag bound before it began.
                known.done.retain(|(at, _)| *at + self.lag_bound >= begun);
                let listing = Arc::new(Listing::new(begun, standstills, rooms));
                Ok(Arc::clone(known.listing.insert(listing)))
            }
            Err(failure) => {
                *failed = Some((Instant::now(), failure.clone()));
                if listing.is_none() {
                    self.let_go(account, region);
                }
                Err(failure)
            }
        }
    }

    /// Whether the listing began no earlier than `not_before`; with `None`, whether it is not too old.
    fn counts(&self, listing: &Listing, not_before: Option<Timestamp>) -> bool {
        let since = self.begun().at;
        let caught_up = since + self.lag_bound;
        listing.begun >= since
            && listing.standstills == self.clock.standstills()
            && match not_before {
                Some(not_before) => self.clock.at(listing.begun) >= not_before,
                // Right after a takeover a list may miss the last leader's writes. Once the lag bound has passed, only
                // later lists count.
                None => {
                    listing.listed.elapsed() < self.max_age
                        && (Instant::now() < caught_up || listing.begun >= caught_up)
                }
            }
    }

    /// Lists a region, with credentials of this account.
    async fn list(&self, account: &str, region: &str) -> Result<Vec<Summary>, Failure> {
        let rooms = complete_list(&mut self.rooms.pages(region)).await?;
        // Credentials are fetched when a call is signed, so they may have changed to another account on the way.
        if self.account.id().await? != account {
            let changed = "the operator's AWS credentials changed to another account meanwhile";
            return Err(Failure::of_call(
                FailureClass::Unavailable,
                Operation::ListRooms.name(),
                Cause::Told(changed.to_owned()),
            ));
        }
        Ok(rooms)
    }

    /// The rooms of a region that prove to be this ChatRoom's, as far as known without asking AWS or waiting for a list
    /// that runs.
    pub fn known(&self, identity: &Identity, account: &str, region: &str) -> Vec<RoomArn> {
        let slot = self.slot(account, region);
        arns(slot.known().rooms_of(identity))
    }

    /// The regions that were ever listed with credentials of this account.
    pub fn regions(&self, account: &str) -> Vec<String> {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let here = regions.keys().filter(|(known, _)| known == account);
        here.map(|(_, region)| region.clone()).collect()
    }

    /// Lists a region again. Returns its rooms that carry an owner tag, with the tag's value.
    ///
    /// # Errors
    /// The list's failure.
    pub async fn relist(
        &self,
        account: &str,
        region: &str,
    ) -> Result<Vec<(String, RoomArn)>, Failure> {
        let slot = self.slot(account, region);
        let listing = self
            .listed(&slot, account, region, Some(self.clock.now()))
            .await?;
        let owned = listing.by_owner.iter();
        Ok(owned
            .flat_map(|(owner, rooms)| rooms.iter().map(|room| (owner.clone(), room.arn.clone())))
            .collect())
    }

    /// Rooms that an object of this name has released, as far as the last list shows.
    pub fn retained(&self, identity: &Identity, account: &str, region: &str) -> Vec<RoomArn> {
        let slot = self.slot(account, region);
        let known = slot.known();
        let mut rooms: Vec<Summary> = known
            .listing
            .as_deref()
            .and_then(|listing| listing.by_consent.get(&identity.owner.to_string()))
            .cloned()
            .unwrap_or_default();
        for (_, done) in &known.done {
            rooms.retain(|room| room.arn != *done.arn());
            if let Done::Made(room) = done {
                rooms.push(room.clone());
            }
        }
        rooms.retain(|room| identity.retained(&room.tags));
        rooms.sort_by(|a, b| (a.create_time, &a.arn).cmp(&(b.create_time, &b.arn)));
        arns(rooms)
    }

    /// Adds a room that this process has just created, or whose owner or consent it has just changed.
    pub fn made(&self, account: &str, room: &ActualRoom) {
        let summary = Summary {
            arn: room.arn.clone(),
            tags: room.tags.clone(),
            create_time: room.create_time,
            update_time: room.update_time,
        };
        self.slot(account, room.arn.region())
            .known()
            .done
            .push((Instant::now(), Done::Made(summary)));
    }

    /// Removes a room that this process has just deleted.
    pub fn deleted(&self, account: &str, arn: &RoomArn) {
        self.slot(account, arn.region())
            .known()
            .done
            .push((Instant::now(), Done::Deleted(arn.clone())));
    }

    /// Latest time at which another replica may have created rooms that no list shows yet. Since then only this process has
    /// led.
    pub fn since(&self) -> Timestamp {
        let mut since = self.begun();
        let heard = self.clock.is_heard();
        let time = since.time.unwrap_or_else(|| self.clock.at(since.at));
        if heard {
            since.time = Some(time);
        }
        time
    }

    fn begun(&self) -> MutexGuard<'_, Since> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, lists that began earlier do not count: another replica has created and deleted rooms since. What this
    /// process has done still counts, since lists may lag behind it.
    pub fn renew(&self) {
        *self.begun() = Since::now();
    }

    /// Drops the entry of a region that has never been listed: users can name regions that do not exist.
    fn let_go(&self, account: &str, region: &str) {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.to_owned(), region.to_owned());
        if regions
            .get(&key)
            .is_some_and(|slot| slot.known().done.is_empty())
        {
            regions.remove(&key);
        }
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

fn arns(rooms: Vec<Summary>) -> Vec<RoomArn> {
    rooms.into_iter().map(|room| room.arn).collect()
}

impl Slot {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// This ChatRoom's rooms, by the last list and what this process has done since.
    fn rooms_of(&self, identity: &Identity) -> Vec<Summary> {
        let listing = self.listing.as_ref();
        let mut rooms = listing
            .map(|listing| listing.rooms_of(identity))
            .unwrap_or_default();
        for (_, done) in &self.done {
            rooms.retain(|room| room.arn != *done.arn());
            if let Done::Made(room) = done
                && identity.prove(&room.tags) == Proof::Ours
            {
                rooms.push(room.clone());
            }
        }
        // Rooms that this object asked for come before those of an earlier object of its name.
        let age = |room: &Summary| {
            (
                !identity.created(&room.tags),
                room.create_time,
                room.arn.clone(),
            )
        };
        rooms.sort_by_key(age);
        rooms
    }
}

impl Listing {
    fn new(begun: Instant, standstills: u32, rooms: Vec<Summary>) -> Self {
        let mut listing = Self {
            begun,
            standstills,
            listed: Instant::now(),
            by_owner: BTreeMap::new(),
            by_creation: BTreeMap::new(),
            by_consent: BTreeMap::new(),
        };
        for room in rooms {
            if let Some(owner) = room.tags.get(OWNER_TAG).cloned() {
                listing.by_owner.entry(owner).or_default().push(room);
            } else if let Some(creation) = room.tags.get(CREATION_TAG).cloned() {
                listing.by_creation.entry(creation).or_default().push(room);
            } else if let Some(consent) = room.tags.get(CONSENT_TAG).cloned() {
                listing.by_consent.entry(consent).or_default().push(room);
            }
        }
        listing
    }

    fn rooms_of(&self, identity: &Identity) -> Vec<Summary> {
        let owned = identity
            .owners()
            .filter_map(|owner| self.by_owner.get(&owner));
        let created = self.by_creation.get(&identity.uid).into_iter();
        owned
            .chain(created)
            .flatten()
            .filter(|room| identity.prove(&room.tags) == Proof::Ours)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests;
