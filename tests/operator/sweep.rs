//! What only a look over a whole region shows: two rooms for one object, and rooms without one.

use std::collections::BTreeMap;

use ivschat_emulator::world::{Answer, Call, CreateRoom, Operation, Scope};
use serde_json::json;

use crate::ownership::someone_elses_room;
use crate::stage::{CLUSTER, Options, REGION, Stage, arn_of};

const OWNER: &str = "ivschat-operator.io/owner";
const CREATION: &str = "ivschat-operator.io/creation";

fn sweeping() -> Options {
    Options {
        index_interval: "200ms",
        ..Options::default()
    }
}

fn borrowed(tags: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    tags.iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_room_made_for_an_object_is_found_by_a_sweep_and_deleted() {
    let mut stage = Stage::with(Options::abroad()).await;
    let object = stage.settle("lobby", json!({"region": "eu-west-1"})).await;
    let other = stage.settle("other", json!({})).await;
    // Nothing makes a process list anything that finds only settled objects.
    stage.restart(sweeping()).await;
    // As an operator leaves it that was frozen between its last check and the wire.
    let elsewhere = Scope::in_region("eu-west-1");
    let twin = CreateRoom {
        tags: Some(stage.own_tags(&object)),
        ..CreateRoom::default()
    };
    let Ok(Answer::Room(twin)) = stage.emulator.call(&elsewhere, Call::CreateRoom(twin)) else {
        panic!("a room is made")
    };
    let told = stage.event("lobby", "TwinDeleted").await;
    assert!(told.contains(&twin.arn), "{told}");
    let rooms = stage.rooms_in("eu-west-1");
    assert_eq!(rooms.len(), 1, "{rooms:#?}");
    assert_eq!(rooms[0].arn, arn_of(&object));
    assert_eq!(stage.room().arn, arn_of(&other));
    stage.more_calls(Operation::ListRooms, 3).await;
    assert_eq!(stage.calls(Operation::DeleteRoom), 1);
    assert_eq!(arn_of(&stage.ready("lobby").await), arn_of(&object));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rooms_the_one_made_first_is_kept_where_the_status_names_none() {
    let mut stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;
    stage.operator.kill().await;
    let twin = someone_elses_room(&stage, &borrowed(&stage.own_tags(&object)));
    stage
        .forge(
            "lobby",
            json!({"arn": null, "id": null, "region": null, "conditions": null}),
        )
        .await;
    stage.restart(sweeping()).await;
    stage.event("lobby", "TwinDeleted").await;
    assert_eq!(arn_of(&stage.ready("lobby").await), arn_of(&object));
    let room = stage.room();
    assert_eq!(room.arn, arn_of(&object));
    assert_ne!(room.arn, twin.arn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_whose_object_does_not_exist_is_reported_and_left_and_an_object_takes_it_back() {
    let stage = Stage::with(sweeping()).await;
    stage.settle("other", json!({})).await;
    let owner = |name: &str| format!("{CLUSTER}/{}/{name}", stage.namespace);
    let orphan = someone_elses_room(&stage, &[(OWNER, &owner("lobby")), (CREATION, "gone")]);
    let elsewhere = someone_elses_room(&stage, &[(OWNER, "other-cluster/live/lobby")]);
    let unwatched = format!("{CLUSTER}/unwatched/lobby");
    let unwatched = someone_elses_room(&stage, &[(OWNER, &unwatched)]);
    let told = stage.event("lobby", "Orphan").await;
    assert!(told.contains(&orphan.arn), "{told}");
    stage.more_calls(Operation::ListRooms, 5).await;
    assert_eq!(stage.rooms_in(REGION).len(), 4, "all are left");
    let log = stage.operator.log().join("\n");
    for other in [elsewhere, unwatched] {
        assert!(!log.contains(&other.arn), "not this operator's business");
    }
    let object = stage.settle("lobby", json!({})).await;
    assert_eq!(arn_of(&object), orphan.arn);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
    let identifier = orphan.arn;
    let scope = Scope::in_region(REGION);
    stage
        .emulator
        .call(&scope, Call::DeleteRoom { identifier })
        .unwrap();
}
