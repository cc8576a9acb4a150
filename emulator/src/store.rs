//! The state file: what there is, kept across restarts.
//!
//! Each call's changes go in as one transaction before the call is answered, so that an end in the middle of it, however hard,
//! loses at most the call that was not answered yet. Chat tokens live a minute and are not kept.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::world::{Change, LoggingConfiguration, Room, Scope, Settings, Shelved, World};

/// The things there are, by [`key`].
const THINGS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("things");
const NUMBERS: TableDefinition<'_, &str, u128> = TableDefinition::new("numbers");
const SEED: &str = "seed";
const STARTS: &str = "starts";

/// The state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("state file {}: {problem}", path.display())]
pub struct StoreError {
    path: PathBuf,
    problem: Box<dyn std::error::Error + Send + Sync>,
}

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// A state file.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// None after a write that failed: a database takes no more writes then, until it is opened anew.
    database: Option<Database>,
    /// What is still to be written, oldest first.
    unsaved: Vec<Change>,
}

/// A thing as it lies in the file.
#[derive(Serialize, Deserialize)]
struct Thing {
    at: Timestamp,
    number: u64,
    #[serde(flatten)]
    kind: ThingKind,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ThingKind {
    Room(Room),
    LoggingConfiguration(LoggingConfiguration),
}

impl Store {
    /// Opens the file, or makes it with this seed, and restores the world in it.
    pub(crate) fn open(
        path: &Path,
        settings: Settings,
        seed: u128,
    ) -> Result<(Self, World), StoreError> {
        Self::restore(path, settings, seed).map_err(|problem| StoreError {
            path: path.to_owned(),
            problem,
        })
    }

    fn restore(path: &Path, settings: Settings, seed: u128) -> Result<(Self, World), Problem> {
        if !path.try_exists()? {
            make(path, seed)?;
        }
        let database = Database::open(path)?;
        let (seed, starts) = start(&database)?;
        let things = database.begin_read()?.open_table(THINGS)?;
        let mut changes = Vec::new();
        for thing in things.iter()? {
            let (key, thing) = thing?;
            changes.push(change(key.value(), thing.value())?);
        }
        let store = Self {
            path: path.to_owned(),
            inner: Mutex::new(Inner {
                database: Some(database),
                unsaved: Vec::new(),
            }),
        };
        Ok((store, World::restored(settings, seed, starts, changes)))
    }

    /// Writes the changes, and those still to be written.
    pub(crate) fn save(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.unsaved.extend_from_slice(changes);
        inner.save(&self.path).map_err(|problem| {
            inner.database = None;
            StoreError {
                path: self.path.clone(),
                problem,
            }
        })
    }

    /// Leaves the changes to the next write.
    pub(crate) fn save_later(&self, changes: &[Change]) {
        self.inner().unsaved.extend_from_slice(changes);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn save(&mut self, path: &Path) -> Result<(), Problem> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::open(path)?,
        };
        let database = self.database.insert(database);
        let transaction = database.begin_write()?;
        {
            let mut things = transaction.open_table(THINGS)?;
            for change in &self.unsaved {
                let (key, thing) = (key(change), thing(change));
                match thing {
                    Some(thing) => {
                        things.insert(key.as_str(), serde_json::to_vec(&thing)?.as_slice())?
                    }
                    None => things.remove(key.as_str())?,
                };
            }
        }
        transaction.commit()?;
        self.unsaved.clear();
        Ok(())
    }
}

/// Makes an empty state file under another name first, so that an end in the middle leaves none that cannot be opened.
fn make(path: &Path, seed: u128) -> Result<(), Problem> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    if new.try_exists()? {
        std::fs::remove_file(&new)?;
    }
    let database = Database::create(&new)?;
    let transaction = database.begin_write()?;
    transaction.open_table(THINGS)?;
    transaction.open_table(NUMBERS)?.insert(SEED, seed)?;
    transaction.commit()?;
    drop(database);
    Ok(std::fs::rename(new, path)?)
}

/// The world's seed, and how often it was started before this start.
fn start(database: &Database) -> Result<(u128, u64), Problem> {
    let transaction = database.begin_write()?;
    let (seed, starts) = {
        let mut numbers = transaction.open_table(NUMBERS)?;
        let seed = numbers.get(SEED)?.map(|seed| seed.value());
        let starts = numbers.get(STARTS)?.map_or(0, |starts| starts.value());
        numbers.insert(STARTS, starts + 1)?;
        (seed.ok_or("it is no state file of this program")?, starts)
    };
    transaction.commit()?;
    Ok((seed, u64::try_from(starts)?))
}

/// `{account}/{region}/{kind}/{id}`.
fn key(change: &Change) -> String {
    let Scope { account, region } = &change.scope;
    let kind = match change.shelved {
        Shelved::Room(_) => "room",
        Shelved::LoggingConfiguration(_) => "logging-configuration",
    };
    format!("{account}/{region}/{kind}/{}", change.id)
}

fn thing(change: &Change) -> Option<Thing> {
    let kind = match &change.shelved {
        Shelved::Room(room) => ThingKind::Room(Room::clone(room.as_ref()?)),
        Shelved::LoggingConfiguration(configuration) => {
            ThingKind::LoggingConfiguration(LoggingConfiguration::clone(configuration.as_ref()?))
        }
    };
    Some(Thing {
        at: change.at,
        number: change.number,
        kind,
    })
}

fn change(key: &str, thing: &[u8]) -> Result<Change, Problem> {
    let parts: Vec<&str> = key.split('/').collect();
    let [account, region, _, id] = parts[..] else {
        return Err(format!("unknown key {key:?}").into());
    };
    let Thing { at, number, kind } = serde_json::from_slice(thing)?;
    let shelved = match kind {
        ThingKind::Room(room) => Shelved::Room(Some(Arc::new(room))),
        ThingKind::LoggingConfiguration(configuration) => {
            Shelved::LoggingConfiguration(Some(Arc::new(configuration)))
        }
    };
    let scope = Scope {
        account: account.to_owned(),
        region: region.to_owned(),
    };
    Ok(Change {
        at,
        scope,
        id: id.to_owned(),
        number,
        shelved,
    })
}

#[cfg(test)]
mod tests {
    use crate::world::{Call, CreateRoom};

    use super::*;

    #[test]
    fn what_could_not_be_written_goes_in_with_the_next_write_that_can() {
        let directory = tempfile::tempdir().unwrap();
        let (path, away) = (
            directory.path().join("state"),
            directory.path().join("away"),
        );
        let (store, mut world) = Store::open(&path, Settings::default(), 7).unwrap();
        let scope = Scope::in_region("us-west-2");
        let mut create = |name: &str| {
            let room = CreateRoom {
                name: Some(name.to_owned()),
                ..CreateRoom::default()
            };
            world
                .call(&scope, Call::CreateRoom(room), Timestamp::now())
                .unwrap();
            store.save(world.changes())
        };
        create("before").unwrap();
        // As after a disk that was full: the database is closed, and cannot be opened again for a while.
        store.inner().database = None;
        std::fs::rename(&path, &away).unwrap();
        create("meanwhile").unwrap_err();
        std::fs::rename(&away, &path).unwrap();
        create("after").unwrap();
        assert!(store.inner().unsaved.is_empty());
        drop(store);

        let (_, restored) = Store::open(&path, Settings::default(), 8).unwrap();
        assert_eq!(restored.rooms(&scope), world.rooms(&scope));
        assert_eq!(restored.rooms(&scope).len(), 3);
    }

    #[test]
    fn a_file_that_was_left_half_made_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        std::fs::write(directory.path().join("state.new"), "half of a data").unwrap();
        Store::open(&path, Settings::default(), 7).unwrap();
        assert!(path.exists());
    }
}
