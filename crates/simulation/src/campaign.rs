//! Many seeds, on several threads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::known::Signature;
use crate::scheduler::run;
use crate::shrink::{Shrunk, shrink};

/// A seed that fails.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What it comes down to.
    pub signature: Signature,
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
    /// Failures that are news.
    pub news: Vec<Failure>,
    /// How often each known fault was found, and where first, with as little as it takes.
    pub known: BTreeMap<&'static str, (u64, u64, BTreeSet<u32>, Signature)>,
}

/// Runs these seeds. Stops at the first failure that is news, unless all are wanted.
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
            let failure = outcome.violation.map(|violation| {
                let shrunk = shrink(seed, violation.oracle);
                let takes = shrunk
                    .outcome
                    .disturbances
                    .iter()
                    .map(|(_, kind)| kind.clone());
                let signature = Signature {
                    oracle: violation.oracle,
                    takes: takes.collect(),
                };
                Failure {
                    seed,
                    signature,
                    shrunk,
                }
            });
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.seeds += 1;
            report.steps += outcome.steps;
            report.took += took;
            report.coverage.add(&outcome.coverage);
            let Some(failure) = failure else { continue };
            match failure.signature.known() {
                Some(fault) => {
                    let Failure {
                        seed,
                        signature,
                        shrunk,
                    } = failure;
                    let entry = report.known.entry(fault);
                    let found = entry
                        .or_insert_with(|| (0, seed, shrunk.without.clone(), signature.clone()));
                    found.0 += 1;
                    if signature.takes.len() < found.3.takes.len() {
                        (found.1, found.2, found.3) = (seed, shrunk.without, signature);
                    }
                }
                None => {
                    report.news.push(failure);
                    stop.store(!all, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}
