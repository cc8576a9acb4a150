//! Tags that say what is not so: in a spec, in a flag, on a room.

use std::process::Command;

use ivschat_core::api::ChatRoom;
use kube::ResourceExt;
use serde_json::json;

use super::{CONSENT, CREATION, OWNER, Scene, THIEF, VICTIM, find};
use crate::stage::{ControlPlane, arn_of, message_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_cannot_set_the_operators_own_tags() {
    let scene = Scene::without_cel().await;
    let victim = scene.stage.chat_rooms.get(VICTIM).await.unwrap();
    let owner = scene.filled("CLUSTER/NAMESPACE/victim");
    let uid = victim.uid().unwrap();
    for (key, value) in [
        (OWNER, owner.as_str()),
        (CREATION, uid.as_str()),
        (CONSENT, "other-cluster/"),
        ("ivschat-operator.io/anything", "x"),
    ] {
        scene
            .stage
            .create(THIEF, json!({"tags": {key: value}}))
            .await;
        let object = scene
            .stage
            .condition(THIEF, "Stalled", "True", "InvalidSpec")
            .await;
        assert!(message_of(&object, "Stalled").contains("reserved"));
        scene.thief_goes().await;
    }
    assert_eq!(scene.stage.rooms_in(crate::stage::REGION).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_object_edited_to_set_the_operators_tags_changes_nothing_on_its_room() {
    let scene = Scene::without_cel().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    let room = find(&scene.stage, &own);
    let owner = scene.filled("CLUSTER/NAMESPACE/victim");
    scene
        .stage
        .edit(THIEF, json!({"tags": {OWNER: owner}}))
        .await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "InvalidSpec")
        .await;
    assert_eq!(find(&scene.stage, &own), room);
    assert_eq!(scene.writes_to(&own), []);
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None, "it is its own all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_cannot_set_tags_of_aws() {
    let scene = Scene::without_cel().await;
    for key in [
        "aws:",
        "aws:cloudformation:stack-name",
        "aws:ResourceTag/ivschat",
    ] {
        scene.stage.create(THIEF, json!({"tags": {key: "x"}})).await;
        let object = scene
            .stage
            .condition(THIEF, "Stalled", "True", "InvalidSpec")
            .await;
        assert!(message_of(&object, "Stalled").contains("reserved"));
        scene.thief_goes().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_only_look_like_the_operators_own_prove_nothing() {
    let scene = Scene::open().await;
    let owner = scene.filled("CLUSTER/NAMESPACE/victim");
    let tags = json!({"IVSCHAT-OPERATOR.IO/owner": owner, "ivschat-operator.io.owner": owner,
                      " ivschat-operator.io/owner": owner, "ivschat-operator.io:owner": owner});
    let object = scene.stage.settle(THIEF, json!({"tags": tags})).await;
    assert_ne!(arn_of(&object), scene.room.arn);
    scene.unharmed().await;
    // The victim looks for its room by its tags, and does not find these.
    scene
        .forge(VICTIM, json!({"arn": null, "region": null}))
        .await;
    scene.stage.ready(VICTIM).await;
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_flag_can_set_or_hide_the_operators_tags_or_those_of_aws() {
    for flags in [
        ["--default-tags", "ivschat-operator.io/owner=c/n/o"],
        ["--default-tags", "ivschat-operator.io/creation=uid"],
        ["--default-tags", "ivschat-operator.io/adoptable-by=c/"],
        ["--default-tags", "aws:stack=x"],
        ["--ignore-tags", "ivschat-operator.io/owner"],
        ["--ignore-tags", "ivschat-operator.io/*"],
        ["--ignore-tags", "ivs*"],
        ["--ignore-tags", "*"],
        ["--cluster-id", "test-cluster/live"],
        ["--former-cluster-id", "test-cluster/live"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_ivschat-operator"))
            .env_clear()
            .env("KUBECONFIG", &ControlPlane::shared().await.kubeconfig)
            .args(["run", "--region", "us-west-2"])
            .args(flags)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{flags:?}");
        assert!(told.contains(flags[0]), "{flags:?}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_with_an_objects_uid_and_another_owner_is_the_owners() {
    let mut scene = Scene::open().await;
    let thief = scene.stage.settle(THIEF, json!({})).await;
    let (own, uid) = (arn_of(&thief), thief.uid().unwrap());
    let mut rooms = Vec::new();
    for owner in [
        "other-cluster/live/lobby",
        "CLUSTER/NAMESPACE/victim2",
        "CLUSTER/NAMESPACE-too/thief",
    ] {
        rooms.push(scene.bystander(&[(OWNER, owner), (CREATION, &uid)]));
    }
    for room in &rooms {
        scene.forge(THIEF, json!({"arn": room.arn})).await;
        let back = |object: &ChatRoom| arn_of(object) == own;
        scene.stage.until(THIEF, "back at its own room", back).await;
    }
    scene.unharmed().await;
    // Nor does it take them with it, or for its own when it has none.
    scene.forge(THIEF, json!({"arn": rooms[0].arn})).await;
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_with_a_stolen_uid_and_consent_to_it_stays_with_its_owner() {
    let mut scene = Scene::open().await;
    let stage = &scene.stage;
    let thief = stage
        .settle(THIEF, json!({"deletionPolicy": "Retain"}))
        .await;
    let uid = thief.uid().unwrap();
    let tags = [
        (OWNER, "CLUSTER/NAMESPACE/other"),
        (CREATION, uid.as_str()),
        (CONSENT, "CLUSTER/NAMESPACE/thief"),
    ];
    let room = scene.bystander(&tags);
    scene.forge(THIEF, json!({"arn": room.arn})).await;
    let back = |object: &ChatRoom| arn_of(object) == arn_of(&thief);
    scene.stage.until(THIEF, "back at its own room", back).await;
    scene.thief_goes().await;
}
