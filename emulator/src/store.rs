//! The state file: what there is, kept across restarts.
//!
//! Each call's changes go in as one transaction before the call is answered, so that an end in the middle of it, however hard,
//! loses at most the call that was not answered yet. Chat tokens live a minute and are not kept.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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

/// An open state file.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    path: PathBuf,
    /// What could not be written when its time came.
    unsaved: Mutex<Vec<Change>>,
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
    /// Opens the file, or makes it, and restores the world in it.
    pub(crate) fn open(path: &Path, settings: Settings) -> Result<(Self, World), StoreError> {
        Self::restore(path, settings).map_err(|problem| StoreError {
            path: path.to_owned(),
            problem,
        })
    }

    fn restore(path: &Path, settings: Settings) -> Result<(Self, World), Problem> {
        let database = Database::create(path)?;
        let transaction = database.begin_write()?;
        let (seed, starts) = {
            transaction.open_table(THINGS)?;
            let mut numbers = transaction.open_table(NUMBERS)?;
            let seed = numbers.get(SEED)?.map(|seed| seed.value());
            let seed = seed.unwrap_or_else(crate::server::seed);
            let starts = numbers.get(STARTS)?.map_or(0, |starts| starts.value());
            numbers.insert(SEED, seed)?;
            numbers.insert(STARTS, starts + 1)?;
            (seed, u64::try_from(starts)?)
        };
        transaction.commit()?;

        let things = database.begin_read()?.open_table(THINGS)?;
        let mut changes = Vec::new();
        for thing in things.iter()? {
            let (key, thing) = thing?;
            changes.push(change(key.value(), thing.value())?);
        }
        let store = Self {
            database,
            path: path.to_owned(),
            unsaved: Mutex::default(),
        };
        Ok((store, World::restored(settings, seed, starts, changes)))
    }

    /// Writes the changes, and those that could not be written before.
    pub(crate) fn save(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        unsaved.extend_from_slice(changes);
        if unsaved.is_empty() {
            return Ok(());
        }
        self.write(&unsaved).map_err(|problem| StoreError {
            path: self.path.clone(),
            problem,
        })?;
        unsaved.clear();
        Ok(())
    }

    fn write(&self, changes: &[Change]) -> Result<(), Problem> {
        let transaction = self.database.begin_write()?;
        {
            let mut things = transaction.open_table(THINGS)?;
            for change in changes {
                let (key, thing) = (key(change), thing(change));
                match thing {
                    Some(thing) => {
                        things.insert(key.as_str(), serde_json::to_vec(&thing)?.as_slice())?
                    }
                    None => things.remove(key.as_str())?,
                };
            }
        }
        Ok(transaction.commit()?)
    }
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
