//! Where one contestant is measured: a control plane and an IVS Chat of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use ivschat_core::api::chat_room_crd;
use jiff::Timestamp;
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
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::Outcome;
use crate::audit::{ACCOUNT, Audit, NAMESPACE};
use crate::aws::Aws;
use crate::contestant::{Contestant, REGION, Start, free_address};
use crate::objects::{Key, Objects};
use crate::process::Process;
use crate::progress::{reach, say};
use crate::settings::{LATENCY, Settings, output, root};

/// Rooms are spread over this many namespaces.
const NAMESPACES: usize = 10;
/// Where nothing but the machine limits a contestant, ours is told so.
const UNLIMITED: f64 = 1000.0;
/// The longest a contestant may take to start.
const START: Duration = Duration::from_mins(1);
/// The longest that creating objects may take beside quotas, and for each.
const FILL: (Duration, Duration) = (Duration::from_mins(2), Duration::from_millis(200));

pub struct Rig<'a> {
    pub settings: &'a Settings,
    pub contestant: Contestant,
    pub client: Client,
    pub objects: Objects,
    pub aws: Aws,
    pub audit: Audit,
    /// When objects were created last.
    pub filled: Instant,
    directory: PathBuf,
    kubeconfig: PathBuf,
    process: Option<Process>,
    http: SocketAddr,
    /// Objects that were created so far, and those that are there.
    made: usize,
    live: usize,
    flags: Vec<String>,
}

impl<'a> Rig<'a> {
    /// Without objects; the contestant does not run yet. `regions`: where its rooms are.
    pub async fn open(
        settings: &'a Settings,
        contestant: Contestant,
        regions: &'static [&'static str],
    ) -> Outcome<Self> {
        let directory = tempfile::Builder::new().prefix("bench-").tempdir()?.keep();
        let (audit, flags) = Audit::prepare(&directory)?;
        let plane = directory.join("control-plane");
        let owner = std::process::id().to_string();
        // It stops when this process is gone, too.
        let up = Command::new(root().join("hack/control-plane"))
            .arg("up")
            .arg(&plane)
            .args(["--owner", &owner, "--"])
            .args(flags)
            .stdout(Stdio::null())
            .status()
            .await?;
        if !up.success() {
            return Err("hack/control-plane failed".into());
        }
        let client = client(&plane.join("kubeconfig")).await?;
        let kubeconfig = directory.join("kubeconfig");
        install(&client, &plane, &kubeconfig).await?;
        std::fs::create_dir_all(output().join("logs"))?;
        Ok(Self {
            settings,
            contestant,
            objects: Objects::watch(client.clone()),
            client,
            aws: Aws::start(regions).await?,
            audit,
            filled: Instant::now(),
            directory,
            kubeconfig,
            process: None,
            http: free_address()?,
            made: 0,
            live: 0,
            flags: Vec::new(),
        })
    }

    /// Gives ours these further flags at every start from now on.
    pub fn flag(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(ToString::to_string).collect();
    }

    /// Starts the contestant and gives the seconds until it watches. Quotas and latency are AWS's, or off.
    pub async fn start(&mut self, limited: bool) -> Outcome<f64> {
        self.stop().await?;
        let quotas = self.settings.quotas;
        self.aws.grant(limited.then_some(quotas));
        let latency = if limited { LATENCY } else { Duration::ZERO };
        self.aws.behave(latency, None);
        self.http = free_address()?;
        let command = self.contestant.command(
            self.settings,
            &Start {
                kubeconfig: &self.kubeconfig,
                endpoint: &self.aws.emulator.endpoint(),
                quotas: if limited { quotas } else { UNLIMITED },
                flags: &self.flags,
                http: self.http,
            },
        );
        let log = output()
            .join("logs")
            .join(format!("{}.log", self.contestant.name()));
        let process = Process::start(command, &log)?;
        let begun = process.begun;
        self.process = Some(process);
        let watching = self.watching(begun).await?;
        if self.contestant.is_ours() {
            // Before it leads it does nothing. Without a lease, and after a crash, that takes as long as a lease is valid.
            self.leads().await?;
        }
        Ok(watching)
    }

    /// When ours began to lead, as its log says.
    pub async fn leads(&mut self) -> Outcome<Timestamp> {
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            if let Some(line) = self.process()?.logged(" leads ") {
                let at = line.split_whitespace().next().unwrap_or_default();
                return Ok(at.parse()?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("it does not lead".into())
    }

    /// Ours says when it has every object. Of another the audit log tells when its watch began, before which it has listed all. Where
    /// the watch brings the list, the first call about a room is the sign, if there are rooms.
    async fn watching(&mut self, begun: Timestamp) -> Outcome<f64> {
        let deadline = Instant::now() + START;
        let seconds = |at: Timestamp| at.duration_since(begun).as_secs_f64();
        loop {
            if Instant::now() > deadline {
                return Err("it does not start to watch".into());
            }
            self.process()?.check()?;
            if self.contestant.is_ours() {
                let answer = get(self.http, "/readyz").await;
                if answer.is_ok_and(|(status, _)| status == 200) {
                    return Ok(seconds(Timestamp::now()));
                }
            } else if let Some(watch) = self.audit.looks(begun)?.iter().find(|it| it.watch) {
                let first = self.aws.first_since(begun, |_| Some(()));
                match first.get(&()) {
                    _ if !watch.streamed || self.live == 0 => return Ok(seconds(watch.at)),
                    Some(call) => return Ok(seconds(*call)),
                    None => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn process(&mut self) -> Outcome<&mut Process> {
        Ok(self.process.as_mut().ok_or("the contestant does not run")?)
    }

    pub async fn stop(&mut self) -> Outcome<()> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    pub async fn kill(&mut self) -> Outcome<()> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// The value of one of our series now; 0 where it is not there.
    pub async fn metric(&self, series: &str) -> Outcome<f64> {
        let (_, text) = get(self.http, "/metrics").await?;
        let value = text.lines().find_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            (name.strip_prefix("ivschat_operator_")? == series).then(|| value.parse().ok())?
        });
        Ok(value.unwrap_or_default())
    }

    /// The next objects, spread over the namespaces.
    pub fn next(&mut self, count: usize) -> Vec<Key> {
        let numbers = self.made..self.made + count;
        self.made += count;
        self.live += count;
        self.filled = Instant::now();
        numbers
            .map(|number| {
                let namespace = format!("rooms-{}", number % NAMESPACES);
                (namespace, format!("room-{number}"))
            })
            .collect()
    }

    /// Objects were created beside those of `next`.
    pub fn added(&mut self, count: usize) {
        self.live += count;
        self.filled = Instant::now();
    }

    /// Objects were deleted.
    pub fn removed(&mut self, count: usize) {
        self.live -= count;
    }

    /// Sees to it that there are this many settled objects, as fast as the machine can. The contestant does not run afterwards.
    pub async fn fill(&mut self, count: usize) -> Outcome<()> {
        let missing = count.saturating_sub(self.live);
        if missing == 0 {
            return self.stop().await;
        }
        say(&format!("  creates {missing} objects without quotas"));
        self.start(false).await?;
        let keys = self.next(missing);
        self.objects.create(&keys, &spec(None)).await?;
        let patience = FILL.0 + FILL.1 * u32::try_from(missing)?;
        let goal = self.live;
        let reached = reach("ready", goal, patience, || self.objects.ready()).await;
        self.stop().await?;
        if reached < goal {
            return Err(format!("only {reached} of {goal} objects were Ready").into());
        }
        Ok(())
    }

    /// Kills the API server and starts it again.
    pub async fn restart_api_server(&self) -> Outcome<()> {
        self.script("restart").await
    }

    /// Ends everything.
    pub async fn close(mut self) -> Outcome<()> {
        self.stop().await?;
        self.objects.end();
        self.script("down").await?;
        Ok(std::fs::remove_dir_all(&self.directory)?)
    }

    async fn script(&self, what: &str) -> Outcome<()> {
        let done = Command::new(root().join("hack/control-plane"))
            .arg(what)
            .arg(self.directory.join("control-plane"))
            .status()
            .await?;
        if done.success() {
            Ok(())
        } else {
            Err(format!("hack/control-plane {what} failed").into())
        }
    }
}

/// What every object asks for.
pub fn spec(region: Option<&str>) -> Value {
    let spec = json!({"maximumMessageLength": 300, "tags": {"team": "live", "stage": "bench"}});
    match region {
        None | Some(REGION) => spec,
        Some(region) => {
            let mut spec = spec;
            spec["region"] = region.into();
            spec
        }
    }
}

async fn client(kubeconfig: &Path) -> Outcome<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let options = KubeConfigOptions::default();
    Ok(Client::try_from(
        Config::from_custom_kubeconfig(kubeconfig, &options).await?,
    )?)
}

/// The CRD, the namespaces, and the contestant's account with a kubeconfig of its own.
async fn install(client: &Client, plane: &Path, kubeconfig: &Path) -> Outcome<()> {
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

/// Status and body of an answer over HTTP.
async fn get(address: SocketAddr, path: &str) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok((status, body.to_owned()))
}
