//! A room that is not provably ours is never touched.

use ivschat_emulator::world::{Call, CreateRoom, Operation, Room, Scope};
use ivschat_operator::api::ChatRoom;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use std::collections::BTreeMap;

use crate::stage::{CLUSTER, Options, REGION, Stage, arn_of, message_of, status_of};

fn scope() -> Scope {
    Scope::in_region(REGION)
}

pub fn someone_elses_room(stage: &Stage, tags: &[(&str, &str)]) -> Room {
    let tags: BTreeMap<_, _> = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let request = CreateRoom {
        name: Some("theirs".to_owned()),
        tags: Some(tags),
        ..CreateRoom::default()
    };
    match stage
        .emulator
        .call(&scope(), Call::CreateRoom(request))
        .unwrap()
    {
        ivschat_emulator::world::Answer::Room(room) => room,
        other => panic!("{other:?}"),
    }
}

async fn forge_arn(stage: &Stage, name: &str, arn: &str) {
    let forged = Patch::Merge(json!({"status": {"arn": arn}}));
    stage
        .chat_rooms
        .patch_status(name, &PatchParams::default(), &forged)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_arn_leads_back_to_the_objects_own_room() {
    let stage = Stage::open().await;
    let own = arn_of(&stage.settle("lobby", json!({})).await);
    let theirs = someone_elses_room(
        &stage,
        &[("ivschat-operator.io/owner", "other-cluster/live/lobby")],
    );
    forge_arn(&stage, "lobby", &theirs.arn).await;
    stage
        .until("lobby", "back at its own room", |object| {
            arn_of(object) == own
        })
        .await;
    stage.ready("lobby").await;
    let rooms = stage.rooms_in(REGION);
    assert_eq!(rooms.len(), 2);
    assert!(rooms.contains(&theirs), "untouched: {rooms:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_points_at_a_room_of_someone_else_changes_nothing_and_can_be_deleted() {
    for (tags, reason) in [
        (
            vec![("ivschat-operator.io/owner", "other-cluster/live/lobby")],
            "Foreign",
        ),
        (vec![("team", "live")], "OwnershipLost"),
    ] {
        let stage = Stage::with(Options::watchful()).await;
        let own = arn_of(&stage.settle("lobby", json!({})).await);
        let theirs = someone_elses_room(&stage, &tags);
        stage
            .emulator
            .call(&scope(), Call::DeleteRoom { identifier: own })
            .unwrap();
        forge_arn(&stage, "lobby", &theirs.arn).await;
        let object = stage.condition("lobby", "Stalled", "True", reason).await;
        assert_eq!(status_of(&object, "Ready"), ("False".into(), reason.into()));
        assert!(message_of(&object, "Stalled").contains(&theirs.arn));

        stage
            .edit("lobby", json!({"maximumMessageLength": 7}))
            .await;
        stage.condition("lobby", "Stalled", "True", reason).await;
        stage.delete("lobby").await;
        stage.gone("lobby").await;
        assert_eq!(stage.room(), theirs, "untouched");
        assert!(
            stage
                .event("lobby", "LeftBehind")
                .await
                .contains(&theirs.arn)
        );
        let operations: Vec<_> = stage
            .writes()
            .into_iter()
            .map(|(operation, _)| operation)
            .collect();
        assert_eq!(
            operations,
            [Operation::CreateRoom],
            "only the object's own room was ever written"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_owner_tag_is_put_back_and_with_both_tags_lost_nothing_is_touched() {
    let stage = Stage::with(Options::watchful()).await;
    let object = stage.settle("lobby", json!({})).await;
    let resource_arn = arn_of(&object);
    let untag = |keys: &[&str]| Call::UntagResource {
        resource_arn: resource_arn.clone(),
        tag_keys: keys.iter().map(ToString::to_string).collect(),
    };
    let before = stage.calls(Operation::TagResource);
    stage
        .emulator
        .call(&scope(), untag(&["ivschat-operator.io/owner"]))
        .unwrap();
    stage.calls_since(before, Operation::TagResource, 1).await;
    assert_eq!(stage.room().tags, stage.own_tags(&object));

    stage
        .emulator
        .call(
            &scope(),
            untag(&["ivschat-operator.io/owner", "ivschat-operator.io/creation"]),
        )
        .unwrap();
    let lost = stage
        .condition("lobby", "Stalled", "True", "OwnershipLost")
        .await;
    let message = message_of(&lost, "Stalled");
    let line = format!(
        "aws ivschat tag-resource --region {REGION} --resource-arn {resource_arn} --tags ivschat-operator.io/owner={}",
        stage.own_tags(&object)["ivschat-operator.io/owner"]
    );
    assert!(message.ends_with(&line), "{message}");
    assert_eq!(stage.room().tags, BTreeMap::new());

    // What the message says heals it.
    let tags = BTreeMap::from([(
        "ivschat-operator.io/owner".to_owned(),
        stage.own_tags(&object)["ivschat-operator.io/owner"].clone(),
    )]);
    stage
        .emulator
        .call(&scope(), Call::TagResource { resource_arn, tags })
        .unwrap();
    stage.ready("lobby").await;
    assert_eq!(stage.room().tags, stage.own_tags(&object));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_of_another_account_nothing_is_done_and_no_second_room_made() {
    let mut stage = Stage::open().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    let before = stage.writes();
    stage
        .restart(Options {
            account: Some("999999999999"),
            ..Options::default()
        })
        .await;
    let object = stage
        .condition("lobby", "Stalled", "True", "AccountMismatch")
        .await;
    assert!(
        message_of(&object, "Stalled").contains("999999999999"),
        "{}",
        message_of(&object, "Stalled")
    );
    assert_eq!(stage.writes(), before);
    stage.restart(Options::default()).await;
    assert_eq!(arn_of(&stage.ready("lobby").await), arn);
    stage.room();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_region_does_not_make_the_spec_invalid() {
    let stage = Stage::open().await;
    let own = arn_of(&stage.settle("lobby", json!({"region": REGION})).await);
    let forged = Patch::Merge(json!({"status": {"region": "eu-west-1"}}));
    stage
        .chat_rooms
        .patch_status("lobby", &PatchParams::default(), &forged)
        .await
        .unwrap();
    let mended = |object: &ChatRoom| {
        object
            .status
            .as_ref()
            .is_some_and(|status| status.region.as_deref() == Some(REGION))
    };
    let object = stage.until("lobby", "mended", mended).await;
    assert_eq!(
        status_of(&object, "Ready"),
        ("True".into(), "Available".into())
    );
    assert_eq!(stage.room().arn, own);
}

/// Every way to edit the status that could hide the room: none may lead to a second one.
#[tokio::test(flavor = "multi_thread")]
async fn no_edit_of_the_status_leads_to_a_second_room() {
    let elsewhere = "arn:aws:ivschat:eu-west-1:123456789012:room/AbCdEfGhIjKl";
    let here = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl";
    for forged in [
        json!({"arn": elsewhere}),
        json!({"arn": elsewhere, "region": "eu-west-1"}),
        json!({"arn": elsewhere, "region": null}),
        json!({"region": "eu-west-1"}),
        json!({"arn": here}),
        json!({"arn": "nonsense", "region": "not a region"}),
        json!({"arn": null, "region": "eu-west-1"}),
    ] {
        let stage = Stage::open().await;
        let own = arn_of(&stage.settle("lobby", json!({})).await);
        let patch = Patch::Merge(json!({"status": forged}));
        stage
            .chat_rooms
            .patch_status("lobby", &PatchParams::default(), &patch)
            .await
            .unwrap();
        stage
            .until("lobby", "back at its own room", |object| {
                let status = object.status.clone().unwrap_or_default();
                status.arn.as_deref() == Some(own.as_str())
                    && status.region.as_deref() == Some(REGION)
                    && status_of(object, "Ready").0 == "True"
            })
            .await;
        assert_eq!(stage.room().arn, own, "{forged}");
        assert_eq!(stage.rooms_in("eu-west-1"), [], "{forged}");
        stage.delete("lobby").await;
        stage.gone("lobby").await;
        assert_eq!(stage.rooms_in(REGION), [], "{forged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_wiped_while_a_create_has_no_known_outcome_does_not_lead_to_a_second_room() {
    let stage = Stage::open().await;
    stage.settle("other", json!({})).await;
    stage.create_and_lose("lobby").await;
    let wiped = json!({"status": {"creation": null, "region": null, "conditions": null, "observedGeneration": null}});
    stage
        .chat_rooms
        .patch_status("lobby", &PatchParams::default(), &Patch::Merge(wiped))
        .await
        .unwrap();
    let kept = |object: &ChatRoom| {
        object
            .status
            .as_ref()
            .is_some_and(|status| status.creation.is_some())
    };
    stage
        .until("lobby", "aware of its attempt again", kept)
        .await;
    stage.emulator.clear_faults();
    stage.ready("lobby").await;
    assert_eq!(stage.rooms_in(REGION).len(), 2, "one each");
    assert_eq!(stage.calls(Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_arn_of_another_account_leads_back_to_the_objects_own_room() {
    let stage = Stage::open().await;
    let own = arn_of(&stage.settle("lobby", json!({})).await);
    let elsewhere = "arn:aws:ivschat:us-west-2:999999999999:room/AbCdEfGhIjKl";
    forge_arn(&stage, "lobby", elsewhere).await;
    stage
        .until("lobby", "back at its own room", |object| {
            arn_of(object) == own
        })
        .await;
    forge_arn(&stage, "lobby", elsewhere).await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), [], "its own room went with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_room_is_in_an_account_out_of_reach_goes_once_it_retains_the_room() {
    let mut stage = Stage::open().await;
    let room = {
        stage.settle("lobby", json!({})).await;
        stage.room()
    };
    stage
        .restart(Options {
            account: Some("999999999999"),
            ..Options::default()
        })
        .await;
    stage.delete("lobby").await;
    let held = stage
        .condition("lobby", "Stalled", "True", "AccountMismatch")
        .await;
    let message = message_of(&held, "Stalled");
    assert!(
        message.contains("set spec.deletionPolicy to Retain"),
        "{message}"
    );
    stage
        .edit("lobby", json!({"deletionPolicy": "Retain"}))
        .await;
    stage.gone("lobby").await;
    assert_eq!(stage.room().arn, room.arn);
    assert!(stage.event("lobby", "LeftBehind").await.contains(&room.arn));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_a_new_id_takes_the_rooms_of_its_former_one_and_gives_them_the_new() {
    let mut stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;
    let before = stage.room();
    stage
        .restart(Options {
            flags: &["--former-cluster-id", "attic,test-cluster"],
            cluster: "rebuilt",
            ..Options::default()
        })
        .await;
    stage.more_calls(Operation::TagResource, 1).await;
    stage.ready("lobby").await;
    let after = stage.room();
    assert_eq!(after.arn, before.arn);
    let mut tags = stage.own_tags(&object);
    let owner = format!("rebuilt/{}/lobby", stage.namespace);
    tags.insert("ivschat-operator.io/owner".to_owned(), owner);
    assert_eq!(after.tags, tags);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_an_earlier_object_of_the_same_name_is_taken_over_and_that_is_told() {
    let stage = Stage::open().await;
    let owner = format!("{CLUSTER}/{}/lobby", stage.namespace);
    let theirs = someone_elses_room(
        &stage,
        &[
            ("ivschat-operator.io/owner", owner.as_str()),
            ("ivschat-operator.io/creation", "an-earlier-uid"),
        ],
    );
    let object = stage.settle("lobby", json!({})).await;
    assert_eq!(arn_of(&object), theirs.arn);
    assert_eq!(stage.room().tags, stage.own_tags(&object));
    let told = stage.event("lobby", "Rebound").await;
    assert!(told.contains("an-earlier-uid"), "{told}");
    assert_eq!(stage.calls(Operation::CreateRoom), 0);
}
