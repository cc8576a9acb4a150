//! Watches: what a watcher is due, from which version on. When it comes, and whether, is up to whoever delivers it.

use std::sync::Arc;

use http::Request;
use serde_json::{Value, json};

use super::Cluster;
use super::kind::Kind;
use super::refusal::Refusal;
use super::route::{Query, Route, only_metadata};
use super::selector::Selector;
use super::shown;
use super::store::Change;

/// A watch that was opened.
#[derive(Debug, Clone)]
pub struct Watch {
    kind: Kind,
    namespace: Option<String>,
    selector: Selector,
    only_metadata: bool,
    /// Whether bookmarks may be sent.
    pub allows_bookmarks: bool,
    /// Changes are due from after this version on.
    pub version: u64,
    /// What is due before them: the objects there are, where those are asked for, and the bookmark that ends them.
    pub initial: Vec<Event>,
}

/// One line of a watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The version that a watcher knows of once it has this.
    pub version: u64,
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    pub type_: &'static str,
    /// The object, or a Status.
    pub object: Arc<Value>,
}

impl Event {
    fn new(version: u64, type_: &'static str, object: impl Into<Arc<Value>>) -> Self {
        let object = object.into();
        Self {
            version,
            type_,
            object,
        }
    }

    /// As it goes over the wire, with the end of its line.
    pub fn line(&self) -> Vec<u8> {
        let mut line = format!("{{\"type\":\"{}\",\"object\":", self.type_).into_bytes();
        line.extend(self.object.to_string().into_bytes());
        line.extend(b"}\n");
        line
    }
}

/// From where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With the objects there are.
    Objects,
    /// After this version.
    After(u64),
}

impl Start {
    fn of(query: &Query<'_>) -> Result<Self, Refusal> {
        let given = query.resource_version.as_deref();
        if query.send_initial_events {
            if query.resource_version_match.as_deref() != Some("NotOlderThan") {
                return Err(Refusal::options(
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ));
            }
            return Ok(Self::Objects);
        }
        match given {
            None | Some("0") => Ok(Self::Objects),
            Some(version) => {
                let version = version.parse();
                let wrong =
                    |_| Refusal::unforeseen("resourceVersion: Invalid value: invalid syntax");
                version.map(Self::After).map_err(wrong)
            }
        }
    }
}

impl Cluster {
    pub(super) fn open(&self, request: &Request<Vec<u8>>) -> Result<Watch, Refusal> {
        let Route::Collection { kind, namespace } = Route::of(request.uri())? else {
            return Err(Refusal::no_such_method());
        };
        let query = Query::of(request.uri())?;
        let selector = Selector::of(
            query.label_selector.as_deref(),
            query.field_selector.as_deref(),
        )?;
        let start = Start::of(&query)?;
        let now = self.store.version();
        let mut watch = Watch {
            kind,
            namespace: namespace.map(ToOwned::to_owned),
            selector,
            only_metadata: only_metadata(request.headers()),
            allows_bookmarks: query.allow_bookmarks,
            version: now,
            initial: Vec::new(),
        };
        match start {
            Start::After(version) => {
                watch.version = version;
                if version < self.store.forgotten() {
                    watch.initial.push(self.expiry(version));
                }
            }
            Start::Objects => {
                let objects = self.store.all(kind, namespace).map(|(_, object)| object);
                let matching = objects.filter(|object| watch.selector.matches(object));
                let added = matching.map(|object| watch.event(now, "ADDED", object));
                watch.initial = added.collect();
                if query.send_initial_events && query.allow_bookmarks {
                    watch.initial.push(self.end_of_list(&watch));
                }
            }
        }
        Ok(watch)
    }

    /// The events that a watcher is due who knows of everything up to `version`, in order. One that knows too little is due an
    /// error, and nothing after it.
    pub fn events_since(&self, watch: &Watch, version: u64) -> Vec<Event> {
        match self.store.changes_since(version) {
            Ok(changes) => changes
                .filter_map(|change| watch.of_change(change))
                .collect(),
            Err(_) => vec![self.expiry(version)],
        }
    }

    /// What a watcher is told now and then, so that it knows up to which version nothing concerned it.
    pub fn bookmark(&self, watch: &Watch) -> Event {
        let version = self.store.version();
        let metadata = json!({"resourceVersion": version.to_string()});
        watch.bookmark(version, metadata)
    }

    fn end_of_list(&self, watch: &Watch) -> Event {
        let version = self.store.version();
        let annotations = json!({"k8s.io/initial-events-end": "true"});
        let metadata = json!({"resourceVersion": version.to_string(), "annotations": annotations});
        watch.bookmark(version, metadata)
    }

    /// What ends the watch of one that knows too little.
    pub fn expiry(&self, version: u64) -> Event {
        let refusal = Refusal::expired(version, self.store.forgotten());
        Event::new(self.store.version(), "ERROR", refusal.status())
    }
}

impl Watch {
    fn event(&self, version: u64, type_: &'static str, object: &Arc<Value>) -> Event {
        if self.only_metadata {
            Event::new(version, type_, shown::only_metadata(object))
        } else {
            Event::new(version, type_, Arc::clone(object))
        }
    }

    fn bookmark(&self, version: u64, metadata: Value) -> Event {
        let (kind, api_version) = if self.only_metadata {
            ("PartialObjectMetadata", "meta.k8s.io/v1")
        } else {
            (self.kind.name(), self.kind.api_version())
        };
        let mut object = json!({"kind": kind, "apiVersion": api_version});
        object["metadata"] = metadata;
        Event::new(version, "BOOKMARK", object)
    }

    /// What this watch shows of a change. An object that no longer matches is as good as deleted.
    fn of_change(&self, change: &Change) -> Option<Event> {
        if change.kind != self.kind || !self.namespace.as_deref().is_none_or(|it| change.is_in(it))
        {
            return None;
        }
        let seen = |object: &Option<Arc<Value>>| {
            let object = object
                .as_ref()
                .filter(|object| self.selector.matches(object));
            object.map(Arc::clone)
        };
        let version = change.version;
        match (seen(&change.before), seen(&change.after)) {
            (None, None) => None,
            (None, Some(object)) => Some(self.event(version, "ADDED", &object)),
            (Some(_), Some(object)) => Some(self.event(version, "MODIFIED", &object)),
            (Some(object), None) => {
                let object = Arc::new(shown::at_version(&object, version));
                Some(self.event(version, "DELETED", &object))
            }
        }
    }
}
