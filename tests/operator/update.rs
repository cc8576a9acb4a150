//! Edits of the spec, and drift of the room: only what differs is sent.

use ivschat_emulator::world::{Call, MessageReviewHandler, Operation, Scope, Settings, UpdateRoom};
use serde_json::{Value, json};

use crate::create::{LAMBDA, LOGGING};
use crate::stage::{ControlPlane, Options, REGION, Stage, arn_of};

const OTHER_LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:other:3";

#[tokio::test(flavor = "multi_thread")]
async fn each_field_edited_alone_is_sent_alone() {
    let stage = Stage::open().await;
    let edits: [(Value, Value); 11] = [
        (json!({"name": "hall"}), json!({"name": "hall"})),
        (
            json!({"maximumMessageLength": 200}),
            json!({"maximumMessageLength": 200}),
        ),
        (
            json!({"maximumMessageRatePerSecond": 20}),
            json!({"maximumMessageRatePerSecond": 20}),
        ),
        (
            json!({"messageReviewHandler": {"uri": LAMBDA}}),
            json!({"messageReviewHandler": {"uri": LAMBDA, "fallbackResult": "ALLOW"}}),
        ),
        (
            json!({"messageReviewHandler": {"fallbackResult": "DENY"}}),
            json!({"messageReviewHandler": {"uri": LAMBDA, "fallbackResult": "DENY"}}),
        ),
        (
            json!({"messageReviewHandler": {"uri": OTHER_LAMBDA}}),
            json!({"messageReviewHandler": {"uri": OTHER_LAMBDA, "fallbackResult": "DENY"}}),
        ),
        (
            json!({"messageReviewHandler": null}),
            json!({"messageReviewHandler": {"uri": ""}}),
        ),
        (
            json!({"loggingConfigurationIdentifiers": LOGGING}),
            json!({"loggingConfigurationIdentifiers": LOGGING}),
        ),
        (
            json!({"loggingConfigurationIdentifiers": null}),
            json!({"loggingConfigurationIdentifiers": []}),
        ),
        // Back to the API's default, by removing the field.
        (
            json!({"maximumMessageLength": null}),
            json!({"maximumMessageLength": 500}),
        ),
        (json!({"name": null}), json!({"name": "lobby"})),
    ];
    let created = stage.settle("lobby", json!({})).await;
    for (edit, sent) in edits {
        let before = stage.writes().len();
        stage.edit("lobby", edit.clone()).await;
        let object = stage.ready("lobby").await;
        assert_eq!(
            stage.writes()[before..],
            [(Operation::UpdateRoom, sent)],
            "{edit}"
        );
        assert_eq!(arn_of(&object), arn_of(&created), "the same room");
        assert_eq!(
            object.status.unwrap().update_time,
            Some(stage.room().update_time),
            "{edit}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_fields_edited_together_are_sent_with_one_call() {
    let stage = Stage::open().await;
    stage.settle("lobby", json!({"name": "hall"})).await;
    stage
        .edit(
            "lobby",
            json!({"name": "foyer", "maximumMessageLength": 9, "maximumMessageRatePerSecond": 1}),
        )
        .await;
    stage.ready("lobby").await;
    let sent =
        json!({"name": "foyer", "maximumMessageLength": 9, "maximumMessageRatePerSecond": 1});
    assert_eq!(stage.writes()[1..], [(Operation::UpdateRoom, sent)]);
    assert_eq!(
        stage.event("lobby", "Updated").await,
        "name: hall → foyer; maximumMessageLength: 500 → 9; maximumMessageRatePerSecond: 10 → 1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_changed_behind_the_operators_back_is_changed_back_field_by_field() {
    let stage = Stage::with(Options::watchful()).await;
    let spec = json!({
        "maximumMessageLength": 300,
        "messageReviewHandler": {"uri": LAMBDA},
        "loggingConfigurationIdentifiers": [LOGGING[0], LOGGING[1]],
    });
    let object = stage.settle("lobby", spec).await;
    let settled = stage.room();
    let identifier = arn_of(&object);
    let change = |change: UpdateRoom| {
        Call::UpdateRoom(UpdateRoom {
            identifier: identifier.clone(),
            ..change
        })
    };
    let drifts = [
        (
            UpdateRoom {
                name: Some("x".into()),
                ..Default::default()
            },
            json!({"name": "lobby"}),
        ),
        (
            UpdateRoom {
                maximum_message_length: Some(7),
                ..Default::default()
            },
            json!({"maximumMessageLength": 300}),
        ),
        (
            UpdateRoom {
                maximum_message_rate_per_second: Some(7),
                ..Default::default()
            },
            json!({"maximumMessageRatePerSecond": 10}),
        ),
        (
            UpdateRoom {
                message_review_handler: Some(MessageReviewHandler {
                    uri: Some(String::new()),
                    fallback_result: None,
                }),
                ..Default::default()
            },
            json!({"messageReviewHandler": {"uri": LAMBDA, "fallbackResult": "ALLOW"}}),
        ),
        (
            UpdateRoom {
                logging_configuration_identifiers: Some(vec![LOGGING[1].into()]),
                ..Default::default()
            },
            json!({"loggingConfigurationIdentifiers": [LOGGING[0], LOGGING[1]]}),
        ),
    ];
    for (drift, sent) in drifts {
        let (before, updates) = (stage.writes().len(), stage.calls(Operation::UpdateRoom));
        stage
            .emulator
            .call(&Scope::in_region(REGION), change(drift))
            .unwrap();
        stage.calls_since(updates, Operation::UpdateRoom, 1).await;
        stage.more_calls(Operation::GetRoom, 2).await;
        assert_eq!(stage.writes()[before..], [(Operation::UpdateRoom, sent)]);
        let room = stage.room();
        assert_eq!(
            ivschat_emulator::world::Room {
                update_time: settled.update_time,
                ..room
            },
            settled
        );
    }
    let note = stage.event("lobby", "DriftCorrected").await;
    assert_eq!(note, "name: x → lobby");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_handler_that_comes_back_as_an_empty_object_is_no_drift() {
    let settings = Settings {
        detached_handler_is_empty_object: true,
        ..Settings::default()
    };
    let stage = Stage::on(ControlPlane::shared().await, Options::watchful(), settings).await;
    stage
        .settle(
            "lobby",
            json!({"messageReviewHandler": {"uri": LAMBDA, "fallbackResult": "DENY"}}),
        )
        .await;
    stage
        .edit("lobby", json!({"messageReviewHandler": null}))
        .await;
    stage.ready("lobby").await;
    assert_eq!(
        stage.room().message_review_handler,
        Some(MessageReviewHandler::default())
    );
    let before = stage.writes().len();
    stage.more_calls(Operation::GetRoom, 3).await;
    assert_eq!(stage.writes()[before..], []);
}
