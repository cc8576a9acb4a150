//! API servers of other times: how old the one at hand is, and one that is as an older one was.

use std::io::Write;

use ivschat_core::api::chat_room_crd;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::ControlPlane;

/// The oldest minor version of Kubernetes 1 that `hack/control-plane` has but for the last resort.
const FIRST_CURRENT: u32 = 34;

impl ControlPlane {
    /// One that tests share, whose CRD has no CEL rules: there a ChatRoom can hold what today's API servers refuse, as on an older
    /// one, or as what was stored before a rule was made.
    pub async fn without_cel() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start(crd_without_cel())).await
    }

    /// Whether the API server evaluates CEL rules, streams lists and so on, as all that Kubernetes still maintains do. The last resort
    /// of `hack/control-plane` does not: what only a current one can show, a test must skip there, and this says so.
    pub async fn is_current(&self) -> bool {
        let version = self.client().await.apiserver_version().await.unwrap();
        let minor: u32 = version.minor.trim_end_matches('+').parse().unwrap();
        if minor < FIRST_CURRENT {
            // Not by eprintln, which is shown of tests that fail only.
            let told = format!("NOT SHOWN by Kubernetes {}\n", version.git_version);
            std::io::stderr().write_all(told.as_bytes()).unwrap();
        }
        minor >= FIRST_CURRENT
    }
}

/// The CRD without its CEL rules.
pub fn crd_without_cel() -> CustomResourceDefinition {
    let mut crd = serde_json::to_value(chat_room_crd().unwrap()).unwrap();
    remove_rules(&mut crd);
    serde_json::from_value(crd).unwrap()
}

fn remove_rules(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.remove("x-kubernetes-validations");
            members.values_mut().for_each(remove_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_rules),
        _ => {}
    }
}
