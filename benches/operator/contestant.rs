//! Who is measured: our operator, and textbook operators for the same objects on other frameworks.

use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::Outcome;
use crate::settings::{Settings, root};

pub const REGION: &str = "us-west-2";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    Ours,
    KubeRs,
    ControllerRuntime,
    Kopf,
}

/// How a contestant is to be started.
pub struct Start<'a> {
    pub kubeconfig: &'a Path,
    pub endpoint: &'a str,
    /// Times AWS's quotas; only ours takes them into account.
    pub quotas: f64,
    /// Further flags of ours.
    pub flags: &'a [String],
    /// Where ours serves its metrics.
    pub http: SocketAddr,
}

impl Contestant {
    pub const ALL: [Self; 4] = [
        Self::Ours,
        Self::KubeRs,
        Self::ControllerRuntime,
        Self::Kopf,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::KubeRs => "kube-rs",
            Self::ControllerRuntime => "controller-runtime",
            Self::Kopf => "kopf",
        }
    }

    pub fn named(name: &str) -> Outcome<Self> {
        let known = Self::ALL.into_iter().find(|it| it.name() == name);
        known.ok_or_else(|| format!("BENCH_ONLY: there is no contestant {name}").into())
    }

    pub fn is_ours(self) -> bool {
        self == Self::Ours
    }

    fn executable(self, settings: &Settings) -> PathBuf {
        match self {
            Self::Ours => settings.operator.clone(),
            _ => root().join("target/rivals").join(self.name()),
        }
    }

    pub fn is_built(self, settings: &Settings) -> bool {
        self.executable(settings).is_file()
    }

    /// How it was built, as far as its path says.
    pub fn profile(self, settings: &Settings) -> String {
        match self {
            Self::Ours => {
                let folder = settings.operator.parent().and_then(Path::file_name);
                let folder = folder.map(|name| name.to_string_lossy().into_owned());
                match folder.as_deref() {
                    Some("debug") => "dev".to_owned(),
                    Some(profile) => profile.to_owned(),
                    None => "unknown".to_owned(),
                }
            }
            Self::KubeRs => "release".to_owned(),
            Self::ControllerRuntime => "go build -trimpath".to_owned(),
            Self::Kopf => "CPython".to_owned(),
        }
    }

    /// Tells this binary from any other.
    pub fn digest(self, settings: &Settings) -> Outcome<String> {
        let mut digest = Sha256::new();
        digest.update(fs::read(self.executable(settings))?);
        if self == Self::Kopf {
            // The executable only starts this.
            let program = root().join("target/rivals/kopf-venv/chatrooms.py");
            digest.update(fs::read(program)?);
        }
        let mut text = String::new();
        for byte in digest.finalize() {
            write!(text, "{byte:02x}")?;
        }
        Ok(text)
    }

    /// What starts it.
    pub fn command(self, settings: &Settings, start: &Start<'_>) -> Command {
        let mut command = Command::new(self.executable(settings));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", std::env::var_os("HOME").unwrap_or_default())
            .env("KUBECONFIG", start.kubeconfig)
            .env("AWS_REGION", REGION)
            .env("AWS_ENDPOINT_URL", start.endpoint)
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        if self.is_ours() {
            command
                .args(["run", "--cluster-id", "bench"])
                .args(["--lease-namespace", "bench"])
                .args(["--http-address", &start.http.to_string()])
                .args(["--quota-factor", &start.quotas.to_string()])
                .args(start.flags);
        }
        command
    }
}

/// An address that nobody listens on.
pub fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
