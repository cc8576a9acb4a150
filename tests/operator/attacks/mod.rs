//! Attacks on rooms of others, none of which may succeed. `docs/security.md` lists them.
//!
//! The attacker may write ChatRooms of a namespace, sometimes their status, annotations and finalizers too, or has AWS rights to
//! tag rooms of his own. He has no business with the rooms of a [`Scene`].

mod adoption;
mod annotations;
mod copies;
mod forged_arn;
mod forged_record;
mod forged_status;
mod names;
mod observation;
mod tags;
mod twins;

use std::sync::atomic::{AtomicUsize, Ordering};

use ivschat_core::api::ChatRoom;
use ivschat_emulator::world::{Answer, Call, CreateRoom, Operation, Room, Scope, Settings};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::ownership::someone_elses_room;
use crate::stage::{CLUSTER, ControlPlane, Options, REGION, Stage, arn_of, status_of};

pub const OWNER: &str = "ivschat-operator.io/owner";
pub const CREATION: &str = "ivschat-operator.io/creation";
pub const CONSENT: &str = "ivschat-operator.io/adoptable-by";
pub const FINALIZER: &str = "ivschat-operator.io/room";
/// The object of the attacker.
pub const THIEF: &str = "thief";
/// The object whose room he is after.
pub const VICTIM: &str = "victim";

/// A stage with a victim's object and room, and rooms that are not this cluster's. Nothing may happen to them.
pub struct Scene {
    pub stage: Stage,
    /// The room of the victim's object.
    pub room: Room,
    /// A room of another cluster.
    pub foreign: Room,
    /// A room that names nobody.
    pub unowned: Room,
    others: Vec<Room>,
    victim: ChatRoom,
    /// How many calls had been made before the attack.
    before: usize,
}

impl Scene {
    pub async fn open() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        Self::on(Stage::with(options).await).await
    }

    /// Where the API server lets pass what only CEL refuses.
    pub async fn without_cel() -> Self {
        let control_plane = ControlPlane::without_cel().await;
        Self::on(Stage::on(control_plane, Options::default(), Settings::default()).await).await
    }

    pub async fn on(stage: Stage) -> Self {
        let spec = json!({"tags": {"team": "live"}, "maximumMessageLength": 77});
        let victim = stage.settle(VICTIM, spec).await;
        let room = stage.room();
        let foreign = someone_elses_room(&stage, &[(OWNER, "other-cluster/live/lobby")]);
        let unowned = someone_elses_room(&stage, &[("team", "unowned")]);
        let before = stage.emulator.journal().len();
        Self {
            stage,
            room,
            foreign,
            unowned,
            others: Vec::new(),
            victim,
            before,
        }
    }

    /// One more room that nothing may happen to. In the values, CLUSTER and NAMESPACE stand for those of the stage.
    pub fn bystander(&mut self, tags: &[(&str, &str)]) -> Room {
        let filled: Vec<_> = tags
            .iter()
            .map(|(key, value)| (*key, self.filled(value)))
            .collect();
        let tags: Vec<_> = filled
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let room = someone_elses_room(&self.stage, &tags);
        self.others.push(room.clone());
        room
    }

    pub fn filled(&self, value: &str) -> String {
        let value = value.replace("CLUSTER", CLUSTER);
        value.replace("NAMESPACE", &self.stage.namespace)
    }

    /// The whole effect that no attack may have: every bystander's room is as it was, no call to change one was ever sent,
    /// and the victim's object has its room, and is ready after one more pass.
    pub async fn unharmed(&self) {
        let victim = self.pass(VICTIM).await;
        assert_eq!(ready(&victim), ("True".into(), "Available".into()));
        assert_eq!(arn_of(&victim), self.room.arn);
        assert_eq!(victim.spec, self.victim.spec);
        let protected = [&self.room, &self.foreign, &self.unowned];
        for room in protected.into_iter().chain(&self.others) {
            assert_eq!(find(&self.stage, &room.arn).as_ref(), Some(room));
            assert_eq!(self.writes_to(&room.arn), []);
        }
    }

    /// The calls since the attack began that would change this room.
    pub fn writes_to(&self, arn: &str) -> Vec<Operation> {
        let names = |entry: &ivschat_emulator::journal::Entry| {
            ["identifier", "resourceArn"]
                .iter()
                .any(|member| entry.member(member) == arn)
        };
        let journal = self.stage.emulator.journal();
        let since = journal.iter().skip(self.before);
        since
            .filter(|entry| entry.operation.writes() && names(entry))
            .map(|entry| entry.operation)
            .collect()
    }

    /// Asks for a pass over an object and waits until it has ended: what has not happened by then did not happen.
    pub async fn pass(&self, name: &str) -> ChatRoom {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let asked = format!("pass-{}", ASKED.fetch_add(1, Ordering::Relaxed));
        annotate(
            &self.stage,
            name,
            json!({"ivschat-operator.io/reconcile-at": asked}),
        )
        .await;
        let answered = |object: &ChatRoom| {
            let status = object.status.clone().unwrap_or_default();
            status.last_handled_reconcile_at.as_deref() == Some(asked.as_str())
        };
        self.stage.until(name, "answered", answered).await
    }

    /// Writes into the status of an object, as only the operator should.
    pub async fn forge(&self, name: &str, status: Value) -> ChatRoom {
        self.stage.forge(name, status).await
    }

    /// An object of the attacker that has no room, and whose status and finalizer he has written himself.
    pub async fn thief_without_room(&self, status: Value, spec: Value) {
        let observing = json!({"managementPolicy": "Observe"});
        self.stage.create(THIEF, observing).await;
        self.stage
            .condition(THIEF, "Synced", "False", "NotFound")
            .await;
        // The operator looks at the object in between: it must not have a room to go back to by then.
        annotate(&self.stage, THIEF, json!({PAUSED: "true"})).await;
        self.stage
            .condition(THIEF, "Synced", "False", "Paused")
            .await;
        let mut changed = json!({"managementPolicy": null});
        merge(&mut changed, spec);
        self.stage.edit(THIEF, changed).await;
        finalizers(&self.stage, THIEF, json!([FINALIZER])).await;
        self.forge(THIEF, status).await;
        annotate(&self.stage, THIEF, json!({PAUSED: null})).await;
    }

    /// The attacker's object can be deleted, and takes nothing with it that is not its own.
    pub async fn thief_goes(&self) {
        self.stage.delete(THIEF).await;
        self.stage.gone(THIEF).await;
        self.unharmed().await;
    }
}

pub const PAUSED: &str = "ivschat-operator.io/paused";

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

pub async fn annotate(stage: &Stage, name: &str, annotations: Value) {
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    let parameters = PatchParams::default();
    let patched = stage.chat_rooms.patch(name, &parameters, &patch).await;
    patched.unwrap();
}

pub async fn finalizers(stage: &Stage, name: &str, finalizers: Value) {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    let parameters = PatchParams::default();
    let patched = stage.chat_rooms.patch(name, &parameters, &patch).await;
    patched.unwrap();
}

pub fn ready(object: &ChatRoom) -> (String, String) {
    status_of(object, "Ready")
}

/// A room of the default region, as it is now.
pub fn find(stage: &Stage, arn: &str) -> Option<Room> {
    stage
        .rooms_in(REGION)
        .into_iter()
        .find(|room| room.arn == arn)
}

/// A spec that takes this room over, and would delete it.
pub fn adopting(arn: &str) -> Value {
    json!({"adopt": {"arn": arn}, "deletionPolicy": "Delete", "name": "stolen", "tags": {"team": "thief"}})
}

/// What somebody with AWS rights does to his own room.
pub fn tag(stage: &Stage, arn: &str, tags: &[(&str, &str)]) {
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let call = Call::TagResource {
        resource_arn: arn.to_owned(),
        tags,
    };
    stage
        .emulator
        .call(&Scope::in_region(REGION), call)
        .unwrap();
}

/// A room that somebody makes with these tags.
pub fn made_with(
    stage: &Stage,
    region: &str,
    tags: std::collections::BTreeMap<String, String>,
) -> Room {
    let request = CreateRoom {
        tags: Some(tags),
        ..CreateRoom::default()
    };
    let call = Call::CreateRoom(request);
    match stage.emulator.call(&Scope::in_region(region), call) {
        Ok(Answer::Room(room)) => room,
        other => panic!("{other:?}"),
    }
}

/// The page and the tests: the same attacks, numbered in order.
#[test]
fn the_list_of_attacks_names_every_test_once() {
    let root = env!("CARGO_MANIFEST_DIR");
    let page = std::fs::read_to_string(format!("{root}/docs/security.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let number: usize = cells.get(1)?.parse().ok()?;
        Some((number, cells[4].trim_matches('`').to_owned()))
    });
    let (numbers, mut listed): (Vec<usize>, Vec<String>) = rows.unzip();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    assert!(numbers.len() >= 24);

    let mut tests = Vec::new();
    for file in std::fs::read_dir(format!("{root}/tests/operator/attacks")).unwrap() {
        let path = file.unwrap().path();
        if path.ends_with("mod.rs") {
            continue;
        }
        let source = std::fs::read_to_string(path).unwrap();
        for test in source
            .split("#[test]")
            .skip(1)
            .chain(source.split("#[tokio::test").skip(1))
        {
            let name = test.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            tests.push(name.to_owned());
        }
    }
    tests.sort();
    listed.sort();
    assert_eq!(listed, tests);
}
