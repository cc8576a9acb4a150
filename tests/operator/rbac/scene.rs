//! A release of the chart at work, its rights and nothing more, on a control plane that tests of rights share.

use std::time::Duration;

use ivschat_core::api::{ChatRoom, chat_room_crd};
use ivschat_emulator::Emulator;
use ivschat_emulator::world::{Room, Scope, Settings};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::events::v1::Event;
use kube::Client;
use kube::api::{Api, ListParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;
use tokio::sync::OnceCell;

use super::release::{Grant, Release};
use crate::stage::{ControlPlane, DEADLINE, Operator, PROMPT, REGION, new_namespace};

/// Whether the chart gives the operator a `ClusterRole`, or a Role in each of the namespaces it watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Cluster,
    Namespaces,
}

pub struct Scene {
    pub client: Client,
    pub release: Release,
    pub emulator: Emulator,
    pub operator: Operator,
    /// The namespaces that the operator looks at, and one that it does not.
    pub namespaces: [String; 2],
    pub elsewhere: String,
}

/// How the operator is made fast enough to be tested. It has every lease to itself.
const FAST: [&str; 18] = [
    "--lag-bound",
    "0s",
    "--quota-factor",
    "1000",
    "--lease-duration",
    "3s",
    "--operation-timeout",
    "2s",
    "--kubernetes-timeout",
    "2s",
    "--wait-factor",
    "0.05",
    "--index-interval",
    "300ms",
    "--log-format",
    "json",
    "--http-address",
    "127.0.0.1:0",
];

impl Scene {
    /// `denied`: what is taken out of the rules.
    pub async fn open(mode: Mode, denied: Option<&Grant>) -> Self {
        let control_plane = control_plane().await;
        let client = control_plane.client().await;
        let [own, one, two, elsewhere] = namespaces(&client).await;
        let mut release = Release::render(&own, &values(mode, &own, [&one, &two]));
        if let Some(denied) = denied {
            release.deny(denied);
        }
        release.install(&client).await;
        let kubeconfig = release.kubeconfig(&client, &control_plane.kubeconfig).await;
        let emulator = Emulator::start(Settings::default()).await.unwrap();
        let flags = [&FAST[..], &PROMPT].concat();
        let command = release.command(&kubeconfig, &emulator.endpoint(), &flags);
        Self {
            operator: Operator::spawn(command),
            client,
            release,
            emulator,
            namespaces: [one, two],
            elsewhere,
        }
    }

    pub fn chat_rooms(&self, namespace: &str) -> Api<ChatRoom> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes an object of the release's class.
    pub async fn create(&self, namespace: &str, name: &str) -> ChatRoom {
        let class = self.release.environment().get("CLASS").copied();
        let labels = class.map(|class| json!({"ivschat-operator.io/class": class}));
        let object = serde_json::from_value(json!({
            "apiVersion": "ivschat-operator.io/v1alpha1", "kind": "ChatRoom",
            "metadata": {"name": name, "labels": labels}, "spec": {},
        }))
        .unwrap();
        let chat_rooms = self.chat_rooms(namespace);
        chat_rooms
            .create(&PostParams::default(), &object)
            .await
            .unwrap()
    }

    /// Waits until the object is as `condition` says.
    pub async fn until(
        &self,
        namespace: &str,
        name: &str,
        condition: impl Fn(Option<&ChatRoom>) -> bool + Send + Sync,
    ) -> Option<ChatRoom> {
        let waiting = await_condition(
            self.chat_rooms(namespace),
            name,
            |object: Option<&ChatRoom>| condition(object),
        );
        match tokio::time::timeout(DEADLINE, waiting).await {
            Ok(object) => object.unwrap(),
            Err(_) => panic!("{name} did not become so"),
        }
    }

    pub async fn get(&self, namespace: &str, name: &str) -> ChatRoom {
        self.chat_rooms(namespace).get(name).await.unwrap()
    }

    pub fn rooms(&self) -> Vec<Room> {
        let scope = Scope::in_region(REGION);
        self.emulator.world(|world| world.rooms(&scope))
    }

    /// The reasons of all events in a namespace, sorted.
    pub async fn events(&self, namespace: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let events = events.list(&ListParams::default()).await.unwrap();
        let mut reasons: Vec<_> = events.into_iter().filter_map(|it| it.reason).collect();
        reasons.sort();
        reasons
    }

    /// Waits until there is an event with this reason.
    pub async fn until_event(&self, namespace: &str, reason: &str) {
        let waiting = async {
            while !self.events(namespace).await.iter().any(|it| it == reason) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
            panic!("no event {reason}: {:?}", self.events(namespace).await);
        }
    }

    /// The leases in the release's namespace.
    pub async fn leases(&self) -> Vec<Lease> {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), &self.release.namespace);
        leases.list(&ListParams::default()).await.unwrap().items
    }

    /// Waits until the API server has refused the operator this `times` times, as the operator's log tells.
    pub async fn refused(&mut self, grant: &Grant, times: usize) {
        let refusal = refusal(grant);
        let enough = |log: &[String]| count(log, &refusal) >= times;
        self.operator.log_becomes(enough).await;
    }

    /// How many lines of the operator's log contain this.
    pub fn refusals(&self, refusal: &str) -> usize {
        count(&self.operator.log(), refusal)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the operator's log\n{}", self.operator.log().join("\n"));
        }
    }
}

/// What is set of the chart. Only a release with Roles has to have a cluster id; one that looks at all namespaces has a class, as
/// others work on this control plane, too.
pub fn values(mode: Mode, class: &str, watched: [&str; 2]) -> Vec<String> {
    match mode {
        Mode::Cluster => vec![format!("class={class}")],
        Mode::Namespaces => {
            let [one, two] = watched;
            vec![format!("watchNamespaces={{{one},{two}}},clusterId=prod")]
        }
    }
}

/// How the API server puts it.
pub fn refusal(grant: &Grant) -> String {
    format!("cannot {} resource \"{}\"", grant.verb, grant.resource)
}

fn count(log: &[String], refusal: &str) -> usize {
    let lines = log.iter().map(|line| line.replace('\\', ""));
    lines.filter(|line| line.contains(refusal)).count()
}

/// Of these tests alone: an operator that may look at all namespaces would meddle with those of other tests.
pub async fn control_plane() -> &'static ControlPlane {
    static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
    let start = || ControlPlane::start(chat_room_crd().unwrap());
    SHARED.get_or_init(start).await
}

async fn namespaces(client: &Client) -> [String; 4] {
    let made = ["release", "one", "two", "elsewhere"].map(|prefix| new_namespace(client, prefix));
    let made = futures::future::join_all(made).await;
    made.try_into().unwrap()
}
