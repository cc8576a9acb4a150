//! The operator against its goals, and against textbook operators for the same objects on other frameworks: `make bench`.
//!
//! Each contestant runs as a process of its own against a control plane and an IVS Chat of its own. The environment says what to measure:
//!
//! - `BENCH_ROWS=P1,P6`, `BENCH_ONLY=ours,kopf`: only these rows, only these contestants
//! - `BENCH_SCALE=20`: divides numbers of rooms, and times in which nothing happens
//! - `BENCH_QUOTAS=4`: times AWS's quotas
//! - `BENCH_OPERATOR=PATH`: our binary, by default `target/image/ivschat-operator`
//! - `BENCH_WRITE=1`: writes `docs/performance.md` too; `BENCH_RENDER=1` does only that, from the figures of before

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::missing_errors_doc,
    reason = "a benchmark"
)]

mod audit;
mod aws;
mod contestant;
mod document;
mod goals;
mod install;
mod objects;
mod plot;
mod process;
mod progress;
mod record;
mod rig;
mod rows;
mod scrape;
mod settings;
mod table;

use std::error::Error;
use std::process::ExitCode;

use record::Record;
use settings::Settings;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it can be built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn bench() -> Outcome<()> {
    let settings = Settings::from_environment()?;
    if settings.render {
        return document::write(&Record::read()?);
    }
    let mut record = Record::open(&settings)?;
    for contestant in settings.contestants.iter().copied() {
        if contestant.is_built(&settings) {
            rows::measure(&settings, contestant, &mut record).await;
        } else {
            progress::say(&format!("{} is not built: left out", contestant.name()));
        }
    }
    println!("{}", table::table(&record));
    if settings.write {
        document::write(&record)?;
    }
    Ok(())
}
