//! An operator of a seed: its process, if one runs, and what has become of it.

use crate::network::ProcessId;
use crate::process::Process;
use crate::time::Time;
use tokio::sync::oneshot;

/// A replica: one process after the other.
pub(crate) struct Operator {
    pub(crate) number: usize,
    /// Counts its starts.
    pub(crate) starts: u32,
    pub(crate) process: Option<Process>,
    /// Tells the process to stop.
    pub(crate) stop: Option<oneshot::Sender<()>>,
    /// When it is started again, while no process runs.
    pub(crate) starts_at: Option<Time>,
    /// How long it rests after it was told to stop.
    pub(crate) rest: Time,
    /// How often it crashes again, and how long after each start.
    pub(crate) crashes: Option<(u32, Time)>,
    /// Until when its process stands still.
    pub(crate) frozen_until: Option<Time>,
    /// How far its time of day is ahead, in milliseconds.
    pub(crate) ahead: i64,
    /// Its own region.
    pub(crate) region: String,
}

impl Operator {
    pub(crate) fn new(number: usize, region: &str, ahead: i64) -> Self {
        Self {
            number,
            starts: 0,
            process: None,
            stop: None,
            starts_at: Some(Time::ZERO),
            rest: Time::ZERO,
            crashes: None,
            frozen_until: None,
            ahead,
            region: region.to_owned(),
        }
    }

    /// Its present process, or the last one.
    pub(crate) fn id(&self) -> ProcessId {
        ProcessId {
            operator: self.number,
            start: self.starts,
        }
    }

    /// Whether a process is there and moves.
    pub(crate) fn runs(&self) -> bool {
        self.process.is_some() && self.frozen_until.is_none()
    }
}
