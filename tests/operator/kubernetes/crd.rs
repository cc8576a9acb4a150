//! The CRD as an API server judges it, and changed under living objects.

use std::collections::BTreeMap;

use ivschat_core::api::{ChatRoom, chat_room_crd};
use ivschat_emulator::world::{Operation, Settings};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{CRD, crds, current, objects, until};
use crate::stage::{ControlPlane, Options, REGION, Stage, arn_of, crd_without_cel, message_of};

/// Takes the limits away that bound what a rule may cost.
fn without_limits(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for limit in ["maxItems", "maxLength", "maxProperties"] {
                members.retain(|name, value| name != limit || !value.is_number());
            }
            members.values_mut().for_each(without_limits);
        }
        Value::Array(items) => items.iter_mut().for_each(without_limits),
        _ => {}
    }
}

/// The committed CRD with this done to it, ready to replace the one that is there.
async fn changed(
    control_plane: &ControlPlane,
    change: impl FnOnce(&mut Value),
) -> CustomResourceDefinition {
    let there = crds(&control_plane.client().await).get(CRD).await.unwrap();
    let mut crd = serde_json::to_value(chat_room_crd().unwrap()).unwrap();
    change(&mut crd);
    crd["metadata"]["resourceVersion"] = json!(there.resource_version());
    serde_json::from_value(crd).unwrap()
}

/// Replaces the CRD. Objects are judged by the new one a moment later: [`until_judged`].
async fn replace(control_plane: &ControlPlane, change: impl FnOnce(&mut Value)) {
    let crd = changed(control_plane, change).await;
    let crds = crds(&control_plane.client().await);
    crds.replace(CRD, &PostParams::default(), &crd)
        .await
        .unwrap();
}

/// Waits until an object with this spec is accepted or refused.
async fn until_judged(control_plane: &ControlPlane, spec: Value, accepted: bool) {
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let objects = objects(&control_plane.client().await, "default");
    let probe = kube::api::DynamicObject {
        data: json!({"spec": spec}),
        ..kube::api::DynamicObject::new("probe", &kube::api::ApiResource::erase::<ChatRoom>(&()))
    };
    until("the CRD is in force", async || {
        objects.create(&dry_run, &probe).await.is_ok() == accepted
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_fit_the_cost_budget_and_without_the_schemas_limits_they_would_not() {
    let Some(control_plane) = current().await else {
        return;
    };
    let crds = crds(&control_plane.client().await);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let same = changed(control_plane, |_| ()).await;
    crds.replace(CRD, &dry_run, &same).await.unwrap();
    let unbounded = changed(control_plane, |crd| {
        without_limits(&mut crd["spec"]["versions"]);
    })
    .await;
    let refusal = crds
        .replace(CRD, &dry_run, &unbounded)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("estimated rule cost exceeds budget"),
        "{refusal}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_does_not_compile_is_refused() {
    let Some(control_plane) = current().await else {
        return;
    };
    let broken = changed(control_plane, |crd| {
        let spec =
            &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        spec["x-kubernetes-validations"] = json!([{"rule": "self.maximumMessageLength == 'long'"}]);
    });
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let crds = crds(&control_plane.client().await);
    let refusal = crds
        .replace(CRD, &dry_run, &broken.await)
        .await
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("no matching overload"), "{refusal}");
}

/// A rule made, or an API server brought up to date, after objects were stored that break it.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_from_before_a_rule_gets_its_status_can_be_edited_elsewhere_and_is_mended_by_taking_the_breach_out()
 {
    if current().await.is_none() {
        return;
    }
    let control_plane = ControlPlane::start(crd_without_cel()).await;
    let mut stage = Stage::on(&control_plane, Options::default(), Settings::default()).await;
    stage.operator.kill().await;
    let reserved = json!({"tags": {"aws:team": "live", "team": "live"}});
    stage.create("lobby", reserved.clone()).await;
    replace(&control_plane, |_| ()).await;
    until_judged(&control_plane, reserved, false).await;

    // The operator's own writes pass, as they do not touch the breach.
    stage.restart(Options::default()).await;
    let object = stage
        .condition("lobby", "Stalled", "True", "InvalidSpec")
        .await;
    assert!(message_of(&object, "Stalled").contains("reserved"));
    stage
        .edit("lobby", json!({"maximumMessageLength": 77}))
        .await;
    stage
        .condition("lobby", "Stalled", "True", "InvalidSpec")
        .await;
    let worse = Patch::Merge(json!({"spec": {"tags": {"aws:stage": "demo"}}}));
    let refused = stage
        .chat_rooms
        .patch("lobby", &PatchParams::default(), &worse)
        .await;
    assert!(refused.unwrap_err().to_string().contains("reserved"));
    assert_eq!(stage.rooms_in(REGION), []);

    stage
        .edit("lobby", json!({"tags": {"aws:team": null}}))
        .await;
    let object = stage.ready("lobby").await;
    assert_eq!(stage.room().arn, arn_of(&object));
    assert_eq!(stage.room().maximum_message_length, 77);
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crd_is_upgraded_and_downgraded_under_living_objects_and_only_edits_reach_their_rooms()
{
    if current().await.is_none() {
        return;
    }
    let control_plane = ControlPlane::start(chat_room_crd().unwrap()).await;
    let stage = Stage::on(&control_plane, Options::watchful(), Settings::default()).await;
    for name in ["untouched", "edited", "modern"] {
        stage.settle(name, json!({"name": name})).await;
    }
    let writes = |stage: &Stage| -> Vec<_> {
        let writes = stage.writes().into_iter().skip(3);
        writes
            .map(|(operation, input)| (operation, input["maximumMessageLength"].clone()))
            .collect()
    };
    let update = |length: i64| (Operation::UpdateRoom, json!(length));
    let versions = |stage: &Stage| {
        let chat_rooms = stage.chat_rooms.clone();
        async move {
            let list = chat_rooms.list(&ListParams::default()).await.unwrap();
            let version = |it: ChatRoom| (it.name_any(), it.resource_version().unwrap());
            list.items
                .into_iter()
                .map(version)
                .collect::<BTreeMap<_, _>>()
        }
    };
    let before = versions(&stage).await;

    // A field more, as the next release may bring, and one that an object makes use of.
    replace(&control_plane, |crd| {
        let version = &mut crd["spec"]["versions"][0];
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["slowMode"] =
            json!({"type": "string", "enum": ["On"]});
    })
    .await;
    until_judged(&control_plane, json!({"slowMode": "Off"}), false).await;
    stage
        .edit("edited", json!({"maximumMessageLength": 20}))
        .await;
    stage.ready("edited").await;
    let slow = Patch::Merge(json!({"spec": {"slowMode": "On"}}));
    let objects = objects(&stage.client, &stage.namespace);
    objects
        .patch("modern", &PatchParams::default(), &slow)
        .await
        .unwrap();
    stage.ready("modern").await;
    assert_eq!(writes(&stage), [update(20)]);

    replace(&control_plane, |_| ()).await;
    until_judged(&control_plane, json!({"slowMode": "Off"}), true).await;
    stage
        .edit("edited", json!({"maximumMessageLength": 30}))
        .await;
    stage.ready("edited").await;
    stage
        .edit("modern", json!({"maximumMessageLength": 40}))
        .await;
    let modern = stage.ready("modern").await;
    assert_eq!(
        objects.get("modern").await.unwrap().data["spec"]["slowMode"],
        Value::Null
    );
    assert_eq!(writes(&stage), [update(20), update(30), update(40)]);
    assert_eq!(stage.rooms_in(REGION).len(), 3);
    assert!(
        stage
            .rooms_in(REGION)
            .iter()
            .any(|room| room.arn == arn_of(&modern))
    );
    let after = versions(&stage).await;
    assert_eq!(after["untouched"], before["untouched"]);
}
