//! What lists show: that nothing has changed, of many rooms at once, and what has.

use futures::future::join_all;
use ivschat_emulator::world::{Call, CreateRoom, Operation, Scope, Settings, UpdateRoom};
use serde_json::json;

use crate::stage::{ControlPlane, Options, REGION, Stage, arn_of};

const ROOMS: usize = 120;

/// Only a look for changes finds any.
fn looking_for_changes() -> Options {
    Options {
        changes_interval: "200ms",
        ..Options::default()
    }
}

/// Rooms of somebody else that were updated later: the front of the list shows none of the others.
fn cover(stage: &Stage) {
    for _ in 0..60 {
        let room = Call::CreateRoom(CreateRoom::default());
        stage
            .emulator
            .call(&Scope::in_region(REGION), room)
            .unwrap();
    }
}

async fn settle_all(stage: &Stage) -> Vec<String> {
    let names: Vec<String> = (0..ROOMS).map(|room| format!("room-{room}")).collect();
    join_all(names.iter().map(|name| stage.create(name, json!({})))).await;
    for name in &names {
        stage.ready(name).await;
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_each_settled_room_is_compared_by_a_list_of_all_and_nothing_is_written() {
    let mut stage = Stage::open().await;
    let names = settle_all(&stage).await;
    let mut before = Vec::new();
    for name in &names {
        before.push(stage.ready(name).await.metadata.resource_version);
    }
    stage.operator.kill().await;
    let journal = stage.emulator.journal().len();
    let flags = &["--http-address", "127.0.0.1:0"];
    stage
        .restart(Options {
            flags,
            ..Options::default()
        })
        .await;
    let compared = "rooms_compared_total{operation=\"ListRooms\"}";
    stage
        .operator
        .scrape_until(|scrape| scrape.of(compared) >= f64::from(u16::try_from(ROOMS).unwrap()))
        .await;
    let calls: Vec<_> = stage.emulator.journal()[journal..]
        .iter()
        .map(|entry| entry.operation)
        .filter(|operation| *operation != Operation::GetCallerIdentity)
        .collect();
    // Three pages of 50 rooms.
    assert_eq!(calls, [Operation::ListRooms; 3]);
    let mut after = Vec::new();
    for name in &names {
        after.push(stage.ready(name).await.metadata.resource_version);
    }
    assert_eq!(after, before, "no write to Kubernetes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_by_somebody_else_is_found_at_the_front_of_the_list_and_costs_one_get_room() {
    let stage = Stage::with(looking_for_changes()).await;
    settle_all(&stage).await;
    let object = stage.ready("room-7").await;
    let before = stage.emulator.journal().len();
    let update = UpdateRoom {
        identifier: arn_of(&object),
        maximum_message_length: Some(42),
        ..UpdateRoom::default()
    };
    let home = Scope::in_region(REGION);
    stage
        .emulator
        .call(&home, Call::UpdateRoom(update))
        .unwrap();
    let told = stage.event("room-7", "DriftCorrected").await;
    assert!(told.contains("maximumMessageLength: 42 → 500"), "{told}");
    stage.more_calls(Operation::ListRooms, 4).await;
    let journal = stage.emulator.journal();
    let looks = |operation| {
        let of = journal[before..].iter();
        of.filter(|entry| entry.operation == operation).count()
    };
    let written = (looks(Operation::GetRoom), looks(Operation::UpdateRoom));
    assert_eq!(written, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moves_no_update_time_is_found_by_the_next_list_of_all() {
    let settings = Settings {
        tagging_moves_update_time: false,
        ..Settings::default()
    };
    let options = Options {
        index_interval: "500ms",
        ..looking_for_changes()
    };
    let stage = Stage::on(ControlPlane::shared().await, options, settings).await;
    let object = stage
        .settle("lobby", json!({"tags": {"team": "live"}}))
        .await;
    cover(&stage);
    let tag = Call::TagResource {
        resource_arn: arn_of(&object),
        tags: [("team".to_owned(), "other".to_owned())].into(),
    };
    let home = Scope::in_region(REGION);
    stage.emulator.call(&home, tag).unwrap();
    let told = stage.event("lobby", "DriftCorrected").await;
    assert!(told.contains("tags[team]: other → live"), "{told}");
    let rooms = stage.rooms_in(REGION);
    let room = rooms.iter().find(|room| room.arn == arn_of(&object));
    assert_eq!(room.unwrap().tags["team"], "live");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_somebody_else_deletes_is_missed_by_the_next_list_of_all_and_made_again() {
    let options = Options {
        index_interval: "500ms",
        ..looking_for_changes()
    };
    let stage = Stage::with(options).await;
    let object = stage.settle("lobby", json!({})).await;
    cover(&stage);
    let identifier = arn_of(&object);
    let home = Scope::in_region(REGION);
    let delete = Call::DeleteRoom {
        identifier: identifier.clone(),
    };
    stage.emulator.call(&home, delete).unwrap();
    let is_new = |object: &ivschat_core::api::ChatRoom| {
        let status = object.status.as_ref();
        let arn = status.and_then(|status| status.arn.as_ref());
        arn.is_some_and(|arn| *arn != identifier)
    };
    let again = stage.until("lobby", "made again", is_new).await;
    let owned = stage.own_tags(&again);
    let rooms = stage.rooms_in(REGION).into_iter();
    let own: Vec<_> = rooms.filter(|room| room.tags == owned).collect();
    assert_eq!(own.len(), 1, "{own:#?}");
    assert_eq!(own[0].arn, arn_of(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_room_is_read_itself_once_in_the_verification_interval() {
    let options = Options {
        verify_interval: "2s",
        ..Options::default()
    };
    let stage = Stage::with(options).await;
    settle_all(&stage).await;
    let before = stage.emulator.journal().len();
    let begun = std::time::Instant::now();
    stage.more_calls(Operation::GetRoom, 3 * ROOMS).await;
    let took = begun.elapsed().as_secs_f64();
    assert!(took > 4.0, "three rounds in {took} s");
    let journal = stage.emulator.journal();
    let mut of_each = std::collections::BTreeMap::<String, usize>::new();
    for entry in &journal[before..] {
        if entry.operation == Operation::GetRoom {
            let arn = entry.member("identifier").as_str().unwrap_or_default();
            *of_each.entry(arn.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(of_each.len(), ROOMS);
    assert!(
        of_each.values().all(|looks| (2..=4).contains(looks)),
        "{of_each:?}"
    );
}
