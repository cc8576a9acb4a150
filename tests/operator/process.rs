//! The process as its platform meets it: version, probes, shutdown, namespaces.

use std::time::{Duration, Instant};

use ivschat_core::api::{ChatRoom, ChatRoomSpec};
use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{Operation, Settings};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::check::without;
use crate::stage::{
    ControlPlane, DEADLINE, Operator, Options, SERVING, Source, Stage, arn_of, command,
    new_namespace, status_of,
};

fn serving() -> Options {
    Options {
        flags: SERVING,
        ..Options::default()
    }
}

#[tokio::test]
async fn the_version_names_the_commit_and_so_does_the_log() {
    let binary = env!("CARGO_BIN_EXE_ivschat-operator");
    let output = std::process::Command::new(binary).arg("--version").output();
    let version = String::from_utf8(output.unwrap().stdout).unwrap();
    let version = version.trim().strip_prefix("ivschat-operator ").unwrap();
    let (number, commit) = version.split_once(' ').unwrap();
    assert_eq!(number, env!("CARGO_PKG_VERSION"));
    let commit = commit.strip_prefix('(').unwrap().strip_suffix(')').unwrap();
    let given = env!("BUILD_COMMIT");
    assert_eq!(commit, given);
    let mut stage = Stage::open().await;
    let started = stage
        .operator
        .log_until(|line| line.contains("\"started\""))
        .await;
    assert!(started.contains(version), "{started}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_ready_once_it_has_listed_its_objects_and_found_its_account_also_on_standby() {
    let replica = || Options {
        lease: Some("2s"),
        operation_timeout: "1s",
        flags: &[
            "--http-address",
            "127.0.0.1:0",
            "--kubernetes-timeout",
            "1s",
        ],
        ..Options::default()
    };
    let mut stage = Stage::with(replica()).await;
    stage
        .operator
        .log_until(|line| line.contains("\"leads\""))
        .await;
    let endpoint = stage.emulator.endpoint();
    let mut standby = Operator::start(&stage.kubeconfig, &stage.namespace, &endpoint, replica());
    standby.log_until(|line| line.contains("stands by")).await;
    standby.ready().await;
    stage.operator.ready().await;
    for operator in [&mut standby, &mut stage.operator] {
        assert_eq!(operator.get("/livez").await, (200, "ok\n".to_owned()));
        assert_eq!(operator.get("/").await.0, 404);
    }
    assert!((standby.scrape().await.of("leader")).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_for_aws_is_not_taken_for_the_api_servers() {
    let stage = Stage::open().await;
    let (kubeconfig, namespace) = (&stage.kubeconfig, &stage.namespace);
    let endpoint = stage.emulator.endpoint();
    let run = command(
        "release",
        kubeconfig,
        namespace,
        &endpoint,
        Options::default(),
    )
    .arg("--all")
    // Nothing listens there, and the endpoint is not HTTPS.
    .env("HTTPS_PROXY", "http://127.0.0.1:1")
    .output();
    let output = tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("0 ChatRooms let go, 0 left"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_it_is_alive_and_not_ready_and_says_what_is_missing() {
    let options = Options {
        // Nothing listens there.
        credentials: Source::Container("http://127.0.0.1:1/credentials"),
        ..serving()
    };
    let mut stage = Stage::with(options).await;
    stage
        .operator
        .log_until(|line| line.contains("cannot tell whose the AWS credentials are"))
        .await;
    let missing = "no AWS credentials have been resolved yet\n";
    stage.create("lobby", json!({})).await;
    stage.condition("lobby", "Synced", "False", "Denied").await;
    assert_eq!(
        stage.operator.get("/readyz").await,
        (503, missing.to_owned())
    );
    assert_eq!(stage.operator.get("/livez").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aws_outage_later_leaves_it_ready() {
    let mut stage = Stage::with(serving()).await;
    stage.operator.ready().await;
    stage.settle("lobby", json!({})).await;
    let down = Fault::refuse(Operation::UpdateRoom, 503, "ServiceUnavailable", "down");
    stage.emulator.inject(down);
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage
        .condition("lobby", "Synced", "False", "Unavailable")
        .await;
    assert_eq!(
        stage.operator.get("/readyz").await,
        (200, "ok\n".to_owned())
    );
    assert_eq!(stage.operator.get("/livez").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_all_namespaces_is_not_ready_before_they_are_listed() {
    let control_plane = ControlPlane::without_crd().await;
    let stage = Stage::on(&control_plane, serving(), Settings::default()).await;
    let (endpoint, namespace) = (stage.emulator.endpoint(), &stage.namespace);
    let run = command("run", &stage.kubeconfig, namespace, &endpoint, serving());
    let mut operator = Operator::spawn(without("--namespace", &run));
    operator
        .log_until(|line| line.contains("is the CRD installed?"))
        .await;
    let (status, body) = operator.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(
        body.starts_with("the ChatRooms have not been listed yet"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_crd_it_is_alive_and_not_ready() {
    let control_plane = ControlPlane::without_crd().await;
    let stage = Stage::on(&control_plane, serving(), Settings::default());
    let mut stage = stage.await;
    stage
        .operator
        .log_until(|line| line.contains("is the CRD installed?"))
        .await;
    let (status, body) = stage.operator.get("/readyz").await;
    assert_eq!(status, 503);
    let told = format!(
        "the ChatRooms of {} have not been listed yet",
        stage.namespace
    );
    assert!(body.starts_with(&told), "{body}");
    assert_eq!(stage.operator.get("/livez").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_ends_it_with_a_word_about_it() {
    let stage = Stage::open().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let endpoint = stage.emulator.endpoint();
    let output = command(
        "run",
        &stage.kubeconfig,
        &stage.namespace,
        &endpoint,
        Options::default(),
    )
    .env("HTTP_ADDRESS", &address)
    .output();
    let output = tokio::time::timeout(DEADLINE, output)
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    let wanted = format!("cannot listen on --http-address {address}: Address already in use");
    assert!(told.contains(&wanted), "{told}");
}

/// Asks the operator to stop while it waits for the answer to a CreateRoom, which comes after this time.
async fn stop_while_creating(stage: &mut Stage, answered_after: Duration) {
    let slow = Fault::new(Operation::CreateRoom, Symptom::Delay).delayed(answered_after);
    stage.emulator.inject(slow.times(1));
    stage.create("lobby", json!({})).await;
    stage.creating("lobby").await;
    stage.operator.signal("TERM").await;
    stage
        .operator
        .log_until(|line| line.contains("stopping: finishing"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_it_finishes_the_call_in_hand_writes_what_it_learned_and_gives_the_lease_back()
 {
    let options = Options {
        lease: Some("10s"),
        operation_timeout: "5s",
        flags: &[
            "--http-address",
            "127.0.0.1:0",
            "--kubernetes-timeout",
            "5s",
        ],
        ..Options::default()
    };
    let mut stage = Stage::with(options).await;
    stage.settle("first", json!({})).await;
    stop_while_creating(&mut stage, Duration::from_secs(2)).await;
    assert_eq!(
        stage.operator.get("/readyz").await,
        (503, "stopping: finishing what is under way\n".to_owned())
    );
    assert_eq!(stage.operator.get("/livez").await.0, 200);
    assert!(stage.operator.wait().await, "{:?}", stage.operator.log());
    // Nobody runs who could have written it since.
    let object = stage.chat_rooms.get("lobby").await.unwrap();
    let rooms = stage.rooms_in(crate::stage::REGION);
    assert!(rooms.iter().any(|room| room.arn == arn_of(&object)));
    assert_eq!(status_of(&object, "Ready").0, "True");
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let lease = leases.get("ivschat-operator").await.unwrap().spec.unwrap();
    assert_eq!(lease.holder_identity.unwrap_or_default(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_a_second_time_it_ends_at_once_and_the_next_one_finds_the_room() {
    let options = Options {
        operation_timeout: "10s",
        ..Options::default()
    };
    let mut stage = Stage::with(options).await;
    stop_while_creating(&mut stage, Duration::from_mins(1)).await;
    let asked_again = Instant::now();
    stage.operator.signal("TERM").await;
    assert_eq!(stage.operator.exit_code().await, Some(143));
    let took = asked_again.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    stage
        .operator
        .log_until(|line| line.contains("stopping at once"))
        .await;

    stage.restart(Options::default()).await;
    stage.ready("lobby").await;
    assert_eq!(stage.rooms_in(crate::stage::REGION).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_namespaces_the_two_that_it_is_told_are_looked_at_and_swept() {
    let options = Options {
        index_interval: "200ms",
        ..serving()
    };
    let mut stage = Stage::with(options).await;
    stage.operator.kill().await;
    let (second, third) = (
        new_namespace(&stage.client, "test").await,
        new_namespace(&stage.client, "test").await,
    );
    let both = format!("{},{second}", stage.namespace);
    let endpoint = stage.emulator.endpoint();
    stage.operator = Operator::start(&stage.kubeconfig, &both, &endpoint, options);
    let chat_rooms = |namespace: &str| Api::<ChatRoom>::namespaced(stage.client.clone(), namespace);
    for namespace in [&second, &third] {
        let object = ChatRoom::new("lobby", ChatRoomSpec::default());
        let made = chat_rooms(namespace)
            .create(&PostParams::default(), &object)
            .await;
        made.unwrap();
    }
    stage.settle("lobby", json!({})).await;
    let ready = |object: Option<&ChatRoom>| {
        object.is_some_and(|object| status_of(object, "Ready").0 == "True")
    };
    let second_ready = kube::runtime::wait::await_condition(chat_rooms(&second), "lobby", ready);
    let looked_at = tokio::time::timeout(DEADLINE, second_ready).await;
    looked_at
        .expect("the second namespace is looked at")
        .unwrap();
    // Sweeps look over both and take no room for an orphan.
    stage.more_calls(Operation::ListRooms, 4).await;
    let mut owners: Vec<_> = stage
        .rooms_in(crate::stage::REGION)
        .into_iter()
        .map(|room| room.tags["ivschat-operator.io/owner"].clone())
        .collect();
    owners.sort();
    let mut wanted = [&stage.namespace, &second]
        .map(|namespace| format!("{}/{namespace}/lobby", crate::stage::CLUSTER));
    wanted.sort();
    assert_eq!(owners, wanted);
    let untouched = chat_rooms(&third).get("lobby").await.unwrap();
    assert_eq!(status_of(&untouched, "Ready").0, "");
    let scrape = stage.operator.scrape().await;
    assert!(scrape.of("orphans").abs() < f64::EPSILON);
    assert!(scrape.of("sweeps_total{outcome=\"complete\"}") > 1.0);
}
