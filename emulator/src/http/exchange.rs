//! One call from its request to its answer, with whatever scripted fault strikes it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::fault::{Fault, Moment, Symptom};
use crate::journal::Entry;
use crate::server::State;
use crate::world::{ApiError, Call, Operation, Scope};

use super::reply::Reply;
use super::{Cut, auth, now, route};

/// A call in hand, and what the journal will say of it.
pub(super) struct Exchange<'a> {
    state: &'a Arc<State>,
    operation: Operation,
    at: Timestamp,
    scope: Option<Scope>,
    input: Value,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(state: &'a Arc<State>, operation: Operation) -> Self {
        Self {
            state,
            operation,
            at: now(),
            scope: None,
            input: Value::Null,
        }
    }

    pub(super) async fn run(mut self, parts: &Parts, body: &Bytes) -> Result<Response<Body>, Cut> {
        let fault = self.state.faults().strike(self.operation);
        let skew = fault.as_ref().map_or(SignedDuration::ZERO, skew);
        let clock = self.at.saturating_add(skew).unwrap_or(self.at);
        let call = self.understand(parts, body, clock);
        let Some(fault) = fault else {
            let reply = self.carry_out(call, clock).await;
            self.record(&parts.headers, Some(&reply), false);
            return Ok(reply.into_response());
        };

        let in_time = matches!(fault.symptom, Symptom::Delay | Symptom::ClockSkew(_));
        let reply = match fault.moment {
            Moment::BeforeEffect if in_time => {
                tokio::time::sleep(fault.delay).await;
                Some(self.carry_out(call, clock).await)
            }
            Moment::BeforeEffect => None,
            Moment::AfterEffect => Some(self.carry_out(call, clock).await),
        };
        let reply = spoil(&fault.symptom, reply, self.operation);
        self.record(&parts.headers, reply.as_ref(), true);
        if fault.moment == Moment::AfterEffect || !in_time {
            wait(&fault).await;
        }
        let reply = reply.ok_or(if fault.symptom == Symptom::Reset {
            Cut::Reset
        } else {
            Cut::Close
        })?;
        let mut response = if fault.symptom == Symptom::Truncated {
            reply.into_truncated_response()
        } else {
            reply.into_response()
        };
        if skew != SignedDuration::ZERO {
            let date = clock.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            if let Ok(date) = HeaderValue::try_from(date) {
                response.headers_mut().insert(header::DATE, date);
            }
        }
        Ok(response)
    }

    /// Whose call it is, and which.
    fn understand(
        &mut self,
        parts: &Parts,
        body: &Bytes,
        clock: Timestamp,
    ) -> Result<(Scope, Call), ApiError> {
        // Read first, so that the journal shows what a caller wanted whose signature is refused.
        let input = route::input(self.operation, &parts.uri, body);
        if let Ok(input) = &input {
            self.input.clone_from(input);
        }
        let credentials = self.state.credentials.as_ref();
        let scope = auth::authenticate(credentials, self.operation, parts, body, clock)?;
        self.scope = Some(scope.clone());
        let call = route::call(self.operation, &input?)?;
        Ok((scope, call))
    }

    async fn carry_out(&self, call: Result<(Scope, Call), ApiError>, clock: Timestamp) -> Reply {
        let answer = match call {
            Ok((scope, call)) => self.state.call(&scope, call, clock).await,
            Err(error) => Err(error),
        };
        Reply::to(self.operation, answer)
    }

    fn record(&mut self, headers: &HeaderMap, reply: Option<&Reply>, faulted: bool) {
        let text = |name| headers.get(name)?.to_str().ok();
        let attempt = text("amz-sdk-request").and_then(|request| {
            let parts = request.split(';');
            let mut attempt = parts.filter_map(|part| part.trim().strip_prefix("attempt="));
            attempt.next()?.parse().ok()
        });
        let entry = Entry {
            at: self.at,
            operation: self.operation,
            scope: self.scope.take(),
            input: self.input.take(),
            status: reply.map(|reply| reply.status.as_u16()),
            error: reply.and_then(|reply| reply.code.clone()),
            answer: reply.map(|reply| reply.body.clone()).unwrap_or_default(),
            invocation: text("amz-sdk-invocation-id").map(ToOwned::to_owned),
            attempt,
            faulted,
        };
        // The access log. Inputs and answers stay out of it: they hold user ids and chat tokens.
        tracing::info!(
            operation = self.operation.name(),
            account = entry.scope.as_ref().map(|scope| &scope.account),
            region = entry.scope.as_ref().map(|scope| &scope.region),
            status = entry.status,
            error = entry.error,
            attempt,
            faulted,
            "call"
        );
        self.state
            .journal
            .send_modify(|journal| journal.record(entry));
    }
}

fn skew(fault: &Fault) -> SignedDuration {
    match fault.symptom {
        Symptom::ClockSkew(skew) => skew,
        _ => SignedDuration::ZERO,
    }
}

/// What is left of the answer. Where the call was kept from taking effect there was none.
fn spoil(symptom: &Symptom, reply: Option<Reply>, operation: Operation) -> Option<Reply> {
    match symptom {
        Symptom::Delay | Symptom::ClockSkew(_) => reply,
        Symptom::Error(error) => Some(Reply::to(operation, Err(error.clone()))),
        Symptom::Timeout | Symptom::Reset => None,
        Symptom::Truncated => Some(reply.unwrap_or_else(Reply::anything)),
        Symptom::Malformed => Some(reply.unwrap_or_else(Reply::anything).garbled()),
    }
}

async fn wait(fault: &Fault) {
    if fault.symptom == Symptom::Timeout && fault.delay == Duration::ZERO {
        // Ends with the connection.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(fault.delay).await;
}
