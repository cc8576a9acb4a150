//! Tells the simulation who waits for a quota, and whose turn it is.

use std::time::{Duration, SystemTime};

use ivschat_aws::{Meter, Turn};

use super::{Line, Note};

/// Hears a process's calls wait, and counts nothing.
#[derive(Debug)]
pub(crate) struct Turns(pub(crate) Line);

impl Meter for Turns {
    fn expect_calls(&self, _: &'static str) {}
    fn called(&self, _: &'static str, _: &'static str, _: Duration) {}
    fn throttled(&self, _: &'static str) {}
    fn listed(&self, _: SystemTime) {}

    fn waits(&self, turn: &Turn) {
        self.0.note(Note::Waits(turn.clone()));
    }

    fn waited(&self, turn: &Turn, _: Duration) {
        self.0.note(Note::Served(turn.clone()));
    }

    fn left(&self, turn: &Turn) {
        self.0.note(Note::Left(turn.clone()));
    }
}
