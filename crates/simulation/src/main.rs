//! Runs seeds of the simulation, and tells the story of those that fail.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Parser;
use ivschat_simulation::campaign::{Report, run_all};
use ivschat_simulation::scheduler::{Outcome, run};
use ivschat_simulation::shrink::shrink;

/// Runs the operator's own code on virtual time, against models of IVS Chat and of a Kubernetes API server.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many threads run seeds. By default one for each processor.
    #[arg(long)]
    threads: Option<usize>,
    /// Run all seeds, even if one fails.
    #[arg(long)]
    all: bool,
    /// Run this seed alone, and tell its story.
    #[arg(long)]
    seed: Option<u64>,
    /// Leave out what these steps of that seed disturb. By default, whatever the failure does not need.
    #[arg(long, value_delimiter = ',')]
    without: Option<Vec<u32>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A panic of the operator's is an outcome like any other.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(seed) = arguments.seed {
        return replay(seed, arguments.without);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or(cores);
    let seeds = arguments.first..arguments.first + arguments.seeds;
    let report = run_all(seeds, threads, arguments.all);
    show(&report);
    if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn replay(seed: u64, without: Option<Vec<u32>>) -> ExitCode {
    let outcome = match without {
        Some(without) => run(seed, &without.into_iter().collect(), true),
        None => {
            let outcome = run(seed, &BTreeSet::new(), true);
            match &outcome.violation {
                Some(violation) => shrink(seed, violation.oracle).outcome,
                None => outcome,
            }
        }
    };
    tell(&outcome);
    if outcome.violation.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tell(outcome: &Outcome) {
    print!("{}", outcome.story);
    match &outcome.violation {
        Some(violation) => println!("Broken: {}: {}", violation.oracle, violation.what),
        None => println!("Nothing was broken"),
    }
    let takes: Vec<String> = outcome
        .disturbances
        .iter()
        .map(|(step, what)| format!("{what} ({step})"))
        .collect();
    println!("Disturbed by: {}", takes.join(", "));
    println!(
        "Trace {:016x}, {} steps",
        outcome.story.trace(),
        outcome.steps
    );
}

fn show(report: &Report) {
    println!("{}", report.coverage);
    for failure in &report.failures {
        println!("\nSeed {}:", failure.seed);
        tell(&failure.shrunk.outcome);
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let speed = report.steps as f64 / report.took.as_secs_f64();
    println!(
        "{} seeds, {} steps, {speed:.0} steps a second and thread",
        report.seeds, report.steps
    );
    for fault in report.coverage.missing() {
        println!("{fault} met no call");
    }
}
