//! What a fresh control plane needs: the CRD, namespaces, and an account for the contestant.

use std::path::Path;

use ivschat_core::api::chat_room_crd;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::Outcome;
use crate::audit::{ACCOUNT, NAMESPACE};
use crate::rig::NAMESPACES;

/// A client with all rights, for the harness.
pub async fn client(kubeconfig: &Path) -> Outcome<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let options = KubeConfigOptions::default();
    Ok(Client::try_from(
        Config::from_custom_kubeconfig(kubeconfig, &options).await?,
    )?)
}

/// The CRD, the namespaces, and the contestant's account with a kubeconfig of its own.
pub async fn install(client: &Client, plane: &Path, kubeconfig: &Path) -> Outcome<()> {
    let parameters = PostParams::default();
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = crds.create(&parameters, &chat_room_crd()?).await?;
    let name = crd.metadata.name.unwrap_or_default();
    await_condition(crds, &name, is_crd_established()).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let names = (0..NAMESPACES).map(|number| format!("rooms-{number}"));
    for name in names.chain([NAMESPACE.to_owned(), "big".to_owned(), "small".to_owned()]) {
        let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        namespaces.create(&parameters, &namespace).await?;
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let account = serde_json::from_value(json!({"metadata": {"name": ACCOUNT}}))?;
    accounts.create(&parameters, &account).await?;
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = serde_json::from_value(json!({
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": ACCOUNT}],
    }))?;
    bindings.create(&parameters, &binding).await?;
    let request = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(24 * 3600),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let token = accounts
        .create_token_request(ACCOUNT, &parameters, &request)
        .await?;
    let token = token.status.ok_or("no token")?.token;
    let admin = std::fs::read_to_string(plane.join("kubeconfig"))?;
    let mut config: Value = serde_yaml::from_str(&admin)?;
    config["users"] = json!([{"name": "admin", "user": {"token": token}}]);
    config["contexts"][0]["context"]["namespace"] = NAMESPACE.into();
    Ok(std::fs::write(kubeconfig, serde_yaml::to_string(&config)?)?)
}
