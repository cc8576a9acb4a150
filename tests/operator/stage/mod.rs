//! A stage for one test: a namespace of its own on the shared control plane, an emulator of its own, and the operator's real
//! binary watching just that namespace, under the IAM policy of `deploy/aws`.

pub mod control_plane;
mod operator;
mod scrape;
mod versions;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use ivschat_core::api::{ChatRoom, ChatRoomSpec};
use ivschat_emulator::Emulator;
use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::journal::Entry;
use ivschat_emulator::world::{Call, CreateRoom, Operation, Room, Scope, Settings};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::iam;

pub use control_plane::ControlPlane;
pub use operator::{Operator, Options, PROMPT, Source, command};
pub use scrape::{SERVING, Scrape};
pub use versions::crd_without_cel;

/// The region of objects that name none.
pub const REGION: &str = "us-west-2";
/// The cluster id that every stage's operator is given.
pub const CLUSTER: &str = "test-cluster";
/// The logging configurations that every stage has.
pub const LOGGING_IDS: [&str; 4] = [
    "AAAAAAAAAAAA",
    "BBBBBBBBBBBB",
    "CCCCCCCCCCCC",
    "AbCdEfGhIjKl",
];
/// No test waits longer for one thing.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Makes rooms of nobody's in the home region, an hour ago.
pub fn make_rooms_of_long_ago(emulator: &Emulator, rooms: usize) {
    emulator.set_clock_offset(SignedDuration::from_hours(-1));
    for number in 0..rooms {
        let room = CreateRoom {
            name: Some(format!("other-{number}")),
            ..CreateRoom::default()
        };
        let home = Scope::in_region(REGION);
        emulator.call(&home, Call::CreateRoom(room)).unwrap();
    }
    emulator.set_clock_offset(SignedDuration::ZERO);
}

/// A stage with a running operator.
pub struct Stage {
    pub namespace: String,
    pub kubeconfig: std::path::PathBuf,
    pub client: Client,
    pub chat_rooms: Api<ChatRoom>,
    pub emulator: Emulator,
    pub operator: Operator,
}

impl Stage {
    pub async fn open() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        Self::on(ControlPlane::shared().await, options, Settings::default()).await
    }

    pub async fn on(control_plane: &ControlPlane, options: Options, settings: Settings) -> Self {
        let emulator = Emulator::start(settings).await.unwrap();
        Self::before(emulator, control_plane, options).await
    }

    /// With this emulator.
    pub async fn before(
        emulator: Emulator,
        control_plane: &ControlPlane,
        options: Options,
    ) -> Self {
        let client = control_plane.client().await;
        let namespace = new_namespace(&client, "test").await;
        for id in LOGGING_IDS {
            let scope = Scope::in_region(REGION);
            emulator.world(|world| world.put_logging_configuration(&scope, id, Timestamp::now()));
        }
        iam::enforce(&emulator, &[options]);
        let operator = Operator::start(
            &control_plane.kubeconfig,
            &namespace,
            &emulator.endpoint(),
            options,
        );
        let chat_rooms = Api::namespaced(client.clone(), &namespace);
        let kubeconfig = control_plane.kubeconfig.clone();
        Self {
            namespace,
            kubeconfig,
            client,
            chat_rooms,
            emulator,
            operator,
        }
    }

    /// Ends the operator, then starts it anew with `options`.
    pub async fn restart(&mut self, options: Options) {
        self.operator.kill().await;
        iam::enforce(&self.emulator, &[options]);
        self.operator = Operator::start(
            &self.kubeconfig,
            &self.namespace,
            &self.emulator.endpoint(),
            options,
        );
    }

    // --- what a user does --------------------------------------------------------------------------------------------

    pub async fn create(&self, name: &str, spec: Value) -> ChatRoom {
        let spec: ChatRoomSpec = serde_json::from_value(spec).unwrap();
        self.chat_rooms
            .create(&PostParams::default(), &ChatRoom::new(name, spec))
            .await
            .unwrap()
    }

    /// Creates an object and waits until it is ready.
    pub async fn settle(&self, name: &str, spec: Value) -> ChatRoom {
        self.create(name, spec).await;
        self.ready(name).await
    }

    /// Creates an object whose CreateRoom takes effect without an answer, and leaves ListRooms failing, so that nobody can
    /// look for the room until the faults are cleared. The region must have been listed before.
    pub async fn create_and_lose(&self, name: &str) {
        self.emulator
            .inject(Fault::lose_answer(Operation::CreateRoom, Symptom::Reset));
        let unreadable = Fault::refuse(Operation::ListRooms, 503, "ServiceUnavailable", "down");
        self.emulator.inject(unreadable);
        self.create(name, json!({})).await;
        self.condition(name, "Synced", "False", "Unavailable").await;
    }

    /// Changes the spec; null removes a field.
    pub async fn edit(&self, name: &str, spec: Value) -> ChatRoom {
        self.patch(name, json!({"spec": spec})).await
    }

    /// Merges this into the object; null removes a field.
    pub async fn patch(&self, name: &str, patch: Value) -> ChatRoom {
        self.chat_rooms
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap()
    }

    /// Merges this into the status, as only the operator should; null removes a field.
    pub async fn forge(&self, name: &str, status: Value) -> ChatRoom {
        let patch = Patch::Merge(json!({"status": status}));
        self.chat_rooms
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .unwrap()
    }

    pub async fn delete(&self, name: &str) {
        self.chat_rooms
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    // --- waiting -----------------------------------------------------------------------------------------------------

    /// Waits until the object is as `condition` says.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        condition: impl Fn(&ChatRoom) -> bool + Send + Sync,
    ) -> ChatRoom {
        let holds = |object: Option<&ChatRoom>| object.is_some_and(&condition);
        let waiting = await_condition(self.chat_rooms.clone(), name, holds);
        match tokio::time::timeout(DEADLINE, waiting).await {
            Ok(object) => object.unwrap().unwrap(),
            Err(_) => {
                let object = self.chat_rooms.get(name).await;
                panic!("{name} did not become {what}: {object:#?}");
            }
        }
    }

    /// Waits until the object is Ready in its current generation.
    pub async fn ready(&self, name: &str) -> ChatRoom {
        self.until(name, "ready", |object| {
            let current = object.metadata.generation;
            status_of(object, "Ready") == ("True".to_owned(), "Available".to_owned())
                && object
                    .status
                    .as_ref()
                    .is_some_and(|status| status.observed_generation == current)
        })
        .await
    }

    /// Waits until the object's condition `kind` is `status` for `reason` in its current generation.
    pub async fn condition(&self, name: &str, kind: &str, status: &str, reason: &str) -> ChatRoom {
        self.until(name, &format!("{kind}={status} ({reason})"), |object| {
            status_of(object, kind) == (status.to_owned(), reason.to_owned())
                && object
                    .status
                    .as_ref()
                    .and_then(|status| status.observed_generation)
                    == object.metadata.generation
        })
        .await
    }

    /// Waits until the object's CreateRoom is under way.
    pub async fn creating(&self, name: &str) {
        self.until(name, "being created", |object| {
            status_of(object, "Ready").1 == "CreationPending"
        })
        .await;
    }

    pub async fn gone(&self, name: &str) {
        let waiting = await_condition(
            self.chat_rooms.clone(),
            name,
            |object: Option<&ChatRoom>| object.is_none(),
        );
        if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
            panic!("{name} did not go: {:#?}", self.chat_rooms.get(name).await);
        }
    }

    /// Waits until the journal is as `condition` says.
    pub async fn journal_until(
        &self,
        what: &str,
        condition: impl Fn(&[Entry]) -> bool,
    ) -> Vec<Entry> {
        let mut journal = self.emulator.watch_journal();
        let waiting = journal.wait_for(|journal| condition(journal.calls()));
        match tokio::time::timeout(DEADLINE, waiting).await {
            Ok(journal) => journal.unwrap().calls().to_vec(),
            Err(_) => panic!(
                "the journal did not show {what}: {:#?}",
                self.emulator.journal()
            ),
        }
    }

    /// Waits for `count` more calls of `operation`.
    pub async fn more_calls(&self, operation: Operation, count: usize) {
        self.calls_since(self.calls(operation), operation, count)
            .await;
    }

    pub fn calls(&self, operation: Operation) -> usize {
        calls(&self.emulator.journal(), operation)
    }

    /// Waits for `count` calls of `operation` after the first `before` ones. Count before what makes the operator call.
    pub async fn calls_since(&self, before: usize, operation: Operation, count: usize) {
        let wanted = |entries: &[Entry]| calls(entries, operation) >= before + count;
        self.journal_until(&format!("{count} more {operation:?}"), wanted)
            .await;
    }

    // --- what can be seen --------------------------------------------------------------------------------------------

    /// The rooms of a region.
    pub fn rooms_in(&self, region: &str) -> Vec<Room> {
        self.emulator
            .world(|world| world.rooms(&Scope::in_region(region)))
    }

    /// The one room there is.
    pub fn room(&self) -> Room {
        let rooms = self.rooms_in(REGION);
        assert_eq!(rooms.len(), 1, "one room: {rooms:#?}");
        rooms.into_iter().next().unwrap()
    }

    /// Every call that changed something, with its input less what only identifies the room.
    pub fn writes(&self) -> Vec<(Operation, Value)> {
        writes(&self.emulator.journal())
    }

    /// The tags that prove a room to be this object's.
    pub fn own_tags(&self, object: &ChatRoom) -> BTreeMap<String, String> {
        let owner = format!("{CLUSTER}/{}/{}", self.namespace, object.name_any());
        BTreeMap::from([
            ("ivschat-operator.io/owner".to_owned(), owner),
            (
                "ivschat-operator.io/creation".to_owned(),
                object.uid().unwrap(),
            ),
        ])
    }

    /// Reason and note of every event about an object, oldest first.
    pub async fn events(&self, name: &str) -> Vec<(String, String)> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events = events.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| {
            event
                .regarding
                .as_ref()
                .is_some_and(|it| it.name.as_deref() == Some(name))
        });
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        events
            .into_iter()
            .map(|event| {
                (
                    event.reason.unwrap_or_default(),
                    event.note.unwrap_or_default(),
                )
            })
            .collect()
    }

    /// Waits until an event with this reason is there, and gives its note.
    pub async fn event(&self, name: &str, reason: &str) -> String {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let matches = |event: &Event| {
            event
                .regarding
                .as_ref()
                .is_some_and(|it| it.name.as_deref() == Some(name))
                && event.reason.as_deref() == Some(reason)
        };
        let mut published = std::pin::pin!(
            watcher(events, watcher::Config::default())
                .default_backoff()
                .applied_objects()
        );
        let found = async {
            loop {
                match published.next().await.expect("the watch goes on") {
                    Ok(event) if matches(&event) => return event.note.unwrap_or_default(),
                    _ => {}
                }
            }
        };
        match tokio::time::timeout(DEADLINE, found).await {
            Ok(note) => note,
            Err(_) => panic!(
                "no event {reason} for {name}: {:?}",
                self.events(name).await
            ),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- the operator's log in {}\n{}",
                self.namespace,
                self.operator.log().join("\n")
            );
        }
    }
}

/// The name of a namespace that is made for this.
pub async fn new_namespace(client: &Client, prefix: &str) -> String {
    control_plane::namespace(client, prefix).await.unwrap()
}

/// In this region nothing answers.
pub fn unreachable(region: &str) -> Fault {
    let anything = Fault {
        operation: None,
        ..Fault::new(Operation::GetRoom, Symptom::Reset)
    };
    anything.in_region(region)
}

pub fn writes(entries: &[Entry]) -> Vec<(Operation, Value)> {
    let writes = entries.iter().filter(|entry| entry.operation.writes());
    writes
        .map(|entry| {
            let mut input = entry.input.clone();
            for identifier in ["identifier", "resourceArn"] {
                input.as_object_mut().unwrap().remove(identifier);
            }
            (entry.operation, input)
        })
        .collect()
}

pub fn calls(entries: &[Entry], operation: Operation) -> usize {
    entries
        .iter()
        .filter(|entry| entry.operation == operation)
        .count()
}

/// Status and reason of a condition; empty where it is not there.
pub fn status_of(object: &ChatRoom, kind: &str) -> (String, String) {
    let conditions = object
        .status
        .as_ref()
        .and_then(|status| status.conditions.clone())
        .unwrap_or_default();
    let found = conditions
        .into_iter()
        .find(|condition| condition.type_ == kind);
    found
        .map(|condition| (condition.status, condition.reason))
        .unwrap_or_default()
}

/// The message of a condition; empty where it is not there.
pub fn message_of(object: &ChatRoom, kind: &str) -> String {
    let conditions = object
        .status
        .as_ref()
        .and_then(|status| status.conditions.clone())
        .unwrap_or_default();
    conditions
        .into_iter()
        .find(|condition| condition.type_ == kind)
        .map(|it| it.message)
        .unwrap_or_default()
}

/// The ARN in an object's status.
pub fn arn_of(object: &ChatRoom) -> String {
    object
        .status
        .as_ref()
        .and_then(|status| status.arn.clone())
        .unwrap_or_default()
}
