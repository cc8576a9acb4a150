//! `ivschat-emulator`: serves a local Amazon IVS Chat until it is told to stop.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use ivschat_emulator::Emulator;
use ivschat_emulator::world::Settings;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A local Amazon IVS Chat control plane. Rooms live in memory and end with the process.
///
/// Point a client at it with AWS_ENDPOINT_URL=http://127.0.0.1:4680, any credentials, and any region:
///
///   AWS_ENDPOINT_URL=http://127.0.0.1:4680 aws ivschat create-room --name lobby --region us-west-2
#[derive(Debug, Parser)]
#[command(name = "ivschat-emulator", version, verbatim_doc_comment)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Arguments {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4680")]
    listen: SocketAddr,

    /// Rooms allowed per account and region; past it CreateRoom answers ServiceQuotaExceededException.
    #[arg(long, value_name = "N")]
    room_limit: Option<usize>,

    /// TagResource and UntagResource move a room's updateTime (AWS does not document whether they do).
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
}

impl Arguments {
    fn settings(&self) -> Settings {
        Settings {
            tagging_moves_update_time: self.tagging_moves_update_time,
            idle_update_moves_update_time: self.idle_update_moves_update_time,
            name_filter_matches_prefix: self.name_filter_matches_prefix,
            detached_handler_is_empty_object: self.detached_handler_is_empty_object,
            room_limit: self.room_limit,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, listen = %arguments.listen, "could not serve");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let emulator = Emulator::listen(arguments.listen, arguments.settings()).await?;
    tracing::info!(endpoint = emulator.endpoint(), "serving IVS Chat");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
