//! Runs cases side by side, tells how they go, and adds up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use ivschat_core::api::chat_room_crd;
use tokio::sync::OnceCell;

use crate::case::{Axis, Case, Ground, Trial};
use crate::control_plane::ControlPlane;
use crate::thousand;
use crate::trial::{self, Failed, NEVER_STRUCK};

/// Cases at the same time: they wait most of the time.
const AT_ONCE: usize = 16;

/// How often a case is played at most whose fault does not strike: how many calls there are depends on time, too.
const TRIES: usize = 6;

/// What a run of the matrix comes to.
#[derive(Debug, Default)]
pub struct Tally {
    axes: BTreeMap<Axis, Sum>,
    failed: Vec<String>,
    /// Answers of the API server that the model was compared with.
    compared: usize,
}

#[derive(Debug, Default)]
struct Sum {
    cases: usize,
    failures: usize,
    spent: Duration,
}

pub async fn run(cases: Vec<Case>) -> Tally {
    let total = cases.len();
    // A thousand objects need the machine for themselves.
    let (large, small): (Vec<_>, Vec<_>) = cases
        .into_iter()
        .partition(|case| matches!(case.trial, Trial::Thousand));
    let run = |case: Case| async move {
        let begun = Instant::now();
        let name = case.name.clone();
        let axis = case.axis;
        let ran = tokio::spawn(async move {
            let ground = control_plane(case.ground).await;
            for _ in 1..TRIES {
                match trial::run(&case, &ground).await {
                    Err(failed) if failed.oracle == NEVER_STRUCK => {}
                    outcome => return outcome,
                }
            }
            trial::run(&case, &ground).await
        });
        let outcome = ran.await.unwrap_or_else(|error| {
            let (oracle, details) = (format!("the test itself: {error}"), String::new());
            Err(Failed { oracle, details })
        });
        (axis, name, outcome, begun.elapsed())
    };
    let mut tally = Tally::default();
    let mut done = 0;
    let small = stream::iter(small).map(&run).buffer_unordered(AT_ONCE);
    let large = stream::iter(large).map(&run).buffer_unordered(1);
    let mut outcomes = std::pin::pin!(small.chain(large));
    while let Some((axis, name, outcome, spent)) = outcomes.next().await {
        done += 1;
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!(
            "{done:>5}/{total} {verdict:<6} {:>5.1} s  {name}",
            spent.as_secs_f64()
        );
        tally.add(axis, &name, outcome, spent);
    }
    tally
}

async fn control_plane(ground: Ground) -> ControlPlane {
    static CHANGING: OnceCell<ControlPlane> = OnceCell::const_new();
    let own = || ControlPlane::start(chat_room_crd().unwrap());
    match ground {
        Ground::Shared => ControlPlane::shared().await.clone(),
        Ground::Changing => CHANGING.get_or_init(own).await.clone(),
        Ground::Own => own().await,
        Ground::Lax => ControlPlane::start(thousand::lax_crd()).await,
    }
}

impl Tally {
    fn add(&mut self, axis: Axis, name: &str, outcome: Result<usize, Failed>, spent: Duration) {
        let sum = self.axes.entry(axis).or_default();
        sum.cases += 1;
        sum.spent += spent;
        let failed = match outcome {
            Ok(compared) => {
                self.compared += compared;
                None
            }
            Err(failed) => Some(failed),
        };
        if let Some(Failed { oracle, details }) = failed {
            sum.failures += 1;
            println!("FAILED {name}\n  {oracle}\n{details}");
            self.failed.push(format!(
                "{name}: {}",
                oracle.lines().next().unwrap_or_default()
            ));
        }
    }

    pub fn failures(&self) -> usize {
        self.failed.len()
    }

    /// The table at the end.
    pub fn print(&self, took: Duration) {
        println!(
            "\n{:<12} {:>6} {:>9} {:>8}",
            "axis", "cases", "failures", "seconds"
        );
        for axis in Axis::ALL {
            if let Some(Sum {
                cases,
                failures,
                spent,
            }) = self.axes.get(&axis)
            {
                println!(
                    "{:<12} {cases:>6} {failures:>9} {:>8.0}",
                    axis.name(),
                    spent.as_secs_f64()
                );
            }
        }
        let cases: usize = self.axes.values().map(|sum| sum.cases).sum();
        println!(
            "{:<12} {cases:>6} {:>9} {:>8.0} by the clock\n",
            "all",
            self.failures(),
            took.as_secs_f64()
        );
        println!(
            "{} answers of the API server are the model's\n",
            self.compared
        );
        for failed in &self.failed {
            println!("FAILED {failed}");
        }
        println!(
            "{} passed, {} failed",
            cases - self.failures(),
            self.failures()
        );
    }
}
