//! `status.arn` says another's room.

use ivschat_emulator::fault::Fault;
use ivschat_emulator::world::Operation;
use kube::api::DeleteParams;
use serde_json::json;

use super::{FINALIZER, Scene, THIEF, finalizers, find, ready};
use crate::stage::{REGION, arn_of, message_of, status_of, unreachable};

/// The rooms that a thief could be after, with the reason that he is given.
fn targets(scene: &mut Scene) -> Vec<(String, &'static str)> {
    let consenting = scene.bystander(&[(super::CONSENT, "CLUSTER/NAMESPACE/other")]);
    let neighbour = scene.bystander(&[(super::OWNER, "CLUSTER/NAMESPACE-too/thief")]);
    let created = scene.bystander(&[(super::CREATION, "another-uid")]);
    vec![
        (scene.room.arn.clone(), "Foreign"),
        (scene.foreign.arn.clone(), "Foreign"),
        (neighbour.arn, "Foreign"),
        (created.arn, "Foreign"),
        (scene.unowned.arn.clone(), "OwnershipLost"),
        (consenting.arn, "OwnershipLost"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_anothers_room_gives_an_edited_object_no_hold_on_it() {
    let mut scene = Scene::open().await;
    for (arn, reason) in targets(&mut scene) {
        scene
            .thief_without_room(json!({"arn": arn}), json!({}))
            .await;
        scene
            .stage
            .condition(THIEF, "Stalled", "True", reason)
            .await;
        let edit = json!({"name": "stolen", "maximumMessageLength": 1, "tags": {"team": "thief"}});
        scene.stage.edit(THIEF, edit).await;
        let object = scene
            .stage
            .condition(THIEF, "Stalled", "True", reason)
            .await;
        assert_eq!(ready(&object), ("False".into(), reason.into()));
        assert!(message_of(&object, "Stalled").contains(&arn));
        scene.unharmed().await;
        scene.thief_goes().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_anothers_room_does_not_delete_it_with_the_object() {
    let mut scene = Scene::open().await;
    for (arn, reason) in targets(&mut scene) {
        let spec = json!({"deletionPolicy": "Delete"});
        scene.thief_without_room(json!({"arn": arn}), spec).await;
        scene
            .stage
            .condition(THIEF, "Stalled", "True", reason)
            .await;
        scene.thief_goes().await;
        let told = scene.stage.event(THIEF, "LeftBehind").await;
        assert!(told.contains("its tags do not say"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_anothers_room_does_not_release_it_with_the_object() {
    let mut scene = Scene::open().await;
    for (arn, reason) in targets(&mut scene) {
        let spec = json!({"deletionPolicy": "Retain"});
        scene.thief_without_room(json!({"arn": arn}), spec).await;
        scene
            .stage
            .condition(THIEF, "Stalled", "True", reason)
            .await;
        scene.thief_goes().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_while_the_object_is_being_deleted_deletes_no_other_room() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    finalizers(
        &scene.stage,
        THIEF,
        json!([FINALIZER, "thief.example/hold"]),
    )
    .await;
    scene.stage.delete(THIEF).await;
    scene.forge(THIEF, json!({"arn": scene.room.arn})).await;
    let let_go = |object: &ivschat_core::api::ChatRoom| {
        object.metadata.finalizers == Some(vec!["thief.example/hold".to_owned()])
    };
    scene
        .stage
        .until(THIEF, "let go by the operator", let_go)
        .await;
    assert_eq!(find(&scene.stage, &own), None, "its own room went");
    scene.unharmed().await;
    scene.forge(THIEF, json!({"arn": scene.foreign.arn})).await;
    finalizers(&scene.stage, THIEF, json!([])).await;
    scene.stage.gone(THIEF).await;
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_anothers_room_leads_an_object_back_to_its_own() {
    let mut scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    for (arn, _) in targets(&mut scene) {
        scene
            .forge(THIEF, json!({"arn": arn, "id": "forged"}))
            .await;
        let back = |object: &ivschat_core::api::ChatRoom| {
            arn_of(object) == own && ready(object).0 == "True"
        };
        scene.stage.until(THIEF, "back at its own room", back).await;
    }
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_another_region_account_or_partition_leads_an_object_back_to_its_own() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    let long = "a".repeat(70);
    for arn in [
        "arn:aws:ivschat:eu-west-1:123456789012:room/AbCdEfGhIjKl",
        "arn:aws:ivschat:us-west-2:999999999999:room/AbCdEfGhIjKl",
        "arn:aws:ivschat:eu-west-1:999999999999:room/AbCdEfGhIjKl",
        "arn:aws-cn:ivschat:cn-north-1:123456789012:room/AbCdEfGhIjKl",
        "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AAAAAAAAAAAA",
        "arn:aws:ivschat:us-west-2:123456789012:room/../../tags",
        "arn:aws:ivschat:us-west-2:123456789012:room/a%2F..%2Fb?x=y#z",
        "room/AbCdEfGhIjKl\r\nX-Evil: 1",
        "",
        &format!("arn:aws:ivschat:{long}:123456789012:room/AbCdEfGhIjKl"),
    ] {
        scene.forge(THIEF, json!({"arn": arn})).await;
        let back = |object: &ivschat_core::api::ChatRoom| {
            arn_of(object) == own && ready(object).0 == "True"
        };
        scene.stage.until(THIEF, arn, back).await;
        scene
            .forge(THIEF, json!({"arn": arn, "region": null}))
            .await;
        scene.stage.until(THIEF, arn, back).await;
    }
    scene.unharmed().await;
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
}

/// Without a room of its own, nothing leads back: the object must go all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_another_account_holds_the_object_only_until_it_retains() {
    let scene = Scene::open().await;
    let arn = scene.room.arn.replace("123456789012", "999999999999");
    scene
        .thief_without_room(json!({"arn": arn}), json!({}))
        .await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "AccountMismatch")
        .await;
    scene.unharmed().await;
    scene
        .stage
        .edit(THIEF, json!({"deletionPolicy": "Retain"}))
        .await;
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_in_a_region_that_cannot_be_asked_leads_an_object_back_to_its_own() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    for status in [
        json!({"arn": "arn:aws:ivschat:xx-nowhere-1:123456789012:room/AbCdEfGhIjKl"}),
        json!({"arn": "arn:aws:ivschat:xx-nowhere-1:123456789012:room/AbCdEfGhIjKl", "region": "xx-nowhere-1"}),
    ] {
        // Only the first look, at the forged ARN, is refused: the room has to be found in that very pass.
        let denied = Fault::refuse(
            Operation::GetRoom,
            403,
            "AccessDeniedException",
            "not in this region",
        );
        scene.stage.emulator.inject(denied.times(1));
        scene.forge(THIEF, status.clone()).await;
        let seen = |object: &ivschat_core::api::ChatRoom| {
            arn_of(object) == own || status_of(object, "Synced").0 == "False"
        };
        let object = scene.stage.until(THIEF, "looked at", seen).await;
        assert_eq!(arn_of(&object), own, "{status}");
        scene.stage.ready(THIEF).await;
    }
    scene.unharmed().await;
    scene.thief_goes().await;
    assert_eq!(scene.stage.rooms_in(REGION).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_in_the_background_with_a_forged_arn_and_no_finalizer_changes_nothing() {
    let scene = Scene::open().await;
    let status = json!({"arn": scene.room.arn});
    scene.thief_without_room(status, json!({})).await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "Foreign")
        .await;
    finalizers(&scene.stage, THIEF, json!(null)).await;
    let background = DeleteParams::background();
    scene
        .stage
        .chat_rooms
        .delete(THIEF, &background)
        .await
        .unwrap();
    scene.stage.gone(THIEF).await;
    scene.unharmed().await;
}

const ELSEWHERE: &str = "arn:aws:ivschat:xx-nowhere-1:999999999999:room/AbCdEfGhIjKl";

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_another_account_in_a_region_that_does_not_exist_leads_an_object_back_to_its_own()
 {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    scene.stage.emulator.inject(unreachable("xx-nowhere-1"));
    scene
        .forge(THIEF, json!({"arn": ELSEWHERE, "region": "xx-nowhere-1"}))
        .await;
    scene
        .stage
        .until(THIEF, "bound again", |object| arn_of(object) == own)
        .await;
    scene.stage.ready(THIEF).await;
    scene.unharmed().await;
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_to_another_account_in_a_region_that_does_not_exist_holds_the_object_only_until_it_retains()
 {
    let scene = Scene::open().await;
    scene.stage.emulator.inject(unreachable("xx-nowhere-1"));
    let status = json!({"arn": ELSEWHERE, "region": "xx-nowhere-1"});
    scene.thief_without_room(status, json!({})).await;
    scene
        .stage
        .condition(THIEF, "Synced", "False", "Unavailable")
        .await;
    scene
        .stage
        .edit(THIEF, json!({"deletionPolicy": "Retain"}))
        .await;
    scene.thief_goes().await;
}
