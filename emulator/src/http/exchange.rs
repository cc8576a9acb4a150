//! One call from its request to its answer, with whatever scripted fault strikes it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::fault::{Fault, Moment, Symptom};
use crate::journal::Entry;
use crate::state::{State, now};
use crate::world::{ApiError, Call, Operation, Scope};

use super::reply::Reply;
use super::{Cut, auth, date, route};

/// A timeout without a delay of its own ends after this, should the caller never give up.
const TIMEOUT_MAX: Duration = Duration::from_hours(1);

/// A call in hand, and what the journal will say of it.
pub(super) struct Exchange {
    state: Arc<State>,
    operation: Operation,
    fault: Option<Fault>,
    at: Timestamp,
    scope: Option<Scope>,
    input: Value,
}

impl Exchange {
    pub(super) fn new(state: &Arc<State>, operation: Operation, headers: &HeaderMap) -> Self {
        let region = auth::claimed_region(headers);
        Self {
            fault: state.faults().strike(operation, region),
            state: Arc::clone(state),
            operation,
            at: now(),
            scope: None,
            input: Value::Null,
        }
    }

    /// Answers the call. It takes its course, into the journal, also when its caller goes away in the middle of it.
    pub(super) async fn run(self, parts: Parts, body: Bytes) -> Result<Response<Body>, Cut> {
        let fault = self.fault.clone();
        let state = Arc::clone(&self.state);
        let reply = tokio::spawn(self.take_effect(parts, body)).await;
        // An error is a panic, which the runtime has told of.
        let reply = reply.map_err(|_| Cut::Close)?;
        let Some(fault) = fault else {
            return reply.map(Reply::into_response).ok_or(Cut::Close);
        };
        if fault.moment == Moment::AfterEffect || !fault.in_time() {
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
        date(&mut response, state.clock(fault.skew()));
        Ok(response)
    }

    /// Carries the call out, unless a fault keeps it from that, and writes it down.
    async fn take_effect(mut self, parts: Parts, body: Bytes) -> Option<Reply> {
        let fault = self.fault.take();
        let skew = fault.as_ref().map_or(SignedDuration::ZERO, Fault::skew);
        let call = self.understand(&parts, &body, self.state.clock(skew));
        let reply = match &fault {
            None => Some(self.carry_out(call, skew).await),
            Some(fault) => {
                let reply = match fault.moment {
                    Moment::BeforeEffect if fault.in_time() => {
                        tokio::time::sleep(fault.delay).await;
                        Some(self.carry_out(call, skew).await)
                    }
                    Moment::BeforeEffect => None,
                    Moment::AfterEffect => Some(self.carry_out(call, skew).await),
                };
                spoil(&fault.symptom, reply, self.operation)
            }
        };
        self.record(&parts.headers, reply.as_ref(), fault.is_some());
        reply
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
        let (scope, key) = auth::authenticate(credentials, self.operation, parts, body, clock)?;
        self.scope = Some(scope.clone());
        let call = route::call(self.operation, &input?)?;
        if let Some(key) = key {
            key.permit(&call)?;
        }
        Ok((scope, call))
    }

    async fn carry_out(
        &self,
        call: Result<(Scope, Call), ApiError>,
        skew: SignedDuration,
    ) -> Reply {
        let answer = match call {
            Ok((scope, call)) => match self.state.permit(&scope, &call) {
                Ok(()) => self.state.call(&scope, call, skew).await,
                Err(denial) => Err(denial),
            },
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
            user_agent: text("x-amz-user-agent")
                .or_else(|| text("user-agent"))
                .map(ToOwned::to_owned),
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
    let patience = match (&fault.symptom, fault.delay) {
        (Symptom::Timeout, Duration::ZERO) => TIMEOUT_MAX,
        (_, delay) => delay,
    };
    tokio::time::sleep(patience).await;
}
