//! Logs go to standard error: one line per change, none per pass that changed nothing. With the feature `otlp`, traces also
//! go to a collector.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Logs and traces of this process. Dropping it at the end sends the traces that were not sent yet.
#[derive(Debug)]
pub struct Telemetry(
    #[cfg(feature = "otlp")]
    #[expect(dead_code, reason = "sends what is left when it is dropped")]
    Option<super::traces::Traces>,
);

/// Starts logging. `RUST_LOG` decides what is logged, as tracing's filters are written; by default, changes and problems.
///
/// # Errors
/// Traces are asked for, and the environment's settings for them are invalid.
pub fn start_logs(format: LogFormat) -> Result<Telemetry, Box<dyn std::error::Error>> {
    // kube warns of a list that is refused. The same error reaches the operator, which logs it with advice.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,ivschat_operator=info,kube_runtime=error"));
    let logs = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let logs = match format {
        LogFormat::Text => logs
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
        LogFormat::Json => logs.json().boxed(),
    };
    let told = tracing_subscriber::registry().with(logs.with_filter(filter));
    #[cfg(feature = "otlp")]
    {
        let traces = super::traces::Traces::from_environment()?;
        told.with(traces.as_ref().map(super::traces::Traces::layer))
            .init();
        Ok(Telemetry(traces))
    }
    #[cfg(not(feature = "otlp"))]
    {
        told.init();
        Ok(Telemetry())
    }
}
