//! Converge and fall silent.

use ivschat_emulator::world::Operation;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::create::{LAMBDA, LOGGING};
use crate::stage::{Options, Stage, calls};

#[tokio::test(flavor = "multi_thread")]
async fn passes_over_a_room_as_specified_write_nothing_to_aws_or_kubernetes() {
    let options = Options {
        changes_interval: "1h",
        ..Options::verifying()
    };
    let stage = Stage::with(options).await;
    let everything = json!({
        "name": "hall",
        "maximumMessageLength": 100,
        "messageReviewHandler": {"uri": LAMBDA},
        "loggingConfigurationIdentifiers": LOGGING,
        "tags": {"team": "live"},
    });
    for (name, spec) in [("plain", json!({})), ("full", everything)] {
        let settled = stage.settle(name, spec).await;
        let events = {
            stage.event(name, "Created").await;
            stage.events(name).await
        };
        let (writes, lists) = (
            stage.writes(),
            calls(&stage.emulator.journal(), Operation::ListRooms),
        );
        stage.more_calls(Operation::GetRoom, 10).await;
        assert_eq!(stage.writes(), writes, "no AWS write");
        assert_eq!(
            calls(&stage.emulator.journal(), Operation::ListRooms),
            lists,
            "nothing but GetRoom"
        );
        let now = stage.chat_rooms.get(name).await.unwrap();
        assert_eq!(
            now.resource_version(),
            settled.resource_version(),
            "no write to the object"
        );
        assert_eq!(stage.events(name).await, events, "no event");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_object_that_only_gets_a_label_costs_no_aws_call() {
    let stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    let before = stage.emulator.journal().len();
    let patch = Patch::Merge(json!({"metadata": {"labels": {"team": "live"}}}));
    stage
        .chat_rooms
        .patch("lobby", &PatchParams::default(), &patch)
        .await
        .unwrap();
    // What comes after it in the watch proves that the label was seen.
    stage.settle("next", json!({})).await;
    let journal = stage.emulator.journal();
    assert_eq!(calls(&journal[before..], Operation::GetRoom), 0);
    assert_eq!(calls(&journal[before..], Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_wiped_by_hand_is_written_again_for_the_same_room() {
    let stage = Stage::open().await;
    let settled = stage.settle("lobby", json!({})).await;
    stage.forge("lobby", json!({"arn": null, "id": null, "region": null, "createTime": null, "updateTime": null, "conditions": null})).await;
    let object = stage.until("lobby", "whole again", |object| {
        object
            .status
            .as_ref()
            .is_some_and(|status| status.arn.is_some() && status.conditions.is_some())
    });
    let status = object.await.status.unwrap();
    let before = settled.status.unwrap();
    assert_eq!(
        (
            status.arn,
            status.id,
            status.region,
            status.create_time,
            status.update_time
        ),
        (
            before.arn,
            before.id,
            before.region,
            before.create_time,
            before.update_time
        )
    );
    assert_eq!(calls(&stage.emulator.journal(), Operation::CreateRoom), 1);
    stage.room();
}
