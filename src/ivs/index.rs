//! Which rooms carry whose tags: one complete list per account and region, with what this process has done since laid
//! over it, shared by every object that asks.
//!
//! The index may prove that nothing is to do or where to look; what is done to a room follows a GetRoom of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::api::names::{CREATION_TAG, OWNER_TAG};
use crate::room::{Failure, Identity, ObservedRoom, Proof, RoomArn};

use super::list::{Summary, complete_list};
use super::rooms::Rooms;

/// Rooms by the tags that tell whose they are.
pub struct Index {
    rooms: Arc<Rooms>,
    max_age: Duration,
    lag_bound: SignedDuration,
    regions: Mutex<HashMap<(String, String), Arc<Slot>>>,
}

/// What is known of one region.
#[derive(Default)]
struct Slot {
    /// Whoever finds the listing too old lists, while the others wait here.
    listed: tokio::sync::Mutex<Listed>,
    /// What this process has done since: a list begun before, or lagging behind, does not show it. Apart, so that nobody
    /// who has made a room waits for a list.
    done: Mutex<Vec<(Timestamp, Done)>>,
}

#[derive(Default)]
struct Listed {
    listing: Option<Listing>,
    failed: Option<(Instant, Failure)>,
}

enum Done {
    Made(Summary),
    Deleted(RoomArn),
}

struct Listing {
    begun: Timestamp,
    listed: Instant,
    /// By the value of the owner tag.
    by_owner: HashMap<String, Vec<Summary>>,
    /// Rooms without an owner tag, by the value of the creation tag.
    by_creation: HashMap<String, Vec<Summary>>,
}

impl Index {
    /// An empty index that lists a region again once its listing is older than `max_age`. `lag_bound`: how long ListRooms
    /// may take to show a new room.
    pub fn new(rooms: Arc<Rooms>, max_age: Duration, lag_bound: Duration) -> Self {
        let lag_bound = SignedDuration::try_from(lag_bound).unwrap_or(SignedDuration::MAX);
        Self {
            rooms,
            max_age,
            lag_bound,
            regions: Mutex::default(),
        }
    }

    /// The rooms of a region that prove to be this ChatRoom's, oldest first, by a complete list begun no earlier than
    /// `not_before`, or one that is not too old where that is `None`.
    ///
    /// # Errors
    /// The list's failure. Those who waited for it share it instead of asking AWS again.
    pub async fn rooms_of(
        &self,
        identity: &Identity,
        account: &str,
        region: &str,
        not_before: Option<Timestamp>,
    ) -> Result<Vec<RoomArn>, Failure> {
        let asked = Instant::now();
        let slot = self.slot(account, region);
        let mut listed = slot.listed.lock().await;
        let usable = listed
            .listing
            .as_ref()
            .is_some_and(|listing| match not_before {
                Some(not_before) => listing.begun >= not_before,
                None => listing.listed.elapsed() < self.max_age,
            });
        if !usable {
            if let Some((at, failure)) = &listed.failed
                && *at >= asked
            {
                return Err(failure.clone());
            }
            let begun = Timestamp::now();
            match complete_list(&mut self.rooms.pages(region)).await {
                Ok(rooms) => {
                    // A list shows what was done a lag bound before it began: of that it knows better.
                    slot.done()
                        .retain(|(at, _)| begun.duration_since(*at) <= self.lag_bound);
                    listed.listing = Some(Listing::new(begun, rooms));
                }
                Err(failure) => {
                    listed.failed = Some((Instant::now(), failure.clone()));
                    if listed.listing.is_none() {
                        self.let_go(account, region);
                    }
                    return Err(failure);
                }
            }
        }
        let mut rooms = listed
            .listing
            .as_ref()
            .map(|listing| listing.rooms_of(identity))
            .unwrap_or_default();
        for (_, done) in slot.done().iter() {
            match done {
                Done::Made(room) if identity.prove(&room.tags) == Proof::Ours => {
                    rooms.retain(|known| known.arn != room.arn);
                    rooms.push(room.clone());
                }
                Done::Made(_) => {}
                Done::Deleted(arn) => rooms.retain(|known| known.arn != *arn),
            }
        }
        rooms.sort_by(|a, b| (a.create_time, &a.arn).cmp(&(b.create_time, &b.arn)));
        Ok(rooms.into_iter().map(|room| room.arn).collect())
    }

    /// Takes in a room that this process has just made.
    pub fn made(&self, account: &str, room: &ObservedRoom) {
        let summary = Summary {
            arn: room.arn.clone(),
            tags: room.tags.clone(),
            create_time: room.create_time,
            update_time: room.update_time,
        };
        self.slot(account, room.arn.region())
            .done()
            .push((Timestamp::now(), Done::Made(summary)));
    }

    /// Takes out a room that this process has just deleted.
    pub fn deleted(&self, account: &str, arn: &RoomArn) {
        self.slot(account, arn.region())
            .done()
            .push((Timestamp::now(), Done::Deleted(arn.clone())));
    }

    /// Drops what is kept of a region that has never been listed: users can name regions that do not exist.
    fn let_go(&self, account: &str, region: &str) {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.to_owned(), region.to_owned());
        if regions.get(&key).is_some_and(|slot| slot.done().is_empty()) {
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

impl Slot {
    fn done(&self) -> MutexGuard<'_, Vec<(Timestamp, Done)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listing {
    fn new(begun: Timestamp, rooms: Vec<Summary>) -> Self {
        let mut listing = Self {
            begun,
            listed: Instant::now(),
            by_owner: HashMap::new(),
            by_creation: HashMap::new(),
        };
        for room in rooms {
            if let Some(owner) = room.tags.get(OWNER_TAG).cloned() {
                listing.by_owner.entry(owner).or_default().push(room);
            } else if let Some(creation) = room.tags.get(CREATION_TAG).cloned() {
                listing.by_creation.entry(creation).or_default().push(room);
            }
        }
        listing
    }

    fn rooms_of(&self, identity: &Identity) -> Vec<Summary> {
        let owned = self.by_owner.get(&identity.owner.to_string()).into_iter();
        let created = self.by_creation.get(&identity.uid).into_iter();
        owned
            .chain(created)
            .flatten()
            .filter(|room| identity.prove(&room.tags) == Proof::Ours)
            .cloned()
            .collect()
    }
}
