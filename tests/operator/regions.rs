//! Where rooms are made, and where they are found again.

use ivschat_emulator::world::{Call, Operation, Scope};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::stage::{Options, REGION, Stage, arn_of, message_of, status_of, unreachable};

const ABROAD: &str = "eu-west-1";

/// The operator's own region is abroad now.
fn moved() -> Options {
    Options {
        regions: "eu-west-1,us-west-2",
        ..Options::default()
    }
}

/// As a backup restores objects: without a status.
async fn lose_status(stage: &Stage, name: &str) {
    let lost = Patch::Json::<()>(
        serde_json::from_value(json!([{"op": "replace", "path": "/status", "value": {}}])).unwrap(),
    );
    let parameters = PatchParams::default();
    let patched = stage.chat_rooms.patch_status(name, &parameters, &lost);
    patched.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_lost_its_status_finds_its_room_though_the_default_region_has_changed() {
    let mut stage = Stage::with(Options::abroad()).await;
    let settled = stage.settle("lobby", json!({})).await;
    stage.operator.kill().await;
    lose_status(&stage, "lobby").await;
    stage.restart(moved()).await;
    let object = stage.ready("lobby").await;
    assert_eq!(arn_of(&object), arn_of(&settled));
    assert_eq!(stage.rooms_in(ABROAD), []);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_lost_its_region_and_its_status_goes_with_its_room() {
    let mut stage = Stage::with(Options::abroad()).await;
    stage.settle("lobby", json!({"region": ABROAD})).await;
    stage.operator.kill().await;
    let no_region = json!({"spec": {"region": null}});
    stage.patch("lobby", no_region).await;
    lose_status(&stage, "lobby").await;
    stage.delete("lobby").await;
    stage.restart(Options::abroad()).await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(ABROAD), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_cannot_be_listed_holds_up_only_objects_that_may_have_a_room_there() {
    let mut stage = Stage::with(Options::abroad()).await;
    let known = stage.settle("known", json!({})).await;
    let lost = stage.settle("lost", json!({})).await;
    let gone = stage.settle("gone", json!({})).await;
    stage.operator.kill().await;
    lose_status(&stage, "lost").await;
    lose_status(&stage, "gone").await;
    let identifier = arn_of(&gone);
    let delete = Call::DeleteRoom { identifier };
    let home = Scope::in_region(REGION);
    stage.emulator.call(&home, delete).unwrap();
    stage.emulator.inject(unreachable(ABROAD));
    stage.restart(Options::abroad()).await;

    let new = stage.settle("new", json!({})).await;
    assert_eq!(new.status.unwrap().region.as_deref(), Some(REGION));
    stage.edit("known", json!({"tags": {"team": "live"}})).await;
    assert_eq!(arn_of(&stage.ready("known").await), arn_of(&known));
    // Its room is at home, where it can be seen.
    assert_eq!(arn_of(&stage.ready("lost").await), arn_of(&lost));
    let object = stage
        .condition("gone", "Synced", "False", "Unavailable")
        .await;
    let message = message_of(&object, "Synced");
    let told = "The room of this object may be in eu-west-1, which is one of --regions and cannot be listed: ListRooms: ";
    assert!(message.starts_with(told), "{message}");
    assert_eq!(stage.calls(Operation::CreateRoom), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_made_only_where_the_operator_was_told_to() {
    let mut stage = Stage::open().await;
    stage.create("lobby", json!({"region": ABROAD})).await;
    let refused = stage
        .condition("lobby", "Stalled", "True", "RegionNotServed")
        .await;
    let told = "This operator makes and takes over no rooms in eu-west-1: its --regions are us-west-2. Correct spec.region, or add \
                eu-west-1 to --regions (aws.regions of the chart)";
    assert_eq!(message_of(&refused, "Stalled"), told);
    let not_served = ("False".to_owned(), "RegionNotServed".to_owned());
    assert_eq!(status_of(&refused, "Ready"), not_served);
    assert_eq!(refused.finalizers(), [""; 0]);
    assert_eq!(stage.calls(Operation::CreateRoom), 0);

    stage.restart(Options::abroad()).await;
    let object = stage.ready("lobby").await;
    assert_eq!(stage.rooms_in(ABROAD)[0].arn, arn_of(&object));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_in_a_region_that_is_served_no_more_is_looked_after_and_goes_with_its_object() {
    let mut stage = Stage::with(Options::abroad()).await;
    let spec = json!({"region": ABROAD, "tags": {"team": "live"}});
    let settled = stage.settle("lobby", spec).await;
    stage.restart(Options::default()).await;
    stage.edit("lobby", json!({"tags": {"team": "late"}})).await;
    let object = stage.ready("lobby").await;
    let rooms = stage.rooms_in(ABROAD);
    assert_eq!((rooms.len(), rooms[0].arn.clone()), (1, arn_of(&settled)));
    assert_eq!(rooms[0].tags["team"], "late");
    assert_eq!(arn_of(&object), arn_of(&settled));
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(ABROAD), []);
}
