//! Where rooms and logging configurations stand, in the order that lists show them, and views of it that lag behind.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Scope;
use super::configuration::LoggingConfiguration;
use super::error::ApiError;
use super::limits;
use super::room::Room;

/// Where something stands in a list: newest update first, later changes of the same instant before earlier ones.
pub(super) type Place = Reverse<(Timestamp, u64)>;

/// What lists show and ARNs name.
pub(super) trait Item: Kind {
    fn id(&self) -> &str;
    fn update_time(&self) -> Timestamp;
}

/// Which shelf an [`Item`] belongs on.
pub(super) trait Kind: Sized {
    /// The kind's name in ARNs.
    const KIND: &'static str;
    fn shelf(region: &Region) -> &Shelf<Self>;
    fn shelved(item: Option<Arc<Self>>) -> Shelved;
}

impl Kind for Room {
    const KIND: &'static str = "room";

    fn shelf(region: &Region) -> &Shelf<Self> {
        &region.rooms
    }

    fn shelved(item: Option<Arc<Self>>) -> Shelved {
        Shelved::Room(item)
    }
}

impl Kind for LoggingConfiguration {
    const KIND: &'static str = "logging-configuration";

    fn shelf(region: &Region) -> &Shelf<Self> {
        &region.logging_configurations
    }

    fn shelved(item: Option<Arc<Self>>) -> Shelved {
        Shelved::LoggingConfiguration(item)
    }
}

/// Something was put where it is now, or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Whose it is, and where.
    pub scope: Scope,
    /// The id of the room or logging configuration.
    pub id: String,
    /// Counts every change of the world; orders those of one instant.
    pub number: u64,
    /// What it is now.
    pub shelved: Shelved,
}

/// A room or logging configuration as it is after a change; `None`: it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "said above")]
pub enum Shelved {
    Room(Option<Arc<Room>>),
    LoggingConfiguration(Option<Arc<LoggingConfiguration>>),
}

/// An item and where it stands.
type Standing<T> = (Place, Arc<T>);

/// What a change took the place of; `None`: nothing was there.
#[derive(Debug, Clone)]
pub(super) enum Replaced {
    Room(Option<Standing<Room>>),
    LoggingConfiguration(Option<Standing<LoggingConfiguration>>),
}

/// Items of one kind, by id and in the order of lists.
#[derive(Debug, Clone)]
pub(super) struct Shelf<T> {
    items: BTreeMap<String, Standing<T>>,
    order: BTreeMap<Place, Arc<T>>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            order: BTreeMap::new(),
        }
    }
}

impl<T: Item> Shelf<T> {
    /// Those behind `after`, in order.
    pub(super) fn behind(&self, after: Option<Place>) -> impl Iterator<Item = (Place, &Arc<T>)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.order.range((from, Bound::Unbounded));
        behind.map(|(place, item)| (*place, item))
    }

    /// Puts the item in, or takes it out. One whose `updateTime` moved jumps to the front; any other stays in its place.
    fn apply(&mut self, id: &str, number: u64, item: Option<&Arc<T>>) -> Option<Standing<T>> {
        let stood = self.take(id);
        if let Some(item) = item {
            let place = match &stood {
                Some((place, before)) if before.update_time() == item.update_time() => *place,
                _ => Reverse((item.update_time(), number)),
            };
            self.put(id, (place, Arc::clone(item)));
        }
        stood
    }

    /// Takes back what [`Self::apply`] did, given what it returned.
    fn undo(&mut self, id: &str, stood: Option<Standing<T>>) {
        self.take(id);
        if let Some(standing) = stood {
            self.put(id, standing);
        }
    }

    fn take(&mut self, id: &str) -> Option<Standing<T>> {
        let stood = self.items.remove(id)?;
        self.order.remove(&stood.0);
        Some(stood)
    }

    fn put(&mut self, id: &str, (place, item): Standing<T>) {
        self.order.insert(place, Arc::clone(&item));
        self.items.insert(id.to_owned(), (place, item));
    }
}

/// What one account has in one region.
#[derive(Debug, Clone, Default)]
pub(super) struct Region {
    rooms: Shelf<Room>,
    logging_configurations: Shelf<LoggingConfiguration>,
}

/// Everything of every account and region.
#[derive(Debug, Clone, Default)]
pub(super) struct Regions(BTreeMap<Scope, Region>);

impl Regions {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn apply(&mut self, change: &Change) -> Replaced {
        let Change { id, number, .. } = change;
        self.edit(&change.scope, |region| match &change.shelved {
            Shelved::Room(item) => Replaced::Room(region.rooms.apply(id, *number, item.as_ref())),
            Shelved::LoggingConfiguration(item) => {
                let configurations = &mut region.logging_configurations;
                Replaced::LoggingConfiguration(configurations.apply(id, *number, item.as_ref()))
            }
        })
    }

    /// Takes back a change, the last one that was applied.
    fn undo(&mut self, change: &Change, replaced: Replaced) {
        self.edit(&change.scope, |region| match replaced {
            Replaced::Room(stood) => region.rooms.undo(&change.id, stood),
            Replaced::LoggingConfiguration(stood) => {
                region.logging_configurations.undo(&change.id, stood);
            }
        });
    }

    fn edit<T>(&mut self, scope: &Scope, edit: impl FnOnce(&mut Region) -> T) -> T {
        let region = self.0.entry(scope.clone()).or_default();
        let edited = edit(region);
        // Clients may call any region, and more than there are.
        if region.rooms.items.is_empty() && region.logging_configurations.items.is_empty() {
            self.0.remove(scope);
        }
        edited
    }

    pub(super) fn shelf<T: Item>(&self, scope: &Scope) -> Option<&Shelf<T>> {
        self.0.get(scope).map(T::shelf)
    }

    pub(super) fn count<T: Item>(&self, scope: &Scope) -> usize {
        self.shelf::<T>(scope).map_or(0, |shelf| shelf.items.len())
    }

    pub(super) fn get<T: Item>(&self, scope: &Scope, id: &str) -> Option<&Arc<T>> {
        let (_, item) = self.shelf::<T>(scope)?.items.get(id)?;
        Some(item)
    }

    /// What the ARN names. A well-formed one of another account is denied; one of another region is not found.
    pub(super) fn find<T: Item>(&self, scope: &Scope, arn: &str) -> Result<&Arc<T>, ApiError> {
        limits::same_account(scope, arn)?;
        let (_, id) = arn.rsplit_once('/').unwrap_or_default();
        self.get(scope, id)
            .filter(|_| scope.arn(T::KIND, id) == arn)
            .ok_or_else(|| ApiError::not_found(arn))
    }

    /// The rooms of one scope, newest update first.
    pub(super) fn rooms(&self, scope: &Scope) -> impl Iterator<Item = &Arc<Room>> {
        let rooms = self.shelf::<Room>(scope).into_iter();
        rooms
            .flat_map(|rooms| rooms.behind(None))
            .map(|(_, room)| room)
    }
}

/// A view of how things were some time before, which may be another time at each look.
#[derive(Debug, Clone, Default)]
pub(super) struct Replica {
    /// What it does not show yet.
    ahead: VecDeque<Change>,
    seen: Regions,
    /// What it shows and may have to take back.
    behind: VecDeque<(Change, Replaced)>,
}

impl Replica {
    /// A change from before there was a replica: it is seen at once.
    pub(super) fn restore(&mut self, change: &Change) {
        self.seen.apply(change);
    }

    pub(super) fn record(&mut self, change: &Change) {
        self.ahead.push_back(change.clone());
    }

    /// Shows what there was `lag` before `now`. No later look goes back further than `longest`.
    pub(super) fn turn_to(&mut self, now: Timestamp, lag: Duration, longest: Duration) {
        while let Some((change, replaced)) = self
            .behind
            .pop_back_if(|(change, _)| later(change.at, lag) > now)
        {
            self.seen.undo(&change, replaced);
            self.ahead.push_front(change);
        }
        while let Some(change) = self
            .ahead
            .pop_front_if(|change| later(change.at, lag) <= now)
        {
            let replaced = self.seen.apply(&change);
            self.behind.push_back((change, replaced));
        }
        while self
            .behind
            .pop_front_if(|(change, _)| later(change.at, longest) <= now)
            .is_some()
        {}
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.ahead.len() + self.behind.len()
    }

    pub(super) fn seen(&self) -> &Regions {
        &self.seen
    }
}

/// `at` and then `wait`; the end of time where that is past it.
pub(super) fn later(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}
