//! Everything one case runs on: a namespace, an account of IVS Chat, operators behind proxies, and what must stay untouched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ivschat_core::api::{ChatRoom, ChatRoomSpec};
use ivschat_emulator::Emulator;
use ivschat_emulator::world::{Answer, Call, CreateRoom, Room, Scope, Settings};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::wait::{self, await_condition};
use serde_json::{Value, json};

use crate::call::BYSTANDER;
use crate::control_plane::{self, ControlPlane};
use crate::proxy::Upstream;
use crate::recorder::Recorder;
use crate::replica::{Election, Replica, Version};
use crate::script::Script;
use crate::{DEADLINE, Outcome, REGION};

/// The logging configuration that rooms may name.
pub const LOGGING: &str = "AAAAAAAAAAAA";

/// What a case needs.
#[derive(Debug, Clone)]
pub struct Setting {
    pub replicas: usize,
    pub election: Election,
    /// The version of the operator.
    pub version: Version,
    /// The version of its second replica.
    pub second: Version,
    pub world: Settings,
    /// Time between two looks at a settled room.
    pub drift_interval: &'static str,
}

pub struct Stage {
    pub control_plane: ControlPlane,
    pub namespace: String,
    pub client: Client,
    pub chat_rooms: Api<ChatRoom>,
    pub emulator: Emulator,
    /// What the API server was asked and answered.
    pub recorder: Recorder,
    pub script: Arc<Script>,
    pub replicas: Vec<Replica>,
    /// A room in the same account that is none of the operator's business.
    pub foreign: Room,
}

impl Stage {
    pub async fn open(control_plane: &ControlPlane, setting: &Setting) -> Outcome<Self> {
        let recorder = Recorder::default();
        let client = recorder.on(&control_plane.client().await);
        let namespace = control_plane::namespace(&client, "chaos").await?;
        let emulator = Emulator::start(setting.world.clone()).await?;
        let script = Arc::new(Script::new());
        emulator
            .world(|world| world.put_logging_configuration(&scope(), LOGGING, Timestamp::now()));
        let owner = ("ivschat-operator.io/owner", "another-cluster/live/subject");
        let foreign = make_room(&emulator, "theirs", &[owner])?;
        let mut replicas = Vec::new();
        for id in 0..setting.replicas {
            let kubernetes = Upstream::Kubernetes(client.clone());
            let aws = Upstream::aws(&emulator.endpoint());
            let replica = Replica::start(id, &namespace, setting, kubernetes, aws, &script);
            replicas.push(replica.await?);
        }
        let chat_rooms = Api::namespaced(client.clone(), &namespace);
        Ok(Self {
            control_plane: control_plane.clone(),
            namespace,
            client,
            chat_rooms,
            emulator,
            recorder,
            script,
            replicas,
            foreign,
        })
    }

    pub async fn create(&self, name: &str, spec: Value) -> Outcome {
        let spec: ChatRoomSpec = serde_json::from_value(spec)?;
        self.chat_rooms
            .create(&PostParams::default(), &ChatRoom::new(name, spec))
            .await?;
        Ok(())
    }

    pub async fn patch(&self, name: &str, patch: Value) -> Outcome {
        self.chat_rooms
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        Ok(())
    }

    pub async fn patch_status(&self, name: &str, patch: Value) -> Outcome {
        self.chat_rooms
            .patch_status(name, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        Ok(())
    }

    /// Asks for a pass, so that nobody waits for the end of a long wait.
    pub async fn kick(&self, name: &str) -> Outcome {
        let now = Timestamp::now().to_string();
        let asked = self.patch(
            name,
            json!({"metadata": {"annotations": {"ivschat-operator.io/reconcile-at": now}}}),
        );
        match asked.await {
            Err(error) if !error.to_string().contains("not found") => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until the object is as `holds` says; `None` is no object.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(Option<&ChatRoom>) -> bool + Send + Sync,
    ) -> Outcome<Option<ChatRoom>> {
        let waiting = async {
            loop {
                let api = self.chat_rooms.clone();
                let waiting = await_condition(api, name, |object: Option<&ChatRoom>| holds(object));
                match waiting.await {
                    // This watch of the test's own expires, too, where the CRD is applied anew.
                    Err(wait::Error::ProbeFailed(_)) => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    Ok(object) => return object,
                }
            }
        };
        match tokio::time::timeout(DEADLINE, waiting).await {
            Ok(object) => Ok(object),
            Err(_) => {
                let object = self.chat_rooms.get_opt(name).await?;
                let status =
                    object.map(|object| json!({"deleted": object.metadata.deletion_timestamp, "status": object.status}));
                Err(format!("{name} did not become {what}: {status:#?}").into())
            }
        }
    }

    pub async fn ready(&self, name: &str) -> Outcome<ChatRoom> {
        let object = self
            .until(name, "ready", |object| object.is_some_and(is_ready))
            .await?;
        Ok(object.ok_or("no object")?)
    }

    /// The object that must not notice anything, in its room. From now on faults pass it by.
    pub async fn settle_bystander(&self) -> Outcome {
        self.create(BYSTANDER, json!({})).await?;
        let object = self.ready(BYSTANDER).await?;
        self.script.protect(&id_of(&object));
        Ok(())
    }

    pub fn rooms(&self) -> Vec<Room> {
        self.emulator.world(|world| world.rooms(&scope()))
    }

    pub fn logs(&self) -> String {
        let logs = self.replicas.iter().enumerate();
        let told: Vec<_> = logs
            .map(|(id, replica)| format!("--- log of replica {id}\n{}", replica.log_tail(40)))
            .collect();
        told.join("\n")
    }
}

pub fn scope() -> Scope {
    Scope::in_region(REGION)
}

/// Makes a room as somebody else does, unseen by the journal.
pub fn make_room(emulator: &Emulator, name: &str, tags: &[(&str, &str)]) -> Outcome<Room> {
    let tags: BTreeMap<_, _> = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let request = CreateRoom {
        name: Some(name.to_owned()),
        tags: Some(tags),
        ..CreateRoom::default()
    };
    match emulator.call(&scope(), Call::CreateRoom(request)) {
        Ok(Answer::Room(room)) => Ok(room),
        other => Err(format!("no room was made: {other:?}").into()),
    }
}

/// Whether the object is Ready in its current generation, and AWS answered.
pub fn is_ready(object: &ChatRoom) -> bool {
    let Some(status) = &object.status else {
        return false;
    };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let holds = |kind: &str| {
        conditions
            .iter()
            .any(|it| it.type_ == kind && it.status == "True")
    };
    holds("Ready") && holds("Synced") && status.observed_generation == object.metadata.generation
}

/// The reasons that the object's conditions give.
pub fn reasons(object: &ChatRoom) -> Vec<&str> {
    let conditions = object
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    conditions
        .unwrap_or_default()
        .iter()
        .map(|condition| condition.reason.as_str())
        .collect()
}

pub fn arn_of(object: &ChatRoom) -> String {
    object
        .status
        .as_ref()
        .and_then(|status| status.arn.clone())
        .unwrap_or_default()
}

pub fn id_of(object: &ChatRoom) -> String {
    object
        .status
        .as_ref()
        .and_then(|status| status.id.clone())
        .unwrap_or_default()
}
