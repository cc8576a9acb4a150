//! `spec.adopt` names a room of someone else.

use ivschat_core::api::ChatRoom;
use ivschat_emulator::world::Operation;
use serde_json::json;

use super::{CONSENT, CREATION, OWNER, Scene, THIEF, VICTIM, adopting, find, ready};
use crate::stage::{CLUSTER, REGION, arn_of, message_of};

/// Tries to adopt each of these rooms, in vain.
async fn in_vain(scene: &Scene, rooms: &[(String, &str)]) {
    for (arn, reason) in rooms {
        for policy in ["Delete", "Retain"] {
            let mut spec = adopting(arn);
            spec["deletionPolicy"] = json!(policy);
            scene.stage.create(THIEF, spec).await;
            let object = scene
                .stage
                .condition(THIEF, "Stalled", "True", reason)
                .await;
            assert_eq!(ready(&object), ("False".into(), (*reason).into()), "{arn}");
            let status = object.status.unwrap();
            assert_eq!((status.arn, status.create_time), (None, None), "{arn}");
            scene.thief_goes().await;
        }
    }
    assert_eq!(scene.stage.calls(Operation::CreateRoom), 1, "none is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_adopted_without_its_consent() {
    let mut scene = Scene::open().await;
    let empty = scene.bystander(&[(CONSENT, "")]);
    let misspelt = scene.bystander(&[(
        "ivschat-operator.io/Adoptable-By",
        "CLUSTER/NAMESPACE/thief",
    )]);
    let bare = scene.bystander(&[("adoptable-by", "CLUSTER/NAMESPACE/thief")]);
    let rooms = [scene.unowned.arn.clone(), empty.arn, misspelt.arn, bare.arn];
    in_vain(&scene, &rooms.map(|arn| (arn, "ConsentMissing"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_adopted_that_consents_to_another_name() {
    let mut scene = Scene::open().await;
    let rooms = [
        "CLUSTER/NAMESPACE/other",
        "CLUSTER/NAMESPACE/thie",
        "CLUSTER/NAMESPACE/thief2",
        "CLUSTER/NAMESPACE/thief/",
        "CLUSTER/NAMESPACE/thief ",
        "CLUSTER/NAMESPACE/@",
        "CLUSTER/NAMESPACE/thief CLUSTER/NAMESPACE/thief",
    ]
    .map(|consent| (scene.bystander(&[(CONSENT, consent)]).arn, "ConsentMissing"));
    in_vain(&scene, &rooms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_adopted_that_consents_to_another_namespace_or_to_the_beginning_of_this_ones_name()
 {
    let mut scene = Scene::open().await;
    let short = scene.stage.namespace[..scene.stage.namespace.len() - 1].to_owned();
    let rooms = [
        "CLUSTER/NAMESPACE".to_owned(),
        format!("CLUSTER/{short}"),
        format!("CLUSTER/{short}/"),
        "CLUSTER/NAMESPACE-too/".to_owned(),
        "CLUSTER/NAMESPACE-too/thief".to_owned(),
        "CLUSTER//thief".to_owned(),
        "CLUSTER//".to_owned(),
        "NAMESPACE/thief".to_owned(),
        "NAMESPACE/".to_owned(),
    ]
    .map(|consent| {
        (
            scene.bystander(&[(CONSENT, &consent)]).arn,
            "ConsentMissing",
        )
    });
    in_vain(&scene, &rooms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_adopted_that_consents_to_another_cluster_or_to_anything_short_of_this_one() {
    let mut scene = Scene::open().await;
    let rooms = [
        "/",
        "//",
        "CLUSTER",
        "test-cluste/",
        "test/",
        "other-cluster/",
        "other-cluster/NAMESPACE/thief",
        "CLUSTER-too/NAMESPACE/thief",
        " CLUSTER/NAMESPACE/thief",
    ]
    .map(|consent| (scene.bystander(&[(CONSENT, consent)]).arn, "ConsentMissing"));
    in_vain(&scene, &rooms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_adopted_that_consents_in_another_case() {
    let mut scene = Scene::open().await;
    let rooms = [
        "CLUSTER/NAMESPACE/THIEF",
        "CLUSTER/NAMESPACE/Thief",
        "TEST-CLUSTER/NAMESPACE/thief",
        "Test-Cluster/",
    ]
    .map(|consent| (scene.bystander(&[(CONSENT, consent)]).arn, "ConsentMissing"));
    in_vain(&scene, &rooms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_adopted_that_still_has_an_owner_whatever_it_consents_to() {
    let mut scene = Scene::open().await;
    let mut rooms = vec![
        (scene.room.arn.clone(), "Foreign"),
        (scene.foreign.arn.clone(), "Foreign"),
    ];
    for owner in [
        "other-cluster/live/lobby",
        "CLUSTER/NAMESPACE/other",
        "CLUSTER/NAMESPACE-too/thief",
        "nonsense",
        "",
    ] {
        for consent in ["CLUSTER/NAMESPACE/thief", "CLUSTER/NAMESPACE/", "CLUSTER/"] {
            let tags = [(OWNER, owner), (CONSENT, consent), (CREATION, "a-uid")];
            rooms.push((scene.bystander(&tags).arn, "Foreign"));
        }
    }
    in_vain(&scene, &rooms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_already_names_the_room_to_adopt_does_not_stand_for_its_consent() {
    let scene = Scene::open().await;
    for (arn, reason) in [
        (scene.room.arn.clone(), "Foreign"),
        (scene.unowned.arn.clone(), "OwnershipLost"),
    ] {
        let forged = json!({"arn": arn, "appliedTagKeys": ["team"]});
        scene.thief_without_room(forged, adopting(&arn)).await;
        scene
            .stage
            .condition(THIEF, "Stalled", "True", reason)
            .await;
        scene.pass(THIEF).await;
        scene.unharmed().await;
        scene.thief_goes().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_arn_of_a_room_of_this_account_is_not_adopted() {
    let scene = Scene::open().await;
    let arn = &scene.room.arn;
    let other = arn.replace("123456789012", "999999999999");
    scene.stage.create(THIEF, adopting(&other)).await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "AccountMismatch")
        .await;
    scene.thief_goes().await;
    let abroad = arn.replace(REGION, "eu-west-1");
    scene.stage.create(THIEF, adopting(&abroad)).await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "RegionNotServed")
        .await;
    scene.thief_goes().await;
    // The API server itself refuses these.
    for bad in [
        arn.replace("arn:aws:", "arn:aws-cn:"),
        format!("{arn}/x"),
        format!("{arn}\n"),
        format!(" {arn}"),
        format!("{arn}:room/AbCdEfGhIjKl"),
        String::new(),
    ] {
        let spec = serde_json::from_value(adopting(&bad)).unwrap();
        let object = ChatRoom::new(THIEF, spec);
        let parameters = kube::api::PostParams::default();
        let created = scene.stage.chat_rooms.create(&parameters, &object).await;
        created.expect_err(&bad);
    }
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_objects_that_race_for_one_consent_only_one_gets_the_room() {
    let scene = Scene::open().await;
    let consent = scene.filled("CLUSTER/NAMESPACE/");
    let room = crate::ownership::someone_elses_room(&scene.stage, &[(CONSENT, &consent)]);
    for name in ["first", "second", "third"] {
        scene.stage.create(name, adopting(&room.arn)).await;
    }
    let decided = |object: &ChatRoom| ready(object).0 == "True" || ready(object).1 == "Foreign";
    let mut won = Vec::new();
    for name in ["first", "second", "third"] {
        let object = scene.stage.until(name, "decided", decided).await;
        if ready(&object).0 == "True" {
            won.push(object);
        }
    }
    assert_eq!(won.len(), 1, "{won:#?}");
    let mut tags = scene.stage.own_tags(&won[0]);
    tags.insert("team".to_owned(), "thief".to_owned());
    assert_eq!(find(&scene.stage, &room.arn).unwrap().tags, tags);
    let journal = scene.stage.emulator.journal();
    let claims = journal.iter().filter(|entry| {
        entry.operation == Operation::TagResource && entry.input["tags"][OWNER].is_string()
    });
    assert_eq!(claims.count(), 1, "nobody's tags were ever overwritten");
    for name in ["first", "second", "third"] {
        scene.stage.delete(name).await;
        scene.stage.gone(name).await;
    }
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_used_up_by_the_first_that_adopts_also_under_additive_tags() {
    let scene = Scene::open().await;
    let consent = scene.filled("CLUSTER/NAMESPACE/");
    let room = crate::ownership::someone_elses_room(&scene.stage, &[(CONSENT, &consent)]);
    let mut spec = adopting(&room.arn);
    spec["tagPolicy"] = json!("Additive");
    let object = scene.stage.settle("heir", spec).await;
    assert_eq!(arn_of(&object), room.arn);
    let mut tags = scene.stage.own_tags(&object);
    tags.insert("team".to_owned(), "thief".to_owned());
    let adopted = find(&scene.stage, &room.arn).unwrap();
    assert_eq!(adopted.tags, tags, "the consent is gone");
    scene.stage.create(THIEF, adopting(&room.arn)).await;
    let refused = scene
        .stage
        .condition(THIEF, "Stalled", "True", "Foreign")
        .await;
    let heir = format!("{CLUSTER}/{}/heir", scene.stage.namespace);
    assert!(message_of(&refused, "Stalled").contains(&heir));
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &room.arn), Some(adopted));
    assert_eq!(arn_of(&scene.pass("heir").await), room.arn);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_has_a_room_cannot_swap_it_for_anothers() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    for arn in [&scene.room.arn, &scene.foreign.arn, &scene.unowned.arn] {
        scene.stage.edit(THIEF, adopting(arn)).await;
        let object = scene
            .stage
            .condition(THIEF, "Stalled", "True", "Invalid")
            .await;
        assert!(message_of(&object, "Stalled").contains(&own));
        scene.forge(THIEF, json!({"arn": arn})).await;
        let object = scene.pass(THIEF).await;
        assert_eq!(ready(&object), ("False".into(), "Invalid".into()));
        assert!(message_of(&object, "Stalled").contains(&own));
        scene.unharmed().await;
    }
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
    assert_eq!(arn_of(&scene.stage.ready(VICTIM).await), scene.room.arn);
}
