//! One operator process, with everything it hears and says going through proxies of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::proxy::{Proxy, Upstream};
use crate::script::Script;
use crate::stage::Setting;
use crate::{CLUSTER, Outcome, REGION};

/// How the replicas of a case work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Election {
    /// One of them leads.
    On,
    /// All of them work.
    Off,
}

/// Which version of the operator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// This one.
    Now,
    /// The one before, as `hack/version-before` builds it.
    Before,
}

impl Version {
    pub fn other(self) -> Self {
        match self {
            Self::Now => Self::Before,
            Self::Before => Self::Now,
        }
    }

    /// The binary, if there is one of this version.
    pub fn binary(self) -> Option<PathBuf> {
        match self {
            Self::Now => Some(env!("CARGO_BIN_EXE_ivschat-operator").into()),
            Self::Before => std::env::var_os("VERSION_BEFORE").map(PathBuf::from),
        }
    }
}

/// An operator that can be killed, frozen and started again. Dropping it kills it.
pub struct Replica {
    id: usize,
    namespace: String,
    election: Election,
    drift_interval: &'static str,
    /// What it is started as.
    pub version: Version,
    kubernetes: Proxy,
    aws: Proxy,
    directory: tempfile::TempDir,
    child: Option<Child>,
    log: watch::Sender<Vec<String>>,
}

impl Replica {
    pub async fn start(
        id: usize,
        namespace: &str,
        setting: &Setting,
        kubernetes: Upstream,
        aws: Upstream,
        script: &Arc<Script>,
    ) -> Outcome<Self> {
        let mut replica = Self {
            id,
            namespace: namespace.to_owned(),
            election: setting.election,
            drift_interval: setting.drift_interval,
            version: if id == 0 {
                setting.version
            } else {
                setting.second
            },
            kubernetes: Proxy::start(id, kubernetes, Arc::clone(script)).await?,
            aws: Proxy::start(id, aws, Arc::clone(script)).await?,
            directory: tempfile::tempdir()?,
            child: None,
            log: watch::Sender::new(Vec::new()),
        };
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": replica.kubernetes.endpoint()}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        });
        std::fs::write(replica.kubeconfig(), kubeconfig.to_string())?;
        replica.run()?;
        Ok(replica)
    }

    /// Starts its process.
    pub fn run(&mut self) -> Outcome {
        let binary = self.version.binary().ok_or("there is no such binary")?;
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("KUBECONFIG", self.kubeconfig())
            .env("POD_NAME", format!("replica-{}", self.id))
            // The version before does not know it, and would not start with a flag.
            .env("CHANGES_INTERVAL", "100ms")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", REGION)
            .env("AWS_ENDPOINT_URL", self.aws.endpoint())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RUST_LOG", "warn,ivschat_operator=debug")
            .args(self.arguments());
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stderr = child.stderr.take().ok_or("no log")?;
        self.child = Some(child);
        let log = self.log.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.send_modify(|log| log.push(line));
            }
        });
        Ok(())
    }

    /// Every time at about a hundredth of what it is by default.
    fn arguments(&self) -> Vec<String> {
        [
            "run",
            &format!("--namespace={}", self.namespace),
            &format!("--cluster-id={CLUSTER}"),
            &format!("--leader-election={}", self.election == Election::On),
            &format!("--lease-namespace={}", self.namespace),
            "--lease-duration=1s",
            "--operation-timeout=500ms",
            "--lag-bound=600ms",
            "--clock-skew=100ms",
            &format!("--drift-interval={}", self.drift_interval),
            "--index-interval=1s",
            "--wait-factor=0.01",
            "--jitter=0.2",
            "--quota-factor=1000",
            "--kubernetes-timeout=500ms",
        ]
        .map(ToOwned::to_owned)
        .into()
    }

    /// Ends it without notice.
    pub async fn kill(&mut self) -> Outcome {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Stops its process in the middle of whatever it does, as a paused machine does.
    pub async fn freeze(&self) -> Outcome {
        self.signal("-STOP").await
    }

    /// Lets it go on as if no time had passed.
    pub async fn thaw(&self) -> Outcome {
        self.signal("-CONT").await
    }

    /// How many bytes of answers have come to its process that it has not read.
    pub fn unread(&self) -> Outcome<u64> {
        let proxies = [self.kubernetes.port(), self.aws.port()];
        let sockets = procfs::net::tcp()?.into_iter();
        let own = sockets.filter(|socket| proxies.contains(&socket.remote_address.port()));
        Ok(own.map(|socket| u64::from(socket.rx_queue)).sum())
    }

    async fn signal(&self, signal: &str) -> Outcome {
        let pid = self
            .child
            .as_ref()
            .and_then(Child::id)
            .ok_or("it does not run")?;
        let sent = Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .await?;
        if sent.success() {
            Ok(())
        } else {
            Err("the signal was not sent".into())
        }
    }

    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log.borrow();
        log[log.len().saturating_sub(lines)..].join("\n")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }
}
