//! The wire: AWS's restJson1 over HTTP/1.1, and the one STS call that tells a client its account.
//!
//! A request goes through `route` (which operation?), `auth` (whose?), `route` again (what exactly?), the world, and `reply`;
//! `exchange` leads it there and lets scripted faults strike on the way. What is not AWS's stands under `control`.

mod auth;
mod control;
mod exchange;
mod reply;
mod route;
mod sts;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use tower::ServiceExt;

use crate::state::State;
use crate::world::ApiError;

pub(crate) use control::control;

use exchange::Exchange;
use reply::Reply;

/// Larger than any legal request; past it a body is refused unread.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Serves one connection.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    state: Arc<State>,
    control: Router,
}

impl Service {
    pub(crate) fn new(state: Arc<State>, control: Router) -> Self {
        Self { state, control }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Cut;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Cut>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let request = request.map(Body::new);
        let control = control::serves(request.uri().path()).then(|| self.control.clone());
        let state = Arc::clone(&self.state);
        Box::pin(async move {
            let mut response = match control {
                Some(control) => {
                    let Ok(response) = control.oneshot(request).await;
                    response
                }
                None => respond(&state, request).await?,
            };
            date(&mut response, state.clock(SignedDuration::ZERO));
            Ok(response)
        })
    }
}

/// The connection is to be closed without an answer, which is how a lost answer looks to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cut off by a scripted fault")]
pub(crate) enum Cut {
    /// In good order.
    Close,
    /// By a TCP reset.
    Reset,
}

impl Cut {
    /// The cut that ended a connection, if one did.
    pub(crate) fn of(error: &hyper::Error) -> Option<Self> {
        std::error::Error::source(error)?.downcast_ref().copied()
    }
}

async fn respond(state: &Arc<State>, request: Request<Body>) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        let problem = format!("the body broke off, or is larger than {MAX_BODY_BYTES} bytes");
        return Ok(Reply::json_error(&ApiError::malformed(&problem)).into_response());
    };
    match route::operation(&parts.method, &parts.uri, &body) {
        Some(operation) => {
            Exchange::new(state, operation, &parts.headers)
                .run(parts, body)
                .await
        }
        None => {
            tracing::info!(method = %parts.method, path = parts.uri.path(), "unknown operation");
            Ok(Reply::json_error(&ApiError::unknown_operation()).into_response())
        }
    }
}

/// Dates a response, unless it is dated already.
fn date(response: &mut Response<Body>, clock: Timestamp) {
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&clock);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::try_from(date).ok()) {
        response.headers_mut().entry(header::DATE).or_insert(date);
    }
}
