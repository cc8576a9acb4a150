//! What a person sees in a terminal.

use std::process::Command;

use ivschat_core::api::chat_room_crd;
use serde_json::Value;

use super::{CRD, Kubectl, current, until};
use crate::stage::ControlPlane;
use crate::stage::control_plane::namespace;

/// The schema of the spec, as the CRD has it.
fn spec_schema() -> Value {
    let crd = serde_json::to_value(chat_room_crd().unwrap()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crd_is_applied_without_a_flag_from_the_repository_and_from_the_program() {
    if current().await.is_none() {
        return;
    }
    let control_plane = ControlPlane::without_crd().await;
    let kubectl = Kubectl::new(&control_plane.kubeconfig);
    let said = |what: &str| {
        Ok(format!(
            "customresourcedefinition.apiextensions.k8s.io/{CRD} {what}\n"
        ))
    };
    assert_eq!(kubectl.run(&["apply", "-f", "crds/"]), said("created"));
    let printed = Command::new(env!("CARGO_BIN_EXE_ivschat-operator"))
        .arg("crds")
        .output()
        .unwrap();
    let manifest = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(
        kubectl.fed(&manifest, &["apply", "-f", "-"]),
        said("unchanged")
    );
    // As Flux applies, and Argo CD where it is told to.
    let server_side = ["apply", "--server-side", "--force-conflicts", "-f", "crds/"];
    assert_eq!(kubectl.run(&server_side), said("serverside-applied"));
    let wait = [
        "wait",
        "--for=condition=Established",
        "--timeout=10s",
        "crd",
        CRD,
    ];
    assert_eq!(kubectl.run(&wait), said("condition met"));
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_of_every_field_what_the_reference_says() {
    let Some(control_plane) = current().await else {
        return;
    };
    let kubectl = Kubectl::new(&control_plane.kubeconfig);
    let schema = spec_schema();
    let fields = schema["properties"].as_object().unwrap();
    assert!(fields.len() >= 10, "{fields:?}");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    until("its OpenAPI is published", async || {
        let request = http::Request::get("/openapi/v3").body(Vec::new()).unwrap();
        let index = control_plane.client().await.request_text(request).await;
        index.unwrap().contains("ivschat-operator.io/v1alpha1")
    })
    .await;
    let overview = kubectl.run(&["explain", "chatrooms.spec"]).unwrap();
    for (name, field) in fields {
        assert!(
            overview.contains(&format!("  {name}\t<")),
            "{name}: {overview}"
        );
        let told = kubectl
            .run(&["explain", &format!("room.spec.{name}")])
            .unwrap();
        assert!(told.contains("GROUP:      ivschat-operator.io"), "{told}");
        let description = words(field["description"].as_str().unwrap());
        assert!(words(&told).contains(&description), "{name}: {told}");
        for value in field["enum"].as_array().into_iter().flatten() {
            assert!(
                told.contains(value.as_str().unwrap_or("null")),
                "{name}: {told}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_field_and_a_value_of_the_wrong_kind_are_refused_by_name_and_nothing_is_made() {
    let Some(control_plane) = current().await else {
        return;
    };
    let kubectl = Kubectl::new(&control_plane.kubeconfig);
    let namespace = namespace(&control_plane.client().await, "kubectl")
        .await
        .unwrap();
    for (spec, told) in [
        (
            "{maximumMesageLength: 5}",
            "unknown field \"spec.maximumMesageLength\"",
        ),
        (
            "{messageReviewHandler: {url: x}}",
            "unknown field \"spec.messageReviewHandler.url\"",
        ),
        (
            "{maximumMessageLength: \"5\"}",
            "spec.maximumMessageLength: Invalid value: \"string\": spec.maximumMessageLength in body must be of type integer",
        ),
        (
            "{maximumMessageLength: 501}",
            "spec.maximumMessageLength: Invalid value: 501: spec.maximumMessageLength in body should be less than or equal to 500",
        ),
        (
            "{tagPolicy: additive}",
            "spec.tagPolicy: Unsupported value: \"additive\": supported values: \"Exclusive\", \"Additive\"",
        ),
        (
            "{tags: {\"aws:x\": live}}",
            "tag keys that begin with aws: or ivschat-operator.io/ are reserved",
        ),
    ] {
        let manifest = format!(
            "apiVersion: ivschat-operator.io/v1alpha1\nkind: ChatRoom\nmetadata: {{name: lobby}}\nspec: {spec}\n"
        );
        let apply = ["apply", "--namespace", &namespace, "-f", "-"];
        let refusal = kubectl.fed(&manifest, &apply).expect_err(spec);
        assert!(refusal.contains(told), "{spec}: {refusal}");
    }
    let left = kubectl.run(&["get", "chatrooms", "--namespace", &namespace, "-o", "name"]);
    assert_eq!(left.unwrap(), "");
}
