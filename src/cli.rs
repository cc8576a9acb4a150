//! The command line. Every flag can be given as an environment variable too.

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use ivschat_core::api::DeletionPolicy;
use ivschat_core::api::names::OPERATOR;
use ivschat_core::room::case::Policies;
use ivschat_core::room::when::Pace;
use ivschat_core::room::{ClusterId, KeyPattern, Tags, check_default_tags, is_region};
use jiff::SignedDuration;

use crate::chat_room::{OperatorClass, Settings};
use crate::kit::LeaseSettings;
use crate::telemetry::{LogFormat, VERSION};

/// Manage Amazon IVS Chat rooms as Kubernetes objects.
#[derive(Debug, Parser)]
#[command(name = "ivschat-operator", version = VERSION)]
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
    /// Let every room go before the operator is uninstalled: takes the finalizers and the operator's tags off and leaves the
    /// rooms as they are. Scale the operator down to 0 replicas first, and give this the same flags and environment.
    Release(Box<ReleaseArguments>),
    /// Check that everything the operator needs is in place: the API server, the CRD, permissions, the lease, AWS credentials and
    /// what they may do. Give this the flags and environment of `run`, where and as who the operator runs. Fails if anything
    /// does.
    Check(Box<CheckArguments>),
    /// Print the CustomResourceDefinitions, to be piped to `kubectl apply -f -`.
    Crds,
}

/// What to let go.
#[derive(Debug, Args)]
pub struct ReleaseArguments {
    /// Every ChatRoom, of --namespace or of all namespaces. Required, so that nobody does it unawares.
    #[arg(long, required = true)]
    pub all: bool,

    /// As for `run`.
    #[command(flatten)]
    pub run: RunArguments,
}

/// What to try.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Try what writes to AWS, too: a room of the check's own is made, changed, tagged and deleted.
    #[arg(long)]
    pub write: bool,

    /// As for `run`.
    #[command(flatten)]
    pub run: RunArguments,
}

/// How to run. Durations are written like 90s, 10m or 1h30m.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Tells this cluster's rooms from another's, in the owner tag of every room. By default the UID of the namespace
    /// kube-system; one of your own survives a rebuilt cluster. At most 63 characters, no slash.
    #[arg(long, env = "CLUSTER_ID", value_name = "ID")]
    pub cluster_id: Option<ClusterId>,

    /// A cluster id that this cluster had before, several separated by commas. Rooms that carry it are taken for this
    /// cluster's, and given the new one.
    #[arg(
        long,
        env = "FORMER_CLUSTER_ID",
        value_name = "ID",
        value_delimiter = ','
    )]
    pub former_cluster_id: Vec<ClusterId>,

    /// Tags that every room gets unless its ChatRoom gives the key another value, separated by commas.
    #[arg(long, env = "DEFAULT_TAGS", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = tag)]
    pub default_tags: Vec<(String, String)>,

    /// Keys of tags to leave alone on every room, whatever tagPolicy says, separated by commas. A key may end in *.
    #[arg(long, env = "IGNORE_TAGS", value_name = "KEY", value_delimiter = ',')]
    pub ignore_tags: Vec<KeyPattern>,

    /// What becomes of the room when a ChatRoom without deletionPolicy is deleted.
    #[arg(
        long,
        env = "DEFAULT_DELETION_POLICY",
        value_name = "POLICY",
        default_value = "Delete",
        value_parser = deletion_policies()
    )]
    pub default_deletion_policy: DeletionPolicy,

    /// Rooms deleted in a minute at most, so that a namespace deleted by mistake leaves time to stop the operator. By default
    /// there is no cap but AWS's own 5 a second.
    #[arg(long, env = "MAX_DELETIONS_PER_MINUTE", value_name = "N")]
    pub max_deletions_per_minute: Option<std::num::NonZeroU32>,

    /// The only namespaces to look at, separated by commas. By default all.
    #[arg(
        long,
        visible_alias = "namespaces",
        env = "WATCH_NAMESPACE",
        value_name = "NAMESPACE",
        value_delimiter = ','
    )]
    pub namespace: Vec<String>,

    /// Look only at ChatRooms with the label ivschat-operator.io/class of this value; without a class, at those without the
    /// label. So several operators share a cluster. At most 63 of a-z 0-9 -.
    #[arg(long, env = "CLASS", value_name = "NAME")]
    pub class: Option<OperatorClass>,

    /// AWS region of ChatRooms that name none. By default as the AWS SDK finds it: AWS_REGION, profile, instance.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,

    /// AWS regions where rooms may be made or adopted, separated by commas; the first is that of ChatRooms that name none. By default
    /// the operator's own alone, as --region says. At most 16. Each is listed from the start, so that a room is found whose ChatRoom has
    /// lost its status.
    #[arg(
        long,
        env = "REGIONS",
        value_name = "REGION",
        value_delimiter = ',',
        value_parser = region
    )]
    pub regions: Vec<String>,

    /// Endpoint to use instead of AWS, e.g. that of ivschat-emulator. AWS_ENDPOINT_URL does the same.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,

    /// Whether replicas agree by a Lease on the one that works, while the others stand by. Without it this process takes itself
    /// for the only one: two of them are safe, but make the same calls twice.
    #[arg(long, env = "LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub leader_election: bool,

    /// The Lease's namespace. By default the operator's own: that of its service account, or of the kubeconfig's context.
    #[arg(long, env = "LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// The Lease's name: the same for all replicas, and another for an operator with another --namespace. By default
    /// ivschat-operator, or ivschat-operator-CLASS with --class.
    #[arg(long, env = "LEASE_NAME", value_name = "NAME")]
    pub lease_name: Option<String>,

    /// How long the replicas wait for a leader that is not heard of, 1s or more. It renews its lease five times in this time,
    /// and begins no write to AWS once nine tenths of it are over. Longer than the timeouts of calls.
    #[arg(long, env = "LEASE_DURATION", default_value = "15s", value_name = "TIME", value_parser = lease)]
    pub lease_duration: Duration,

    /// The pod's name, for events and the Lease.
    #[arg(long, env = "POD_NAME", value_name = "NAME", hide = true)]
    pub pod_name: Option<String>,

    /// Requests under way at the same time, for each operation of AWS in a region.
    #[arg(long, env = "CONCURRENCY", default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Time between two looks at a room that is as specified. A look costs no call to AWS while lists show the room as it was, and
    /// one GetRoom otherwise, of which AWS grants 5 a second per region.
    #[arg(long, env = "DRIFT_INTERVAL", default_value = "15m", value_name = "TIME", value_parser = positive)]
    pub drift_interval: Duration,

    /// Time after which a region's rooms are listed again, and looked over for rooms without an object and objects with more
    /// than one room.
    #[arg(long, env = "INDEX_INTERVAL", default_value = "10m", value_name = "TIME", value_parser = positive)]
    pub index_interval: Duration,

    /// Time after which rooms that were updated since are listed again: a room that somebody else has changed is corrected after this
    /// time, and the time after which AWS's list shows the change. At most a tenth of AWS's quota for ListRooms is spent on it.
    #[arg(long, env = "CHANGES_INTERVAL", default_value = "10s", value_name = "TIME", value_parser = positive)]
    pub changes_interval: Duration,

    /// Each room is compared with its ChatRoom by a GetRoom once in this time, even if no list shows a change: lists leave out both
    /// maximums.
    #[arg(long, env = "VERIFY_INTERVAL", default_value = "24h", value_name = "TIME", value_parser = positive)]
    pub verify_interval: Duration,

    /// An AWS call, its retries included, ends after this.
    #[arg(long, env = "AWS_OPERATION_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = positive)]
    pub operation_timeout: Duration,

    /// How long AWS may take to show what was written. A room counts as absent only after operation timeout, lag bound and
    /// clock skew together.
    #[arg(long, env = "AWS_LAG_BOUND", default_value = "2m", value_name = "TIME", value_parser = duration)]
    pub lag_bound: Duration,

    /// How far apart two replicas may be in what they take for AWS's time, and the API server from both. An answer of AWS's tells that
    /// time to within a second and the time that the call took. It is not heard if both are more than half of this, or than 2 s if
    /// that is more.
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

    /// Where /livez, /readyz and /metrics are served, e.g. 0.0.0.0:8080, which is every IPv4 address of the machine. By default
    /// nowhere.
    #[arg(long, env = "HTTP_ADDRESS", value_name = "ADDRESS")]
    pub http_address: Option<SocketAddr>,

    /// How log lines look.
    #[arg(
        long,
        env = "LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

impl RunArguments {
    /// What the operator is told about how to work. `cluster`, `own_region`: as they are where no flag names them.
    ///
    /// # Errors
    /// The default tags break a rule, or the regions are too many.
    pub fn settings(&self, cluster: ClusterId, own_region: String) -> Result<Settings, String> {
        let grace = self.operation_timeout + self.lag_bound + self.clock_skew;
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let policies = Policies {
            cluster,
            former_clusters: self.former_cluster_id.clone(),
            default_tags: self.default_tags()?,
            ignored_tags: self.ignore_tags.clone(),
            default_deletion_policy: self.default_deletion_policy,
            max_deletions_per_minute: self.max_deletions_per_minute,
            regions: self.regions(own_region)?,
            grace: signed(grace),
            lag_bound: signed(self.lag_bound),
            skew: signed(self.clock_skew),
            verify_interval: signed(self.verify_interval),
            // Longer than a list is rested on, by as long as it may take to read.
            lists_count_for: signed(self.index_interval.saturating_mul(2)),
        };
        let pace = Pace {
            drift_interval: self.drift_interval,
            jitter: self.jitter,
            wait_factor: self.wait_factor,
        };
        Ok(Settings {
            policies,
            pace,
            namespaces: self.namespaces(),
            class: self.class.clone(),
            concurrency: self.concurrency,
            index_interval: self.index_interval,
            changes_interval: self.changes_interval,
            operation_timeout: self.operation_timeout,
        })
    }

    /// The regions of `--regions`, each once; without them the operator's own.
    ///
    /// # Errors
    /// They are too many.
    pub fn regions(&self, own: String) -> Result<Vec<String>, String> {
        let mut regions: Vec<String> = Vec::new();
        for region in self.regions.iter().filter(|region| !region.is_empty()) {
            if !regions.contains(region) {
                regions.push(region.clone());
            }
        }
        match regions.len() {
            0 => Ok(vec![own]),
            _ if self.region.is_some() => Err(
                "--regions and --region: give one of them, the first of --regions is the default"
                    .to_owned(),
            ),
            1..=MOST_REGIONS => Ok(regions),
            more => Err(format!("--regions: at most {MOST_REGIONS}, found {more}")),
        }
    }

    /// The region that AWS is called in where no object says: the first of `--regions`, or that of `--region`.
    pub fn own_region(&self) -> Option<String> {
        let mut regions = self.regions.iter().filter(|region| !region.is_empty());
        regions.next().cloned().or_else(|| self.region.clone())
    }

    /// The tags of `--default-tags`.
    ///
    /// # Errors
    /// Every limit of tags that they break.
    pub fn default_tags(&self) -> Result<Tags, String> {
        let tags = self.default_tags.iter().cloned().collect();
        match check_default_tags(&tags, &self.ignore_tags) {
            Ok(()) => Ok(tags),
            Err(violations) => Err(format!("--default-tags: {violations}")),
        }
    }
}

impl RunArguments {
    /// The namespaces of `--namespace`, each once; empty: all.
    pub fn namespaces(&self) -> Vec<String> {
        let mut namespaces: Vec<_> = self
            .namespace
            .iter()
            .map(|namespace| namespace.trim().to_owned())
            .filter(|namespace| !namespace.is_empty())
            .collect();
        namespaces.sort();
        namespaces.dedup();
        namespaces
    }
}

impl RunArguments {
    /// The lease to compete for; `own_namespace`: where it is unless the arguments say. `None`: there is nobody to compete with.
    ///
    /// # Errors
    /// A call could be under way for longer than the lease.
    pub fn lease(&self, own_namespace: String) -> Result<Option<LeaseSettings>, String> {
        if !self.leader_election {
            return Ok(None);
        }
        for (flag, timeout) in [
            ("--operation-timeout", self.operation_timeout),
            ("--kubernetes-timeout", self.kubernetes_timeout),
        ] {
            if timeout >= self.lease_duration {
                return Err(format!(
                    "{flag} ({timeout:?}) must be shorter than --lease-duration ({:?})",
                    self.lease_duration
                ));
            }
        }
        Ok(Some(LeaseSettings {
            namespace: self.lease_namespace.clone().unwrap_or(own_namespace),
            name: self
                .lease_name
                .clone()
                .unwrap_or_else(|| match &self.class {
                    Some(class) => format!("{OPERATOR}-{class}"),
                    None => OPERATOR.to_owned(),
                }),
            duration: self.lease_duration,
            candidate: self.pod_name.clone().unwrap_or_else(|| OPERATOR.to_owned()),
        }))
    }
}

/// Each region costs lists.
const MOST_REGIONS: usize = 16;

/// Longer times are mistakes.
const LONGEST: Duration = Duration::from_hours(365 * 24);
/// Factors beyond these are mistakes.
const FACTORS: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// Nothing is no region, as for other lists.
fn region(text: &str) -> Result<String, String> {
    let region = text.trim();
    if region.is_empty() || is_region(region) {
        return Ok(region.to_owned());
    }
    Err("not the name of an AWS region, such as us-west-2".to_owned())
}

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

fn deletion_policies() -> impl TypedValueParser<Value = DeletionPolicy> {
    let delete = PossibleValue::new("Delete").help("It is deleted");
    let retain = PossibleValue::new("Retain").help("It stays, without the operator's tags");
    PossibleValuesParser::new([delete, retain]).map(|policy| match policy.as_str() {
        "Retain" => DeletionPolicy::Retain,
        _ => DeletionPolicy::Delete,
    })
}

fn lease(text: &str) -> Result<Duration, String> {
    const LIMITS: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_hours(1);
    duration(text).and_then(|time| {
        if LIMITS.contains(&time) {
            Ok(time)
        } else {
            Err("must be 1s to 1h".to_owned())
        }
    })
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
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
            ("--class", "A"),
            ("--cluster-id", "a/b"),
            ("--former-cluster-id", "a/b"),
            ("--default-tags", "team"),
            ("--default-tags", "=live"),
            ("--ignore-tags", "ivschat-operator.io/*"),
            ("--default-deletion-policy", "Keep"),
            ("--max-deletions-per-minute", "0"),
            ("--regions", "Oregon"),
            ("--regions", "us-west-2,eu-west-1a"),
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
            ("--leader-election", "perhaps"),
            ("--lease-duration", "999ms"),
            ("--lease-duration", "2h"),
            ("--log-format", "xml"),
        ] {
            let error =
                Cli::try_parse_from(["ivschat-operator", "run", &format!("{flag}={value}")])
                    .unwrap_err();
            assert!(error.to_string().contains(flag), "{flag}={value}: {error}");
        }
    }

    #[test]
    fn every_flag_can_be_given_by_the_environment() {
        let told = |flag: &clap::Arg, variable: &str| {
            let help = flag.get_long_help().or(flag.get_help());
            help.is_some_and(|help| help.to_string().contains(variable))
        };
        // The SDK reads these itself.
        let sdk = [
            ("region", "AWS_REGION"),
            ("endpoint-url", "AWS_ENDPOINT_URL"),
        ];
        let cli = Cli::command();
        let flags: Vec<_> = cli
            .get_subcommands()
            .flat_map(clap::Command::get_arguments)
            // What is asked of one call is no configuration.
            .filter(|flag| !["all", "help", "version", "write"].contains(&flag.get_id().as_str()))
            .collect();
        assert!(flags.len() > 40, "{}", flags.len());
        for flag in flags {
            let name = flag.get_long().unwrap();
            let sdk = sdk.iter().find(|(known, _)| *known == name);
            let given = match sdk {
                Some((_, variable)) => told(flag, variable),
                None => flag.get_env().is_some(),
            };
            assert!(given, "--{name} has no environment variable");
        }
    }

    #[test]
    fn namespaces_are_a_list_without_gaps_and_repetitions() {
        let parse = |list: &str| run_arguments(&["--namespace", list]).namespaces();
        assert_eq!(parse("b, a,b,"), ["a", "b"]);
        assert_eq!(parse(""), [""; 0]);
    }

    #[test]
    fn regions_are_a_list_whose_first_is_the_operators_own() {
        let parse = |flags: &[&str]| {
            let arguments = run_arguments(flags);
            let regions = arguments.regions("ap-south-1".to_owned());
            (arguments.own_region(), regions.unwrap())
        };
        let (west, east) = ("us-west-2".to_owned(), "us-east-1".to_owned());
        let ap = vec!["ap-south-1".to_owned()];
        assert_eq!(parse(&[]), (None, ap.clone()));
        assert_eq!(parse(&["--regions="]), (None, ap.clone()));
        assert_eq!(parse(&["--region=us-west-2"]), (Some(west.clone()), ap));
        let both = (Some(west.clone()), vec![west, east]);
        assert_eq!(parse(&["--regions=us-west-2, us-east-1,,us-west-2"]), both);
        let many: Vec<_> = (0..17).map(|n| format!("xx-west-{n}")).collect();
        let both = run_arguments(&["--regions=us-west-2", "--region=us-west-2"]);
        assert!(both.regions(String::new()).is_err());
        let many = run_arguments(&["--regions", &many.join(",")]);
        let refused = many.regions(String::new()).unwrap_err();
        assert_eq!(refused, "--regions: at most 16, found 17");
    }

    fn run_arguments(flags: &[&str]) -> RunArguments {
        let cli = Cli::try_parse_from([&["ivschat-operator", "run"], flags].concat()).unwrap();
        match cli.command {
            Command::Run(arguments) => *arguments,
            _ => panic!("run was asked for"),
        }
    }

    #[test]
    fn no_call_may_take_longer_than_the_lease() {
        let lease = |flags: &[&str]| run_arguments(flags).lease("own".to_owned());
        let own = lease(&[]).unwrap().unwrap();
        assert_eq!(own.namespace, "own");
        assert_eq!(own.name, "ivschat-operator");
        let classed = lease(&["--class=blue"]).unwrap().unwrap();
        assert_eq!(classed.name, "ivschat-operator-blue");
        assert!(
            lease(&["--lease-duration=10s", "--leader-election=false"])
                .is_ok_and(|it| it.is_none())
        );
        for (flag, problem) in [
            (
                "--lease-duration=10s",
                "--operation-timeout (10s) must be shorter",
            ),
            (
                "--kubernetes-timeout=15s",
                "--kubernetes-timeout (15s) must be shorter",
            ),
        ] {
            let refused = lease(&[flag]).unwrap_err();
            assert!(refused.starts_with(problem), "{refused}");
        }
    }

    #[test]
    fn default_tags_keep_the_limits_of_tags() {
        let parse = |flags: &[&str]| run_arguments(flags).default_tags();
        let tags = parse(&["--default-tags", "team=live,cost=4=2"]).unwrap();
        let expected = [("cost", "4=2"), ("team", "live")];
        assert_eq!(
            tags,
            expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
        for (flags, told) in [
            (vec!["--default-tags", "aws:x=1"], "reserved"),
            (vec!["--default-tags", "te{am=1"], "letters, digits"),
            (
                vec!["--default-tags", "team=1", "--ignore-tags", "te*"],
                "--ignore-tags te*",
            ),
        ] {
            let refused = parse(&flags).unwrap_err();
            assert!(
                refused.starts_with("--default-tags: ") && refused.contains(told),
                "{refused}"
            );
        }
    }
}
