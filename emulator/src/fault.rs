//! Faults that tests script: what goes wrong, at which operation, how often.

use std::time::Duration;

use crate::world::{ApiError, Operation};

/// A scripted fault. The first that matches a call is used; faults are tried in the order they were injected.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Which operation it hits.
    pub operation: Operation,
    /// How many calls it hits before it is spent; `None`: every one until cleared.
    pub times: Option<usize>,
    /// Whether the call takes effect first.
    pub moment: Moment,
    /// What the caller gets instead of the answer.
    pub symptom: Symptom,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call has no effect.
    BeforeEffect,
    /// The call takes effect and its answer is lost.
    AfterEffect,
}

/// What the caller sees.
#[derive(Debug, Clone)]
pub enum Symptom {
    /// An error answer.
    Error(ApiError),
    /// An error answer that takes this long.
    SlowError(Duration, ApiError),
    /// No answer for this long, then the connection is closed.
    Silence(Duration),
    /// The connection is closed at once.
    Reset,
}

impl Fault {
    /// `operation` answers with an error of this status, code and message, `times` times, without effect.
    pub fn refuse(
        operation: Operation,
        times: usize,
        status: u16,
        code: &str,
        message: &str,
    ) -> Self {
        let symptom = Symptom::Error(ApiError::new(status, code, message));
        Self {
            operation,
            times: Some(times),
            moment: Moment::BeforeEffect,
            symptom,
        }
    }

    /// `operation` takes effect once and its answer is lost.
    pub fn lose_answer(operation: Operation, symptom: Symptom) -> Self {
        Self {
            operation,
            times: Some(1),
            moment: Moment::AfterEffect,
            symptom,
        }
    }
}

/// The faults still to strike.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that hits this call, now one call nearer to being spent.
    pub(crate) fn strike(&mut self, operation: Operation) -> Option<Fault> {
        let hit = self
            .0
            .iter()
            .position(|fault| fault.operation == operation && fault.times != Some(0))?;
        let fault = &mut self.0[hit];
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.clone())
    }
}
