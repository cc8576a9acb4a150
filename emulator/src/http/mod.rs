//! The wire: AWS's restJson1 over HTTP/1.1, and the one STS call that tells a client its account.

mod auth;
mod route;
mod sts;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use jiff::{Timestamp, Unit};
use serde_json::Value;

use crate::fault::{Fault, Moment, Symptom};
use crate::journal::Entry;
use crate::server::State;
use crate::world::{Answer, ApiError, Call, Scope};

use route::Route;

/// Larger than any legal request; past it a body is refused unread.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Serves one connection. An `Err` closes it without an answer, which is how a lost answer looks to a client.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    state: Arc<State>,
}

impl Service {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Body>>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let state = Arc::clone(&self.state);
        Box::pin(async move {
            let reply = respond(&state, request).await;
            reply.map_err(|Disconnect| io::Error::other("connection closed by a scripted fault"))
        })
    }
}

/// The connection is to be closed without an answer.
struct Disconnect;

async fn respond(state: &State, request: Request<Incoming>) -> Result<Response<Body>, Disconnect> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), MAX_BODY_BYTES).await else {
        let error = ApiError::new(413, "RequestEntityTooLargeException", "Request too large");
        return Ok(error_answer(&error));
    };
    if parts.uri.path() == "/healthz" {
        return Ok(Response::new(Body::from("ok\n")));
    }
    let scope = match auth::scope(&parts.headers) {
        Ok(scope) => scope,
        Err(error) => return Ok(error_answer(&error)),
    };
    match route::route(&parts.method, &parts.uri, &body) {
        Ok(Route::IvsChat { call, input }) => {
            ivs_chat(state, &parts.headers, scope, call, input).await
        }
        Ok(Route::GetCallerIdentity) => Ok(sts::caller_identity(&scope)),
        Err(error) => {
            tracing::info!(method = %parts.method, path = parts.uri.path(), status = error.status, "refused");
            Ok(error_answer(&error))
        }
    }
}

async fn ivs_chat(
    state: &State,
    headers: &HeaderMap,
    scope: Scope,
    call: Call,
    input: Value,
) -> Result<Response<Body>, Disconnect> {
    let at = now();
    let operation = call.operation();
    let fault = state.faults().strike(operation);
    let lost_before = fault
        .as_ref()
        .is_some_and(|fault| fault.moment == Moment::BeforeEffect);
    let answer = if lost_before {
        None
    } else {
        Some(state.world().call(&scope, call, at))
    };
    let outcome = match fault {
        Some(fault) => Outcome::from(fault),
        // Without a fault the call was carried out above.
        None => Outcome::Answered(answer.unwrap_or(Ok(Answer::Empty))),
    };
    let error = outcome.error().map(|error| error.code.clone());
    tracing::info!(
        ?operation,
        region = scope.region,
        status = outcome.status(),
        error,
        "call"
    );
    state.record(Entry {
        at,
        operation,
        scope,
        input,
        status: outcome.status(),
        error,
        invocation: header(headers, "amz-sdk-invocation-id"),
    });
    match outcome {
        Outcome::Answered(Ok(answer)) => Ok(answered(&answer)),
        Outcome::Answered(Err(error)) => Ok(error_answer(&error)),
        Outcome::Delayed { after, error } => {
            tokio::time::sleep(after).await;
            Ok(error_answer(&error))
        }
        Outcome::Disconnected { after } => {
            tokio::time::sleep(after).await;
            Err(Disconnect)
        }
    }
}

/// The time as AWS shows it: to the millisecond.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now)
}

/// What the client gets to see.
enum Outcome {
    Answered(Result<Answer, ApiError>),
    Delayed { after: Duration, error: ApiError },
    Disconnected { after: Duration },
}

impl Outcome {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(Ok(Answer::NoContent)) => Some(204),
            Self::Answered(Ok(_)) => Some(200),
            Self::Answered(Err(error)) | Self::Delayed { error, .. } => Some(error.status),
            Self::Disconnected { .. } => None,
        }
    }

    fn error(&self) -> Option<&ApiError> {
        match self {
            Self::Answered(Err(error)) | Self::Delayed { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        match fault.symptom {
            Symptom::Error(error) => Self::Answered(Err(error)),
            Symptom::SlowError(after, error) => Self::Delayed { after, error },
            Symptom::Silence(after) => Self::Disconnected { after },
            Symptom::Reset => Self::Disconnected {
                after: Duration::ZERO,
            },
        }
    }
}

fn answered(answer: &Answer) -> Response<Body> {
    if *answer == Answer::NoContent {
        return reply(StatusCode::NO_CONTENT, None, Body::empty());
    }
    match serde_json::to_vec(answer) {
        Ok(body) => reply(StatusCode::OK, None, Body::from(body)),
        Err(error) => error_answer(&ApiError::new(
            500,
            "InternalServerException",
            &error.to_string(),
        )),
    }
}

fn error_answer(error: &ApiError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply(
        status,
        Some(&error.code),
        Body::from(Value::Object(error.members.clone()).to_string()),
    )
}

fn reply(status: StatusCode, error_type: Option<&str>, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    let request_id = uuid::Uuid::new_v4().to_string();
    for (name, value) in [
        ("x-amzn-requestid", Some(request_id.as_str())),
        ("x-amzn-errortype", error_type),
    ] {
        if let Some(Ok(value)) = value.map(header::HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    response
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}
