//! Bad input gets a message that names field, limit and value, and harms only itself.
//!
//! Three judges see the same table: the CRD on a real API server, its CEL rules by kube-cel, and the operator itself behind a CRD that
//! lets everything pass.

// The table by which the core is tested, too.
#[path = "../../../crates/core/src/room/desired/table.rs"]
mod table;

use std::collections::BTreeMap;

use ivschat_core::api::{ChatRoom, ChatRoomSpec, chat_room_crd};
use ivschat_core::room::{DesiredRoom, Origin};
use ivschat_emulator::world::{Operation, Settings};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::conditions::is_deleted;
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::stage::{ControlPlane, DEADLINE, Options, REGION, Stage, message_of};
use table::{Bad, By, bad_specs, good_specs};

fn object(name: &str, spec: &Value) -> DynamicObject {
    let mut object = DynamicObject::new(name, &ApiResource::erase::<ChatRoom>(&()));
    object.data = json!({"spec": spec});
    object
}

fn name_of(bad: &Bad, row: usize) -> String {
    if bad.name.is_empty() {
        format!("row-{row}")
    } else {
        bad.name.clone()
    }
}

fn api(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(
        client.clone(),
        namespace,
        &ApiResource::erase::<ChatRoom>(&()),
    )
}

fn dry_run() -> PostParams {
    PostParams {
        dry_run: true,
        ..PostParams::default()
    }
}

fn schema() -> Value {
    let crd = serde_json::to_value(chat_room_crd().unwrap()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// What the CRD's CEL rules say of an object.
fn cel(object: &Value) -> Result<(), String> {
    kube_cel::Validator::new()
        .validate(&schema(), object, None)
        .map_err(|errors| format!("{errors:?}"))
}

#[test]
fn the_table_holds_at_least_forty_rows() {
    assert!(bad_specs().len() >= 40, "{}", bad_specs().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_spec_is_refused_by_the_api_server_and_by_what_the_table_says() {
    let control_plane = ControlPlane::shared().await;
    let current = control_plane.is_current().await;
    let client = control_plane.client().await;
    for (row, bad) in bad_specs().iter().enumerate() {
        let object = object(&name_of(bad, row), &bad.spec);
        if bad.by == By::Cel {
            let whole = serde_json::to_value(&object).unwrap();
            cel(&whole).expect_err(&format!("row {row}: {} passed every CEL rule", bad.spec));
        }
        if bad.by == By::Schema || current {
            let answer = api(&client, "default").create(&dry_run(), &object).await;
            let refusal = answer
                .expect_err(&format!("row {row}: {} was accepted", bad.spec))
                .to_string();
            assert!(refusal.contains("422"), "row {row}: {refusal}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spec_at_the_bounds_is_accepted_by_schema_cel_and_operator_alike() {
    let client = ControlPlane::shared().await.client().await;
    for spec in good_specs() {
        let object = object("lobby", &spec);
        api(&client, "default")
            .create(&dry_run(), &object)
            .await
            .unwrap_or_else(|error| panic!("{spec}: {error}"));
        cel(&serde_json::to_value(&object).unwrap())
            .unwrap_or_else(|error| panic!("{spec}: {error}"));
        let parsed: ChatRoomSpec = serde_json::from_value(spec.clone()).unwrap();
        let origin = Origin {
            name: "lobby",
            default_region: "us-west-2",
            fixed_region: None,
            default_tags: &BTreeMap::new(),
            ignored_tags: &[],
        };
        DesiredRoom::try_from((&parsed, origin))
            .unwrap_or_else(|violations| panic!("{spec}: {violations}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_crd_that_lets_everything_pass_the_operator_refuses_every_bad_spec_and_serves_the_others()
 {
    let control_plane = ControlPlane::start(lax_crd()).await;
    let stage = Stage::on(&control_plane, Options::default(), Settings::default()).await;
    let objects = api(&stage.client, &stage.namespace);
    stage.settle("good-before", json!({})).await;
    for (row, bad) in bad_specs().iter().enumerate() {
        let object = object(&name_of(bad, row), &bad.spec);
        objects
            .create(&PostParams::default(), &object)
            .await
            .unwrap_or_else(|error| panic!("row {row}: {error}"));
    }
    for (row, bad) in bad_specs().iter().enumerate() {
        let name = name_of(bad, row);
        let refused =
            |object: Option<&DynamicObject>| object.is_some_and(|object| stalled(object).is_some());
        let object =
            tokio::time::timeout(DEADLINE, await_condition(objects.clone(), &name, refused)).await;
        let object = object
            .unwrap_or_else(|_| panic!("row {row}: {} was not refused", bad.spec))
            .unwrap()
            .unwrap();
        let (reason, message) = stalled(&object).unwrap();
        assert_eq!(reason, "InvalidSpec", "row {row}");
        for told in bad.told {
            assert!(
                message.contains(told),
                "row {row}: {told:?} is not in {message:?}"
            );
        }
        assert_eq!(
            object.finalizers(),
            Vec::<String>::new(),
            "row {row}: nothing holds it"
        );
    }
    stage.settle("good-after", json!({})).await;
    let names: Vec<_> = stage
        .writes()
        .into_iter()
        .map(|(operation, input)| (operation, input["name"].clone()))
        .collect();
    assert_eq!(
        names,
        [
            (Operation::CreateRoom, json!("good-before")),
            (Operation::CreateRoom, json!("good-after"))
        ],
        "nothing was sent for a bad spec"
    );
    // A bad object can be mended, and deleted.
    let mended = Patch::Merge(json!({"spec": {"name": "mended"}}));
    objects
        .patch("row-0", &PatchParams::default(), &mended)
        .await
        .unwrap();
    stage.ready("row-0").await;
    objects
        .delete("row-1", &DeleteParams::default())
        .await
        .unwrap();
    let uid = objects
        .get_opt("row-1")
        .await
        .unwrap()
        .and_then(|object| object.uid())
        .unwrap_or_default();
    tokio::time::timeout(
        DEADLINE,
        await_condition(objects.clone(), "row-1", is_deleted(&uid)),
    )
    .await
    .unwrap()
    .unwrap();

    // Of a spec that cannot be read, only what becomes of the room is read; unreadable, the room stays.
    for (name, policy, kept) in [
        ("unreadable", json!("delete"), true),
        ("list", json!(["Delete"]), true),
        ("retain", json!("Retain"), true),
        ("delete", json!("Delete"), false),
        ("default", json!(null), false),
    ] {
        stage.settle(name, json!({})).await;
        let spoilt = json!({"spec": {"maximumMessageLength": "long", "deletionPolicy": policy}});
        objects
            .patch(name, &PatchParams::default(), &Patch::Merge(spoilt))
            .await
            .unwrap();
        objects
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
        let gone = |object: Option<&DynamicObject>| object.is_none();
        tokio::time::timeout(DEADLINE, await_condition(objects.clone(), name, gone))
            .await
            .unwrap()
            .unwrap();
        let rooms = stage.rooms_in(REGION);
        assert_eq!(rooms.iter().any(|room| room.name == name), kept, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_changed_after_the_room_was_asked_for_is_refused_and_the_room_stays() {
    let control_plane = ControlPlane::without_cel().await;
    let stage = Stage::on(control_plane, Options::default(), Settings::default()).await;
    let settled = stage.settle("lobby", json!({})).await;
    let room = stage.room();

    let mut moved = serde_json::to_value(&settled).unwrap();
    moved["spec"]["region"] = json!("eu-west-1");
    assert!(
        cel(&moved).unwrap_err().contains("spec.region: fixed"),
        "{moved}"
    );
    moved["spec"]["region"] = json!("us-west-2");
    assert_eq!(
        cel(&moved),
        Ok(()),
        "the region in force may be written down"
    );

    stage.edit("lobby", json!({"region": "us-west-2"})).await;
    stage.ready("lobby").await;
    stage.edit("lobby", json!({"region": "eu-west-1"})).await;
    let object = stage
        .condition("lobby", "Stalled", "True", "InvalidSpec")
        .await;
    let message = message_of(&object, "Stalled");
    for told in ["spec.region", "fixed to us-west-2", "\"eu-west-1\""] {
        assert!(message.contains(told), "{message}");
    }
    assert_eq!(stage.room(), room);
    assert_eq!(stage.rooms_in("eu-west-1"), []);
}

/// The CRD with a schema that asks for nothing.
pub fn lax_crd() -> CustomResourceDefinition {
    let mut crd = serde_json::to_value(chat_room_crd().unwrap()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    serde_json::from_value(crd).unwrap()
}

/// Reason and message of `Stalled=True`.
fn stalled(object: &DynamicObject) -> Option<(String, String)> {
    let conditions = object.data["status"]["conditions"].as_array()?;
    let by_type: BTreeMap<_, _> = conditions
        .iter()
        .map(|condition| (condition["type"].as_str(), condition))
        .collect();
    let stalled = by_type
        .get(&Some("Stalled"))
        .filter(|condition| condition["status"] == "True")?;
    Some((
        stalled["reason"].as_str()?.to_owned(),
        stalled["message"].as_str()?.to_owned(),
    ))
}
