//! Each fault that is known and not mended yet is found again, at the seed that is kept for it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeSet;

use ivschat_simulation::known::Signature;
use ivschat_simulation::scheduler::run;

/// Lines of a fault, a seed, and steps of the seed that disturb nothing.
const KEPT: &str = include_str!("../known.txt");

#[test]
fn each_known_fault_is_found_again_at_the_seed_that_is_kept_for_it() {
    let lines = KEPT.lines().filter(|line| !line.starts_with('#'));
    let mut found = BTreeSet::new();
    for line in lines {
        let mut words = line.split(' ');
        let (fault, seed) = (words.next().unwrap(), words.next().unwrap());
        let without = words.next().unwrap_or_default().split(',');
        let without = without.filter_map(|step| step.parse().ok()).collect();
        let outcome = run(seed.parse().unwrap(), &without, false);
        let Some(violation) = outcome.violation else {
            panic!(
                "{fault} is not found at seed {seed} any more: is it mended? Then remove it here and from src/known.rs"
            );
        };
        let takes = outcome.disturbances.into_iter().map(|(_, kind)| kind);
        let signature = Signature {
            oracle: violation.oracle,
            takes: takes.collect(),
        };
        assert_eq!(
            signature.known(),
            Some(fault),
            "seed {seed}: {}",
            violation.what
        );
        found.insert(fault);
    }
    assert_eq!(found, BTreeSet::from(["A5", "A6", "A11"]));
}
