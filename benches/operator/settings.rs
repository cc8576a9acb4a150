//! What to measure, as the environment says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Outcome;
use crate::contestant::Contestant;

/// The rows of the table of goals.
pub const ROWS: [&str; 12] = [
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12",
];

/// Time that AWS takes to answer a call.
pub const LATENCY: Duration = Duration::from_millis(50);

/// Calls a second that AWS grants each operation on rooms.
const GRANTED: f64 = 5.0;

pub struct Settings {
    pub rows: BTreeSet<&'static str>,
    pub contestants: Vec<Contestant>,
    /// Divides every number of rooms and every time that is waited for its own sake.
    pub scale: u32,
    /// Times AWS's quotas.
    pub quotas: f64,
    /// Our binary.
    pub operator: PathBuf,
    /// Only draw the document again from the figures that are there.
    pub render: bool,
    /// Write the document, too.
    pub write: bool,
}

impl Settings {
    pub fn from_environment() -> Outcome<Self> {
        let rows = match list("BENCH_ROWS") {
            Some(names) => names.iter().map(|name| row(name)).collect::<Outcome<_>>()?,
            None => ROWS.into(),
        };
        let contestants = match list("BENCH_ONLY") {
            Some(names) => names
                .iter()
                .map(|name| Contestant::named(name))
                .collect::<Outcome<_>>()?,
            None => Contestant::ALL.into(),
        };
        let operator = text("BENCH_OPERATOR").map_or_else(
            || root().join("target/image/ivschat-operator"),
            PathBuf::from,
        );
        Ok(Self {
            rows,
            contestants,
            scale: text("BENCH_SCALE").map_or(Ok(1), |text| text.parse())?,
            quotas: text("BENCH_QUOTAS").map_or(Ok(1.0), |text| text.parse())?,
            operator: std::path::absolute(operator)?,
            render: text("BENCH_RENDER").is_some(),
            write: text("BENCH_WRITE").is_some(),
        })
    }

    pub fn wants(&self, row: &str) -> bool {
        self.rows.contains(row)
    }

    /// Whether everything is measured, so that figures of before are not needed.
    pub fn is_complete(&self) -> bool {
        self.rows.len() == ROWS.len() && self.contestants.len() == Contestant::ALL.len()
    }

    /// So many rooms, at this scale.
    pub fn rooms(&self, rooms: usize) -> usize {
        (rooms / self.scale as usize).max(1)
    }

    /// A time that is waited for its own sake, at this scale.
    pub fn time(&self, time: Duration) -> Duration {
        time / self.scale
    }

    /// Calls a second that are granted each operation on rooms.
    pub fn granted(&self) -> f64 {
        GRANTED * self.quotas
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where figures and logs go.
pub fn output() -> PathBuf {
    root().join("target/bench")
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn list(name: &str) -> Option<Vec<String>> {
    let names = text(name)?;
    let names = names.split(',').map(|name| name.trim().to_owned());
    Some(names.filter(|name| !name.is_empty()).collect())
}

fn row(name: &str) -> Outcome<&'static str> {
    let known = ROWS.into_iter().find(|row| *row == name);
    known.ok_or_else(|| format!("BENCH_ROWS: there is no row {name}").into())
}
