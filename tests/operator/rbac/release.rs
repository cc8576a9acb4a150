//! A release of the chart as helm renders it: its account, its roles and the settings of its pods, put to work on a real API server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command as Helm;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A verb on a resource that the operator's account is granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub resource: String,
    pub verb: String,
}

pub struct Release {
    pub namespace: String,
    objects: Vec<Value>,
}

impl Release {
    /// Renders the chart with these values. The API server is of the oldest version that is supported.
    pub fn render(namespace: &str, values: &[String]) -> Self {
        let tool = Helm::new(format!("{ROOT}/hack/tool"))
            .arg("helm")
            .output()
            .unwrap();
        assert!(tool.status.success(), "hack/tool finds helm");
        let helm = String::from_utf8(tool.stdout).unwrap();
        let mut template = Helm::new(helm.trim());
        template
            .args(["template", "release"])
            .arg(format!("{ROOT}/charts/ivschat-operator"))
            .args(["--namespace", namespace, "--kube-version", "1.25.0"])
            .args(["--no-hooks", "--skip-tests"])
            .args(["--set", "image.repository=none,aws.region=us-west-2"]);
        for value in values {
            template.args(["--set", value]);
        }
        let rendered = template.output().unwrap();
        let trouble = String::from_utf8_lossy(&rendered.stderr);
        assert!(rendered.status.success(), "{trouble}");
        let rendered = String::from_utf8(rendered.stdout).unwrap();
        let objects = serde_yaml::Deserializer::from_str(&rendered)
            .map(|document| Value::deserialize(document).unwrap())
            .filter(|document| !document.is_null())
            .collect();
        Self {
            namespace: namespace.to_owned(),
            objects,
        }
    }

    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects
            .iter()
            .filter(move |object| object["kind"] == kind)
    }

    /// Everything that the account may do.
    pub fn grants(&self) -> BTreeSet<Grant> {
        let bound = self.objects.iter().filter(|object| self.is_bound(object));
        let rules = bound.flat_map(|role| role["rules"].as_array().unwrap());
        rules
            .flat_map(|rule| {
                words(&rule["resources"]).flat_map(move |resource| {
                    words(&rule["verbs"]).map(move |verb| Grant {
                        resource: resource.to_owned(),
                        verb: verb.to_owned(),
                    })
                })
            })
            .collect()
    }

    /// Takes one verb on one resource out of every role of the account.
    pub fn deny(&mut self, denied: &Grant) {
        let own: Vec<_> = self.objects.iter().map(|it| self.is_bound(it)).collect();
        let objects = self.objects.iter_mut().zip(own);
        for (role, _) in objects.filter(|(_, own)| *own) {
            let rules = role["rules"].as_array_mut().unwrap();
            for rule in &mut *rules {
                let resources: Vec<_> = words(&rule["resources"]).collect();
                assert_eq!(resources.len(), 1, "a rule is about one resource: {rule}");
                if resources[0] == denied.resource {
                    let verbs = rule["verbs"].as_array_mut().unwrap();
                    verbs.retain(|verb| *verb != denied.verb);
                }
            }
            rules.retain(|rule| rule["verbs"] != json!([]));
        }
    }

    /// Whether it is a role that the chart binds to the operator's account.
    fn is_bound(&self, role: &Value) -> bool {
        let binding = match role["kind"].as_str() {
            Some("ClusterRole") => "ClusterRoleBinding",
            Some("Role") => "RoleBinding",
            _ => return false,
        };
        let account = json!([{
            "kind": "ServiceAccount", "name": self.account(), "namespace": self.namespace,
        }]);
        self.of_kind(binding).any(|binding| {
            binding["roleRef"]["kind"] == role["kind"]
                && binding["roleRef"]["name"] == role["metadata"]["name"]
                && binding["metadata"]["namespace"] == role["metadata"]["namespace"]
                && binding["subjects"] == account
        })
    }

    pub fn account(&self) -> &str {
        let pods = &self.deployment()["spec"]["template"]["spec"];
        pods["serviceAccountName"].as_str().unwrap()
    }

    fn deployment(&self) -> &Value {
        self.of_kind("Deployment").next().unwrap()
    }

    /// The environment of the operator's container.
    pub fn environment(&self) -> BTreeMap<&str, &str> {
        let variables = self.container()["env"].as_array().unwrap();
        variables
            .iter()
            .map(|variable| {
                let value = variable["value"].as_str().unwrap_or("pod");
                (variable["name"].as_str().unwrap(), value)
            })
            .collect()
    }

    fn container(&self) -> &Value {
        &self.deployment()["spec"]["template"]["spec"]["containers"][0]
    }

    /// Makes the account and its roles, and nothing else. The namespaces must be there.
    pub async fn install(&self, client: &Client) {
        const KINDS: [&str; 5] = [
            "ServiceAccount",
            "ClusterRole",
            "ClusterRoleBinding",
            "Role",
            "RoleBinding",
        ];
        for object in KINDS.iter().flat_map(|kind| self.of_kind(kind)) {
            let version = object["apiVersion"].as_str().unwrap();
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let kind = object["kind"].as_str().unwrap();
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
            let api: Api<DynamicObject> = match object.metadata.namespace.as_deref() {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                None => Api::all_with(client.clone(), &resource),
            };
            api.create(&PostParams::default(), &object).await.unwrap();
        }
    }

    /// Writes a kubeconfig with a token of the account next to that of an administrator.
    pub async fn kubeconfig(&self, client: &Client, administrator: &Path) -> PathBuf {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &self.namespace);
        let (params, request) = (PostParams::default(), TokenRequest::default());
        let granted = accounts
            .create_token_request(self.account(), &params, &request)
            .await
            .unwrap();
        let token = granted.status.unwrap().token;
        let kubeconfig = std::fs::read_to_string(administrator).unwrap();
        let mut kubeconfig: Value = serde_yaml::from_str(&kubeconfig).unwrap();
        kubeconfig["users"][0]["user"] = json!({"token": token});
        let path = administrator.with_file_name(format!("kubeconfig-{}", self.namespace));
        std::fs::write(&path, serde_yaml::to_string(&kubeconfig).unwrap()).unwrap();
        path
    }

    /// The operator as its pod runs it, but for the flags: they come last and count.
    pub fn command(&self, kubeconfig: &Path, endpoint: &str, flags: &[&str]) -> Command {
        let mut command = self.environed(kubeconfig, endpoint);
        command.args(words(&self.container()["args"])).args(flags);
        command
    }

    /// `ivschat-operator check` as `helm test` runs it.
    pub fn check(&self, kubeconfig: &Path, endpoint: &str, flags: &[&str]) -> Command {
        let mut command = self.environed(kubeconfig, endpoint);
        command.arg("check").args(flags);
        command
    }

    fn environed(&self, kubeconfig: &Path, endpoint: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ivschat-operator"));
        command
            .env_clear()
            .envs(self.environment())
            .env("KUBECONFIG", kubeconfig)
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("RUST_LOG", "ivschat_operator=debug");
        command
    }
}

pub fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
}
