//! A room that was there before is taken over only where the room itself consents.

use std::collections::BTreeMap;

use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{Call, Operation, Room, Scope};
use serde_json::{Value, json};

use crate::ownership::someone_elses_room;
use crate::stage::{CLUSTER, Options, REGION, Stage, arn_of, message_of};

const CONSENT: &str = "ivschat-operator.io/adoptable-by";

fn adopting(room: &Room) -> Value {
    json!({"adopt": {"arn": room.arn}, "deletionPolicy": "Delete", "name": "theirs", "tags": {"team": "live"}})
}

fn consenting_room(stage: &Stage, pattern: &str) -> Room {
    let pattern = pattern
        .replace("CLUSTER", CLUSTER)
        .replace("NAMESPACE", &stage.namespace);
    someone_elses_room(stage, &[("team", "live"), (CONSENT, &pattern)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_consents_is_adopted_brought_to_the_spec_and_deleted_with_the_object() {
    let stage = Stage::open().await;
    let room = consenting_room(&stage, "CLUSTER/NAMESPACE/");
    let mut spec = adopting(&room);
    spec["maximumMessageLength"] = json!(7);
    let object = stage.settle("lobby", spec).await;
    assert_eq!(arn_of(&object), room.arn);
    let adopted = stage.room();
    let mut tags = stage.own_tags(&object);
    tags.insert("team".to_owned(), "live".to_owned());
    assert_eq!(adopted.tags, tags, "the consent is used up");
    assert_eq!(adopted.maximum_message_length, 7);
    let told = stage.event("lobby", "Adopted").await;
    assert!(told.contains(&room.arn), "{told}");
    assert_eq!(stage.calls(Operation::CreateRoom), 0);

    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_does_not_consent_is_not_touched_and_the_message_says_how_to_consent() {
    let stage = Stage::open().await;
    let room = someone_elses_room(&stage, &[("team", "live")]);
    stage.create("lobby", adopting(&room)).await;
    let object = stage
        .condition("lobby", "Stalled", "True", "ConsentMissing")
        .await;
    let line = format!(
        "aws ivschat tag-resource --region {REGION} --resource-arn {} --tags {CONSENT}={CLUSTER}/{}/lobby",
        room.arn, stage.namespace
    );
    let message = message_of(&object, "Stalled");
    assert!(message.ends_with(&line), "{message}");
    assert_eq!(stage.room(), room);
    assert_eq!(stage.writes(), []);

    // What the message says leads on.
    let owner = format!("{CLUSTER}/{}/lobby", stage.namespace);
    let tags = BTreeMap::from([(CONSENT.to_owned(), owner)]);
    let resource_arn = room.arn.clone();
    let consent = Call::TagResource { resource_arn, tags };
    stage
        .emulator
        .call(&Scope::in_region(REGION), consent)
        .unwrap();
    assert_eq!(arn_of(&stage.ready("lobby").await), room.arn);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_cut_short_at_any_call_is_taken_up_again() {
    for (operation, answered) in [
        (Operation::TagResource, false),
        (Operation::TagResource, true),
        (Operation::UntagResource, false),
        (Operation::UntagResource, true),
    ] {
        let mut stage = Stage::open().await;
        let room = consenting_room(&stage, "CLUSTER/NAMESPACE/lobby");
        let fault = if answered {
            Fault::lose_answer(operation, Symptom::Reset)
        } else {
            Fault::refuse(operation, 500, "InternalServerException", "down")
        };
        stage.emulator.inject(fault.times(4));
        stage.create("lobby", adopting(&room)).await;
        stage.calls_since(0, operation, 1).await;
        stage.restart(Options::default()).await;
        let object = stage.ready("lobby").await;
        assert_eq!(arn_of(&object), room.arn, "{operation:?}");
        let mut tags = stage.own_tags(&object);
        tags.insert("team".to_owned(), "live".to_owned());
        assert_eq!(stage.room().tags, tags, "{operation:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_has_a_room_does_not_adopt_another_and_one_that_adopts_makes_none() {
    let stage = Stage::open().await;
    let own = arn_of(&stage.settle("lobby", json!({})).await);
    let room = consenting_room(&stage, "CLUSTER/NAMESPACE/");
    stage
        .edit(
            "lobby",
            json!({"adopt": {"arn": room.arn}, "deletionPolicy": "Delete"}),
        )
        .await;
    let object = stage.condition("lobby", "Stalled", "True", "Invalid").await;
    let message = message_of(&object, "Stalled");
    assert!(
        message.contains(&own) && message.contains(&room.arn),
        "{message}"
    );
    assert_eq!(stage.rooms_in(REGION).len(), 2);

    let missing = room.arn.replace(&room.id, "AbCdEfGhIjKl");
    let spec = json!({"adopt": {"arn": missing}, "deletionPolicy": "Delete"});
    stage.create("hall", spec).await;
    stage.condition("hall", "Synced", "False", "NotFound").await;
    let elsewhere = room.arn.replace("123456789012", "999999999999");
    let spec = json!({"adopt": {"arn": elsewhere}, "deletionPolicy": "Delete"});
    stage.create("attic", spec).await;
    stage
        .condition("attic", "Stalled", "True", "AccountMismatch")
        .await;
    for name in ["hall", "attic"] {
        stage.delete(name).await;
        stage.gone(name).await;
    }
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
    assert!(stage.rooms_in(REGION).contains(&room));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_consents_can_be_observed_and_keeps_its_consent() {
    let stage = Stage::open().await;
    let room = consenting_room(&stage, "CLUSTER/NAMESPACE/lobby");
    let mut spec = adopting(&room);
    spec["managementPolicy"] = json!("Observe");
    let object = stage.settle("lobby", spec).await;
    assert_eq!(arn_of(&object), room.arn);
    let stranger = someone_elses_room(&stage, &[("secret", "tags")]);
    let spec = json!({"adopt": {"arn": stranger.arn}, "managementPolicy": "Observe"});
    stage.create("spy", spec).await;
    let object = stage
        .condition("spy", "Stalled", "True", "ConsentMissing")
        .await;
    let status = object.status.unwrap();
    assert_eq!((status.arn, status.drift), (None, None), "it shows nothing");
    stage
        .create("nothing", json!({"managementPolicy": "Observe"}))
        .await;
    stage
        .condition("nothing", "Synced", "False", "NotFound")
        .await;
    assert_eq!(stage.writes(), []);
    assert!(stage.rooms_in(REGION).contains(&room));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_whose_answer_is_lost_and_that_is_taken_back_leads_to_no_second_room() {
    let mut stage = Stage::open().await;
    let room = consenting_room(&stage, "CLUSTER/NAMESPACE/");
    let lost = Fault::lose_answer(Operation::TagResource, Symptom::Reset);
    stage.emulator.inject(lost);
    // No further attempt of the SDK.
    let down = Fault::refuse(Operation::TagResource, 503, "ServiceUnavailable", "down");
    stage.emulator.inject(down);
    stage.create("lobby", adopting(&room)).await;
    stage.calls_since(0, Operation::TagResource, 1).await;
    stage.operator.kill().await;
    let written = stage.chat_rooms.get("lobby").await.unwrap();
    assert_eq!(arn_of(&written), room.arn, "written ahead");
    stage.edit("lobby", json!({"adopt": null})).await;
    stage.emulator.clear_faults();
    stage.restart(Options::default()).await;
    let object = stage.ready("lobby").await;
    assert_eq!(arn_of(&object), room.arn);
    assert_eq!(stage.room().arn, room.arn, "and no other was made");
    assert_eq!(object.status.unwrap().creation, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actual_room_that_consents_to_this_object_alone_is_not_taken_unasked_and_stands_for_no_second_one()
 {
    let stage = Stage::open().await;
    let room = consenting_room(&stage, "CLUSTER/NAMESPACE/lobby");
    let observing = json!({"managementPolicy": "Observe", "adopt": {"arn": room.arn}});
    stage.create("lobby", observing).await;
    stage
        .until("lobby", "observing", |object| arn_of(object) == room.arn)
        .await;
    let managed = json!({"managementPolicy": null, "adopt": null});
    stage.edit("lobby", managed).await;
    let object = stage
        .condition("lobby", "Stalled", "True", "ConsentMissing")
        .await;
    let told = message_of(&object, "Ready");
    assert!(told.contains("set spec.deletionPolicy"), "{told}");
    assert_eq!(stage.writes(), []);
    stage
        .edit("lobby", json!({"deletionPolicy": "Retain"}))
        .await;
    assert_eq!(arn_of(&stage.ready("lobby").await), room.arn);
    assert_eq!(stage.room().arn, room.arn);
}
