//! What is not AWS's: health, the journal, the clock, and faults to script. Apart from the API: no operation has such a path.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::journal::{Counts, Entry, Journal};
use crate::state::State;

const HEALTH: &str = "/healthz";
const PREFIX: &str = "/_emulator/";

/// Whether this path is served here.
pub(super) fn serves(path: &str) -> bool {
    path == HEALTH || path.starts_with(PREFIX)
}

/// The control endpoint of a running emulator.
pub(crate) fn control(state: Arc<State>) -> Router {
    Router::new()
        .route(HEALTH, get(async || "ok\n"))
        .route("/_emulator/calls", get(calls).delete(forget_calls))
        .route("/_emulator/clock", get(clock).post(set_clock))
        .route(
            "/_emulator/faults",
            get(faults).post(inject).delete(clear_faults),
        )
        .with_state(state)
}

/// Which calls to show.
#[derive(Deserialize)]
struct Which {
    /// Only so many, the newest; by default all.
    last: Option<usize>,
}

#[derive(Serialize)]
struct Shown {
    calls: Vec<Entry>,
    counts: Counts,
}

/// The journal, oldest call first, and the counts.
async fn calls(Shared(state): Shared<Arc<State>>, Query(which): Query<Which>) -> Response {
    // Copied, so that no call waits while this one is written out.
    let shown = {
        let journal = state.journal.borrow();
        let calls = journal.calls();
        let first = calls.len().saturating_sub(which.last.unwrap_or(usize::MAX));
        Shown {
            calls: calls[first..].to_vec(),
            counts: journal.counts().clone(),
        }
    };
    Json(shown).into_response()
}

async fn forget_calls(Shared(state): Shared<Arc<State>>) -> StatusCode {
    state.journal.send_modify(Journal::clear);
    StatusCode::NO_CONTENT
}

/// How to set the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClock {
    offset: SignedDuration,
}

#[derive(Serialize)]
struct Clock {
    /// How far it is ahead of the machine's.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    offset: SignedDuration,
    /// What it shows.
    time: Timestamp,
}

/// The emulator's clock.
async fn clock(Shared(state): Shared<Arc<State>>) -> Response {
    shown_clock(&state)
}

/// Steps the clock to the offset in the body.
async fn set_clock(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(NewClock { offset }) => {
            state.set_clock_offset(offset);
            shown_clock(&state)
        }
        Err(error) => {
            let told = format!("no clock: {error}\n");
            (StatusCode::BAD_REQUEST, told).into_response()
        }
    }
}

fn shown_clock(state: &State) -> Response {
    let clock = Clock {
        offset: state.clock_offset(),
        time: state.clock(SignedDuration::ZERO),
    };
    Json(clock).into_response()
}

/// The faults still to strike.
async fn faults(Shared(state): Shared<Arc<State>>) -> Response {
    Json(state.faults().pending()).into_response()
}

/// Adds the fault in the body behind those already scripted.
async fn inject(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    let refused = |problem: &str| {
        let told = format!("no fault: {problem}\n");
        (StatusCode::BAD_REQUEST, told).into_response()
    };
    let fault: Fault = match serde_json::from_slice(&body) {
        Ok(fault) => fault,
        Err(error) => return refused(&error.to_string()),
    };
    if let Some(problem) = fault.problem() {
        return refused(problem);
    }
    let mut faults = state.faults();
    faults.inject(fault);
    (StatusCode::CREATED, Json(faults.pending())).into_response()
}

async fn clear_faults(Shared(state): Shared<Arc<State>>) -> StatusCode {
    state.faults().clear();
    StatusCode::NO_CONTENT
}
