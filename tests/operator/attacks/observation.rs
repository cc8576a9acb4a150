//! Looking at a room that is another's.

use ivschat_core::api::ChatRoom;
use serde_json::{Value, json};

use super::{CONSENT, Scene, THIEF, adopting, finalizers, find, ready};
use crate::stage::{arn_of, message_of};

fn observing(arn: &str) -> Value {
    json!({"managementPolicy": "Observe", "adopt": {"arn": arn}})
}

/// What a status shows of a room.
fn shown(object: &ChatRoom) -> Value {
    let status = object.status.clone().unwrap_or_default();
    json!([
        status.arn,
        status.id,
        status.create_time,
        status.update_time,
        status.drift,
        status.creation
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_observes_shows_nothing_of_a_room_that_does_not_consent() {
    let mut scene = Scene::open().await;
    let secret = scene.bystander(&[
        ("secret", "hidden-value"),
        (CONSENT, "CLUSTER/NAMESPACE/other"),
    ]);
    for (arn, reason) in [
        (scene.room.arn.clone(), "Foreign"),
        (scene.foreign.arn.clone(), "Foreign"),
        (scene.unowned.arn.clone(), "ConsentMissing"),
        (secret.arn, "ConsentMissing"),
    ] {
        scene.stage.create(THIEF, observing(&arn)).await;
        let object = scene
            .stage
            .condition(THIEF, "Stalled", "True", reason)
            .await;
        assert_eq!(ready(&object), ("False".into(), reason.into()));
        assert_eq!(shown(&object), json!([null, null, null, null, null, null]));
        let told = format!("{:?}", scene.stage.events(THIEF).await);
        // The field, not its value: a short number may be part of an id.
        for hidden in ["hidden-value", "secret", "maximumMessageLength", "theirs"] {
            assert!(!told.contains(hidden), "{told}");
            assert!(!message_of(&object, "Stalled").contains(hidden));
        }
        scene.thief_goes().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_forged_into_an_object_that_observes_shows_nothing_of_that_room() {
    let scene = Scene::open().await;
    for (arn, reason) in [
        (&scene.room.arn, "Foreign"),
        (&scene.foreign.arn, "Foreign"),
        (&scene.unowned.arn, "OwnershipLost"),
    ] {
        let spec = json!({"managementPolicy": "Observe"});
        scene.thief_without_room(json!({"arn": arn}), spec).await;
        let object = scene
            .stage
            .condition(THIEF, "Stalled", "True", reason)
            .await;
        let status = object.status.clone().unwrap();
        assert_eq!((status.create_time, status.update_time), (None, None));
        assert_eq!(status.drift, None);
        scene.unharmed().await;
        finalizers(&scene.stage, THIEF, json!([super::FINALIZER])).await;
        scene.thief_goes().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_observes_never_uses_up_a_consent_nor_holds_the_room() {
    let mut scene = Scene::open().await;
    for consent in ["CLUSTER/NAMESPACE/thief", "CLUSTER/NAMESPACE/", "CLUSTER/"] {
        let room = scene.bystander(&[(CONSENT, consent), ("team", "live")]);
        let mut spec = observing(&room.arn);
        spec["deletionPolicy"] = json!("Delete");
        scene.stage.create(THIEF, spec).await;
        let drifted = |object: &ChatRoom| ready(object) == ("False".into(), "Drifted".into());
        let object = scene.stage.until(THIEF, "drifted", drifted).await;
        assert_eq!(arn_of(&object), room.arn);
        assert_eq!(object.metadata.finalizers, None);
        scene.pass(THIEF).await;
        scene.unharmed().await;
        scene.thief_goes().await;
        assert_eq!(find(&scene.stage, &room.arn), Some(room));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_has_observed_a_room_gets_no_more_of_it_by_managing() {
    let mut scene = Scene::open().await;
    let room = scene.bystander(&[(CONSENT, "CLUSTER/NAMESPACE/thief")]);
    scene.stage.create(THIEF, observing(&room.arn)).await;
    let seen = |object: &ChatRoom| arn_of(object) == room.arn;
    scene.stage.until(THIEF, "looking at the room", seen).await;
    // The consent is withdrawn.
    super::tag(&scene.stage, &room.arn, &[(CONSENT, "other-cluster/")]);
    let withdrawn = find(&scene.stage, &room.arn).unwrap();
    scene.stage.edit(THIEF, adopting(&room.arn)).await;
    let edit = json!({"managementPolicy": null});
    scene.stage.edit(THIEF, edit).await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "ConsentMissing")
        .await;
    scene.stage.delete(THIEF).await;
    scene.stage.gone(THIEF).await;
    assert_eq!(find(&scene.stage, &room.arn), Some(withdrawn));
    assert_eq!(scene.writes_to(&room.arn), []);
}
