//! `ivschat-emulator`: serves a local Amazon IVS Chat until it is told to stop.

mod calls;
mod cli;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use ivschat_emulator::Emulator;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command, Serve};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // A log that nobody reads any more must not take the calls with it.
        .log_internal_errors(false)
        .init();
    let done = match &cli.command {
        Some(Command::Calls(arguments)) => match calls::calls(arguments).await {
            Ok(printed) => match io::stdout().write_all(printed.as_bytes()) {
                // A reader that has had enough (`| head`) is no error.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
                _ => Ok(()),
            },
            Err(error) => Err(error),
        },
        None => serve(&cli.serve).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What failed is what was asked for: on a line of its own, not in a log's form.
            let _ = writeln!(io::stderr(), "ivschat-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: &Serve) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut emulator = Emulator::serve(arguments.options()?).await?;
    tracing::info!(endpoint = emulator.endpoint(), "serving IVS Chat");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = emulator.ended() => return Err("it stopped serving by itself: a bug".into()),
    }
    tracing::info!("stopping");
    tokio::select! {
        () = emulator.stop() => {}
        // Asked twice: no more waiting for calls in hand.
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
