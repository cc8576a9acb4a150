//! Where objects stand, how the last of them came about, and the one counter of versions.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Value, json};

use super::kind::Kind;
use super::managers::Managers;
use super::refusal::Refusal;

/// An object as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) object: Arc<Value>,
    pub(super) managers: Arc<Managers>,
    /// Whether its status is shown by default only and was never written: then the next write is one, even if it changes
    /// nothing else.
    pub(super) is_bare: bool,
}

/// Something happened to an object.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) kind: Kind,
    key: String,
    pub(super) before: Option<Arc<Value>>,
    pub(super) after: Option<Arc<Value>>,
}

/// All objects, and the changes that are not forgotten.
#[derive(Debug, Clone)]
pub(super) struct Store {
    objects: BTreeMap<(Kind, String), Stored>,
    changes: VecDeque<Change>,
    /// How many changes are remembered.
    memory: usize,
    version: u64,
    /// Changes up to this version are forgotten.
    forgotten: u64,
}

/// Where an object stands among those of its kind, in the order of lists.
pub(super) fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

impl Change {
    pub(super) fn is_in(&self, namespace: &str) -> bool {
        let rest = self.key.strip_prefix(namespace);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

impl Store {
    /// `version`: the last one given out.
    pub(super) fn new(version: u64, memory: usize) -> Self {
        Self {
            objects: BTreeMap::new(),
            changes: VecDeque::new(),
            memory,
            version,
            forgotten: version,
        }
    }

    /// The last version given out.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The version before the first change that is remembered.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn get(&self, kind: Kind, key: String) -> Option<&Stored> {
        self.objects.get(&(kind, key))
    }

    /// Those of a kind, all or of one namespace, in order.
    pub(super) fn all(
        &self,
        kind: Kind,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = (&str, &Arc<Value>)> {
        let from = namespace.map_or_else(String::new, |namespace| key(namespace, ""));
        let within = from.clone();
        self.objects
            .range((Bound::Included((kind, from)), Bound::Unbounded))
            .take_while(move |((of, key), _)| *of == kind && key.starts_with(&within))
            .map(|((_, key), stored)| (key.as_str(), &stored.object))
    }

    /// Those of a kind as they were at `version`.
    pub(super) fn all_at(
        &self,
        version: u64,
        kind: Kind,
        namespace: Option<&str>,
    ) -> Result<Vec<(String, Arc<Value>)>, Refusal> {
        if version < self.forgotten {
            return Err(Refusal::expired(version, self.forgotten));
        }
        let now = self.all(kind, namespace);
        let mut then: BTreeMap<_, _> = now
            .map(|(key, object)| (key.to_owned(), Arc::clone(object)))
            .collect();
        let within = namespace.map_or_else(String::new, |namespace| key(namespace, ""));
        let since = self
            .changes
            .iter()
            .rev()
            .take_while(|it| it.version > version);
        for change in since.filter(|it| it.kind == kind && it.key.starts_with(&within)) {
            match &change.before {
                Some(before) => drop(then.insert(change.key.clone(), Arc::clone(before))),
                None => drop(then.remove(&change.key)),
            }
        }
        Ok(then.into_iter().collect())
    }

    /// The changes after `version`, in order.
    pub(super) fn changes_since(
        &self,
        version: u64,
    ) -> Result<impl Iterator<Item = &Change>, Refusal> {
        if version < self.forgotten {
            return Err(Refusal::expired(version, self.forgotten));
        }
        let first = self.changes.partition_point(|it| it.version <= version);
        Ok(self.changes.range(first..))
    }

    /// Stores an object under a new version, which it is given.
    pub(super) fn put(
        &mut self,
        kind: Kind,
        key: String,
        mut object: Value,
        managers: Managers,
        is_bare: bool,
    ) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let stored = Stored {
            object: Arc::clone(&object),
            managers: Arc::new(managers),
            is_bare,
        };
        let before = self.objects.insert((kind, key.clone()), stored);
        self.remember(kind, key, before, Some(Arc::clone(&object)));
        object
    }

    pub(super) fn remove(&mut self, kind: Kind, key: String) {
        let place = (kind, key);
        if let Some(before) = self.objects.remove(&place) {
            self.version += 1;
            self.remember(kind, place.1, Some(before), None);
        }
    }

    fn remember(
        &mut self,
        kind: Kind,
        key: String,
        before: Option<Stored>,
        after: Option<Arc<Value>>,
    ) {
        self.changes.push_back(Change {
            version: self.version,
            kind,
            key,
            before: before.map(|stored| stored.object),
            after,
        });
        if self.changes.len() > self.memory {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(change) = self.changes.pop_front() {
            self.forgotten = change.version;
        }
    }

    /// Forgets the changes up to `version`.
    pub(super) fn forget(&mut self, version: u64) {
        while self.changes.front().is_some_and(|it| it.version <= version) {
            self.forget_first();
        }
        self.forgotten = self.forgotten.max(version.min(self.version));
    }
}
