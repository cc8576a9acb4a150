//! Where one contestant is measured: a control plane and an IVS Chat of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ivschat_emulator::world::Operation;
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Outcome;
use crate::audit::Audit;
use crate::aws::Aws;
use crate::contestant::{Contestant, REGION, Start, free_address};
use crate::install::{client, install};
use crate::objects::{Key, Objects};
use crate::process::Process;
use crate::progress::{reach, say};
use crate::scrape::get;
use crate::settings::{LATENCY, Settings, output, root};

/// Rooms are spread over this many namespaces.
pub const NAMESPACES: usize = 10;
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
    directory: PathBuf,
    kubeconfig: PathBuf,
    process: Option<Process>,
    /// GetRooms before the contestant was started.
    pub gets: u64,
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
            directory,
            kubeconfig,
            process: None,
            gets: 0,
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
        self.gets = self.aws.calls().of(Operation::GetRoom);
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
            if let Some(line) = self.process()?.logged("INFO leads ") {
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
