//! ChatRooms as their users see them: one watch tells when each is Ready.
//!
//! The watch reads only what it needs of each object, so that the harness takes little of the machine from the contestants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use kube::api::{ListParams, Patch, PatchParams, PostParams, Request, WatchParams};
use kube::core::WatchEvent;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::Outcome;

const API: &str = "/apis/ivschat-operator.io/v1alpha1";
/// Requests under way at the same time.
const AT_ONCE: usize = 16;
/// Before the watch begins again.
const PAUSE: Duration = Duration::from_millis(200);

/// Namespace and name.
pub type Key = (String, String);

/// What was seen of an object.
#[derive(Debug, Clone)]
pub struct Seen {
    pub arn: Option<String>,
    pub ready: bool,
    /// When it was Ready for the first time.
    pub first_ready: Option<Instant>,
    generation: i64,
}

#[derive(Deserialize, Clone)]
struct Light {
    metadata: Metadata,
    status: Option<Status>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: String,
    name: String,
    #[serde(default)]
    generation: i64,
    resource_version: String,
}

#[derive(Deserialize, Clone, Default)]
struct Status {
    arn: Option<String>,
    conditions: Option<Vec<Condition>>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    observed_generation: Option<i64>,
}

#[derive(Deserialize)]
struct List {
    metadata: Version,
    items: Vec<Light>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: String,
}

type Book = Arc<Mutex<BTreeMap<Key, Seen>>>;

pub struct Objects {
    client: Client,
    book: Book,
    watch: JoinHandle<()>,
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.end();
    }
}

impl Objects {
    pub fn watch(client: Client) -> Self {
        let book = Book::default();
        let watch = tokio::spawn(follow(client.clone(), Arc::clone(&book)));
        Self {
            client,
            book,
            watch,
        }
    }

    /// Ends the watch.
    pub fn end(&self) {
        self.watch.abort();
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<Key, Seen>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn len(&self) -> usize {
        self.book().len()
    }

    /// How many are Ready in their current generation.
    pub fn ready(&self) -> usize {
        self.book().values().filter(|seen| seen.ready).count()
    }

    pub fn get(&self, key: &Key) -> Option<Seen> {
        self.book().get(key).cloned()
    }

    /// All that have a room, with its ARN, in an order that has nothing to do with when they were created.
    pub fn with_rooms(&self) -> Vec<(Key, String)> {
        let book = self.book();
        let with_rooms = book.iter().filter_map(|(key, seen)| {
            let arn = seen.arn.clone()?;
            Some((key.clone(), arn))
        });
        let mut with_rooms: Vec<_> = with_rooms.collect();
        fastrand::Rng::with_seed(7).shuffle(&mut with_rooms);
        with_rooms
    }

    /// When each was Ready for the first time, in seconds since then, the soonest first.
    pub fn times_of_ready(&self, since: Instant) -> Vec<f64> {
        let book = self.book();
        let times = book.values().filter_map(|seen| seen.first_ready);
        let mut times: Vec<_> = times
            .filter(|time| *time >= since)
            .map(|time| time.duration_since(since).as_secs_f64())
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// Creates objects with this spec.
    pub async fn create(&self, keys: &[Key], spec: &Value) -> Outcome<()> {
        let requests = keys.iter().map(|(namespace, name)| {
            let object = json!({
                "apiVersion": "ivschat-operator.io/v1alpha1",
                "kind": "ChatRoom",
                "metadata": {"name": name},
                "spec": spec,
            });
            async move {
                let body = serde_json::to_vec(&object)?;
                self.send(path(namespace).create(&PostParams::default(), body)?)
                    .await
            }
        });
        stream::iter(requests)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Merges this into an object.
    pub async fn patch(&self, (namespace, name): &Key, patch: &Value) -> Outcome<()> {
        let patch = Patch::Merge(patch);
        self.send(path(namespace).patch(name, &PatchParams::default(), &patch)?)
            .await
    }

    pub async fn delete(&self, (namespace, name): &Key) -> Outcome<()> {
        self.send(path(namespace).delete(name, &kube::api::DeleteParams::default())?)
            .await
    }

    async fn send(&self, request: http::Request<Vec<u8>>) -> Outcome<()> {
        self.client.request::<IgnoredAny>(request).await?;
        Ok(())
    }
}

fn path(namespace: &str) -> Request {
    Request::new(format!("{API}/namespaces/{namespace}/chatrooms"))
}

async fn follow(client: Client, book: Book) {
    loop {
        // It breaks when the API server restarts, and begins again with a list.
        drop(follow_once(&client, &book).await);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow_once(client: &Client, book: &Book) -> Outcome<()> {
    let all = Request::new(format!("{API}/chatrooms"));
    let list: List = client.request(all.list(&ListParams::default())?).await?;
    {
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        let listed: std::collections::BTreeSet<_> = list.items.iter().map(key).collect();
        book.retain(|key, _| listed.contains(key));
        for object in &list.items {
            note(&mut book, object);
        }
    }
    let mut version = list.metadata.resource_version;
    loop {
        let watch = all.watch(&WatchParams::default(), &version)?;
        let events = client.request_events::<Light>(watch).await?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.try_next().await? {
            let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    note(&mut book, &object);
                    version = object.metadata.resource_version;
                }
                WatchEvent::Deleted(object) => {
                    book.remove(&key(&object));
                    version = object.metadata.resource_version;
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) => return Err(status.message.clone().into()),
            }
        }
    }
}

fn key(object: &Light) -> Key {
    let Metadata {
        namespace, name, ..
    } = &object.metadata;
    (namespace.clone(), name.clone())
}

fn note(book: &mut BTreeMap<Key, Seen>, object: &Light) {
    let status = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation;
    let conditions = status.conditions.iter().flatten();
    let ready = conditions.clone().any(|condition| {
        condition.kind == "Ready"
            && condition.status == "True"
            && condition.observed_generation == Some(generation)
    });
    let seen = book.entry(key(object)).or_insert(Seen {
        arn: None,
        ready: false,
        first_ready: None,
        generation,
    });
    seen.arn = status.arn;
    seen.ready = ready;
    seen.generation = generation;
    if ready && seen.first_ready.is_none() {
        seen.first_ready = Some(Instant::now());
    }
}
