//! Faults that are scripted: what goes wrong, at which call, how often and for how long.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::world::{ApiError, Operation};

/// A scripted fault. Faults are tried in the order in which they were injected, and the first that matches a call strikes.
///
/// In JSON, durations are written like `"1.5s"` or `"10m"`, and only `symptom` is required:
/// `{"operation": "CreateRoom", "times": 1, "moment": "afterEffect", "symptom": "reset"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which operation it hits; `None`: any.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// Which region it hits, as the call's signature names it; `None`: any.
    #[serde(default)]
    pub region: Option<String>,
    /// How many matching calls it lets through first: 2 hits the third.
    #[serde(default)]
    pub skip: u64,
    /// The chance that it strikes a matching call, 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// How often it strikes before it is spent; `None`: always.
    #[serde(default)]
    pub times: Option<u64>,
    /// How long after it was injected it ends; `None`: never.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
    )]
    pub lasting: Option<Duration>,
    /// Whether the call takes effect first.
    #[serde(default)]
    pub moment: Moment,
    /// How long the caller waits for what `symptom` says.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub delay: Duration,
    /// What the caller gets.
    pub symptom: Symptom,
}

fn certain() -> f64 {
    1.0
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// The call has no effect. (With [`Symptom::Delay`] it takes effect after the delay.)
    #[default]
    BeforeEffect,
    /// The call takes effect and its answer is lost or spoilt.
    AfterEffect,
}

/// What the caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Symptom {
    /// The answer it would have got anyway, only late.
    Delay,
    /// An error answer, of any status and code.
    Error(ApiError),
    /// No answer, and the connection stays open: for the fault's delay, or, without one, until the caller gives up (an hour
    /// at most).
    Timeout,
    /// The connection is reset.
    Reset,
    /// The answer breaks off in the middle and the connection is closed.
    Truncated,
    /// The answer's status with a body that is no JSON.
    Malformed,
    /// The answer of a server whose clock is ahead by this much, or behind where it is negative: in the times it shows, in the
    /// Date header, and in what it takes for now when it verifies a signature.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    ClockSkew(SignedDuration),
}

impl Fault {
    /// `operation` shows `symptom` at every call, always, without effect.
    pub fn new(operation: Operation, symptom: Symptom) -> Self {
        Self {
            operation: Some(operation),
            region: None,
            skip: 0,
            probability: 1.0,
            times: None,
            lasting: None,
            moment: Moment::BeforeEffect,
            delay: Duration::ZERO,
            symptom,
        }
    }

    /// `operation` answers with an error of this status, code and message at every call, without effect.
    pub fn refuse(operation: Operation, status: u16, code: &str, message: &str) -> Self {
        let error = ApiError::new(status, code, message);
        Self::new(operation, Symptom::Error(error))
    }

    /// `operation` takes effect once and its answer is lost.
    pub fn lose_answer(operation: Operation, symptom: Symptom) -> Self {
        Self {
            moment: Moment::AfterEffect,
            ..Self::new(operation, symptom).times(1)
        }
    }

    /// Whether the caller gets the true answer, if late or at odd times.
    pub(crate) fn in_time(&self) -> bool {
        matches!(self.symptom, Symptom::Delay | Symptom::ClockSkew(_))
    }

    /// How far the server's clock is ahead.
    pub(crate) fn skew(&self) -> SignedDuration {
        match self.symptom {
            Symptom::ClockSkew(skew) => skew,
            _ => SignedDuration::ZERO,
        }
    }

    /// Why this can be no fault; `None` where it can.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Some("probability must be 0 to 1");
        }
        let Symptom::Error(error) = &self.symptom else {
            return None;
        };
        if !(400..=599).contains(&error.status) {
            return Some("status must be that of an error, 400 to 599");
        }
        let printable = error.code.bytes().all(|byte| byte.is_ascii_graphic());
        (error.code.is_empty() || !printable).then_some("code must be of printable ASCII")
    }

    /// It hits calls to this region only.
    #[must_use]
    pub fn in_region(self, region: &str) -> Self {
        Self {
            region: Some(region.to_owned()),
            ..self
        }
    }

    /// It strikes this often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// The caller waits this long.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// The faults still to strike.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<(Fault, Instant)>,
    dice: fastrand::Rng,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) {
        self.armed.push((fault, Instant::now()));
    }

    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    /// Those not yet spent, each with what is left of it: strikes, calls to let through, time.
    pub(crate) fn pending(&mut self) -> Vec<Fault> {
        self.forget_spent();
        let left = |(fault, since): &(Fault, Instant)| Fault {
            lasting: fault.lasting.map(|end| end.saturating_sub(since.elapsed())),
            ..fault.clone()
        };
        self.armed.iter().map(left).collect()
    }

    /// The fault that hits this call, now one call nearer to being spent.
    pub(crate) fn strike(&mut self, operation: Operation, region: Option<&str>) -> Option<Fault> {
        self.forget_spent();
        let mut hit = None;
        for (fault, _) in &mut self.armed {
            let elsewhere = fault.region.is_some() && fault.region.as_deref() != region;
            if elsewhere || fault.operation.is_some_and(|wanted| wanted != operation) {
                continue;
            }
            // Every fault counts every call, also those that another one hits.
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if hit.is_none() && self.dice.f64() < fault.probability {
                fault.times = fault.times.map(|times| times - 1);
                hit = Some(fault.clone());
            }
        }
        hit
    }

    fn forget_spent(&mut self) {
        self.armed.retain(|(fault, since)| {
            let over = fault.lasting.is_some_and(|end| since.elapsed() >= end);
            fault.times != Some(0) && !over
        });
    }
}
