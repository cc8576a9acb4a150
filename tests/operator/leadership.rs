//! Replicas: one leads, the others stand by.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::Operation;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use kube::config::Kubeconfig;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::stage::{Operator, Options, Stage};

const LEASE: Duration = Duration::from_secs(2);
/// What a crash may cost on top of the lease, and a graceful stop at all.
const FAILOVER: Duration = Duration::from_secs(1);
/// No CPU of a test machine is ever free.
const SLACK: Duration = Duration::from_millis(500);

fn replica() -> Options {
    Options {
        lease: Some("2s"),
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
    let (mut stage, mut second) = two_replicas().await;
    stage.settle("lobby", json!({})).await;
    // The first replica reads the room, and is frozen before it has the answer.
    let slow = Fault::new(Operation::GetRoom, Symptom::Delay).times(1);
    stage
        .emulator
        .inject(slow.delayed(Duration::from_millis(500)));
    let reads = stage.calls(Operation::GetRoom);
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage.calls_since(reads, Operation::GetRoom, 1).await;
    stage.operator.signal("STOP").await;
    leads(&mut second).await;
    stage.ready("lobby").await;
    let writes = stage.writes();

    stage.operator.signal("CONT").await;
    for told in [
        "a pass was left to the replica that leads now",
        "another replica leads now",
    ] {
        stage.operator.log_until(|line| line.contains(told)).await;
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
    let link = Link::to(&stage.kubeconfig).await;
    let mut first = start(&stage, &link.kubeconfig);
    leads(&mut first).await;
    stage.settle("lobby", json!({})).await;
    let mut second = start(&stage, &stage.kubeconfig);
    second.log_until(|line| line.contains("\"started\"")).await;

    link.cut(true);
    leads(&mut second).await;
    let before = passes(&first);
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage.ready("lobby").await;
    let writes = stage.writes();
    link.cut(false);
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

/// A way to the API server that can be cut.
struct Link {
    kubeconfig: PathBuf,
    cut: watch::Sender<bool>,
    _directory: tempfile::TempDir,
}

impl Link {
    async fn to(kubeconfig: &Path) -> Self {
        let mut config = Kubeconfig::read_from(kubeconfig).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("https://{}", listener.local_addr().unwrap());
        let cluster = config.clusters[0].cluster.as_mut().unwrap();
        let server = cluster.server.replace(own).unwrap();
        let server = server.trim_start_matches("https://").to_owned();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kubeconfig");
        std::fs::write(&path, serde_yaml::to_string(&config).unwrap()).unwrap();
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass_on(near, server.clone(), is_cut.clone()));
            }
        });
        Self {
            kubeconfig: path,
            cut,
            _directory: directory,
        }
    }

    fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

async fn pass_on(mut near: TcpStream, server: String, mut is_cut: watch::Receiver<bool>) {
    if *is_cut.borrow() {
        return;
    }
    let mut far = TcpStream::connect(&server).await.unwrap();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = is_cut.wait_for(|cut| *cut) => {}
    }
}
