//! Rooms that somebody with AWS rights has made look like an object's own.

use std::time::Duration;

use ivschat_core::api::ChatRoom;
use ivschat_emulator::world::Operation;
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;

use super::{CREATION, OWNER, Scene, THIEF, VICTIM, find, made_with, tag};
use crate::stage::{Options, REGION, arn_of};

fn sweeping() -> Options {
    Options {
        index_interval: "200ms",
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_with_the_victims_owner_tag_neither_replaces_its_room_nor_is_deleted() {
    let mut scene = Scene::with(sweeping()).await;
    let tags = [(OWNER, "CLUSTER/NAMESPACE/victim"), (CREATION, "made-up")];
    let spoofed = scene.bystander(&tags);
    let told = scene.stage.event(VICTIM, "TwinLeft").await;
    assert!(told.contains(&spoofed.arn), "{told}");
    scene.stage.more_calls(Operation::ListRooms, 3).await;
    scene.unharmed().await;
    assert_eq!(scene.stage.calls(Operation::DeleteRoom), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_made_with_both_of_the_victims_tags_goes_and_the_victims_stays() {
    let scene = Scene::with(sweeping()).await;
    let victim = scene.stage.chat_rooms.get(VICTIM).await.unwrap();
    let spoofed = made_with(&scene.stage, REGION, scene.stage.own_tags(&victim));
    let told = scene.stage.event(VICTIM, "TwinDeleted").await;
    assert!(told.contains(&spoofed.arn), "{told}");
    scene.unharmed().await;
    assert_eq!(find(&scene.stage, &spoofed.arn), None);
    assert_eq!(scene.stage.calls(Operation::DeleteRoom), 1);
}

/// The room was there before the object was: both tags are only borrowed.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_room_given_both_tags_is_not_deleted_as_a_twin() {
    let scene = Scene::with(sweeping()).await;
    let older = made_with(&scene.stage, REGION, [].into());
    a_second_passes().await;
    let object = scene.stage.settle(THIEF, json!({})).await;
    let own = find(&scene.stage, &arn_of(&object));
    let uid = object.uid().unwrap();
    let owner = scene.filled("CLUSTER/NAMESPACE/thief");
    tag(
        &scene.stage,
        &older.arn,
        &[(OWNER, &owner), (CREATION, &uid)],
    );
    let told = scene.stage.event(THIEF, "TwinLeft").await;
    assert!(told.contains(&older.arn), "{told}");
    assert_eq!(find(&scene.stage, &arn_of(&object)), own);
    assert_eq!(scene.stage.calls(Operation::DeleteRoom), 0);
    scene.unharmed().await;
}

/// The same with a status that names the older room: the object's own must not be deleted for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_room_given_both_tags_and_the_status_does_not_cost_the_object_its_own() {
    let scene = Scene::with(sweeping()).await;
    let older = made_with(&scene.stage, REGION, [].into());
    a_second_passes().await;
    let object = scene.stage.settle(THIEF, json!({})).await;
    let own = arn_of(&object);
    let uid = object.uid().unwrap();
    let owner = scene.filled("CLUSTER/NAMESPACE/thief");
    tag(
        &scene.stage,
        &older.arn,
        &[(OWNER, &owner), (CREATION, &uid)],
    );
    scene.forge(THIEF, json!({"arn": older.arn})).await;
    let told = scene.stage.event(THIEF, "TwinLeft").await;
    assert!(told.contains(&own) || told.contains(&older.arn), "{told}");
    scene.stage.more_calls(Operation::ListRooms, 5).await;
    scene.pass(THIEF).await;
    assert!(find(&scene.stage, &own).is_some(), "its own room is there");
    assert_eq!(scene.stage.calls(Operation::DeleteRoom), 0);
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_with_the_uid_of_an_object_and_no_owner_does_not_replace_its_room() {
    let scene = Scene::with(sweeping()).await;
    let victim = scene.stage.chat_rooms.get(VICTIM).await.unwrap();
    let tags = [(CREATION.to_owned(), victim.uid().unwrap())];
    let spoofed = made_with(&scene.stage, REGION, tags.into());
    scene.stage.more_calls(Operation::ListRooms, 5).await;
    scene.pass(VICTIM).await;
    scene.unharmed().await;
    // Made since the object exists, it is the object's: to be deleted, if anything.
    let left = find(&scene.stage, &spoofed.arn);
    assert!(left.is_none_or(|room| room == spoofed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_in_another_region_with_the_victims_tags_does_not_move_the_victim() {
    let options = Options {
        index_interval: "200ms",
        ..Options::abroad()
    };
    let scene = Scene::with(options).await;
    let abroad = json!({"region": "eu-west-1"});
    let other = scene.stage.settle("abroad", abroad).await;
    let victim = scene.stage.chat_rooms.get(VICTIM).await.unwrap();
    let mut tags = scene.stage.own_tags(&victim);
    tags.insert(CREATION.to_owned(), "made-up".to_owned());
    let spoofed = made_with(&scene.stage, "eu-west-1", tags);
    let told = scene.stage.event(VICTIM, "TwinLeft").await;
    assert!(told.contains(&spoofed.arn), "{told}");
    let same = |object: &ChatRoom| arn_of(object) == arn_of(&other);
    scene.stage.until("abroad", "as it was", same).await;
    assert!(scene.stage.rooms_in("eu-west-1").contains(&spoofed));
    scene.unharmed().await;
}

/// An object's creation time is kept to the second: a room made in the same one cannot be told from one made for it. Waits for
/// the next.
async fn a_second_passes() {
    let into = Timestamp::now().subsec_nanosecond().unsigned_abs();
    tokio::time::sleep(Duration::from_nanos(1_000_000_000 - u64::from(into))).await;
}
