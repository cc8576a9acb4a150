//! Which rooms carry whose tags: one complete list per account and region, and the rooms this process has made since,
//! shared by every object that asks.
//!
//! The index may prove that nothing is to do or where to look; what is done to a room follows a GetRoom of its own.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::api::names::{CREATION_TAG, OWNER_TAG};
use crate::room::{Failure, Identity, ObservedRoom, Proof, RoomArn, Tags};

use super::list::{Summary, complete_list};
use super::rooms::Rooms;

/// Rooms by the tags that tell whose they are.
pub struct Index {
    rooms: Arc<Rooms>,
    max_age: Duration,
    lag_bound: SignedDuration,
    regions: Mutex<HashMap<(String, String), Arc<Slot>>>,
}

/// One region's listing. Whoever finds it too old lists while the others wait.
#[derive(Default)]
struct Slot(tokio::sync::Mutex<Kept>);

#[derive(Default)]
struct Kept {
    listing: Option<Listing>,
    /// Rooms made by this process, which a list begun before, or lagging behind, does not show.
    made: Vec<(Timestamp, Summary)>,
    failed: Option<(Instant, Failure)>,
}

struct Listing {
    begun: Timestamp,
    listed: Instant,
    /// By the value of the owner tag.
    by_owner: HashMap<String, Vec<Summary>>,
    /// Rooms without an owner tag, by the value of the creation tag.
    by_creation: HashMap<String, Vec<Summary>>,
}

/// A room that, when it was listed, proved to be the asker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its ARN.
    pub arn: RoomArn,
    /// The tags it had.
    pub tags: Tags,
    /// When it was created, where AWS says.
    pub create_time: Option<Timestamp>,
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
    ) -> Result<Vec<Found>, Failure> {
        let asked = Instant::now();
        let slot = self.slot(account, region);
        let mut kept = slot.0.lock().await;
        let usable = kept
            .listing
            .as_ref()
            .is_some_and(|listing| match not_before {
                Some(not_before) => listing.begun >= not_before,
                None => listing.listed.elapsed() < self.max_age,
            });
        if !usable {
            if let Some((at, failure)) = &kept.failed
                && *at >= asked
            {
                return Err(failure.clone());
            }
            let begun = Timestamp::now();
            match complete_list(&self.rooms, region).await {
                Ok(rooms) => kept.relist(begun, rooms, self.lag_bound),
                Err(failure) => {
                    kept.failed = Some((Instant::now(), failure.clone()));
                    return Err(failure);
                }
            }
        }
        Ok(kept
            .listing
            .as_ref()
            .map(|listing| listing.rooms_of(identity))
            .unwrap_or_default())
    }

    /// Takes in a room that this process has just made.
    pub async fn learn(&self, account: &str, room: &ObservedRoom) {
        let summary = Summary {
            arn: room.arn.clone(),
            tags: room.tags.clone(),
            create_time: room.create_time,
            update_time: room.update_time,
        };
        let slot = self.slot(account, room.arn.region());
        let mut kept = slot.0.lock().await;
        kept.made.push((Timestamp::now(), summary.clone()));
        if let Some(listing) = &mut kept.listing {
            listing.add(summary);
        }
    }

    /// Takes out a room that is known to be deleted, so that the listing does not offer it any more.
    pub async fn forget(&self, account: &str, arn: &RoomArn) {
        let slot = self.slot(account, arn.region());
        let mut kept = slot.0.lock().await;
        kept.made.retain(|(_, room)| room.arn != *arn);
        if let Some(listing) = &mut kept.listing {
            listing.forget(arn);
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

impl Kept {
    fn relist(&mut self, begun: Timestamp, rooms: Vec<Summary>, lag_bound: SignedDuration) {
        // A list shows what was made a lag bound before it began: of those rooms it knows better.
        self.made
            .retain(|(at, _)| begun.duration_since(*at) <= lag_bound);
        let mut listing = Listing {
            begun,
            listed: Instant::now(),
            by_owner: HashMap::new(),
            by_creation: HashMap::new(),
        };
        let listed: HashSet<RoomArn> = rooms.iter().map(|room| room.arn.clone()).collect();
        let made = self
            .made
            .iter()
            .map(|(_, room)| room.clone())
            .filter(|room| !listed.contains(&room.arn));
        rooms
            .into_iter()
            .chain(made)
            .for_each(|room| listing.add(room));
        self.listing = Some(listing);
    }
}

impl Listing {
    fn add(&mut self, room: Summary) {
        if let Some(owner) = room.tags.get(OWNER_TAG).cloned() {
            self.by_owner.entry(owner).or_default().push(room);
        } else if let Some(creation) = room.tags.get(CREATION_TAG).cloned() {
            self.by_creation.entry(creation).or_default().push(room);
        }
    }

    fn rooms_of(&self, identity: &Identity) -> Vec<Found> {
        let owned = self.by_owner.get(&identity.owner.to_string()).into_iter();
        let created = self.by_creation.get(&identity.uid).into_iter();
        let mut rooms: Vec<Found> = owned
            .chain(created)
            .flatten()
            .filter(|room| identity.prove(&room.tags) == Proof::Ours)
            .map(|room| Found {
                arn: room.arn.clone(),
                tags: room.tags.clone(),
                create_time: room.create_time,
            })
            .collect();
        rooms.sort_by(|a, b| (a.create_time, &a.arn).cmp(&(b.create_time, &b.arn)));
        rooms
    }

    fn forget(&mut self, arn: &RoomArn) {
        for rooms in self
            .by_owner
            .values_mut()
            .chain(self.by_creation.values_mut())
        {
            rooms.retain(|room| room.arn != *arn);
        }
    }
}
