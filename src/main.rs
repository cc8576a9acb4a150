//! Arguments, wiring, exit code. No decision is taken here.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use ivschat_aws::{AwsClock, Caller, Clock, Meter, Unmetered};
use ivschat_core::lanes::Lane;
use ivschat_core::{api, errors};
use ivschat_operator::chat_room::{self, Context, Kubernetes, Signature};
use ivschat_operator::cli::{Cli, Command, RunArguments};
use ivschat_operator::kit::{self, Election, Leadership};
use ivschat_operator::telemetry::{Health, Metrics};
use ivschat_operator::{check, telemetry};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Crds => print_crds(),
        Command::Run(arguments) => run(&arguments),
        Command::Release(arguments) => release(&arguments.run),
        Command::Check(arguments) => match check(&arguments.run, arguments.write) {
            // The printed table has named the problem already.
            Ok(false) => return ExitCode::FAILURE,
            outcome => outcome.map(drop),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ivschat-operator: {}", errors::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn print_crds() -> Result<(), Box<dyn Error>> {
    match io::stdout().write_all(api::manifest()?.as_bytes()) {
        // The reader has closed the pipe, as `| head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(arguments: &RunArguments) -> Result<(), Box<dyn Error>> {
    let _telemetry = telemetry::start_logs(arguments.log_format)?;
    let (health, metrics) = (Health::default(), Metrics::default());
    if let Some(address) = arguments.http_address {
        // First: probes answer while the process starts, and an address in use ends the process at once.
        let listener = telemetry::listen(address).await?;
        tracing::info!(address = %listener.local_addr()?, "serves /livez, /readyz and /metrics");
        telemetry::serve_apart(listener, health.clone(), metrics.clone())?;
    }
    let Parts {
        client,
        context,
        election,
    } = connect(arguments, metrics).await?;
    chat_room::run(
        &client,
        context,
        election,
        health,
        shutdown()?,
        |feed, context| chat_room::passes(feed, context, chat_room::MOST, chat_room::reconcile),
    )
    .await;
    tracing::info!("stopped");
    Ok(())
}

/// Prints what works and what does not. Returns whether everything works.
#[tokio::main(flavor = "current_thread")]
async fn check(arguments: &RunArguments, write: bool) -> Result<bool, Box<dyn Error>> {
    let mut report = check::Report::default();
    let id = match cluster(arguments).await {
        Ok(cluster) => cluster.check(&mut report).await,
        Err(error) => {
            report.fail("Kubernetes API", errors::chain(&*error));
            arguments.cluster_id.clone()
        }
    };
    let meter: Arc<dyn Meter> = Arc::new(Unmetered);
    match ivschat_aws::connect(&aws(arguments), &meter, &aws_clock(arguments)).await {
        Ok((rooms, account, region)) => {
            let regions = arguments.regions(region.clone())?;
            let aws = check::Aws {
                rooms,
                account,
                region,
                regions,
                caller: Caller::operator(Lane::Asked, "check"),
            };
            aws.check(&mut report, write, id.as_ref()).await;
        }
        Err(error) => report.fail(error.subject(), error.to_string()),
    }
    println!("{report}");
    Ok(report.well())
}

async fn cluster(arguments: &RunArguments) -> Result<check::Cluster, Box<dyn Error>> {
    let config = kubernetes_config().await?;
    let lease = arguments.lease(config.default_namespace.clone())?;
    let client = kit::client(config)?;
    let timeout = arguments.kubernetes_timeout;
    Ok(check::Cluster {
        kubernetes: Kubernetes::new(client.clone(), timeout, None, Metrics::default()),
        client,
        timeout,
        namespaces: arguments.namespaces(),
        cluster_id: arguments.cluster_id.clone(),
        lease,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn release(arguments: &RunArguments) -> Result<(), Box<dyn Error>> {
    if arguments.leader_election && arguments.lease_namespace.is_none() {
        // With another lease than the operator's, the operator would keep running.
        return Err("name the namespace of the operator's lease: --lease-namespace".into());
    }
    let _telemetry = telemetry::start_logs(arguments.log_format)?;
    let Parts {
        context, election, ..
    } = connect(arguments, Metrics::default()).await?;
    // The lease of a leader that crashed runs out within its duration.
    let patience = arguments.lease_duration + Duration::from_secs(5);
    let election = election.map(|election| (election, patience));
    let released = chat_room::release_all(context, election).await?;
    for (object, why) in &released.left {
        println!("left {object}: {why}");
    }
    println!("{released}");
    if released.left.is_empty() {
        Ok(())
    } else {
        Err("not every ChatRoom could be let go; run this again".into())
    }
}

/// What `run` and `release` both need.
struct Parts {
    client: Client,
    context: Arc<Context>,
    election: Option<Election>,
}

async fn connect(arguments: &RunArguments, metrics: Metrics) -> Result<Parts, Box<dyn Error>> {
    let config = kubernetes_config().await?;
    let lease = arguments.lease(config.default_namespace.clone())?;
    let client = kit::client(config)?;
    let meter: Arc<dyn Meter> = Arc::new(metrics.clone());
    let clock = aws_clock(arguments);
    let (rooms, account, own_region) =
        ivschat_aws::connect(&aws(arguments), &meter, &clock).await?;
    let kubernetes = Kubernetes::new(
        client.clone(),
        arguments.kubernetes_timeout,
        arguments.pod_name.clone(),
        metrics.clone(),
    )
    .signed(Signature::new(lease.as_ref()));
    let cluster = match &arguments.cluster_id {
        Some(cluster) => cluster.clone(),
        None => kubernetes.cluster_uid().await?.parse()?,
    };
    let settings = arguments.settings(cluster, own_region)?;
    tracing::info!(
        version = telemetry::VERSION,
        cluster = %settings.policies.cluster,
        regions = settings.policies.regions.join(","),
        class = settings.class.as_ref().map(tracing::field::display),
        namespaces = if settings.namespaces.is_empty() { "all".to_owned() } else { settings.namespaces.join(",") },
        "started"
    );
    let index = ivschat_aws::Index::new(
        Arc::clone(&rooms),
        account.clone(),
        settings.list_age(),
        settings.policies.lag(),
        meter,
        clock.clone(),
    );
    let (election, leadership) = match lease {
        Some(lease) => {
            let (election, leadership) = Election::new(client.clone(), lease, Clock::system());
            (Some(election), leadership)
        }
        None => (None, Leadership::alone(Clock::system())),
    };
    let context = Context::new(chat_room::Parts {
        settings,
        kubernetes,
        rooms,
        index,
        account,
        leadership,
        clock,
        metrics,
    });
    Ok(Parts {
        client,
        context: Arc::new(context),
        election,
    })
}

async fn kubernetes_config() -> Result<Config, Box<dyn Error>> {
    let mut config = Config::infer().await?;
    // HTTPS_PROXY is for AWS only, as it is inside a cluster. kube would also use it for the API server of a kubeconfig,
    // which has `proxy-url` for that.
    if config.proxy_url.is_some() && config.proxy_url == https_proxy() {
        config.proxy_url = None;
    }
    // A watch ends by itself after 290 s; a connection silent for longer than that is dead.
    config.read_timeout = Some(Duration::from_secs(305));
    config.reset_reader_on_write = true;
    Ok(config)
}

fn https_proxy<Url: FromStr>() -> Option<Url> {
    let given = |name| env::var(name).ok().filter(|url| !url.is_empty());
    given("HTTPS_PROXY")
        .or_else(|| given("https_proxy"))?
        .parse()
        .ok()
}

fn aws_clock(arguments: &RunArguments) -> AwsClock {
    AwsClock::new(&Clock::system(), arguments.clock_skew)
}

fn aws(arguments: &RunArguments) -> ivschat_aws::Settings {
    ivschat_aws::Settings {
        region: arguments.own_region(),
        endpoint: arguments.endpoint_url.clone(),
        operation_timeout: arguments.operation_timeout,
        quota_factor: arguments.quota_factor,
        concurrency: arguments.concurrency,
        wait_factor: arguments.wait_factor,
    }
}

/// Resolves at the first SIGTERM or SIGINT, so that running passes can finish. A second signal ends the process at once.
fn shutdown() -> io::Result<impl Future<Output = ()> + Send + Sync + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            let signal = tokio::select! {
                _ = terminate.recv() => SignalKind::terminate(),
                _ = interrupt.recv() => SignalKind::interrupt(),
            };
            tracing::warn!("stopping at once");
            // As shells report a process that a signal ended.
            std::process::exit(128 + signal.as_raw_value());
        });
    })
}
