//! From the SDK's errors to what became of an attempt.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ivschat::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_ivschat::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ivschat_core::errors::chain;
use ivschat_core::room::{Failure, FailureClass};

use crate::port::{AttemptError, Refusal, Unknown, Unsent};

/// The SDK takes a clock for wrong that is off by more than this, and signs the next request with AWS's time.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(4);

/// What became of an attempt that ended like this.
pub(super) fn attempt_error<E>(error: &SdkError<E, HttpResponse>) -> AttemptError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            AttemptError::Answered(refusal(service.err(), service.raw()))
        }
        SdkError::ResponseError(response) => {
            AttemptError::Unknown(Unknown::Unreadable(response.raw().status().as_u16()))
        }
        SdkError::TimeoutError(_) => AttemptError::Unknown(Unknown::Timeout),
        SdkError::ConstructionFailure(_) => match credentials(error) {
            Some(failure) => AttemptError::Unsent(Unsent::NoCredentials(failure)),
            None => AttemptError::Unsent(Unsent::Unbuilt(innermost(error))),
        },
        SdkError::DispatchFailure(dispatch) => match credentials(error) {
            Some(failure) => AttemptError::Unsent(Unsent::NoCredentials(failure)),
            None if never_connected(error) => {
                AttemptError::Unsent(Unsent::Unreachable(innermost(error)))
            }
            None if is_broken(dispatch.as_connector_error()) => {
                AttemptError::Unknown(Unknown::Broken(innermost(error)))
            }
            None => AttemptError::Unknown(Unknown::Other(innermost(error))),
        },
        other => AttemptError::Unknown(Unknown::Other(innermost(other))),
    }
}

fn refusal<E: ProvideErrorMetadata>(error: &E, response: &HttpResponse) -> Refusal {
    let body = response.body().bytes().unwrap_or_default();
    Refusal {
        status: response.status().as_u16(),
        code: error.code().map(str::to_owned),
        message: error.message().map(str::to_owned),
        body: String::from_utf8_lossy(body).into_owned(),
        retry_after: retry_after(response),
        clock_off: clock_off(response),
    }
}

/// AWS's own header counts milliseconds, HTTP's counts seconds.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let header = |name| response.headers().get(name)?.parse().ok();
    let milliseconds = header("x-amz-retry-after").map(Duration::from_millis);
    milliseconds.or_else(|| header("retry-after").map(Duration::from_secs))
}

/// When an answer was sent, if it says so.
pub(super) fn date(response: &HttpResponse) -> Option<SystemTime> {
    let date = response.headers().get("date")?;
    let date = DateTime::from_str(date, DateTimeFormat::HttpDate).ok()?;
    SystemTime::try_from(date).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the SDK signs with this machine's time"
)]
fn clock_off(response: &HttpResponse) -> bool {
    let Some(theirs) = date(response) else {
        return false;
    };
    let ours = SystemTime::now();
    let off = ours.duration_since(theirs);
    off.unwrap_or_else(|ahead| ahead.duration()) > CLOCK_TOLERANCE
}

/// Why there are no credentials, if that is the error.
fn credentials(error: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(failure) = find::<Failure>(error) {
        return Some(failure.clone());
    }
    let credentials = find::<CredentialsError>(error)?;
    let why = format!("no usable AWS credentials: {}", chain(credentials));
    Some(Failure::new(FailureClass::Denied, why))
}

/// The class of an error that is not an answer of AWS.
pub(super) fn class_unsent(error: &(dyn Error + 'static)) -> FailureClass {
    credentials(error).map_or(FailureClass::Unavailable, |failure| failure.class)
}

fn never_connected(error: &(dyn Error + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

fn is_broken(error: Option<&ConnectorError>) -> bool {
    error.is_some_and(|error| error.is_io() || error.is_timeout() || error.as_other().is_some())
}

/// The innermost cause is the one a person can act on: a name that does not resolve, a refused connection.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        cause = current.source();
    }
    None
}
