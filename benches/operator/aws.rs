//! IVS Chat as a contestant meets it: quotas and latency that can be turned on and off, and what was called.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ivschat_emulator::Emulator;
use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::journal::{Counts, Entry, Journal};
use ivschat_emulator::world::{Change, Operation, Quotas, Scope, Settings, Shelved, World};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::Outcome;

/// No call is in the journal this long after it came in.
const LONGEST: SignedDuration = SignedDuration::from_secs(5);

pub struct Aws {
    pub emulator: Emulator,
    journal: watch::Receiver<Journal>,
    regions: &'static [&'static str],
    worlds: u64,
}

impl Aws {
    /// Without quotas and latency.
    pub async fn start(regions: &'static [&'static str]) -> Outcome<Self> {
        let emulator = Emulator::start(Settings::default()).await?;
        let journal = emulator.watch_journal();
        Ok(Self {
            emulator,
            journal,
            regions,
            worlds: 1,
        })
    }

    /// From now on calls are granted at this factor of AWS's quotas; `None`: all are.
    pub fn grant(&mut self, factor: Option<f64>) {
        let quotas = factor.map_or(Quotas::Off, Quotas::TimesAws);
        let settings = Settings {
            quotas,
            ..Settings::default()
        };
        self.worlds += 1;
        let worlds = self.worlds;
        // A world keeps its settings, so its rooms move to another one.
        self.emulator.world(|world| {
            let rooms = self.regions.iter().flat_map(|region| {
                let scope = Scope::in_region(region);
                let rooms = world.rooms(&scope);
                rooms.into_iter().map(move |room| (scope.clone(), room))
            });
            let mut rooms: Vec<_> = rooms.collect();
            rooms.sort_by_key(|(_, room)| room.update_time);
            let changes = (1..).zip(rooms).map(|(number, (scope, room))| Change {
                at: room.update_time,
                scope,
                id: id(&room.arn).to_owned(),
                number,
                shelved: Shelved::Room(Some(Arc::new(room))),
            });
            // The number keeps the new world from repeating the ids of the old ones.
            *world = World::restored(settings, 1, worlds, changes.collect::<Vec<_>>());
        });
    }

    /// From now on every answer takes this long, and this region gives none.
    pub fn behave(&self, latency: Duration, dead: Option<&str>) {
        self.emulator.clear_faults();
        let everywhere = |symptom| Fault {
            operation: None,
            ..Fault::new(Operation::GetRoom, symptom)
        };
        // The first fault that matches a call strikes.
        if let Some(region) = dead {
            self.emulator
                .inject(everywhere(Symptom::Timeout).in_region(region));
        }
        if !latency.is_zero() {
            self.emulator
                .inject(everywhere(Symptom::Delay).delayed(latency));
        }
    }

    /// How often each operation was called so far. The counts see every call, the entries only the newest.
    pub fn calls(&self) -> Calls {
        Calls(self.journal.borrow().counts().clone())
    }

    /// Finds the first match in the calls since a time, for each of these by its key.
    pub fn first_since<K: Ord>(
        &self,
        since: Timestamp,
        key: impl Fn(&Entry) -> Option<K>,
    ) -> BTreeMap<K, Timestamp> {
        let journal = self.journal.borrow();
        let mut first = BTreeMap::new();
        for entry in newest(&journal, since) {
            if let Some(key) = key(entry) {
                let at = first.entry(key).or_insert(entry.at);
                *at = entry.at.min(*at);
            }
        }
        first
    }

    /// Counts calls of an operation in a time: all, and those refused as too many.
    pub fn within(&self, operation: Operation, from: Timestamp, to: Timestamp) -> (usize, usize) {
        let journal = self.journal.borrow();
        let calls = newest(&journal, from).filter(|it| it.operation == operation && it.at < to);
        let (refused, taken): (Vec<_>, Vec<_>) = calls.partition(|it| it.status == Some(429));
        (refused.len() + taken.len(), refused.len())
    }
}

/// Calls that came in since then. The journal has them in the order in which they ended.
fn newest(journal: &Journal, since: Timestamp) -> impl Iterator<Item = &Entry> {
    let earliest = since.saturating_sub(LONGEST).unwrap_or(since);
    let calls = journal.calls().iter().rev();
    let calls = calls.take_while(move |entry| entry.at >= earliest);
    calls.filter(move |entry| entry.at >= since)
}

fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// How often each operation was called.
pub struct Calls(Counts);

impl Calls {
    pub fn of(&self, operation: Operation) -> u64 {
        let outcomes = self.0.get(&operation);
        outcomes.map_or(0, |outcomes| outcomes.values().sum())
    }

    pub fn all(&self) -> u64 {
        self.0.values().flat_map(BTreeMap::values).sum()
    }

    pub fn refused(&self) -> u64 {
        let refused = self
            .0
            .values()
            .filter_map(|it| it.get("ThrottlingException"));
        refused.sum()
    }
}
