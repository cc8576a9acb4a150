//! Annotations, policies and texts that are meant to confuse.

use ivschat_core::api::ChatRoom;
use ivschat_emulator::world::Settings;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{PAUSED, Scene, THIEF, VICTIM, annotate, find, ready};
use crate::bad_specs::lax_crd;
use crate::stage::{ControlPlane, Options, Stage, arn_of, message_of, status_of};

const RECONCILE_AT: &str = "ivschat-operator.io/reconcile-at";

#[tokio::test(flavor = "multi_thread")]
async fn pausing_neither_hides_a_theft_nor_holds_the_object() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    annotate(&scene.stage, THIEF, json!({PAUSED: "true"})).await;
    scene
        .stage
        .condition(THIEF, "Synced", "False", "Paused")
        .await;
    scene.forge(THIEF, json!({"arn": scene.room.arn})).await;
    scene
        .stage
        .edit(THIEF, json!({"maximumMessageLength": 1}))
        .await;
    scene
        .stage
        .condition(THIEF, "Ready", "Unknown", "Paused")
        .await;
    scene.unharmed().await;
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None, "its own room went with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_boolean_is_read_and_another_value_stops_changes_and_is_told() {
    let scene = Scene::open().await;
    scene.stage.settle(THIEF, json!({})).await;
    for (value, paused, told) in [
        ("TRUE", true, "stops changes; remove it to go on"),
        ("False", false, ""),
        ("1", true, "stops changes; remove it to go on"),
        ("0", false, ""),
        (
            "yes",
            true,
            "has the value \"yes\", which is neither true nor false",
        ),
        (
            "",
            true,
            "has the value \"\", which is neither true nor false",
        ),
    ] {
        annotate(&scene.stage, THIEF, json!({PAUSED: value})).await;
        let object = scene.pass(THIEF).await;
        let wanted = if paused {
            ("False", "Paused")
        } else {
            ("True", "Available")
        };
        let (status, reason) = status_of(&object, "Synced");
        assert_eq!((status.as_str(), reason.as_str()), wanted, "{value:?}");
        let message = message_of(&object, "Synced");
        assert!(message.contains(told), "{value:?}: {message}");
    }
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_or_hostile_request_for_a_pass_is_answered_and_told_to_nobody() {
    let scene = Scene::open().await;
    scene.stage.settle(THIEF, json!({})).await;
    for asked in [
        "evil ".repeat(20_000),
        "evil\r\n\u{1b}[31m\u{0}{{.}}$(id)".to_owned(),
    ] {
        annotate(&scene.stage, THIEF, json!({RECONCILE_AT: asked})).await;
        let answered = |object: &ChatRoom| {
            let status = object.status.clone().unwrap_or_default();
            // No more of it is kept.
            status.last_handled_reconcile_at.as_deref() == Some(&asked[..asked.len().min(256)])
        };
        let object = scene.stage.until(THIEF, "answered", answered).await;
        assert_eq!(ready(&object), ("True".into(), "Available".into()));
        let conditions = serde_json::to_string(&object.status.unwrap().conditions).unwrap();
        assert!(!conditions.contains("evil") && conditions.len() < 2048);
    }
    assert!(!format!("{:?}", scene.stage.events(THIEF).await).contains("evil"));
    assert!(!scene.stage.operator.log().join("\n").contains("evil"));
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_pass_after_pass_writes_nothing_to_aws() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    let before = scene.stage.writes().len();
    for _ in 0..20 {
        scene.pass(THIEF).await;
    }
    assert_eq!(scene.stage.writes().len(), before);
    assert_eq!(scene.writes_to(&own), []);
    scene.thief_goes().await;
}

/// The texts of others stand in messages: the owner of a room, and what a spec holds.
#[tokio::test(flavor = "multi_thread")]
async fn texts_of_others_in_messages_and_events_are_bounded() {
    let mut scene = Scene::without_cel().await;
    let owner = "x @:/+=.".repeat(32);
    let room = scene.bystander(&[(super::OWNER, &owner)]);
    scene.stage.create(THIEF, super::adopting(&room.arn)).await;
    let object = scene
        .stage
        .condition(THIEF, "Stalled", "True", "Foreign")
        .await;
    assert!(message_of(&object, "Stalled").chars().count() < 1024);
    scene.thief_goes().await;
    let tags: serde_json::Map<_, _> = (0..48)
        .map(|n| (format!("{n}{}", "\u{1b}[31m\n".repeat(200)), json!("x")))
        .collect();
    scene.stage.create(THIEF, json!({"tags": tags})).await;
    let object = scene
        .stage
        .condition(THIEF, "Stalled", "True", "InvalidSpec")
        .await;
    let message = message_of(&object, "Stalled");
    assert!(
        !message.contains('\n') && !message.contains('\u{1b}'),
        "no control characters"
    );
    assert!(message.len() <= 32_768, "{} bytes", message.len());
    for (reason, note) in scene.stage.events(THIEF).await {
        assert!(
            note.len() <= 1024 && !note.contains('\n'),
            "{reason}: {note}"
        );
    }
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_policy_that_cannot_be_read_deletes_no_room() {
    let control_plane = ControlPlane::start(lax_crd()).await;
    let options = Options::default();
    let stage = Stage::on(&control_plane, options, Settings::default()).await;
    let scene = Scene::on(stage).await;
    for policy in [
        json!("delete"),
        json!("DELETE"),
        json!(["Delete"]),
        json!(true),
    ] {
        let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
        let patch = Patch::Merge(json!({"spec": {"deletionPolicy": policy}}));
        let objects = kube::Api::<kube::api::DynamicObject>::namespaced_with(
            scene.stage.client.clone(),
            &scene.stage.namespace,
            &kube::api::ApiResource::erase::<ChatRoom>(&()),
        );
        objects
            .patch(THIEF, &PatchParams::default(), &patch)
            .await
            .unwrap();
        objects
            .delete(THIEF, &kube::api::DeleteParams::default())
            .await
            .unwrap();
        let gone = |object: Option<&kube::api::DynamicObject>| object.is_none();
        let waiting = kube::runtime::wait::await_condition(objects, THIEF, gone);
        tokio::time::timeout(crate::stage::DEADLINE, waiting)
            .await
            .expect("it goes")
            .unwrap();
        let left = find(&scene.stage, &own).expect("the room stays");
        assert_eq!(
            left.tags[super::CONSENT],
            scene.filled("CLUSTER/NAMESPACE/thief")
        );
        scene.unharmed().await;
        super::tag(&scene.stage, &own, &[(super::CONSENT, "other-cluster/")]);
    }
    let victim = scene.stage.chat_rooms.get(VICTIM).await.unwrap();
    assert_eq!(victim.finalizers(), [super::FINALIZER]);
}
