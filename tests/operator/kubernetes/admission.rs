//! Policies of the cluster that refuse what people, or the operator itself, write.

use std::process::Command;

use ivschat_core::api::{ChatRoom, chat_room_crd};
use ivschat_emulator::world::{Operation, Settings};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch,
    PatchParams, PostParams,
};
use serde_json::{Value, json};

use super::{CRD, Kubectl, crds, current, until};
use crate::stage::{
    ControlPlane, Options, REGION, SERVING, Scrape, Stage, arn_of, message_of, status_of,
};

const SAID: &str = "the platform team says no";

/// A ValidatingAdmissionPolicy in force in one namespace.
struct Policy {
    name: String,
    policies: Api<DynamicObject>,
    bindings: Api<DynamicObject>,
}

impl Policy {
    /// Refuses every update of `resource` in the stage's namespace that `expression` is not true of.
    async fn enforce(stage: &Stage, resource: &str, expression: &str) -> Self {
        let kind = |kind: &str| {
            let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
            Api::<DynamicObject>::all_with(stage.client.clone(), &ApiResource::from_gvk(&kind))
        };
        let policy = Self {
            name: format!("refuse-{}", stage.namespace),
            policies: kind("ValidatingAdmissionPolicy"),
            bindings: kind("ValidatingAdmissionPolicyBinding"),
        };
        let matches = json!({
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace}},
            "resourceRules": [{"apiGroups": ["ivschat-operator.io"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": [resource]}],
        });
        let spec = json!({"matchConstraints": matches, "failurePolicy": "Fail",
                          "validations": [{"expression": expression, "message": SAID}]});
        policy.create(&policy.policies, spec).await;
        policy
            .create(
                &policy.bindings,
                json!({"policyName": policy.name, "validationActions": ["Deny"]}),
            )
            .await;
        policy
    }

    async fn create(&self, api: &Api<DynamicObject>, spec: Value) {
        let manifest = json!({"metadata": {"name": self.name}, "spec": spec});
        let object: DynamicObject = serde_json::from_value(manifest).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    async fn lift(self) {
        for api in [&self.bindings, &self.policies] {
            api.delete(&self.name, &DeleteParams::default())
                .await
                .unwrap();
        }
    }
}

/// Waits until the API server refuses this write, as it takes a moment to know a new policy.
async fn in_force(stage: &Stage, name: &str, status: bool, patch: Value) {
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch = Patch::Merge(patch);
    until("the policy is in force", async || {
        let answer = if status {
            stage.chat_rooms.patch_status(name, &dry_run, &patch).await
        } else {
            stage.chat_rooms.patch(name, &dry_run, &patch).await
        };
        answer.is_err_and(|error| error.to_string().contains(SAID))
    })
    .await;
}

/// Waits until the operator's log has told of this many refusals.
async fn told_of_refusals(stage: &mut Stage, count: usize) {
    let told = |log: &[String]| log.iter().filter(|line| line.contains(SAID)).count();
    stage.operator.log_becomes(|log| told(log) >= count).await;
}

/// Status first: what it would record before it asks AWS is refused, so nothing is asked.
#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_made_while_a_policy_refuses_the_status_and_one_is_once_it_is_lifted() {
    if current().await.is_none() {
        return;
    }
    let mut stage = Stage::open().await;
    stage.settle("other", json!({})).await;
    let policy = Policy::enforce(&stage, "chatrooms/status", "false").await;
    in_force(
        &stage,
        "other",
        true,
        json!({"status": {"region": "eu-west-1"}}),
    )
    .await;
    stage.create("lobby", json!({})).await;
    told_of_refusals(&mut stage, 3).await;
    assert_eq!(
        stage.calls(Operation::CreateRoom),
        1,
        "for the other object"
    );
    policy.lift().await;
    let object = stage.ready("lobby").await;
    assert!(
        stage
            .rooms_in(REGION)
            .iter()
            .any(|room| room.arn == arn_of(&object))
    );
    assert_eq!(stage.calls(Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_made_for_an_object_that_may_have_no_finalizer() {
    if current().await.is_none() {
        return;
    }
    let mut stage = Stage::open().await;
    stage.settle("other", json!({})).await;
    let policy = Policy::enforce(
        &stage,
        "chatrooms",
        "!has(object.metadata.finalizers) || has(oldObject.metadata.finalizers)",
    )
    .await;
    stage.operator.kill().await;
    stage.create("lobby", json!({})).await;
    in_force(
        &stage,
        "lobby",
        false,
        json!({"metadata": {"finalizers": ["example.com/other"]}}),
    )
    .await;
    stage.restart(Options::default()).await;
    told_of_refusals(&mut stage, 3).await;
    assert_eq!(
        stage.calls(Operation::CreateRoom),
        1,
        "for the other object"
    );
    policy.lift().await;
    stage.ready("lobby").await;
    assert_eq!(stage.calls(Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_while_a_policy_refuses_every_write_keeps_its_room_until_it_is_lifted() {
    if current().await.is_none() {
        return;
    }
    let mut stage = Stage::with(Options {
        flags: SERVING,
        ..Options::default()
    })
    .await;
    stage.settle("lobby", json!({})).await;
    let policy = Policy::enforce(&stage, "*/*", "false").await;
    in_force(
        &stage,
        "lobby",
        false,
        json!({"spec": {"maximumMessageLength": 7}}),
    )
    .await;
    stage.delete("lobby").await;
    let told = stage.event("lobby", "WriteRefused").await;
    let whole = "The API server refuses what the operator writes to this ChatRoom, so no room is created or deleted for it: ";
    assert!(told.starts_with(whole) && told.contains(SAID), "{told}");
    told_of_refusals(&mut stage, 2).await;
    assert!(stage.chat_rooms.get_opt("lobby").await.unwrap().is_some());
    assert_eq!(stage.calls(Operation::DeleteRoom), 0);
    let series = "reconciles_total{outcome=\"refused\"}";
    let counted = |scrape: &Scrape| scrape.of(series) >= 2.0;
    stage.operator.scrape_until(counted).await;
    policy.lift().await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
    let events = stage.events("lobby").await;
    let told = events.iter().filter(|(reason, _)| reason == "WriteRefused");
    assert_eq!(told.count(), 1, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_finalizer_may_not_be_taken_off_keeps_its_room_and_its_condition_says_so() {
    if current().await.is_none() {
        return;
    }
    let stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    let policy = Policy::enforce(&stage, "chatrooms", "false").await;
    let edit = json!({"spec": {"maximumMessageLength": 7}});
    in_force(&stage, "lobby", false, edit).await;
    stage.delete("lobby").await;
    let says = |object: &ChatRoom| message_of(object, "Ready").contains(SAID);
    let object = stage.until("lobby", "held, and says so", says).await;
    let deleting = ("False".to_owned(), "Deleting".to_owned());
    assert_eq!(status_of(&object, "Ready"), deleting);
    let told = "The room is not deleted, because the API server would not let this object go: ";
    assert!(message_of(&object, "Ready").starts_with(told));
    assert_eq!(stage.calls(Operation::DeleteRoom), 0);
    policy.lift().await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(REGION), []);
}

/// The chart's own policies, where they are asked for.
async fn protect(control_plane: &ControlPlane) -> Kubectl {
    let kubectl = Kubectl::new(&control_plane.kubeconfig);
    let helm = super::tool("helm");
    let rendered = Command::new(helm)
        .args(["template", "release", "charts/ivschat-operator"])
        .args(["--values", "charts/ivschat-operator/ci/minimal-values.yaml"])
        .args([
            "--set",
            "protection.enabled=true",
            "--kube-version",
            "1.30.0",
        ])
        .args(["--show-only", "templates/protection.yaml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let policies = String::from_utf8(rendered.stdout).unwrap();
    let applied = kubectl.fed(&policies, &["apply", "-f", "-"]).unwrap();
    assert_eq!(applied.lines().count(), 4, "{applied}");
    let crds = crds(&control_plane.client().await);
    let dry_run = DeleteParams::default().dry_run();
    until("the policies are in force", async || {
        crds.delete(CRD, &dry_run).await.is_err()
    })
    .await;
    kubectl
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_object_and_the_crd_are_not_deleted_by_mistake() {
    if current().await.is_none() {
        return;
    }
    let control_plane = ControlPlane::start(chat_room_crd().unwrap()).await;
    let stage = Stage::on(&control_plane, Options::default(), Settings::default()).await;
    let annotation = "ivschat-operator.io/deletion-protection";
    for (name, value) in [("true", "true"), ("unclear", "yes"), ("false", "False")] {
        stage.settle(name, json!({})).await;
        let annotations = json!({"metadata": {"annotations": {annotation: value}}});
        stage.patch(name, annotations).await;
    }
    stage.settle("plain", json!({})).await;
    let kubectl = protect(&control_plane).await;

    let all = (DeleteParams::default(), ListParams::default());
    let refused = stage.chat_rooms.delete("true", &all.0).await;
    let refused = refused.unwrap_err().to_string();
    let told = "the annotation ivschat-operator.io/deletion-protection protects this ChatRoom and its room: remove the annotation";
    assert!(refused.contains(told), "{refused}");
    // As the controller of namespaces deletes what is in one.
    let refused = stage.chat_rooms.delete_collection(&all.0, &all.1).await;
    assert!(refused.unwrap_err().to_string().contains(told));
    for unprotected in ["plain", "false"] {
        let _ = stage.chat_rooms.delete(unprotected, &all.0).await;
        stage.gone(unprotected).await;
    }
    assert_eq!(stage.rooms_in(REGION).len(), 2);

    let refused = kubectl.run(&["delete", "crd", CRD]).unwrap_err();
    assert!(
        refused.contains("deleting this CRD deletes every ChatRoom and every room"),
        "{refused}"
    );
    let allowed = [
        "annotate",
        "crd",
        CRD,
        "ivschat-operator.io/allow-deletion=true",
    ];
    kubectl.run(&allowed).unwrap();
    let dry_run = DeleteParams::default().dry_run();
    crds(&stage.client).delete(CRD, &dry_run).await.unwrap();

    for protected in ["true", "unclear"] {
        let patch = json!({"metadata": {"annotations": {annotation: null}}});
        stage.patch(protected, patch).await;
        stage.delete(protected).await;
        stage.gone(protected).await;
    }
    assert_eq!(stage.rooms_in(REGION), []);
}
