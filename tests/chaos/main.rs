//! The fault matrix: the real operator, a real kube-apiserver and the real SDK, with everything going wrong that can, at every
//! call where it can.
//!
//! A case is a workload (what a user does) and a trial (what goes wrong). Which cases there are follows from recorded
//! fault-free runs. `CHAOS_FILTER` runs those whose names contain it, `CHAOS_CASES` an evenly spread sample of so many of them, or
//! `all` (which `make chaos` asks for).

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod call;
mod case;
#[path = "../operator/stage/control_plane.rs"]
mod control_plane;
mod deed;
mod end_state;
mod fault;
mod mapping;
mod matrix;
mod oracle;
mod proxy;
mod record;
mod recorder;
mod replay;
mod replica;
mod runner;
mod script;
mod stage;
mod thousand;
mod trial;
mod weather;
mod workload;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use case::{Case, Ground};
use control_plane::ControlPlane;
use futures::{StreamExt, TryStreamExt, stream};
use record::Recording;
use replica::Version;
use workload::Workload;

/// The region of objects that name none.
const REGION: &str = "us-west-2";
/// The cluster id that every operator is given.
const CLUSTER: &str = "test-cluster";
/// No case waits longer for one thing.
const DEADLINE: Duration = Duration::from_secs(20);
/// What plain `cargo test` runs.
const SAMPLE: usize = 60;

type Problem = Box<dyn Error + Send + Sync>;
/// What may fail in a test, with a message that says what must have held.
type Outcome<T = ()> = Result<T, Problem>;

#[tokio::main]
async fn main() -> ExitCode {
    let begun = Instant::now();
    match Box::pin(chosen()).await {
        Ok(cases) => {
            println!("{} cases", cases.len());
            let tally = runner::run(cases).await;
            tally.print(begun.elapsed());
            if tally.failures() == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            println!("FAILED {error}");
            ExitCode::FAILURE
        }
    }
}

/// Calm runs of every workload.
async fn recordings(version: Version, control_plane: &ControlPlane) -> Outcome<Vec<Recording>> {
    // A few at a time: a machine with more to do than it can makes calls late, and these are to be calm.
    let recordings =
        Workload::ALL.map(|workload| Box::pin(Recording::of(workload, version, control_plane)));
    stream::iter(recordings).buffered(4).try_collect().await
}

/// The cases that the environment asks for.
async fn chosen() -> Outcome<Vec<Case>> {
    let control_plane = ControlPlane::shared().await;
    let now = recordings(Version::Now, control_plane).await?;
    let before = match Version::Before.binary() {
        Some(_) => recordings(Version::Before, control_plane).await?,
        None => {
            println!("no VERSION_BEFORE: without the cases of upgrade and rollback");
            Vec::new()
        }
    };
    let mut cases = matrix::cases(&now, &before);
    let filter = std::env::var("CHAOS_FILTER");
    if let Ok(filter) = &filter {
        cases.retain(|case| case.name.contains(filter));
    }
    let wanted = match std::env::var("CHAOS_CASES") {
        Ok(all) if all == "all" => return Ok(cases),
        Ok(number) => number.parse()?,
        Err(_) if filter.is_ok() => return Ok(cases),
        Err(_) => SAMPLE,
    };
    // A control plane that serves one case takes as long to start as ten cases to run.
    cases.retain(|case| matches!(case.ground, Ground::Shared));
    let all = cases.len();
    let chosen = |index: usize| (index * wanted) / all != ((index + 1) * wanted) / all;
    Ok(cases
        .into_iter()
        .enumerate()
        .filter(|(index, _)| wanted >= all || chosen(*index))
        .map(|(_, case)| case)
        .collect())
}
