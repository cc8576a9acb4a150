//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

use ivschat_emulator::Options;
use ivschat_emulator::credentials::Credentials;
use ivschat_emulator::world::{Quotas, Settings};

/// A local Amazon IVS Chat control plane: all 17 operations, for every account and region, without AWS.
///
/// Point any AWS client at it, in one line:
///
///   AWS_ENDPOINT_URL=http://127.0.0.1:4680 aws ivschat create-room --name lobby --region us-west-2
#[derive(Debug, Parser)]
#[command(
    name = "ivschat-emulator",
    version,
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    after_long_help = include_str!("examples.txt")
)]
pub(crate) struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// What the program can do besides serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print what a running emulator was called with: a table of the last calls, and how often each operation had each outcome.
    Calls(Calls),
}

/// What to print of a running emulator's journal.
#[derive(Debug, Args)]
pub(crate) struct Calls {
    /// Where it runs.
    #[arg(
        long,
        env = "AWS_ENDPOINT_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:4680"
    )]
    pub(crate) endpoint: String,

    /// How many of the last calls to print; 0 prints the counts alone.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: usize,

    /// Print everything as JSON instead, inputs and answers included.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to serve. Durations are written like 500ms, 90s or 10m.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Serve {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4680")]
    listen: SocketAddr,

    /// File that keeps rooms and logging configurations across restarts. Without it they end with the process.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// JSON file of access keys: {"AKIAEXAMPLE": {"secretAccessKey": "…", "accountId": "111122223333"}}. With it every signature
    /// is verified; without it any key will do and belongs to account 123456789012. A key with a list `allow` of actions, such as
    /// ivschat:GetRoom or ivschat:List*, may call nothing else: AccessDeniedException.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,

    /// Calls answered per second, account, region and operation before ThrottlingException: `aws` (as AWS grants), `off`, or a
    /// factor of AWS's such as `x20`.
    #[arg(long, value_name = "QUOTAS", default_value = "off")]
    quotas: Quotas,

    /// Rooms allowed per account and region; past it CreateRoom answers ServiceQuotaExceededException.
    #[arg(long, value_name = "N")]
    room_limit: Option<usize>,

    /// Logging configurations allowed per account and region; past it CreateLoggingConfiguration answers
    /// ServiceQuotaExceededException.
    #[arg(long, value_name = "N")]
    logging_configuration_limit: Option<usize>,

    /// Seed: the same calls get the same ids, tokens and lags. A state file keeps the seed that it was made with. Without a seed
    /// nobody can guess them.
    #[arg(long, value_name = "N")]
    seed: Option<u128>,

    /// How far the emulator's clock is ahead of the machine's, or behind with -10m: in the Date header, in createTime and
    /// updateTime, and where signatures are verified. POST /_emulator/clock steps it while the emulator runs.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = signed_duration, allow_hyphen_values = true)]
    clock_offset: SignedDuration,

    /// How far GetRoom, GetLoggingConfiguration and ListTagsForResource lag behind writes.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    get_lag: Duration,

    /// How far ListRooms and ListLoggingConfigurations lag behind writes.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    list_lag: Duration,

    /// Each call and each page is answered by another replica: its lag is drawn anew, so that a later read may show an older
    /// state. A third of the replicas do not lag, a third lag by all of --get-lag or --list-lag, the others by a part.
    #[arg(long)]
    lag_is_drawn: bool,

    /// All pages of a list show what there was when the first one was read. Without it something that is updated between two
    /// pages jumps to the front and the later pages miss it.
    #[arg(long, conflicts_with = "page_tokens_are_offsets")]
    pages_are_a_snapshot: bool,

    /// A page token counts what was listed so far: after a deletion between two pages the list misses a room, after a creation it
    /// shows one twice (AWS does not document what a token is).
    #[arg(long)]
    page_tokens_are_offsets: bool,

    /// How long a page token is taken; then it is refused with ValidationException. Without it for ever (AWS documents neither).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    page_token_life: Option<Duration>,

    /// TagResource and UntagResource move updateTime (AWS does not document whether they do).
    #[arg(long)]
    tagging_moves_update_time: bool,

    /// An UpdateRoom that changes nothing moves updateTime (AWS does not document whether it does).
    #[arg(long)]
    idle_update_moves_update_time: bool,

    /// The name filter of ListRooms matches by prefix (AWS does not document how it matches).
    #[arg(long)]
    name_filter_matches_prefix: bool,

    /// A detached message review handler comes back as an empty object.
    #[arg(long)]
    detached_handler_is_empty_object: bool,

    /// The logging configuration identifiers of a room come back sorted and each once (AWS does not document whether they do).
    #[arg(long)]
    logging_identifiers_are_a_set: bool,

    /// Tag values come back without white space at their ends (AWS does not document whether they do).
    #[arg(long)]
    tag_values_are_trimmed: bool,

    /// How long a logging configuration is CREATING, UPDATING or DELETING.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    logging_transition: Duration,

    /// A bucket, log group or stream that cannot be written to: a logging configuration that names it ends in CREATE_FAILED or
    /// UPDATE_FAILED. May be given more than once.
    #[arg(long, value_name = "NAME")]
    failing_destination: Vec<String>,

    /// A logging configuration that a room uses can be deleted, and the room keeps its ARN, instead of ConflictException (AWS
    /// does not document which).
    #[arg(long)]
    attached_logging_configuration_can_be_deleted: bool,

    /// Calls that the journal keeps at most; then the older half goes.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    journal: u32,
}

impl Serve {
    /// What to serve, and where.
    pub(crate) fn options(&self) -> Result<Options, String> {
        let credentials = self.credentials.as_deref().map(|path| {
            Credentials::read(path)
                .map_err(|error| format!("credentials file {}: {error}", path.display()))
        });
        Ok(Options {
            listen: self.listen,
            settings: self.settings(),
            seed: self.seed,
            clock_offset: self.clock_offset,
            credentials: credentials.transpose()?,
            state: self.state.clone(),
            journal: usize::try_from(self.journal).unwrap_or(usize::MAX),
        })
    }

    fn settings(&self) -> Settings {
        Settings {
            quotas: self.quotas,
            room_limit: self.room_limit,
            logging_configuration_limit: self.logging_configuration_limit,
            get_lag: self.get_lag,
            list_lag: self.list_lag,
            lag_is_drawn: self.lag_is_drawn,
            pages_are_a_snapshot: self.pages_are_a_snapshot,
            page_tokens_are_offsets: self.page_tokens_are_offsets,
            page_token_life: self.page_token_life,
            tagging_moves_update_time: self.tagging_moves_update_time,
            idle_update_moves_update_time: self.idle_update_moves_update_time,
            name_filter_matches_prefix: self.name_filter_matches_prefix,
            detached_handler_is_empty_object: self.detached_handler_is_empty_object,
            logging_identifiers_are_a_set: self.logging_identifiers_are_a_set,
            tag_values_are_trimmed: self.tag_values_are_trimmed,
            logging_transition: self.logging_transition,
            failing_destinations: self.failing_destination.clone(),
            attached_logging_configuration_can_be_deleted: self
                .attached_logging_configuration_can_be_deleted,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    Duration::try_from(signed_duration(text)?).map_err(|_| "must not be negative".to_owned())
}

fn signed_duration(text: &str) -> Result<SignedDuration, String> {
    text.parse()
        .map_err(|_| "must be a time like 500ms, 90s or 10m".to_owned())
}
