//! From an object to a room.

use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{FallbackResult, MessageReviewHandler, Operation};
use kube::ResourceExt;
use serde_json::json;

use crate::stage::{Options, REGION, Stage, arn_of, calls, status_of};

pub const LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:review";
pub const LOGGING: [&str; 3] = [
    "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AAAAAAAAAAAA",
    "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/CCCCCCCCCCCC",
    "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/BBBBBBBBBBBB",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_any_field_gets_a_room_with_the_api_defaults_and_its_own_name() {
    let stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;

    let room = stage.room();
    assert_eq!(room.name, "lobby");
    assert_eq!(
        (
            room.maximum_message_length,
            room.maximum_message_rate_per_second
        ),
        (500, 10)
    );
    assert_eq!(room.message_review_handler, None);
    assert_eq!(room.logging_configuration_identifiers, Vec::<String>::new());
    assert_eq!(room.tags, stage.own_tags(&object));

    let status = object.status.clone().unwrap();
    assert_eq!(status.arn.as_deref(), Some(room.arn.as_str()));
    assert_eq!(status.id.as_deref(), Some(room.id.as_str()));
    assert_eq!(status.region.as_deref(), Some(REGION));
    assert_eq!(status.create_time, Some(room.create_time));
    assert_eq!(status.update_time, Some(room.update_time));
    assert_eq!(status.creation, None);
    assert_eq!(status.observed_generation, object.metadata.generation);
    assert_eq!(
        status_of(&object, "Ready"),
        ("True".into(), "Available".into())
    );
    assert_eq!(
        status_of(&object, "Synced"),
        ("True".into(), "Available".into())
    );
    assert_eq!(
        status_of(&object, "Stalled"),
        ("False".into(), "Available".into())
    );
    assert_eq!(object.finalizers(), ["ivschat-operator.io/room"]);
    assert_eq!(
        serde_json::to_value(&object.spec).unwrap(),
        json!({}),
        "spec is the user's alone"
    );

    let created = stage.event("lobby", "Created").await;
    assert_eq!(created, format!("Created room {}", room.arn));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_every_field_gets_exactly_that_room_with_one_call() {
    let stage = Stage::open().await;
    let spec = json!({
        "region": REGION,
        "name": "Main_Hall-1",
        "maximumMessageLength": 1,
        "maximumMessageRatePerSecond": 100,
        "messageReviewHandler": {"uri": LAMBDA, "fallbackResult": "DENY"},
        "loggingConfigurationIdentifiers": LOGGING,
        "tags": {"team": "live", "a:b/c=d+e@f.g_h-i": ""},
    });
    let object = stage.settle("lobby", spec.clone()).await;

    let mut tags = stage.own_tags(&object);
    tags.extend([
        ("team".to_owned(), "live".to_owned()),
        ("a:b/c=d+e@f.g_h-i".to_owned(), String::new()),
    ]);
    let room = stage.room();
    assert_eq!(room.name, "Main_Hall-1");
    assert_eq!(
        (
            room.maximum_message_length,
            room.maximum_message_rate_per_second
        ),
        (1, 100)
    );
    let handler = MessageReviewHandler {
        uri: Some(LAMBDA.to_owned()),
        fallback_result: Some(FallbackResult::Deny),
    };
    assert_eq!(room.message_review_handler, Some(handler));
    assert_eq!(room.logging_configuration_identifiers, LOGGING);
    assert_eq!(room.tags, tags);
    assert_eq!(stage.writes().len(), 1, "{:?}", stage.writes());
    assert_eq!(
        serde_json::to_value(&object.spec).unwrap(),
        spec,
        "spec is the user's alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_objects_with_the_same_room_name_get_two_rooms() {
    let stage = Stage::open().await;
    let one = stage.settle("one", json!({"name": "lobby"})).await;
    let two = stage.settle("two", json!({"name": "lobby"})).await;
    let rooms = stage.rooms_in(REGION);
    assert_eq!(
        rooms
            .iter()
            .map(|room| room.name.as_str())
            .collect::<Vec<_>>(),
        ["lobby", "lobby"]
    );
    assert_eq!(
        rooms
            .iter()
            .map(|room| room.arn.clone())
            .collect::<Vec<_>>(),
        [arn_of(&two), arn_of(&one)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_names_another_region_gets_its_room_there() {
    let stage = Stage::with(Options::abroad()).await;
    let object = stage.settle("lobby", json!({"region": "eu-west-1"})).await;
    assert_eq!(stage.rooms_in(REGION), []);
    let rooms = stage.rooms_in("eu-west-1");
    assert_eq!(rooms.len(), 1);
    assert_eq!(arn_of(&object), rooms[0].arn);
    assert_eq!(object.status.unwrap().region.as_deref(), Some("eu-west-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_is_lost_ends_with_one_room() {
    for symptom in [
        Symptom::Reset,
        Symptom::Timeout,
        Symptom::Error(ivschat_emulator::world::ApiError::new(
            500,
            "InternalServerException",
            "oops",
        )),
    ] {
        let stage = Stage::open().await;
        stage
            .emulator
            .inject(Fault::lose_answer(Operation::CreateRoom, symptom.clone()));
        let object = stage
            .settle("lobby", json!({"tags": {"team": "live"}}))
            .await;
        assert_eq!(stage.room().arn, arn_of(&object), "{symptom:?}");
        assert_eq!(
            calls(&stage.emulator.journal(), Operation::CreateRoom),
            1,
            "{symptom:?}"
        );
        let found = stage.event("lobby", "Bound").await;
        assert!(found.contains(&arn_of(&object)), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_never_took_effect_is_tried_again_once_it_is_proven_void() {
    let stage = Stage::open().await;
    let reset = Fault::new(Operation::CreateRoom, Symptom::Reset);
    stage.emulator.inject(reset.times(1));
    stage.create("lobby", json!({})).await;
    let pending = stage.until("lobby", "pending", |object| {
        status_of(object, "Ready").1 == "CreationPending"
            && object.status.as_ref().unwrap().creation.is_some()
    });
    let attempt = pending.await.status.unwrap().creation.unwrap();
    assert_eq!(
        (attempt.region.as_str(), attempt.account.as_str()),
        (REGION, "123456789012")
    );

    let object = stage.ready("lobby").await;
    assert_eq!(stage.room().arn, arn_of(&object));
    let creates: Vec<_> = stage
        .emulator
        .journal()
        .into_iter()
        .filter(|entry| entry.operation == Operation::CreateRoom)
        .collect();
    assert_eq!(
        creates.iter().map(|entry| entry.status).collect::<Vec<_>>(),
        [None, Some(200)]
    );
    let apart = creates[1].at.duration_since(attempt.started_at);
    assert!(
        apart >= jiff::SignedDuration::from_secs(2),
        "the second attempt came {apart:?} after the first began"
    );
}
