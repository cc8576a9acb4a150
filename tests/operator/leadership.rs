//! Replicas: one leads, the others stand by.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ivschat_emulator::world::Operation;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::stage::{DEADLINE, Operator, Options, Stage};

const LEASE: Duration = Duration::from_secs(2);
/// What a crash may cost on top of the lease, and a graceful stop at all.
const FAILOVER: Duration = Duration::from_secs(1);
/// No CPU of a test machine is ever free.
const SLACK: Duration = Duration::from_millis(500);

fn replica() -> Options {
    Options {
        lease: Some("2s"),
        operation_timeout: "1s",
        flags: &["--kubernetes-timeout", "1s"],
        ..Options::default()
    }
}

/// A stage whose operator leads, and a second replica that stands by.
async fn two_replicas() -> (Stage, Operator) {
    let mut stage = Stage::with(replica()).await;
    leads(&mut stage.operator).await;
    let second = start(&stage, &stage.kubeconfig);
    (stage, second)
}

fn start(stage: &Stage, kubeconfig: &Path) -> Operator {
    let endpoint = stage.emulator.endpoint();
    Operator::start(kubeconfig, &stage.namespace, &endpoint, replica())
}

async fn leads(operator: &mut Operator) {
    operator.log_until(|line| line.contains("\"leads\"")).await;
}

fn passes(operator: &Operator) -> usize {
    let passes = operator.log();
    let passes = passes.iter().filter(|line| line.contains("pass ended"));
    passes.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_works_and_the_other_takes_over_within_a_second_of_its_stop() {
    let (mut stage, mut second) = two_replicas().await;
    second.log_until(|line| line.contains("\"started\"")).await;
    let object = stage.settle("lobby", json!({})).await;
    assert_eq!(passes(&second), 0, "{:?}", second.log());

    assert!(stage.operator.stop().await);
    let stopped = Instant::now();
    leads(&mut second).await;
    let took = stopped.elapsed();
    assert!(took <= FAILOVER, "the failover took {took:?}");
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    assert_eq!(stage.ready("lobby").await.metadata.uid, object.metadata.uid);
    assert_eq!(stage.room().maximum_message_length, 300);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_other_replica_leads_once_the_lease_has_run_out_and_not_before() {
    let (mut stage, mut second) = two_replicas().await;
    stage.settle("lobby", json!({})).await;
    stage.operator.kill().await;
    let killed = Instant::now();
    leads(&mut second).await;
    let took = killed.elapsed();
    // The last renewal was at most a fifth of the lease before the crash.
    assert!(took + SLACK >= LEASE.mul_f64(0.8), "{took:?}");
    assert!(took <= LEASE + FAILOVER, "the failover took {took:?}");
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage.ready("lobby").await;
    assert_eq!(stage.room().maximum_message_length, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_frozen_past_its_lease_begins_no_call_once_it_thaws() {
    let mut stage = Stage::with(replica()).await;
    leads(&mut stage.operator).await;
    assert!(stage.operator.stop().await);
    let link = Link::to(&stage.emulator.endpoint()).await;
    let endpoint = format!("http://{}", link.address);
    let namespace = &stage.namespace;
    let mut first = Operator::start(&stage.kubeconfig, namespace, &endpoint, replica());
    leads(&mut first).await;
    stage.settle("lobby", json!({})).await;
    let mut second = start(&stage, &stage.kubeconfig);

    link.set(State::HoldAt("GetRoom"));
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    link.until(State::Held).await;
    first.signal("STOP").await;
    link.set(State::Open);
    leads(&mut second).await;
    stage.ready("lobby").await;
    let writes = stage.writes();

    // It finds the answer to its GetRoom, and that its time is over.
    first.signal("CONT").await;
    for told in [
        "a pass was left to the replica that leads now",
        "another replica leads now",
    ] {
        first.log_until(|line| line.contains(told)).await;
    }
    assert_eq!(stage.writes(), writes);
    assert_eq!(stage.room().maximum_message_length, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_cut_off_from_the_api_server_stops_writing_before_another_leads_and_comes_back_as_a_standby()
 {
    let mut stage = Stage::with(replica()).await;
    leads(&mut stage.operator).await;
    assert!(stage.operator.stop().await);
    let (link, kubeconfig) = linked(&stage.kubeconfig).await;
    let mut first = start(&stage, kubeconfig.path());
    leads(&mut first).await;
    stage.settle("lobby", json!({})).await;
    let mut second = start(&stage, &stage.kubeconfig);
    second.log_until(|line| line.contains("\"started\"")).await;

    link.set(State::Cut);
    leads(&mut second).await;
    let before = passes(&first);
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage.ready("lobby").await;
    let writes = stage.writes();
    link.set(State::Open);
    first
        .log_until(|line| line.contains("another replica leads now"))
        .await;
    stage
        .edit("lobby", json!({"maximumMessageLength": 200}))
        .await;
    stage.ready("lobby").await;
    assert_eq!(passes(&first), before, "{:?}", first.log());
    assert_eq!(stage.writes().len(), writes.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_leases_namespace_it_says_so_and_leads_once_there_is_one() {
    let stage = Stage::open().await;
    let later = format!("{}-later", stage.namespace);
    let endpoint = stage.emulator.endpoint();
    let mut operator = Operator::start(&stage.kubeconfig, &later, &endpoint, replica());
    let told = operator
        .log_until(|line| line.contains("cannot renew or look at the lease"))
        .await;
    assert!(
        told.contains(&format!("namespaces \\\"{later}\\\" not found")),
        "{told}"
    );

    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"name": later}})).unwrap();
    let made = namespaces.create(&PostParams::default(), &namespace).await;
    made.unwrap();
    leads(&mut operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_lease_somebody_edits_goes_on_only_once_it_has_it_again() {
    let mut stage = Stage::with(replica()).await;
    leads(&mut stage.operator).await;
    stage.settle("lobby", json!({})).await;
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let stolen = Patch::Merge(json!({"spec": {"holderIdentity": "thief"}}));
    leases
        .patch("ivschat-operator", &PatchParams::default(), &stolen)
        .await
        .unwrap();
    stage
        .operator
        .log_until(|line| line.contains("another replica leads now"))
        .await;
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    // The thief renews nothing.
    stage.ready("lobby").await;
    let lease = leases.get("ivschat-operator").await.unwrap().spec.unwrap();
    assert!(
        lease
            .holder_identity
            .unwrap()
            .starts_with("ivschat-operator_"),
        "named for the process"
    );
    assert_eq!(lease.lease_transitions, Some(1));
}

/// A way to a server that can be cut, or held up where a request begins that says a word.
struct Link {
    address: SocketAddr,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Cut,
    HoldAt(&'static str),
    Held,
}

impl Link {
    async fn to(server: &str) -> Self {
        let server = server.split("//").last().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(State::Open);
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *shared.borrow() != State::Cut {
                    tokio::spawn(pass_on(near, server.clone(), shared.clone()));
                }
            }
        });
        Self { address, state }
    }

    fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    async fn until(&self, state: State) {
        let mut now = self.state.subscribe();
        let waiting = now.wait_for(|now| *now == state);
        let waited = tokio::time::timeout(DEADLINE, waiting).await;
        waited.expect("it comes to that").unwrap();
    }
}

async fn pass_on(near: TcpStream, server: String, state: watch::Sender<State>) {
    let far = TcpStream::connect(&server).await.unwrap();
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let mut now = state.subscribe();
    let requests = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_near.read(&mut bytes).await {
            let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
            state.send_if_modified(|state| {
                let held = matches!(state, State::HoldAt(word) if text.contains(*word));
                if held {
                    *state = State::Held;
                }
                held
            });
            let open = state
                .subscribe()
                .wait_for(|now| *now != State::Held)
                .await
                .is_ok();
            if !open || to_far.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        _ = tokio::io::copy(&mut from_far, &mut to_near) => {}
        _ = now.wait_for(|now| *now == State::Cut) => {}
    }
}

/// The same cluster, over a link.
async fn linked(kubeconfig: &Path) -> (Link, tempfile::NamedTempFile) {
    let mut config = Kubeconfig::read_from(kubeconfig).unwrap();
    let cluster = config.clusters[0].cluster.as_mut().unwrap();
    let link = Link::to(cluster.server.as_deref().unwrap()).await;
    cluster.server = Some(format!("https://{}", link.address));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_yaml::to_string(&config).unwrap()).unwrap();
    (link, file)
}
