//! Many seeds, on several threads.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::scheduler::run;
use crate::shrink::{Shrunk, shrink};

/// A seed that fails.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// As short as it gets.
    pub shrunk: Shrunk,
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were run.
    pub seeds: u64,
    /// How many moves were made in them, those of shrinking not counted.
    pub steps: u64,
    /// How long that took, on all threads together.
    pub took: Duration,
    /// Which faults met which calls.
    pub coverage: Coverage,
    /// The seeds that fail.
    pub failures: Vec<Failure>,
}

/// Runs these seeds. Stops at the first that fails, unless all are wanted.
pub fn run_all(seeds: Range<u64>, threads: usize, all: bool) -> Report {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let report = Mutex::new(Report::default());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let begun = Instant::now();
            let outcome = run(seed, &BTreeSet::new(), false);
            let took = begun.elapsed();
            let failure = outcome.violation.map(|violation| Failure {
                seed,
                shrunk: shrink(seed, violation.oracle),
            });
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.seeds += 1;
            report.steps += outcome.steps;
            report.took += took;
            report.coverage.add(&outcome.coverage);
            if failure.is_some() {
                stop.store(!all, Ordering::Relaxed);
            }
            report.failures.extend(failure);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}
