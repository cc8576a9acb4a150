//! etcd and kube-apiserver from `hack/control-plane`: one for all tests, or one of a test's own.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use ivschat_core::api::chat_room_crd;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Client, Config, ResourceExt};
use tokio::sync::OnceCell;

use super::DEADLINE;

/// What starts and stops control planes.
pub const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hack/control-plane");

/// A running control plane with the CRD installed. It stops with the test process, however that ends.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    pub kubeconfig: PathBuf,
}

impl ControlPlane {
    /// The one that tests share, each in a namespace of its own.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED
            .get_or_init(|| Self::start(chat_room_crd().unwrap()))
            .await
    }

    /// One of the test's own, with this CRD.
    pub async fn start(crd: CustomResourceDefinition) -> Self {
        let control_plane = Self::without_crd().await;
        control_plane.install(crd).await;
        control_plane
    }

    /// One of the test's own, on which nothing is installed.
    pub async fn without_crd() -> Self {
        Self::with_flags(&[]).await
    }

    /// The same, with these flags of kube-apiserver's.
    pub async fn with_flags(flags: &'static [&'static str]) -> Self {
        Self {
            kubeconfig: tokio::task::spawn_blocking(|| up(flags)).await.unwrap(),
        }
    }

    pub async fn client(&self) -> Client {
        client(&self.kubeconfig).await
    }

    pub async fn install(&self, crd: CustomResourceDefinition) {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client().await);
        crds.create(&PostParams::default(), &crd).await.unwrap();
        let name = crd.name_any();
        let established = await_condition(crds, &name, is_crd_established());
        tokio::time::timeout(DEADLINE, established)
            .await
            .expect("the CRD is established")
            .unwrap();
    }
}

/// A client for this kubeconfig. A client serves one test: it is bound to the test's own runtime.
pub async fn client(kubeconfig: &std::path::Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// A new namespace. Names are counted, for a control plane has one process of tests: one that the API server makes up may be taken
/// among so many, and then it refuses.
pub async fn namespace(client: &Client, prefix: &str) -> kube::Result<String> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{prefix}-{}", MADE.fetch_add(1, Ordering::Relaxed));
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.clone());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces
        .create(&PostParams::default(), &namespace)
        .await?;
    Ok(name)
}

fn up(flags: &[&str]) -> PathBuf {
    // The script removes it when this process is gone.
    let directory = tempfile::Builder::new()
        .prefix("control-plane-")
        .tempdir()
        .unwrap()
        .keep();
    let output = Command::new(SCRIPT)
        .arg("up")
        .arg(&directory)
        .args(["--owner", &std::process::id().to_string(), "--"])
        .args(flags)
        .stderr(Stdio::inherit())
        .output()
        .expect("hack/control-plane runs");
    assert!(
        output.status.success(),
        "hack/control-plane failed: {}",
        output.status
    );
    let output = String::from_utf8(output.stdout).unwrap();
    let kubeconfig = output
        .trim()
        .strip_prefix("KUBECONFIG=")
        .expect("it prints KUBECONFIG=<path>");
    PathBuf::from(kubeconfig)
}
