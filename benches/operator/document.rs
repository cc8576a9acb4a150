//! `docs/performance.md` and its pictures, from the template beside this file and what was measured.

use std::fmt::Write;
use std::fs;

use crate::Outcome;
use crate::contestant::Contestant;
use crate::plot;
use crate::record::Record;
use crate::settings::root;
use crate::table::table;

/// AWS's calls a second for each operation on rooms.
const GRANTED: f64 = 5.0;

pub fn write(record: &Record) -> Outcome<()> {
    let docs = root().join("docs");
    let pictures = [
        (
            "performance-creates.svg",
            plot::creates(record, GRANTED * record.quotas)?,
        ),
        ("performance-memory.svg", plot::memory(record)?),
    ];
    for (name, picture) in pictures {
        if let Some(picture) = picture {
            // Text in it is searched and compared line by line.
            fs::write(docs.join(name), picture)?;
        }
    }
    let path = docs.join("performance.md");
    fs::write(&path, text(record))?;
    crate::progress::say(&format!("wrote {}", path.display()));
    Ok(())
}

fn text(record: &Record) -> String {
    let scale = match (record.scale, record.quotas) {
        (1, 1.0) => String::new(),
        (scale, quotas) => format!(
            "\n**These figures are a trial.** Numbers of rooms are divided by {scale}, and AWS's quotas multiplied by {quotas}.\n"
        ),
    };
    include_str!("performance.md.in")
        .replace("{{cores}}", &record.cores.to_string())
        .replace("{{processor}}", &record.processor)
        .replace("{{kubernetes}}", &record.kubernetes)
        .replace("{{scale}}", &scale)
        .replace("{{binaries}}", &binaries(record))
        .replace("{{table}}", table(record).trim_end())
}

fn binaries(record: &Record) -> String {
    let mut text = String::from("| | built | SHA-256 |\n|---|---|---|\n");
    for contestant in Contestant::ALL {
        if let Some(figures) = record.contestants.get(contestant.name()) {
            let _ = writeln!(
                text,
                "| {} | {} | `{}` |",
                contestant.name(),
                figures.profile,
                figures.sha256.get(..16).unwrap_or_default()
            );
        }
    }
    text.trim_end().to_owned()
}
