//! Under a GitOps tool: Argo CD and Flux judge an object rightly in every state, and find nothing to do on a settled one.

mod health;

use std::collections::BTreeSet;

use ivschat_core::api::ChatRoom;
use ivschat_core::api::names::PAUSED_ANNOTATION;
use ivschat_emulator::fault::Fault;
use ivschat_emulator::world::{Call, Scope};
use ivschat_emulator::world::{Operation, UpdateRoom};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::ownership::someone_elses_room;
use crate::policies::annotate;
use crate::release::release;
use crate::stage::{CLUSTER, Options, REGION, Stage, arn_of, calls, message_of};
use health::{HEALTH, argo, kstatus};

/// Argo CD's judgement, kstatus's, and Argo CD's message.
fn judged(object: &ChatRoom) -> (String, &'static str, String) {
    let (health, message) = argo(object);
    (health, kstatus(object), message)
}

fn verdict(health: &str, status: &'static str, message: &str) -> (String, &'static str, String) {
    (health.to_owned(), status, message.to_owned())
}

const UNSEEN: &str = "Waiting for ivschat-operator to look at the object";
const READY: &str = "The room exists and is as specified";

#[test]
fn the_settings_for_argo_cd_hold_the_health_check() {
    let settings: Value =
        serde_yaml::from_str(include_str!("../../../deploy/argocd/argocd-cm.yaml")).unwrap();
    let data = &settings["data"];
    assert_eq!(
        *data,
        json!({"resource.customizations.health.ivschat-operator.io_ChatRoom": HEALTH})
    );
}

/// As the tests of Argo CD's own repository read them, which this folder is ready to be copied into.
#[test]
fn the_health_check_passes_the_tests_that_are_offered_with_it() {
    const FOLDER: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/argocd/resource_customizations/ivschat-operator.io/ChatRoom"
    );
    let read = |path: &str| std::fs::read_to_string(format!("{FOLDER}/{path}")).unwrap();
    assert_eq!(read("health.lua"), HEALTH);
    let tests: Value = serde_yaml::from_str(&read("health_test.yaml")).unwrap();
    let mut tried = BTreeSet::new();
    for test in tests["tests"].as_array().unwrap() {
        let path = test["inputPath"].as_str().unwrap();
        let object: Value = serde_yaml::from_str(&read(path)).unwrap();
        // The objects are what the API server would take.
        let parsed: ChatRoom = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(serde_json::to_value(parsed).unwrap(), object, "{path}");
        let (status, message) = argo(&object);
        let found = json!({"status": status, "message": message});
        assert_eq!(found, test["healthStatus"], "{path}");
        tried.insert(path.to_owned());
    }
    let files = std::fs::read_dir(format!("{FOLDER}/testdata")).unwrap();
    let files = files.map(|file| format!("testdata/{}", file.unwrap().file_name().display()));
    assert_eq!(tried, files.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_in_progress_until_it_is_looked_at_and_after_every_edit() {
    let mut stage = Stage::open().await;
    stage.operator.kill().await;
    let unseen = stage.create("lobby", json!({})).await;
    assert_eq!(
        unseen.status.as_ref().unwrap().observed_generation,
        Some(-1)
    );
    assert_eq!(
        judged(&unseen),
        verdict("Progressing", "InProgress", UNSEEN)
    );

    stage.restart(Options::default()).await;
    let ready = stage.ready("lobby").await;
    assert_eq!(judged(&ready), verdict("Healthy", "Current", READY));

    stage.operator.kill().await;
    let edited = stage
        .edit("lobby", json!({"maximumMessageLength": 7}))
        .await;
    assert_eq!(
        judged(&edited),
        verdict("Progressing", "InProgress", UNSEEN)
    );

    stage.restart(Options::default()).await;
    let ready = stage.ready("lobby").await;
    assert_eq!(judged(&ready), verdict("Healthy", "Current", READY));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_aws_is_in_progress_and_a_room_that_cannot_be_looked_at_stays_healthy() {
    let stage = Stage::with(Options::verifying()).await;
    stage.settle("lobby", json!({})).await;
    stage.create_and_lose("pending").await;
    let pending = stage
        .condition("pending", "Ready", "False", "Unavailable")
        .await;
    let told = format!("Unavailable: {}", message_of(&pending, "Ready"));
    assert_eq!(
        judged(&pending),
        verdict("Progressing", "InProgress", &told)
    );
    stage.emulator.clear_faults();
    stage.ready("pending").await;

    let down = Fault::refuse(Operation::GetRoom, 503, "ServiceUnavailable", "down");
    stage.emulator.inject(down);
    let blind = stage
        .condition("lobby", "Synced", "False", "Unavailable")
        .await;
    let told = format!("{READY}; Unavailable: {}", message_of(&blind, "Synced"));
    assert_eq!(judged(&blind), verdict("Healthy", "Current", &told));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_person_is_degraded_and_failed() {
    let stage = Stage::open().await;
    let theirs = someone_elses_room(&stage, &[]);
    let spec = json!({"adopt": {"arn": theirs.arn}, "deletionPolicy": "Retain"});
    stage.create("lobby", spec).await;
    let stalled = stage
        .condition("lobby", "Stalled", "True", "ConsentMissing")
        .await;
    let told = format!("ConsentMissing: {}", message_of(&stalled, "Stalled"));
    assert_eq!(judged(&stalled), verdict("Degraded", "Failed", &told));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actual_room_that_differs_is_degraded_until_it_does_not() {
    let stage = Stage::with(Options::watchful()).await;
    let consent = format!("{CLUSTER}/{}/", stage.namespace);
    let room = someone_elses_room(&stage, &[("ivschat-operator.io/adoptable-by", &consent)]);
    let spec = json!({"adopt": {"arn": room.arn}, "deletionPolicy": "Retain", "managementPolicy": "Observe",
                      "name": "theirs", "maximumMessageLength": 7});
    stage.create("lobby", spec).await;
    let drifted = stage.condition("lobby", "Ready", "False", "Drifted").await;
    let told = message_of(&drifted, "Ready");
    assert_eq!(judged(&drifted), verdict("Degraded", "InProgress", &told));

    let update = UpdateRoom {
        identifier: room.arn,
        maximum_message_length: Some(7),
        ..UpdateRoom::default()
    };
    let scope = Scope::in_region(REGION);
    stage
        .emulator
        .call(&scope, Call::UpdateRoom(update))
        .unwrap();
    let ready = stage.ready("lobby").await;
    assert_eq!(judged(&ready), verdict("Healthy", "Current", READY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_or_released_object_is_suspended() {
    let mut stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    annotate(&stage, "lobby", json!({PAUSED_ANNOTATION: "true"})).await;
    let paused = stage.condition("lobby", "Synced", "False", "Paused").await;
    let told = message_of(&paused, "Synced");
    assert_eq!(judged(&paused), verdict("Suspended", "Current", &told));
    // Of an edit nobody knows what it will come to.
    stage
        .edit("lobby", json!({"maximumMessageLength": 7}))
        .await;
    let paused = stage.condition("lobby", "Ready", "Unknown", "Paused").await;
    assert_eq!(judged(&paused), verdict("Suspended", "InProgress", &told));

    stage.operator.kill().await;
    let (well, told) = release(&stage, Options::default()).await;
    assert!(well, "{told}");
    let released = stage.chat_rooms.get("lobby").await.unwrap();
    let told = message_of(&released, "Synced");
    assert_eq!(judged(&released), verdict("Suspended", "InProgress", &told));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_being_deleted_is_terminating_and_says_what_holds_it_up() {
    let stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    let down = Fault::refuse(Operation::DeleteRoom, 503, "ServiceUnavailable", "down");
    stage.emulator.inject(down);
    stage.delete("lobby").await;
    let held = stage
        .until("lobby", "held up", |object| {
            message_of(object, "Ready").contains("DeleteRoom")
        })
        .await;
    let told = message_of(&held, "Ready");
    assert_eq!(judged(&held), verdict("Progressing", "Terminating", &told));
    stage.emulator.clear_faults();
    stage.gone("lobby").await;
}

/// What a GitOps tool keeps in a repository.
fn manifest(stage: &Stage) -> Value {
    json!({
        "apiVersion": "ivschat-operator.io/v1alpha1",
        "kind": "ChatRoom",
        "metadata": {
            "name": "lobby",
            "namespace": stage.namespace,
            "labels": {"app.kubernetes.io/part-of": "live"},
            "annotations": {"argocd.argoproj.io/tracking-id": "live:ivschat-operator.io/ChatRoom:live/lobby"},
        },
        "spec": {
            "maximumMessageLength": 280,
            "tags": {"team": "live"},
            "deletionPolicy": "Retain",
        },
    })
}

async fn apply(stage: &Stage, params: &PatchParams) -> ChatRoom {
    let manifest = manifest(stage);
    stage
        .chat_rooms
        .patch("lobby", params, &Patch::Apply(manifest))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_object_that_is_applied_a_hundred_times_never_changes_and_nothing_is_written() {
    let stage = Stage::with(Options::verifying()).await;
    let tool = PatchParams::apply("gitops-tool");
    apply(&stage, &tool).await;
    let settled = stage.ready("lobby").await;
    let (writes, events) = (stage.writes(), {
        stage.event("lobby", "Created").await;
        stage.events("lobby").await
    });
    for forced in [tool.clone(), tool.clone().force()] {
        for _ in 0..50 {
            assert_eq!(
                serde_json::to_value(apply(&stage, &forced).await).unwrap(),
                serde_json::to_value(&settled).unwrap(),
                "resource version and managed fields included"
            );
        }
    }
    let looks = calls(&stage.emulator.journal(), Operation::GetRoom);
    stage.calls_since(looks, Operation::GetRoom, 10).await;
    let now = stage.chat_rooms.get("lobby").await.unwrap();
    assert_eq!(
        serde_json::to_value(now).unwrap(),
        serde_json::to_value(&settled).unwrap()
    );
    assert_eq!(stage.writes(), writes);
    assert_eq!(stage.events("lobby").await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_finds_no_difference_and_the_operator_owns_nothing_that_a_tool_applies() {
    let stage = Stage::open().await;
    let tool = PatchParams::apply("gitops-tool");
    apply(&stage, &tool).await;
    let settled = stage.ready("lobby").await;
    let dry = apply(&stage, &tool.clone().dry_run()).await;
    assert_eq!(
        serde_json::to_value(dry).unwrap(),
        serde_json::to_value(&settled).unwrap()
    );
    // As kubectl diff and Argo CD compare: what was applied is there, and nothing else is in the spec.
    let live = serde_json::to_value(&settled).unwrap();
    let applied = manifest(&stage);
    assert_eq!(live["spec"], applied["spec"]);
    assert_eq!(live["metadata"]["labels"], applied["metadata"]["labels"]);
    assert_eq!(
        live["metadata"]["annotations"],
        applied["metadata"]["annotations"]
    );
    // By field: the operator's are the finalizer and the status.
    for fields in settled.managed_fields() {
        let owned = serde_json::to_value(fields.fields_v1.as_ref().unwrap()).unwrap();
        let roots: Vec<_> = owned.as_object().unwrap().keys().cloned().collect();
        if fields.manager.as_deref() == Some("gitops-tool") {
            assert_eq!(roots, ["f:metadata", "f:spec"]);
            continue;
        }
        assert!(!roots.contains(&"f:spec".to_owned()), "{fields:?}");
        if let Some(metadata) = owned["f:metadata"].as_object() {
            let keys: Vec<_> = metadata.keys().cloned().collect();
            assert_eq!(keys, ["f:finalizers"], "{fields:?}");
        }
    }
    assert!(!arn_of(&settled).is_empty());
}

/// Server-side apply: who else has set a field is told, and the operator is never among them.
#[tokio::test(flavor = "multi_thread")]
async fn two_tools_that_set_a_field_conflict_with_each_other_and_neither_with_the_operator() {
    let stage = Stage::with(Options::watchful()).await;
    let apply = async |tool: &str, force: bool, spec: Value| {
        let manifest = json!({"apiVersion": "ivschat-operator.io/v1alpha1", "kind": "ChatRoom",
                              "metadata": {"name": "lobby"}, "spec": spec});
        let params = PatchParams {
            force,
            ..PatchParams::apply(tool)
        };
        let patch = Patch::Apply(manifest);
        stage.chat_rooms.patch("lobby", &params, &patch).await
    };
    let length = |length: i64| json!({"maximumMessageLength": length});
    apply("flux", false, length(100)).await.unwrap();
    stage.ready("lobby").await;
    let refused = apply("helm", false, length(200)).await.unwrap_err();
    let told = "Apply failed with 1 conflict: conflict with \"flux\"";
    assert!(refused.to_string().contains(told), "{refused}");
    assert!(
        !refused.to_string().contains("ivschat-operator\""),
        "{refused}"
    );

    apply("helm", true, length(200)).await.unwrap();
    stage.ready("lobby").await;
    assert_eq!(stage.room().maximum_message_length, 200);
    let refused = apply("flux", false, length(100)).await.unwrap_err();
    assert!(
        refused.to_string().contains("conflict with \"helm\""),
        "{refused}"
    );

    // What each has set goes when the last of them lets it go; finalizer, status and room stay.
    apply("flux", false, json!({"maximumMessageRatePerSecond": 5}))
        .await
        .unwrap();
    apply("helm", false, json!({})).await.unwrap();
    let object = stage.ready("lobby").await;
    let room = stage.room();
    assert_eq!(object.spec.maximum_message_length, None);
    assert_eq!(
        (
            room.maximum_message_length,
            room.maximum_message_rate_per_second
        ),
        (500, 5)
    );
    assert_eq!(object.finalizers(), ["ivschat-operator.io/room"]);
    assert_eq!(
        (arn_of(&object), stage.calls(Operation::CreateRoom)),
        (room.arn, 1)
    );
}
