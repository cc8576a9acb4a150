//! Makes a failing seed's story shorter: leaves out every disturbance that the failure does not need.

use std::collections::BTreeSet;

use crate::oracle::Oracle;
use crate::scheduler::{Outcome, run};

/// A seed that fails, with as little as it takes.
#[derive(Debug)]
pub struct Shrunk {
    /// The steps whose disturbances are left out.
    pub without: BTreeSet<u32>,
    /// How it ends without them, with its story.
    pub outcome: Outcome,
}

/// Shrinks a seed that breaks this rule.
pub fn shrink(seed: u64, oracle: Oracle) -> Shrunk {
    let fails = |without: &BTreeSet<u32>| {
        let outcome = run(seed, without, false);
        let same = outcome.violation.as_ref().map(|it| it.oracle) == Some(oracle);
        same.then_some(outcome)
    };
    let mut without = BTreeSet::new();
    let steps = |outcome: &Outcome| -> Vec<u32> {
        outcome.disturbances.iter().map(|(step, _)| *step).collect()
    };
    let mut left = fails(&without)
        .map(|outcome| steps(&outcome))
        .unwrap_or_default();
    let mut size = left.len().div_ceil(2);
    while size > 0 && !left.is_empty() {
        let before = left.len();
        for chunk in left.clone().chunks(size) {
            let mut fewer = without.clone();
            fewer.extend(chunk);
            if let Some(outcome) = fails(&fewer) {
                without = fewer;
                left = steps(&outcome);
            }
        }
        if left.len() == before || size > 1 {
            size /= 2;
        }
    }
    let outcome = run(seed, &without, true);
    Shrunk { without, outcome }
}
