//! A call: attempts of one request and the waits between them, all within the operation timeout.

use std::sync::Arc;
use std::time::Duration;

use ivschat_core::room::Failure;
use tokio::time::{Instant, sleep, timeout_at};

use super::caller::Caller;
use super::error;
use super::fence::{self, Fence};
use super::meter::Meter;
use super::operation::Operation;
use super::port::{Answer, AttemptError, Aws, Refusal, Request, Unknown, Unsent};
use super::quota::{Permit, Quotas};
use super::settings::Settings;

/// Attempts per call, CreateRoom aside, which is never repeated: it has no idempotency token.
const ATTEMPTS: u32 = 3;
/// The longest wait before the second attempt. It doubles before each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// No wait is longer, unless AWS asks for it.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Sends requests, as often as it takes.
pub(crate) struct Calls {
    aws: Arc<dyn Aws>,
    pub(crate) quotas: Quotas,
    timeout: Duration,
    attempt_timeout: Duration,
    wait_factor: f64,
}

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The fence was closed before the first attempt.
    Fenced,
    /// The last attempt ended like this.
    Failed(AttemptError),
}

impl CallError {
    /// What it means for this request.
    pub(crate) fn failure(&self, request: &Request) -> Failure {
        match self {
            Self::Fenced => fence::closed(request.operation()),
            Self::Failed(error) => error::failure(request, error),
        }
    }

    /// Whether it is certain that the call had no effect.
    pub(crate) fn proves_no_effect(&self) -> bool {
        match self {
            Self::Fenced => true,
            Self::Failed(error) => error::proves_no_effect(error),
        }
    }
}

impl Calls {
    pub(crate) fn new(aws: Arc<dyn Aws>, settings: &Settings, meter: Arc<dyn Meter>) -> Self {
        Self {
            aws,
            quotas: Quotas::new(settings.quota_factor, settings.concurrency, meter),
            timeout: settings.operation_timeout,
            attempt_timeout: settings.attempt_timeout(),
            wait_factor: settings.wait_factor,
        }
    }

    /// A call that reads, once its quota lets it through.
    pub(crate) async fn read(&self, request: &Request, caller: &Caller) -> Result<Answer, Failure> {
        let permit = self.admit(request, caller).await;
        let end = Instant::now() + self.timeout;
        let answered = self.repeat(request, caller, permit, None, end).await;
        let answered = answered.map_err(|error| error.failure(request));
        answered.map(|(answer, _)| answer)
    }

    /// A call that writes and has its turn, as long as the fence is open. Gives the answer, and which attempt it came to.
    pub(crate) async fn write(
        &self,
        request: &Request,
        caller: &Caller,
        permit: Permit,
        fence: &dyn Fence,
    ) -> Result<(Answer, u32), Failure> {
        let end = Instant::now() + self.timeout;
        let answered = self.repeat(request, caller, permit, Some(fence), end).await;
        answered.map_err(|error| error.failure(request))
    }

    /// A call that writes, is sent once and has its quota, as long as the fence is open and not beyond the deadline.
    pub(crate) async fn write_admitted(
        &self,
        request: &Request,
        permit: Permit,
        fence: &dyn Fence,
        deadline: Instant,
    ) -> Result<Answer, CallError> {
        let end = deadline.min(Instant::now() + self.timeout);
        self.attempt_once(request, &permit, Some(fence), end).await
    }

    pub(crate) async fn admit(&self, request: &Request, caller: &Caller) -> Permit {
        let (region, operation) = (request.region(), request.operation());
        // Others wait for the same list.
        let patient = operation == Operation::ListRooms;
        let admitted = self.quotas.admit(region, operation, caller, patient);
        admitted.await
    }

    /// Gives the answer, and which attempt it came to. `permit`: for the first.
    async fn repeat(
        &self,
        request: &Request,
        caller: &Caller,
        mut permit: Permit,
        fence: Option<&dyn Fence>,
        end: Instant,
    ) -> Result<(Answer, u32), CallError> {
        let mut attempt = 1;
        loop {
            let outcome = match self.attempt_once(request, &permit, fence, end).await {
                Ok(answer) => return Ok((answer, attempt)),
                Err(outcome) => outcome,
            };
            // Nothing is under way while it waits.
            drop(permit);
            let CallError::Failed(error) = &outcome else {
                return Err(outcome);
            };
            let wait = self.wait(attempt, error);
            let again = attempt < ATTEMPTS && is_transient(error);
            // What cannot be sent any more is not waited for.
            let closed = fence.is_some_and(|fence| fence.until().is_none());
            if !again || closed || Instant::now() + wait >= end {
                return Err(outcome);
            }
            sleep(wait).await;
            // A repeated call counts for AWS's quota as the first does. The first may have taken effect: nobody leaves it alone.
            let (region, operation) = (request.region(), request.operation());
            let admitted = self.quotas.admit(region, operation, caller, true);
            let Ok(admitted) = timeout_at(end, admitted).await else {
                return Err(outcome);
            };
            if fence.is_some_and(|fence| fence.until().is_none()) {
                return Err(outcome);
            }
            permit = admitted;
            attempt += 1;
        }
    }

    /// One attempt, as long as the fence is open.
    async fn attempt_once(
        &self,
        request: &Request,
        permit: &Permit,
        fence: Option<&dyn Fence>,
        end: Instant,
    ) -> Result<Answer, CallError> {
        let until = fence.map_or(Some(end), Fence::until);
        let until = until.ok_or(CallError::Fenced)?;
        let sent = Instant::now();
        let answer = self.attempt(request, fence, end.min(until)).await;
        match &answer {
            Err(error) if error::is_throttled(error) => permit.answered(sent, false),
            Ok(_) | Err(AttemptError::Answered(_)) => permit.answered(sent, true),
            Err(_) => {}
        }
        answer.map_err(CallError::Failed)
    }

    async fn attempt(
        &self,
        request: &Request,
        fence: Option<&dyn Fence>,
        end: Instant,
    ) -> Result<Answer, AttemptError> {
        let end = end.min(Instant::now() + self.attempt_timeout);
        let answer = fence::within(fence, end, self.aws.send(request)).await;
        answer.unwrap_or(Err(AttemptError::Unknown(Unknown::Timeout)))
    }

    /// How long to wait after this attempt, the first being 1: as the SDK's standard mode does, and no less than AWS asks for.
    fn wait(&self, attempt: u32, error: &AttemptError) -> Duration {
        let longest = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt - 1));
        let wait = longest
            .min(LONGEST_WAIT)
            .mul_f64(fastrand::f64() * self.wait_factor);
        match error {
            AttemptError::Answered(refusal) => wait.max(refusal.retry_after.unwrap_or_default()),
            _ => wait,
        }
    }
}

/// Whether another attempt may go better. The SDK's standard mode repeats the same.
fn is_transient(error: &AttemptError) -> bool {
    match error {
        AttemptError::Answered(refusal) => is_transient_refusal(refusal),
        AttemptError::Unsent(unsent) => matches!(unsent, Unsent::Unreachable(_)),
        AttemptError::Unknown(unknown) => matches!(
            unknown,
            Unknown::Timeout | Unknown::Broken(_) | Unknown::Unreadable(_)
        ),
    }
}

fn is_transient_refusal(refusal: &Refusal) -> bool {
    let by_code = match refusal.code.as_deref().unwrap_or_default() {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "RequestThrottled"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "RequestTimeout"
        | "RequestTimeoutException" => true,
        // What AWS says of a signature that is too old or too new.
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "AuthFailure"
        | "RequestTimeTooSkewed"
        | "AccessDeniedException" => refusal.clock_off,
        _ => false,
    };
    by_code || matches!(refusal.status, 500 | 502 | 503 | 504)
}

#[cfg(test)]
pub(crate) mod tests;
