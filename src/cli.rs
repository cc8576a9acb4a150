//! The command line. Every flag can be given as an environment variable too.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

use crate::room::ClusterId;
use crate::telemetry::LogFormat;

/// Manage Amazon IVS Chat rooms as Kubernetes objects.
#[derive(Debug, Parser)]
#[command(name = "ivschat-operator", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator, with the kubeconfig or in-cluster account and the AWS credentials that are at hand.
    Run(Box<RunArguments>),
    /// Print the CustomResourceDefinitions, to be piped to `kubectl apply -f -`.
    Crds,
}

/// How to run. Durations are written like 90s, 10m or 1h30m.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Tells this cluster's rooms from another's, in the owner tag of every room. By default the UID of the namespace
    /// kube-system; one of your own survives a rebuilt cluster. At most 63 characters, no slash.
    #[arg(long, env = "CLUSTER_ID", value_name = "ID")]
    pub cluster_id: Option<ClusterId>,

    /// The only namespace to look at. By default all.
    #[arg(long, env = "WATCH_NAMESPACE", value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// AWS region of ChatRooms that name none. By default as the AWS SDK finds it (AWS_REGION, profile, instance).
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,

    /// Endpoint to use instead of AWS, e.g. that of ivschat-emulator. AWS_ENDPOINT_URL does the same.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,

    /// Objects worked on at the same time.
    #[arg(long, env = "CONCURRENCY", default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Time between two looks at a room that is as specified. Each look is one GetRoom, of which AWS grants 5 a second per
    /// region.
    #[arg(long, env = "DRIFT_INTERVAL", default_value = "15m", value_name = "TIME", value_parser = positive)]
    pub drift_interval: Duration,

    /// Time after which a region's rooms are listed again.
    #[arg(long, env = "INDEX_INTERVAL", default_value = "10m", value_name = "TIME", value_parser = duration)]
    pub index_interval: Duration,

    /// An AWS call, its retries included, ends after this.
    #[arg(long, env = "AWS_OPERATION_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = positive)]
    pub operation_timeout: Duration,

    /// How long AWS may take to show what was written. A room counts as absent only after operation timeout, lag bound and
    /// clock skew together.
    #[arg(long, env = "AWS_LAG_BOUND", default_value = "2m", value_name = "TIME", value_parser = duration)]
    pub lag_bound: Duration,

    /// How far the clocks of the operator's replicas may be apart.
    #[arg(long, env = "CLOCK_SKEW", default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub clock_skew: Duration,

    /// The share of AWS's call quotas to use, more than 0. Less than 1 leaves calls to others in the same account.
    #[arg(long, env = "QUOTA_FACTOR", default_value_t = 1.0, value_name = "FACTOR", value_parser = factor)]
    pub quota_factor: f64,

    /// The share by which waits vary at random, 0 to 1.
    #[arg(long, env = "JITTER", default_value_t = 0.2, value_name = "SHARE", value_parser = share)]
    pub jitter: f64,

    /// Multiplies every wait after a failure. For tests.
    #[arg(long, env = "WAIT_FACTOR", default_value_t = 1.0, value_name = "FACTOR", value_parser = factor, hide = true)]
    pub wait_factor: f64,

    /// A Kubernetes call ends after this.
    #[arg(long, env = "KUBERNETES_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = positive)]
    pub kubernetes_timeout: Duration,

    /// How log lines look.
    #[arg(
        long,
        env = "LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

/// Longer times are mistakes.
const LONGEST: Duration = Duration::from_hours(365 * 24);
/// Factors beyond these are mistakes.
const FACTORS: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    let time = Duration::try_from(parsed).map_err(|_| "must not be negative".to_owned())?;
    if time <= LONGEST {
        Ok(time)
    } else {
        Err(format!(
            "must be at most {} days",
            LONGEST.as_secs() / 86_400
        ))
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| {
        if time.is_zero() {
            Err("must be more than 0".to_owned())
        } else {
            Ok(time)
        }
    })
}

fn factor(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if FACTORS.contains(&factor) {
        Ok(factor)
    } else {
        Err(format!("must be {} to {}", FACTORS.start(), FACTORS.end()))
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("must be 0 to 1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_values_are_refused_with_the_flag_that_holds_them() {
        for (flag, value) in [
            ("--cluster-id", "a/b"),
            ("--concurrency", "0"),
            ("--drift-interval", "soon"),
            ("--drift-interval", "-5m"),
            ("--operation-timeout", "0s"),
            ("--quota-factor", "0"),
            ("--quota-factor", "nan"),
            ("--quota-factor", "1e-30"),
            ("--lag-bound", "9999999h"),
            ("--drift-interval", "0s"),
            ("--jitter", "2"),
            ("--log-format", "xml"),
        ] {
            let error =
                Cli::try_parse_from(["ivschat-operator", "run", &format!("{flag}={value}")])
                    .unwrap_err();
            assert!(error.to_string().contains(flag), "{flag}={value}: {error}");
        }
    }
}
