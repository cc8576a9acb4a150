//! Counts every request to AWS in one place, including retries and requests whose caller no longer waits. Notes whether one was denied,
//! and hears what time it is in AWS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_ivschat::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_ivschat::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ivschat::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use ivschat_core::room::FailureClass;
use tokio::time::Instant;

use super::error::{class_unsent, date};
use crate::aws_clock::{Asked, AwsClock, Sent};
use crate::error::class_of;
use crate::meter::Meter;
use crate::operation::Operation;

/// AWS gives each request an id, and answers with it in one of these headers.
const REQUEST_ID: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];

/// STS's call, beside those of IVS Chat.
pub(super) const CALLER_IDENTITY: &str = "GetCallerIdentity";

/// Intercepts every client's requests on their way to the wire. Clones share what they note.
#[derive(Debug, Clone)]
pub(super) struct Attempts {
    meter: Arc<dyn Meter>,
    clock: AwsClock,
    denied: Arc<AtomicBool>,
}

impl Attempts {
    pub(super) fn new(meter: Arc<dyn Meter>, clock: AwsClock) -> Self {
        for operation in Operation::ALL {
            meter.expect_calls(operation.name());
        }
        meter.expect_calls(CALLER_IDENTITY);
        let denied = Arc::default();
        Self {
            meter,
            clock,
            denied,
        }
    }

    /// Whether AWS has denied an attempt since this was asked last: other credentials may be permitted it.
    pub(super) fn take_denied(&self) -> bool {
        self.denied.swap(false, Ordering::Relaxed)
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let name = bag.load::<Metadata>().map(Metadata::name);
        let attempt = Attempt {
            attempts: self.clone(),
            operation: operation(name.unwrap_or_default()),
            sent: Instant::now(),
            asked: self.clock.ask(),
            ended: AtomicBool::new(false),
        };
        bag.interceptor_state().store_put(attempt);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(attempt) = bag.load::<Attempt>() else {
            return Ok(());
        };
        // Whatever else answers in between tells its own time.
        let granted = matches!(context.output_or_error(), Some(Ok(_)));
        let is_from_aws = |response: &&HttpResponse| {
            granted
                || REQUEST_ID
                    .iter()
                    .any(|id| response.headers().contains_key(*id))
        };
        if let Some(response) = context.response().filter(is_from_aws) {
            let date = date(response).and_then(|date| date.try_into().ok());
            let told = date.map(Sent::header);
            attempt.attempts.clock.hear(told, attempt.asked);
        }
        let answer = context.response().map(|response| {
            let code = response.headers().get("x-amzn-errortype");
            (response.status().as_u16(), code)
        });
        attempt.end(match (answer, context.output_or_error()) {
            (Some((200..300, _)), Some(Ok(_))) => None,
            (Some((200..300, _)) | None, outcome) => {
                let error = outcome.and_then(Result::err);
                Some(error.map_or(FailureClass::Unavailable, |error| class_unsent(error)))
            }
            (Some((status, code)), _) => Some(class_of(status, code)),
        });
        Ok(())
    }
}

/// A request that runs. If it is dropped without an answer, its caller gave it up.
#[derive(Debug)]
struct Attempt {
    attempts: Attempts,
    operation: &'static str,
    sent: Instant,
    asked: Asked,
    ended: AtomicBool,
}

impl Storable for Attempt {
    type Storer = StoreReplace<Self>;
}

impl Attempt {
    /// `class`: the error's class; `None`: success.
    fn end(&self, class: Option<FailureClass>) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let code = class.map_or("OK", |class| class.reason().as_str());
        let took = self.sent.elapsed();
        // An event in the span of the attempt.
        tracing::trace!(operation = self.operation, code, ?took, "answered");
        let Attempts { meter, denied, .. } = &self.attempts;
        meter.called(self.operation, code, took);
        match class {
            Some(FailureClass::Throttled) => meter.throttled(self.operation),
            Some(FailureClass::Denied) => denied.store(true, Ordering::Relaxed),
            _ => {}
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.end(Some(FailureClass::Unavailable));
    }
}

fn operation(name: &str) -> &'static str {
    let known = Operation::ALL.map(Operation::name).into_iter();
    let mut known = known.chain([CALLER_IDENTITY]);
    known.find(|known| *known == name).unwrap_or("other")
}
