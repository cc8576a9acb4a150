//! What simulated users and tests do to objects, without a request.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Cluster;
use super::delete::Preconditions;
use super::kind::Kind;
use super::refusal::Refusal;
use super::route::Part;
use super::store::key;
use super::write::{Target, Writer};

/// Who users are in `metadata.managedFields`.
const USER: &str = "user";

impl Cluster {
    /// An object as it is now.
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        let stored = self.store.get(kind, key(namespace, name));
        stored.map(|stored| &stored.object)
    }

    /// Every object of a kind, in the order of lists.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Arc<Value>> {
        self.store.all(kind, None).map(|(_, object)| object)
    }

    /// Creates an object, which names neither its kind nor its namespace.
    pub fn add(
        &mut self,
        kind: Kind,
        namespace: &str,
        object: Value,
        now: Timestamp,
    ) -> Result<Arc<Value>, Refusal> {
        self.create(kind, namespace, object, &user(now))
    }

    /// Changes an object, all but its status.
    pub fn edit(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, Refusal> {
        let part = Part::Main;
        let target = Target {
            kind,
            namespace,
            name,
            part,
        };
        self.change(target, now, change)
    }

    /// Puts a status in the place of a ChatRoom's: an old one, or null for none.
    pub fn put_status(
        &mut self,
        namespace: &str,
        name: &str,
        status: Value,
        now: Timestamp,
    ) -> Result<Arc<Value>, Refusal> {
        let (kind, part) = (Kind::ChatRoom, Part::Status);
        let target = Target {
            kind,
            namespace,
            name,
            part,
        };
        self.change(target, now, |object| object["status"] = status)
    }

    /// Takes every finalizer off an object.
    pub fn strip_finalizers(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<Arc<Value>, Refusal> {
        self.edit(kind, namespace, name, now, |object| {
            object["metadata"]["finalizers"] = json!([]);
        })
    }

    /// Asks for an object to be deleted. It stays for as long as it has finalizers.
    pub fn remove(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let part = Part::Main;
        let target = Target {
            kind,
            namespace,
            name,
            part,
        };
        self.delete(target, &Preconditions::default(), &user(now))
            .map(drop)
    }

    /// The version of the last change.
    pub fn version(&self) -> u64 {
        self.store.version()
    }

    /// Forgets how everything up to `version` came about: watchers that know no more than that have to begin anew.
    pub fn forget(&mut self, version: u64) {
        self.store.forget(version);
    }

    fn change(
        &mut self,
        target: Target<'_>,
        now: Timestamp,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Value>, Refusal> {
        let stored = self.store.get(target.kind, target.key()).cloned();
        let stored = stored.ok_or_else(|| Refusal::not_found(target.kind, target.name))?;
        let mut object = Value::clone(&stored.object);
        change(&mut object);
        self.patched(target, &stored, object, &user(now))
    }
}

fn user(now: Timestamp) -> Writer {
    Writer {
        manager: USER.to_owned(),
        dry_run: false,
        now,
    }
}
