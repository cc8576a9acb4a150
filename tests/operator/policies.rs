//! What a spec, an annotation or a flag says about how far the operator goes.

use std::collections::BTreeMap;
use std::time::Duration;

use ivschat_core::api::{ChatRoom, Drift};
use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{Call, Operation, Scope, Settings};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::stage::{CLUSTER, ControlPlane, Options, REGION, Stage, arn_of, message_of, status_of};

const CONSENT: &str = "ivschat-operator.io/adoptable-by";

fn call(stage: &Stage, call: Call) {
    stage
        .emulator
        .call(&Scope::in_region(REGION), call)
        .unwrap();
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn tag(stage: &Stage, arn: &str, pairs: &[(&str, &str)]) {
    let (resource_arn, tags) = (arn.to_owned(), tags(pairs));
    call(stage, Call::TagResource { resource_arn, tags });
}

pub async fn annotate(stage: &Stage, name: &str, annotations: Value) {
    stage
        .patch(name, json!({"metadata": {"annotations": annotations}}))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_room_outlives_its_object_and_the_same_manifest_takes_it_back() {
    let stage = Stage::open().await;
    let spec = json!({"deletionPolicy": "Retain", "tags": {"team": "live"}});
    let first = stage.settle("lobby", spec.clone()).await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    let owner = format!("{CLUSTER}/{}/lobby", stage.namespace);
    let retained = stage.room();
    assert_eq!(retained.tags, tags(&[("team", "live"), (CONSENT, &owner)]));
    let told = stage.event("lobby", "Retained").await;
    assert!(told.contains(&retained.arn), "{told}");
    assert_eq!(stage.calls(Operation::DeleteRoom), 0);

    let second = stage.settle("lobby", spec).await;
    assert_ne!(second.uid(), first.uid());
    assert_eq!(arn_of(&second), arn_of(&first));
    let mut expected = stage.own_tags(&second);
    expected.extend(tags(&[("team", "live")]));
    assert_eq!(stage.room().tags, expected, "the consent is used up");
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

/// GetRoom shows every room as it was a second ago.
async fn with_lagging_reads() -> Stage {
    let settings = Settings {
        get_lag: Duration::from_secs(1),
        ..Settings::default()
    };
    Stage::on(ControlPlane::shared().await, Options::default(), settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_room_is_taken_back_at_once_also_while_reads_still_show_it_owned() {
    let stage = with_lagging_reads().await;
    let spec = json!({"deletionPolicy": "Retain"});
    let first = stage.settle("lobby", spec.clone()).await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    let second = stage.settle("lobby", spec).await;
    assert_eq!(arn_of(&second), arn_of(&first));
    stage.room();
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_room_is_released_once_however_long_reads_show_it_owned() {
    let stage = with_lagging_reads().await;
    let first = stage
        .settle("lobby", json!({"deletionPolicy": "Retain"}))
        .await;
    let adopt = json!({"adopt": {"arn": arn_of(&first)}});
    stage.edit("lobby", adopt).await;
    stage.ready("lobby").await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.calls(Operation::UntagResource), 1);
    assert_eq!(stage.calls(Operation::TagResource), 1);
    let owner = format!("{CLUSTER}/{}/lobby", stage.namespace);
    assert_eq!(stage.room().tags, tags(&[(CONSENT, &owner)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_cut_short_at_any_call_is_taken_up_again() {
    for (operation, skip) in [
        (Operation::TagResource, false),
        (Operation::TagResource, true),
        (Operation::UntagResource, false),
        (Operation::UntagResource, true),
    ] {
        let mut stage = Stage::open().await;
        stage
            .settle("lobby", json!({"deletionPolicy": "Retain"}))
            .await;
        let fault = if skip {
            Fault::lose_answer(operation, Symptom::Reset)
        } else {
            Fault::refuse(operation, 500, "InternalServerException", "down")
        };
        // Longer than the SDK's own attempts.
        stage.emulator.inject(fault.times(4));
        stage.delete("lobby").await;
        stage.calls_since(0, operation, 1).await;
        stage.restart(Options::default()).await;
        stage.gone("lobby").await;
        let owner = format!("{CLUSTER}/{}/lobby", stage.namespace);
        assert_eq!(
            stage.room().tags,
            tags(&[(CONSENT, &owner)]),
            "{operation:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_default_deletion_policy_holds_where_the_spec_names_none() {
    let stage = Stage::with(Options {
        flags: &["--default-deletion-policy", "Retain"],
        ..Options::default()
    })
    .await;
    let kept = arn_of(&stage.settle("kept", json!({})).await);
    stage
        .settle("gone", json!({"deletionPolicy": "Delete"}))
        .await;
    for name in ["kept", "gone"] {
        stage.delete(name).await;
        stage.gone(name).await;
    }
    assert_eq!(stage.room().arn, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_additive_spec_leaves_foreign_tags_and_takes_back_its_own() {
    let stage = Stage::with(Options::watchful()).await;
    let spec = json!({"tagPolicy": "Additive", "tags": {"team": "live", "stage": "test"}});
    let object = stage.settle("lobby", spec).await;
    let keys = object.status.clone().unwrap().applied_tag_keys;
    assert_eq!(keys, Some(vec!["stage".to_owned(), "team".to_owned()]));
    tag(
        &stage,
        &arn_of(&object),
        &[("foreign", "1"), ("team", "other")],
    );
    stage.more_calls(Operation::TagResource, 1).await;
    stage.edit("lobby", json!({"tags": {"stage": null}})).await;
    let object = stage.ready("lobby").await;
    let mut expected = stage.own_tags(&object);
    expected.extend(tags(&[("foreign", "1"), ("team", "live")]));
    assert_eq!(stage.room().tags, expected);

    stage.edit("lobby", json!({"tagPolicy": "Exclusive"})).await;
    stage.ready("lobby").await;
    expected.remove("foreign");
    assert_eq!(stage.room().tags, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn default_tags_are_on_every_room_and_ignored_ones_are_left_alone() {
    let stage = Stage::with(Options {
        flags: &[
            "--default-tags",
            "team=chat,by=operator",
            "--ignore-tags",
            "cost-*",
        ],
        ..Options::verifying()
    })
    .await;
    let object = stage
        .settle("lobby", json!({"tags": {"team": "live"}}))
        .await;
    tag(
        &stage,
        &arn_of(&object),
        &[("cost-center", "42"), ("stray", "1")],
    );
    stage.more_calls(Operation::UntagResource, 1).await;
    stage.more_calls(Operation::GetRoom, 3).await;
    let mut expected = stage.own_tags(&object);
    expected.extend(tags(&[
        ("team", "live"),
        ("by", "operator"),
        ("cost-center", "42"),
    ]));
    assert_eq!(stage.room().tags, expected);

    stage
        .create("bad", json!({"tags": {"cost-center": "7"}}))
        .await;
    let refused = stage
        .condition("bad", "Stalled", "True", "InvalidSpec")
        .await;
    let message = message_of(&refused, "Stalled");
    assert!(message.contains("--ignore-tags cost-*"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_only_observed_is_never_written_to_and_shows_how_it_differs() {
    let stage = Stage::with(Options::watchful()).await;
    let spec = json!({"maximumMessageLength": 100, "tags": {"team": "live"}});
    let object = stage.settle("lobby", spec).await;
    let arn = arn_of(&object);
    stage
        .edit("lobby", json!({"managementPolicy": "Observe"}))
        .await;
    let object = stage.ready("lobby").await;
    assert_eq!(object.finalizers().len(), 0, "it holds nothing");
    let writes = stage.writes();
    tag(&stage, &arn, &[("team", "other"), ("stray", "1")]);
    stage
        .edit("lobby", json!({"maximumMessageLength": 200}))
        .await;

    let complete = |object: &ChatRoom| {
        let drift = object.status.clone().unwrap_or_default().drift;
        drift.is_some_and(|drift| drift.len() == 3)
    };
    let object = stage.until("lobby", "drifted", complete).await;
    let drift = |field: &str, wanted: &str, found: &str| Drift {
        field: field.to_owned(),
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    };
    let expected = vec![
        drift("tags[team]", "live", "other"),
        drift("tags[stray]", "", "1"),
        drift("maximumMessageLength", "200", "100"),
    ];
    assert_eq!(object.status.clone().unwrap().drift, Some(expected));
    assert_eq!(
        status_of(&object, "Ready"),
        ("False".into(), "Drifted".into())
    );
    assert_eq!(
        status_of(&object, "Synced"),
        ("True".into(), "Available".into())
    );
    stage.event("lobby", "Drifted").await;

    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.writes(), writes, "not even when it is deleted");
    assert_eq!(stage.room().arn, arn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_object_changes_nothing_until_it_goes_on_and_can_be_deleted() {
    let stage = Stage::with(Options::watchful()).await;
    let object = stage.settle("lobby", json!({})).await;
    annotate(
        &stage,
        "lobby",
        json!({"ivschat-operator.io/paused": "true"}),
    )
    .await;
    stage.condition("lobby", "Synced", "False", "Paused").await;
    let writes = stage.writes();
    stage
        .edit("lobby", json!({"maximumMessageLength": 7}))
        .await;
    tag(&stage, &arn_of(&object), &[("stray", "1")]);
    stage.condition("lobby", "Ready", "Unknown", "Paused").await;
    assert_eq!(stage.writes(), writes);

    annotate(&stage, "lobby", json!({"ivschat-operator.io/paused": null})).await;
    stage.ready("lobby").await;
    assert_eq!(stage.room().maximum_message_length, 7);

    annotate(
        &stage,
        "lobby",
        json!({"ivschat-operator.io/paused": "true"}),
    )
    .await;
    stage.condition("lobby", "Synced", "False", "Paused").await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_made_when_it_is_asked_for_and_answered_in_the_status() {
    let stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;
    tag(&stage, &arn_of(&object), &[("stray", "1")]);
    for asked in ["2026-01-02T03:04:05Z", "again"] {
        annotate(
            &stage,
            "lobby",
            json!({"ivschat-operator.io/reconcile-at": asked}),
        )
        .await;
        stage
            .until("lobby", "answered", |object| {
                let status = object.status.clone().unwrap_or_default();
                status.last_handled_reconcile_at.as_deref() == Some(asked)
            })
            .await;
        assert_eq!(stage.room().tags, stage.own_tags(&object));
    }
    assert_eq!(stage.calls(Operation::UntagResource), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_rooms_are_deleted_in_a_minute_than_the_cap_allows() {
    let stage = Stage::with(Options {
        flags: &["--max-deletions-per-minute", "1"],
        ..Options::default()
    })
    .await;
    stage.settle("first", json!({})).await;
    let second = stage.settle("second", json!({})).await;
    stage.delete("first").await;
    stage.calls_since(0, Operation::DeleteRoom, 1).await;
    stage.delete("second").await;
    stage
        .until("second", "held back", |object| {
            message_of(object, "Ready").contains("at most 1 a minute")
        })
        .await;
    assert_eq!(stage.room().arn, arn_of(&second));
    assert_eq!(stage.calls(Operation::DeleteRoom), 1);
}
