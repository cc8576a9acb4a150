//! The operator's real binary as a child process, its log read as it comes.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::{CLUSTER, DEADLINE, REGION};

/// How a test wants the operator to work: fast, unless the test is about time.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Time between two looks at a settled room.
    pub drift_interval: &'static str,
    /// Time between two looks over the whole region.
    pub index_interval: &'static str,
    /// Time between two looks for rooms that were updated since.
    pub changes_interval: &'static str,
    /// Each room is looked at itself once in this time.
    pub verify_interval: &'static str,
    /// An AWS call ends after this; with no lag and no skew this is the grace, too.
    pub operation_timeout: &'static str,
    /// How long reads are taken to lag writes.
    pub lag_bound: &'static str,
    /// Multiplies AWS's call quotas.
    pub quota_factor: &'static str,
    /// Multiplies every wait after a failure.
    pub wait_factor: &'static str,
    /// Credentials that carry no account of their own belong to the emulator's.
    pub account: Option<&'static str>,
    /// Where credentials come from.
    pub credentials: Source,
    /// The cluster's id.
    pub cluster: &'static str,
    /// Where rooms may be made; empty: in the home region alone.
    pub regions: &'static str,
    /// The lease's duration, where replicas compete for one; `None`: the operator takes itself for the only one.
    pub lease: Option<&'static str>,
    /// Further variables of its environment.
    pub environment: &'static [(&'static str, &'static str)],
    /// Further flags.
    pub flags: &'static [&'static str],
}

/// Where the operator finds its AWS credentials.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// Any will do.
    Any,
    /// Fetched from this URL, as in a container.
    Container(&'static str),
    /// The files `config` and `credentials` in this directory, as on a person's machine.
    Files(&'static str),
}

impl Options {
    /// Nothing is done that is not asked for.
    pub const DEFAULT: Self = Self {
        drift_interval: "1h",
        index_interval: "1h",
        changes_interval: "1h",
        verify_interval: "24h",
        operation_timeout: "2s",
        lag_bound: "0s",
        quota_factor: "1000",
        wait_factor: "0.05",
        account: None,
        credentials: Source::Any,
        cluster: CLUSTER,
        regions: "",
        lease: None,
        environment: &[],
        flags: &[],
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Options {
    /// Settled rooms are looked at all the time, as lists show them.
    pub fn watchful() -> Self {
        Self {
            drift_interval: "100ms",
            changes_interval: "100ms",
            ..Self::default()
        }
    }

    /// Each room is read itself all the time, whatever lists show.
    pub fn verifying() -> Self {
        Self {
            verify_interval: "100ms",
            ..Self::watchful()
        }
    }

    /// Rooms may be made abroad, too.
    pub fn abroad() -> Self {
        Self {
            regions: "us-west-2,eu-west-1",
            ..Self::default()
        }
    }

    /// Waits as in production, and time for the SDK's own retries.
    pub fn patient() -> Self {
        Self {
            wait_factor: "1",
            operation_timeout: "10s",
            ..Self::default()
        }
    }
}

/// Nothing is waited for that need not be.
pub const PROMPT: [&str; 4] = ["--clock-skew", "0s", "--jitter", "0"];

/// A running operator. Dropping it kills it.
pub struct Operator {
    child: Child,
    log: watch::Receiver<Vec<String>>,
}

impl Operator {
    pub fn start(kubeconfig: &Path, namespace: &str, endpoint: &str, options: Options) -> Self {
        Self::spawn(command("run", kubeconfig, namespace, endpoint, options))
    }

    /// With a command of the test's own.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the operator starts");
        let (sender, log) = watch::channel(Vec::new());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log: &mut Vec<String>| log.push(line));
            }
        });
        Self { child, log }
    }

    /// Ends it without notice, as a crash does.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends it a signal.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs");
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid.to_string()])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
    }

    /// Asks it to end, and gives whether it ended well.
    pub async fn stop(&mut self) -> bool {
        self.signal("TERM").await;
        self.wait().await
    }

    /// Waits for its end, and gives whether it ended well.
    pub async fn wait(&mut self) -> bool {
        self.exit_code().await == Some(0)
    }

    /// Waits for its end and for its last line, and gives the code with which it ended by itself.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let end = async {
            let ended = self.child.wait().await;
            while self.log.changed().await.is_ok() {}
            ended
        };
        let ended = tokio::time::timeout(DEADLINE, end).await;
        ended.expect("it ends in time").unwrap().code()
    }

    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits for a line of the log.
    pub async fn log_until(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let waiting = self.log.wait_for(|log| log.iter().any(|line| wanted(line)));
        let log = tokio::time::timeout(DEADLINE, waiting)
            .await
            .expect("the line comes")
            .unwrap()
            .clone();
        log.into_iter().find(|line| wanted(line)).unwrap()
    }

    /// Waits until the log as a whole is as `wanted` says.
    pub async fn log_becomes(&mut self, wanted: impl Fn(&[String]) -> bool) {
        let waiting = self.log.wait_for(|log| wanted(log));
        let log = tokio::time::timeout(DEADLINE, waiting).await;
        log.expect("the log becomes so").unwrap();
    }

    /// How long the operator decided to wait after the first pass over this generation of an object.
    pub async fn wait_after(&mut self, namespace: &str, name: &str, generation: i64) -> Duration {
        let object = format!("{namespace}/{name}");
        let found = |log: &Vec<String>| {
            log.iter().find_map(|line| {
                let fields = serde_json::from_str::<Value>(line).ok()?["fields"].take();
                let matches = fields["message"] == "pass ended"
                    && fields["object"] == object.as_str()
                    && fields["generation"] == generation;
                matches
                    .then(|| Duration::from_millis(fields["wait_ms"].as_u64().unwrap_or_default()))
            })
        };
        let waiting = self.log.wait_for(|log| found(log).is_some());
        let log = tokio::time::timeout(DEADLINE, waiting)
            .await
            .expect("a pass ends")
            .unwrap()
            .clone();
        found(&log).unwrap()
    }
}

/// The operator's binary with this subcommand, as a test wants it to work.
pub fn command(
    subcommand: &str,
    kubeconfig: &Path,
    namespace: &str,
    endpoint: &str,
    options: Options,
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ivschat-operator"));
    command
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .env("AWS_REGION", REGION)
        .env("REGIONS", options.regions)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("RUST_LOG", "warn,ivschat_operator=debug")
        .args([
            subcommand,
            "--namespace",
            namespace,
            "--cluster-id",
            options.cluster,
        ])
        .args(PROMPT)
        .args([
            "--index-interval",
            options.index_interval,
            "--log-format",
            "json",
        ])
        .args(["--drift-interval", options.drift_interval])
        .args(["--changes-interval", options.changes_interval])
        .args(["--verify-interval", options.verify_interval])
        .args(["--operation-timeout", options.operation_timeout])
        .args(["--lag-bound", options.lag_bound])
        .args(["--quota-factor", options.quota_factor])
        .args(["--wait-factor", options.wait_factor])
        .args(options.flags);
    match options.credentials {
        Source::Container(url) => command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
        Source::Files(directory) => command
            .env("HOME", directory)
            .env("AWS_CONFIG_FILE", format!("{directory}/config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                format!("{directory}/credentials"),
            ),
        Source::Any => command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test"),
    };
    match options.lease {
        Some(duration) => command
            .args(["--lease-namespace", namespace])
            .args(["--lease-duration", duration]),
        None => command.args(["--leader-election", "false"]),
    };
    command.envs(options.environment.iter().copied());
    if let Some(account) = options.account {
        command.env("AWS_ACCOUNT_ID", account);
    }
    command
}
