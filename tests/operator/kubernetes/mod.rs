//! What only Kubernetes as it is maintained today shows: CEL and its budget, ratcheting, streamed lists, admission policies, and what
//! a current kubectl says. The last resort of `hack/control-plane` cannot show these; there each test says so and ends.

mod admission;
mod crd;
mod kubectl;
mod streaming;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ivschat_core::api::ChatRoom;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};

use crate::stage::{ControlPlane, DEADLINE};

/// The control plane that tests share, where it is a current one.
async fn current() -> Option<&'static ControlPlane> {
    let shared = ControlPlane::shared().await;
    shared.is_current().await.then_some(shared)
}

/// ChatRooms with whatever their spec holds.
fn objects(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<ChatRoom>(&());
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn crds(client: &Client) -> Api<CustomResourceDefinition> {
    Api::all(client.clone())
}

/// Waits for what the API server does in its own time, and cannot be watched.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let mut turns = tokio::time::interval(Duration::from_millis(20));
    let held = async {
        while !holds().await {
            turns.tick().await;
        }
    };
    let held = tokio::time::timeout(DEADLINE, held).await;
    held.unwrap_or_else(|_| panic!("not in time: {what}"));
}

const CRD: &str = "chatrooms.ivschat-operator.io";

/// The path of a program, as `hack/tool` finds it.
fn tool(name: &str) -> PathBuf {
    let tool = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/hack/tool"))
        .arg(name)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(tool.status.success(), "hack/tool finds {name}");
    String::from_utf8(tool.stdout).unwrap().trim().into()
}

/// kubectl as `hack/tool` finds it, with a cache of its own: what it knows of one API server it must not take for another's.
struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: tempfile::TempDir,
}

impl Kubectl {
    fn new(kubeconfig: &Path) -> Self {
        Self {
            program: tool("kubectl"),
            kubeconfig: kubeconfig.to_owned(),
            cache: tempfile::tempdir().unwrap(),
        }
    }

    /// What it prints, and what it complains of: its exit code decides which of both there must be.
    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        self.fed("", arguments)
    }

    /// The same, with this on its standard input.
    fn fed(&self, input: &str, arguments: &[&str]) -> Result<String, String> {
        let mut child = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(self.cache.path())
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|it| String::from_utf8(it).unwrap());
        if status.success() {
            assert_eq!(stderr, "", "kubectl {arguments:?} warns of nothing");
            Ok(stdout)
        } else {
            Err(stderr)
        }
    }
}
