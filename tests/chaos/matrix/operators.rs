//! Two operators at once that know nothing of each other, and an AWS whose reads lag.

use std::time::Duration;

use crate::case::{Axis, Case, Trial};
use crate::record::Recording;
use crate::replica::Election;
use crate::workload::Leaves;

/// Reads lag by this, which is within the bound that the operators are given.
const WITHIN: Duration = Duration::from_millis(400);
/// Reads lag by this, which is more than the whole grace.
const BEYOND: Duration = Duration::from_secs(2);

pub fn operators_cases(recording: &Recording) -> Vec<Case> {
    let Recording { workload, end, .. } = recording;
    vec![
        Case::new(Axis::Operators, *workload, end, "both-work", Trial::Calm)
            .with_two(Election::Off),
    ]
}

pub fn lag_cases(recording: &Recording) -> Vec<Case> {
    let Recording { workload, end, .. } = recording;
    let case = |what: &str, trial, get, list| {
        Case::new(Axis::Lag, *workload, end, what, trial).with_lag(get, list)
    };
    let beyond = match workload.leaves() {
        Leaves::Both => Trial::Calm,
        Leaves::Room | Leaves::Nothing => Trial::GoneUnseen,
    };
    let none = Duration::ZERO;
    vec![
        case("get-within-the-bound", Trial::Calm, WITHIN, none),
        case("list-within-the-bound", Trial::Calm, none, WITHIN),
        case("both-within-the-bound", Trial::Calm, WITHIN, WITHIN),
        // No operator can tell a room that does not show from one that is gone: what it makes in error it finds and heals.
        case("both-beyond-the-bound", beyond, BEYOND, BEYOND)
            .healing()
            .for_all(),
    ]
}
