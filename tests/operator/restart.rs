//! The operator ends, however, and comes back.

use std::time::{Duration, Instant};

use ivschat_core::api::ChatRoom;
use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{Answer, Call, ListRooms, Operation, Scope, Settings};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use serde_json::json;
use tokio::time::timeout;

use crate::stage::{
    ControlPlane, DEADLINE, Operator, Options, REGION, Scrape, Stage, arn_of, calls,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_operator_makes_no_call_that_writes() {
    let mut stage = Stage::open().await;
    let mut versions = Vec::new();
    for name in ["one", "two", "three"] {
        versions.push(
            stage
                .settle(name, json!({"tags": {"team": "live"}}))
                .await
                .resource_version(),
        );
    }
    let writes = stage.writes();
    stage.restart(Options::default()).await;
    stage.more_calls(Operation::ListRooms, 1).await;
    // An object made now is settled behind the others.
    stage.settle("four", json!({})).await;
    assert_eq!(stage.writes()[..writes.len()], writes);
    assert_eq!(
        stage.writes().len(),
        writes.len() + 1,
        "{:?}",
        stage.writes()
    );
    for (name, version) in ["one", "two", "three"].into_iter().zip(versions) {
        assert_eq!(
            stage.chat_rooms.get(name).await.unwrap().resource_version(),
            version,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_killed_while_a_create_is_under_way_finds_the_room_when_it_comes_back() {
    let mut stage = Stage::open().await;
    stage
        .emulator
        .inject(Fault::lose_answer(Operation::CreateRoom, Symptom::Timeout));
    stage.create("lobby", json!({})).await;
    stage
        .journal_until("the create", |entries| {
            calls(entries, Operation::CreateRoom) == 1
        })
        .await;
    stage.restart(Options::default()).await;
    let object = stage.ready("lobby").await;
    assert_eq!(stage.room().arn, arn_of(&object));
    assert_eq!(calls(&stage.emulator.journal(), Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_restored_without_its_status_gets_its_room_back_and_no_second_one() {
    let mut stage = Stage::open().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    stage.operator.kill().await;
    // As a restored backup: another uid, no status, no finalizer, the same name.
    let unfinalized = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage
        .chat_rooms
        .patch("lobby", &PatchParams::default(), &unfinalized)
        .await
        .unwrap();
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    let restored = stage.create("lobby", json!({})).await;
    stage.restart(Options::default()).await;
    let object = stage.ready("lobby").await;
    assert_eq!(arn_of(&object), arn);
    assert_eq!(
        stage.room().tags,
        stage.own_tags(&restored),
        "the creation tag names the new object"
    );
    assert_eq!(calls(&stage.emulator.journal(), Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asked_to_stop_finishes_the_pass_in_hand() {
    let mut stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    assert!(stage.operator.stop().await, "{:?}", stage.operator.log());
    stage
        .operator
        .log_until(|line| line.contains("\"stopped\""))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_cannot_list_its_objects_says_why_and_still_stops_when_asked() {
    let control_plane = ControlPlane::without_crd().await;
    let stage = Stage::on(&control_plane, Options::default(), Settings::default());
    let mut stage = stage.await;
    let told = stage
        .operator
        .log_until(|line| line.contains("is the CRD installed?"))
        .await;
    assert!(
        told.contains("ivschat-operator crds | kubectl apply -f -"),
        "{told}"
    );
    assert!(stage.operator.stop().await, "{:?}", stage.operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_at_once_make_one_room_per_object() {
    const OBJECTS: usize = 12;
    let mut stage = Stage::open().await;
    let endpoint = stage.emulator.endpoint();
    let mut second = Operator::start(
        &stage.kubeconfig,
        &stage.namespace,
        &endpoint,
        Options::default(),
    );
    for operator in [&mut second, &mut stage.operator] {
        operator
            .log_until(|line| line.contains("\"started\""))
            .await;
    }
    let names: Vec<_> = (0..OBJECTS).map(|n| format!("room-{n}")).collect();
    futures::future::join_all(names.iter().map(|name| stage.create(name, json!({})))).await;
    let mut arns = Vec::new();
    for name in &names {
        arns.push(arn_of(&stage.ready(name).await));
    }
    let rooms: Vec<_> = stage
        .rooms_in(REGION)
        .into_iter()
        .map(|room| room.arn)
        .collect();
    arns.sort();
    assert_eq!(sorted(rooms), arns);
    assert_eq!(stage.calls(Operation::CreateRoom), OBJECTS);
}

fn sorted(mut arns: Vec<String>) -> Vec<String> {
    arns.sort();
    arns
}

const LAGGING: Options = Options {
    lag_bound: "2s",
    ..Options::DEFAULT
};

/// ListRooms shows every room as it was two seconds ago, as the operator is told; with one object, and its room's ARN.
async fn with_a_room_that_lists_lag_behind() -> (Stage, String) {
    let lagging = Settings {
        list_lag: Duration::from_secs(2),
        ..Settings::default()
    };
    let stage = Stage::on(ControlPlane::shared().await, LAGGING, lagging).await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    (stage, arn)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_the_first_list_did_not_show_yet_is_found_once_no_list_lags_behind_it() {
    let (mut stage, arn) = with_a_room_that_lists_lag_behind().await;
    stage.restart(LAGGING).await;
    let listed = stage.calls(Operation::ListRooms);
    stage.settle("hall", json!({})).await;
    assert_eq!(stage.calls(Operation::ListRooms), listed + 1, "too early");
    // The hall's room is the younger one.
    let listed = || {
        let listed = stage.emulator.call(
            &Scope::in_region(REGION),
            Call::ListRooms(ListRooms::default()),
        );
        matches!(listed, Ok(Answer::Rooms { rooms, .. }) if rooms.len() == 2)
    };
    let shows = async {
        while !listed() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(DEADLINE, shows).await.expect("lists catch up");
    stage.forge("lobby", json!(null)).await;
    assert_eq!(arn_of(&stage.ready("lobby").await), arn);
    assert_eq!(stage.calls(Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_loses_its_status_just_after_a_handover_gets_no_second_room() {
    let (mut stage, arn) = with_a_room_that_lists_lag_behind().await;
    stage.operator.kill().await;
    stage.forge("lobby", json!(null)).await;
    let listed = stage.calls(Operation::ListRooms);
    stage.restart(LAGGING).await;
    assert_eq!(arn_of(&stage.ready("lobby").await), arn);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
    assert_eq!(
        stage.calls(Operation::ListRooms),
        listed + 2,
        "one at once, and one once none lags any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asked_to_stop_waits_for_no_turn_and_leaves_that_to_the_next() {
    // A GetRoom in 20 seconds.
    let options = Options {
        drift_interval: "100ms",
        verify_interval: "100ms",
        operation_timeout: "1s",
        quota_factor: "0.01",
        flags: &[
            "--kubernetes-timeout",
            "1s",
            "--http-address",
            "127.0.0.1:0",
        ],
        ..Options::default()
    };
    let mut stage = Stage::with(options).await;
    stage.settle("lobby", json!({})).await;
    // The pass that made the room has ended, and so has the first look, which was free: this one waits.
    let waits = |scrape: &Scrape| {
        scrape.of("reconciles_total{outcome=\"synced\"}") >= 2.0
            && scrape.of("reconciles_in_flight") >= 1.0
    };
    stage.operator.scrape_until(waits).await;
    let since = Instant::now();
    assert!(stage.operator.stop().await, "{:?}", stage.operator.log());
    let took = since.elapsed();
    // Nor did it have to be cut short.
    assert!(took < Duration::from_secs(1), "{took:?}");
    stage.restart(Options::default()).await;
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage.ready("lobby").await;
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asked_to_stop_gives_up_what_waits_for_its_turn_and_leaves_no_attempt() {
    const OBJECTS: usize = 60;
    // A CreateRoom in two seconds.
    let options = Options {
        operation_timeout: "10s",
        quota_factor: "0.1",
        ..Options::default()
    };
    let mut stage = Stage::with(options).await;
    for number in 0..OBJECTS {
        stage.create(&format!("room-{number}"), json!({})).await;
    }
    stage.calls_since(0, Operation::CreateRoom, 2).await;
    let since = Instant::now();
    assert!(stage.operator.stop().await, "{:?}", stage.operator.log());
    let took = since.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let made = stage.calls(Operation::CreateRoom);
    assert!(made <= 4, "{made}");
    let objects = stage.chat_rooms.list(&ListParams::default()).await.unwrap();
    let statuses = objects.items.into_iter().filter_map(|object| object.status);
    let (made, begun): (Vec<_>, Vec<_>) = statuses.partition(|status| status.arn.is_some());
    assert_eq!(made.len(), stage.rooms_in(REGION).len());
    assert!(
        begun.iter().all(|status| status.creation.is_none()),
        "{begun:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_while_it_waits_for_its_turn_to_be_created_waits_for_it_no_more() {
    let options = Options {
        operation_timeout: "10s",
        flags: &["--concurrency", "1"],
        ..Options::default()
    };
    let stage = Stage::with(options).await;
    let slow = Fault::new(Operation::CreateRoom, Symptom::Delay).delayed(Duration::from_secs(4));
    stage.emulator.inject(slow.times(1));
    stage.create("first", json!({})).await;
    stage.creating("first").await;
    stage.create("second", json!({})).await;
    let held = |object: &ChatRoom| object.metadata.finalizers.is_some();
    stage.until("second", "held", held).await;
    stage.delete("second").await;
    // It may be gone at once, or wait for a list that was begun since.
    let seen_to = |object: Option<&ChatRoom>| {
        object.is_none_or(|object| {
            let observed = object.status.as_ref().and_then(|it| it.observed_generation);
            object.metadata.deletion_timestamp.is_some() && observed == object.metadata.generation
        })
    };
    let seen_to = await_condition(stage.chat_rooms.clone(), "second", seen_to);
    timeout(DEADLINE, seen_to).await.unwrap().unwrap();
    assert_eq!(
        arn_of_maybe(&stage.chat_rooms.get("first").await.unwrap()),
        None
    );
    stage.gone("second").await;
    stage.ready("first").await;
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

fn arn_of_maybe(object: &ChatRoom) -> Option<String> {
    object.status.as_ref()?.arn.clone()
}
