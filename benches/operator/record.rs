//! What was measured, kept in `target/bench/operator.json`, so that rows can be measured one by one and the document drawn again.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::contestant::Contestant;
use crate::settings::{Settings, output};

/// Figures of one row for one contestant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Measured {
    /// How many rooms there were.
    pub rooms: usize,
    pub figures: BTreeMap<String, f64>,
    /// What the table says where there is no figure, or where the figure needs a word.
    pub notes: BTreeMap<String, String>,
    pub curves: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Measured {
    pub fn of(rooms: usize) -> Self {
        Self {
            rooms,
            ..Self::default()
        }
    }

    pub fn set(&mut self, figure: &str, value: f64) {
        self.figures.insert(figure.to_owned(), value);
    }

    pub fn note(&mut self, figure: &str, text: String) {
        self.notes.insert(figure.to_owned(), text);
    }
}

/// All figures of one contestant.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Of the binary that was measured.
    pub sha256: String,
    /// How it was built, as far as its path says.
    pub profile: String,
    pub rows: BTreeMap<String, Measured>,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub scale: u32,
    pub quotas: f64,
    pub cores: usize,
    pub processor: String,
    pub kubernetes: String,
    pub contestants: BTreeMap<String, Figures>,
}

impl Record {
    /// What is there, to be drawn again.
    pub fn read() -> Outcome<Self> {
        let text = fs::read_to_string(path())
            .map_err(|error| format!("{}: {error}; measure first", path().display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Where new figures go: to those of before where these are of the same binaries, scale and quotas.
    pub fn open(settings: &Settings) -> Outcome<Self> {
        let mut record = Self {
            scale: settings.scale,
            quotas: settings.quotas,
            cores: std::thread::available_parallelism()?.get(),
            processor: processor(),
            ..Self::default()
        };
        if !settings.is_complete() && path().exists() {
            let before = Self::read()?;
            let differs = |what: &str| {
                let path = path();
                format!(
                    "{} holds figures of {what}: measure those again too, or remove the file",
                    path.display()
                )
            };
            if (before.scale, before.quotas.to_bits()) != (record.scale, record.quotas.to_bits()) {
                return Err(differs("another scale or other quotas").into());
            }
            for (name, figures) in &before.contestants {
                let contestant = Contestant::named(name)?;
                let measured = settings.contestants.contains(&contestant);
                if measured && figures.sha256 != contestant.digest(settings)? {
                    return Err(differs(&format!("another binary of {name}")).into());
                }
            }
            record.kubernetes = before.kubernetes;
            record.contestants = before.contestants;
        }
        for contestant in &settings.contestants {
            if contestant.is_built(settings) {
                let figures = record
                    .contestants
                    .entry(contestant.name().to_owned())
                    .or_default();
                figures.sha256 = contestant.digest(settings)?;
                figures.profile = contestant.profile(settings);
            }
        }
        Ok(record)
    }

    /// Adds a row, and stores all: an hour of measuring must not be lost.
    pub fn add(&mut self, contestant: Contestant, row: &str, measured: Measured) -> Outcome<()> {
        let figures = self
            .contestants
            .entry(contestant.name().to_owned())
            .or_default();
        figures.rows.insert(row.to_owned(), measured);
        fs::create_dir_all(output())?;
        Ok(fs::write(path(), serde_json::to_string_pretty(self)?)?)
    }

    /// These rows are measured again.
    pub fn forget(&mut self, contestant: Contestant, rows: &[&str]) {
        if let Some(figures) = self.contestants.get_mut(contestant.name()) {
            figures.rows.retain(|row, _| !rows.contains(&row.as_str()));
        }
    }

    pub fn row(&self, contestant: Contestant, row: &str) -> Option<&Measured> {
        self.contestants.get(contestant.name())?.rows.get(row)
    }

    /// A figure that is one, and not only how far it came.
    pub fn figure(&self, contestant: Contestant, row: &str, figure: &str) -> Option<f64> {
        let measured = self.row(contestant, row)?;
        if measured.notes.contains_key(figure) {
            return None;
        }
        measured.figures.get(figure).copied()
    }
}

fn path() -> PathBuf {
    output().join("operator.json")
}

fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
