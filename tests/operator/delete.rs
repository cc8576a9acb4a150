//! From the end of an object to the end of its room, and rooms that end on their own.

use std::time::{Duration, Instant};

use ivschat_core::api::ChatRoom;
use ivschat_emulator::Emulator;
use ivschat_emulator::fault::Fault;
use ivschat_emulator::world::{Call, CreateRoom, Operation, Scope, Settings};
use jiff::{SignedDuration, Timestamp, ToSpan};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::json;

use crate::stage::{
    ControlPlane, Options, REGION, Stage, arn_of, calls, make_rooms_of_long_ago, message_of,
    status_of,
};

fn delete_room(stage: &Stage, arn: &str) {
    let call = Call::DeleteRoom {
        identifier: arn.to_owned(),
    };
    stage
        .emulator
        .call(&Scope::in_region(REGION), call)
        .unwrap();
}

/// Waits until the object's room is older than the grace of these tests, 2 s.
async fn age(object: &ChatRoom) {
    let created = object.status.as_ref().unwrap().create_time.unwrap();
    let left = created + 2.seconds() - Timestamp::now();
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}

/// How long from when the object's room was made until it is gone.
async fn goes(stage: &Stage, object: &ChatRoom) -> SignedDuration {
    stage.gone("lobby").await;
    let created = object.status.as_ref().unwrap().create_time.unwrap();
    Timestamp::now().duration_since(created)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_goes_first_and_the_object_once_a_grace_has_passed_since_the_room_was_created() {
    let stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;
    let arn = arn_of(&object);
    stage.delete("lobby").await;
    let deleting = stage
        .until("lobby", "deleting", |object| {
            status_of(object, "Ready").1 == "Deleting"
                && message_of(object, "Ready").contains("shows up until")
        })
        .await;
    assert_eq!(status_of(&deleting, "Ready").0, "False");
    let message = message_of(&deleting, "Ready");
    let told = format!(
        "Room {arn} is deleted; the object goes if no other room of its own shows up until"
    );
    assert!(message.starts_with(&told), "{message}");
    assert_eq!(stage.rooms_in(REGION), []);
    let took = goes(&stage, &object).await;
    assert!(took >= SignedDuration::from_secs(2), "{took:?}");

    let told = stage.event("lobby", "Deleted").await;
    assert_eq!(told, format!("Deleted room {arn}"));
    let journal = stage.emulator.journal();
    assert_eq!(calls(&journal, Operation::DeleteRoom), 1);
    let end = journal.last().unwrap();
    let proof = (Operation::ListRooms, Some(200));
    assert_eq!((end.operation, end.status), proof);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_room_is_older_than_a_grace_goes_with_it_at_once() {
    // Where it had to wait, it would be five seconds at least.
    let options = Options {
        wait_factor: "5",
        ..Options::default()
    };
    let stage = Stage::with(options).await;
    let object = stage.settle("lobby", json!({})).await;
    age(&object).await;
    let before = stage.emulator.journal().len();
    let begun = Instant::now();
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let journal = stage.emulator.journal();
    let made: Vec<_> = journal[before..].iter().map(|it| it.operation).collect();
    let needed = [
        Operation::GetRoom,
        Operation::DeleteRoom,
        Operation::ListRooms,
    ];
    assert_eq!(made, needed);
    assert_eq!(stage.rooms_in(REGION), []);
}

/// How long a deletion takes with 10,000 other rooms in the region, where lists lag by this, at the operator's default flags but for
/// clocks that are not apart.
async fn among_ten_thousand_rooms(list_lag: Duration) {
    let options = Options {
        drift_interval: "15m",
        index_interval: "10m",
        operation_timeout: "10s",
        lag_bound: "2m",
        quota_factor: "1",
        wait_factor: "1",
        ..Options::default()
    };
    let settings = Settings {
        list_lag,
        ..Settings::default()
    };
    let emulator = Emulator::start(settings).await.unwrap();
    make_rooms_of_long_ago(&emulator, 10_000);
    let stage = Stage::before(emulator, ControlPlane::shared().await, options).await;
    stage.create("lobby", json!({})).await;
    let patience = Duration::from_mins(5);
    let ready = async {
        loop {
            let object = stage.chat_rooms.get("lobby").await.unwrap();
            if status_of(&object, "Ready").0 == "True" {
                return object;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let object = tokio::time::timeout(patience, ready).await.unwrap();
    let created = object.status.as_ref().unwrap().create_time.unwrap();
    let grace = (created + 131.seconds()).duration_since(Timestamp::now());
    tokio::time::sleep(grace.try_into().unwrap_or_default()).await;
    let before = stage.emulator.journal().len();
    let begun = Instant::now();
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    let took = begun.elapsed();
    let journal = stage.emulator.journal();
    let made: Vec<_> = journal[before..].iter().map(|it| it.operation).collect();
    println!("among 10,000 rooms, lists {list_lag:?} behind: gone after {took:.2?}, by {made:?}");
    assert!(took <= Duration::from_secs(3), "{took:?}");
    let left = stage.rooms_in(REGION);
    assert_eq!(left.iter().filter(|it| it.name == "lobby").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes four minutes"]
async fn a_deletion_among_ten_thousand_rooms_takes_no_longer_and_neither_where_lists_lag_a_minute()
{
    let (prompt, lagging) = (Duration::ZERO, Duration::from_mins(1));
    tokio::join!(
        among_ten_thousand_rooms(prompt),
        among_ten_thousand_rooms(lagging)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_a_second_room_takes_both_along() {
    let stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;
    let twin = CreateRoom {
        tags: Some(stage.own_tags(&object)),
        ..CreateRoom::default()
    };
    let home = Scope::in_region(REGION);
    stage.emulator.call(&home, Call::CreateRoom(twin)).unwrap();
    age(&object).await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
    assert_eq!(stage.calls(Operation::DeleteRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_aws_confirms_only_at_the_second_attempt_is_proven_by_404s_a_grace_apart() {
    let stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;
    age(&object).await;
    let fails = Fault::refuse(Operation::DeleteRoom, 500, "InternalServerException", "no");
    stage.emulator.inject(fails.times(1));
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
    let journal = stage.emulator.journal();
    assert_eq!(calls(&journal, Operation::DeleteRoom), 2);
    let misses = journal.iter().filter(|entry| entry.status == Some(404));
    let misses: Vec<_> = misses.map(|entry| entry.at).collect();
    let apart = misses.last().unwrap().duration_since(misses[0]);
    assert!(apart >= SignedDuration::from_secs(2), "{apart:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_room_is_already_gone_is_let_go() {
    let stage = Stage::open().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    delete_room(&stage, &arn);
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(calls(&stage.emulator.journal(), Operation::DeleteRoom), 0);
    assert_eq!(calls(&stage.emulator.journal(), Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_while_its_create_has_no_known_outcome_takes_that_room_with_it() {
    let stage = Stage::open().await;
    // So that the region is listed already: the next list is the one that looks for the lost room.
    let other = arn_of(&stage.settle("other", json!({})).await);
    stage.create_and_lose("lobby").await;
    assert_eq!(stage.rooms_in(REGION).len(), 2, "the room was made");
    stage.delete("lobby").await;
    let held = stage
        .condition("lobby", "Synced", "False", "Unavailable")
        .await;
    assert!(
        held.metadata.deletion_timestamp.is_some(),
        "it stays while nobody can look for its room"
    );
    stage.emulator.clear_faults();
    stage.gone("lobby").await;
    assert_eq!(stage.room().arn, other);
    assert_eq!(calls(&stage.emulator.journal(), Operation::DeleteRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_is_refused_holds_the_object_and_says_why() {
    let stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    let message = "User is not authorized to perform: ivschat:DeleteRoom";
    stage.emulator.inject(
        Fault::refuse(Operation::DeleteRoom, 403, "AccessDeniedException", message).times(3),
    );
    stage.delete("lobby").await;
    let held = stage
        .until("lobby", "held", |object| {
            status_of(object, "Synced").1 == "Denied"
        })
        .await;
    assert!(
        message_of(&held, "Synced").contains(message),
        "{}",
        message_of(&held, "Synced")
    );
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_deleted_by_someone_else_is_made_again_once_it_is_proven_gone() {
    let stage = Stage::with(Options::watchful()).await;
    let lost = arn_of(
        &stage
            .settle("lobby", json!({"tags": {"team": "live"}}))
            .await,
    );
    delete_room(&stage, &lost);
    let missing = stage
        .until("lobby", "missing", |object| {
            status_of(object, "Ready").1 == "NotFound"
        })
        .await;
    assert_eq!(
        arn_of(&missing),
        lost,
        "not forgotten before it is proven gone"
    );

    let object = stage.until("lobby", "ready again", |object| {
        arn_of(object) != lost && status_of(object, "Ready").0 == "True"
    });
    let object = object.await;
    let room = stage.room();
    assert_eq!(arn_of(&object), room.arn);
    let status = object.status.unwrap();
    assert_eq!(status.id.as_deref(), Some(room.id.as_str()));
    assert_eq!(status.create_time, Some(room.create_time));
    assert_eq!(room.tags["team"], "live");
    assert_eq!(calls(&stage.emulator.journal(), Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_recreated_under_the_same_name_gets_a_room_of_its_own() {
    let stage = Stage::open().await;
    let first = arn_of(&stage.settle("lobby", json!({})).await);
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    let second = arn_of(&stage.settle("lobby", json!({})).await);
    assert_ne!(first, second);
    assert_eq!(stage.room().arn, second);
}

/// The namespace's own controller is not there: the test deletes the object as it would.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_goes_with_its_namespace_warns_of_nothing() {
    let stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    let parameters = DeleteParams::default();
    namespaces
        .delete(&stage.namespace, &parameters)
        .await
        .unwrap();
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
    let log = stage.operator.log();
    let said = |level: &str, text: &str| {
        let mut lines = log.iter();
        lines.any(|line| line.contains(level) && line.contains(text))
    };
    assert!(
        said("DEBUG", "as the namespace is being deleted"),
        "{log:#?}"
    );
    assert!(!said("\"level\":\"WARN\"", ""), "{log:#?}");
}
