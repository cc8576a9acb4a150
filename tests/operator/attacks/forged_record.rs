//! Everything in a status but the ARN: region, attempt, times, tag keys, conditions.

use ivschat_core::api::ChatRoom;
use ivschat_emulator::fault::Fault;
use ivschat_emulator::world::{Call, Operation, Scope};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Scene, THIEF, find, ready, tag};
use crate::stage::{Options, REGION, arn_of, message_of, status_of};

const FUTURE: &str = "9999-12-01T00:00:00Z";
const PAST: &str = "1970-01-01T00:00:00Z";

fn attempt(started_at: &str, region: &str, account: &str) -> Value {
    json!({"startedAt": started_at, "region": region, "account": account})
}

fn delete_room(scene: &Scene, arn: &str) {
    let identifier = arn.to_owned();
    let scope = Scope::in_region(REGION);
    let call = Call::DeleteRoom { identifier };
    scene.stage.emulator.call(&scope, call).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_region_leads_an_object_back_to_its_own_room_and_makes_none_elsewhere() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    for status in [
        json!({"region": "eu-west-1"}),
        json!({"region": "eu-west-1", "arn": null}),
        json!({"region": "not a region", "arn": null}),
        json!({"region": "x".repeat(10_000)}),
        json!({"region": "us-west-2.evil.example", "arn": null}),
    ] {
        scene.forge(THIEF, status.clone()).await;
        let back = |object: &ChatRoom| {
            let region = object.status.clone().unwrap_or_default().region;
            arn_of(object) == own && region.as_deref() == Some(REGION) && ready(object).0 == "True"
        };
        scene.stage.until(THIEF, "back at its own room", back).await;
        assert_eq!(scene.stage.rooms_in("eu-west-1"), [], "{status}");
    }
    scene.unharmed().await;
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_forged_into_the_region_of_anothers_room_does_not_find_it() {
    let scene = Scene::with(Options::abroad()).await;
    let own_tags = scene.stage.own_tags(
        &scene
            .stage
            .settle("abroad", json!({"region": "eu-west-1"}))
            .await,
    );
    let theirs = scene.stage.rooms_in("eu-west-1");
    let creation = attempt(PAST, "eu-west-1", "123456789012");
    scene
        .thief_without_room(json!({"creation": creation}), json!({}))
        .await;
    let object = scene.stage.ready(THIEF).await;
    assert_ne!(arn_of(&object), theirs[0].arn);
    assert_eq!(theirs[0].tags, own_tags);
    assert!(scene.stage.rooms_in("eu-west-1").contains(&theirs[0]));
    scene.thief_goes().await;
    assert_eq!(scene.stage.rooms_in("eu-west-1"), theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_forged_to_another_account_holds_the_object_only_until_it_retains() {
    let scene = Scene::open().await;
    let creation = attempt(PAST, REGION, "999999999999");
    scene
        .thief_without_room(json!({"creation": creation}), json!({}))
        .await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "AccountMismatch")
        .await;
    assert_eq!(scene.stage.rooms_in(REGION).len(), 3, "none is made");
    scene
        .stage
        .edit(THIEF, json!({"deletionPolicy": "Retain"}))
        .await;
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_of_no_account_at_all_counts_as_none_and_is_never_quoted() {
    let scene = Scene::open().await;
    let text = format!("evil\n{}", "kubectl delete ".repeat(10_000));
    let creation = attempt(PAST, REGION, &text);
    scene
        .thief_without_room(json!({"creation": creation}), json!({}))
        .await;
    let object = scene.stage.ready(THIEF).await;
    let whole = serde_json::to_string(&object.status).unwrap();
    assert!(
        !whole.contains("evil") && whole.len() < 4096,
        "{}",
        whole.len()
    );
    assert!(
        !scene
            .stage
            .operator
            .log()
            .join("\n")
            .contains("kubectl delete")
    );
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_forged_into_the_far_future_holds_up_neither_creation_nor_deletion() {
    let scene = Scene::open().await;
    let creation = attempt(FUTURE, REGION, "123456789012");
    let forged = json!({"creation": creation});
    scene.thief_without_room(forged.clone(), json!({})).await;
    let own = arn_of(&scene.stage.ready(THIEF).await);
    assert_eq!(scene.stage.calls(Operation::CreateRoom), 2, "one each");
    delete_room(&scene, &own);
    scene.stage.delete(THIEF).await;
    scene.forge(THIEF, forged).await;
    scene.stage.gone(THIEF).await;
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_dated_back_while_its_outcome_is_unknown_does_not_lead_to_a_second_room() {
    let scene = Scene::with(Options {
        operation_timeout: "6s",
        ..Options::default()
    })
    .await;
    scene.stage.create_and_lose(THIEF).await;
    scene
        .forge(
            THIEF,
            json!({"creation": attempt(PAST, REGION, "123456789012")}),
        )
        .await;
    let since = |object: &ChatRoom| {
        let creation = object.status.clone().unwrap_or_default().creation;
        creation.is_some_and(|creation| creation.started_at > Timestamp::UNIX_EPOCH)
    };
    scene
        .stage
        .until(THIEF, "aware of when it began", since)
        .await;
    scene.stage.emulator.clear_faults();
    scene.stage.ready(THIEF).await;
    assert_eq!(scene.stage.calls(Operation::CreateRoom), 2, "one each");
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_time_forged_into_the_far_future_hides_no_room_and_holds_up_no_deletion() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    let missing = own.replace(own.rsplit('/').next().unwrap(), "AbCdEfGhIjKl");
    let forged = json!({"arn": missing, "createTime": FUTURE, "updateTime": FUTURE});
    scene.forge(THIEF, forged.clone()).await;
    let back = |object: &ChatRoom| arn_of(object) == own && ready(object).0 == "True";
    scene.stage.until(THIEF, "back at its own room", back).await;
    scene.forge(THIEF, forged).await;
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_time_forged_into_the_past_does_not_prove_a_room_absent_early() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    let behind = Fault::refuse(
        Operation::GetRoom,
        404,
        "ResourceNotFoundException",
        "behind",
    );
    scene.stage.emulator.inject(behind.times(2));
    scene.forge(THIEF, json!({"createTime": PAST})).await;
    let missing = |object: &ChatRoom| ready(object).1 == "NotFound";
    scene.stage.until(THIEF, "missing", missing).await;
    assert_eq!(arn_of(&scene.stage.ready(THIEF).await), own);
    assert_eq!(scene.stage.calls(Operation::CreateRoom), 2, "one each");
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_404_forged_into_the_past_does_not_prove_a_room_absent_early() {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    // Neither GetRoom nor a list shows it, as right after it was made.
    for operation in [Operation::GetRoom, Operation::ListRooms] {
        let fault = Fault::refuse(operation, 404, "ResourceNotFoundException", "behind");
        scene.stage.emulator.inject(fault.times(2));
    }
    let forged = json!({"createTime": PAST, "missingSince": PAST});
    scene.forge(THIEF, forged).await;
    let missing = |object: &ChatRoom| {
        let status = object.status.clone().unwrap_or_default();
        let since = status.missing_since.map(|it| it.to_string());
        ready(object).1 == "NotFound" && since.is_some_and(|since| since.as_str() > PAST)
    };
    scene.stage.until(THIEF, "missing", missing).await;
    assert_eq!(arn_of(&scene.stage.ready(THIEF).await), own);
    let shown = |object: &ChatRoom| {
        let status = object.status.as_ref();
        status.is_some_and(|status| status.missing_since.is_none())
    };
    scene.stage.until(THIEF, "shown again", shown).await;
    assert_eq!(scene.stage.calls(Operation::CreateRoom), 2, "one each");
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tag_keys_make_an_additive_object_remove_nothing_from_anothers_room() {
    let scene = Scene::with(Options {
        flags: &["--ignore-tags", "cost-*"],
        ..Options::default()
    })
    .await;
    let keys = json!([
        "team",
        "cost-center",
        "aws:stack",
        super::OWNER,
        super::CREATION
    ]);
    let additive = json!({"tagPolicy": "Additive"});
    let forged = json!({"arn": scene.room.arn, "appliedTagKeys": keys});
    scene.thief_without_room(forged, additive.clone()).await;
    scene
        .stage
        .condition(THIEF, "Stalled", "True", "Foreign")
        .await;
    scene.thief_goes().await;

    // Not even on its own room do they reach what is the operator's, the administrator's or AWS's.
    let object = scene.stage.settle(THIEF, additive).await;
    let own = arn_of(&object);
    tag(&scene.stage, &own, &[("cost-center", "42")]);
    let scope = Scope::in_region(REGION);
    let now = Timestamp::now();
    scene
        .stage
        .emulator
        .world(|world| world.set_system_tag(&scope, &own, "aws:stack", "s", now));
    scene.forge(THIEF, json!({"appliedTagKeys": keys})).await;
    scene.pass(THIEF).await;
    let mut expected = scene.stage.own_tags(&object);
    for (key, value) in [("cost-center", "42"), ("aws:stack", "s")] {
        expected.insert(key.to_owned(), value.to_owned());
    }
    assert_eq!(find(&scene.stage, &own).unwrap().tags, expected);
    scene.thief_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_conditions_are_worth_nothing() {
    let scene = Scene::open().await;
    let forged: Vec<_> = ["Ready", "Synced"]
        .map(|kind| {
            json!({"type": kind, "status": "True", "reason": "Available", "message": "trust me",
                   "observedGeneration": 2, "lastTransitionTime": PAST})
        })
        .into();
    let status = json!({"arn": scene.room.arn, "observedGeneration": 2, "conditions": forged});
    scene.thief_without_room(status, json!({})).await;
    let object = scene
        .stage
        .condition(THIEF, "Stalled", "True", "Foreign")
        .await;
    assert_eq!(ready(&object), ("False".into(), "Foreign".into()));
    assert_eq!(
        status_of(&object, "Synced"),
        ("False".into(), "Foreign".into())
    );
    assert!(!message_of(&object, "Ready").contains("trust me"));
    scene.thief_goes().await;
}
