//! From the SDK's errors to classes.
//!
//! Room calls do not model every error they can answer with (throttling above all), so the decision rests on the error
//! code and the HTTP status, never on the SDK's enum variants.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ivschat::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ivschat_core::errors::chain;
use ivschat_core::room::{Class, Failure};

/// What a call's error means.
pub(crate) fn failure<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => answered(
            operation,
            service.raw().status().as_u16(),
            service.err().code(),
            service.err().message(),
        ),
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            if (400..500).contains(&status) {
                answered(operation, status, None, None)
            } else {
                Failure::new(
                    Class::Unavailable,
                    format!("{operation}: the answer (HTTP {status}) could not be read"),
                )
            }
        }
        SdkError::TimeoutError(_) => Failure::new(
            Class::Unavailable,
            format!("{operation}: AWS did not answer in time"),
        ),
        other => unsent(operation, other),
    }
}

/// What an error means if the call carries no value of the spec: a 400 is then not the spec's fault.
pub(crate) fn read_failure<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = failure(operation, error);
    match failure.class {
        Class::Invalid | Class::HandlerNotPermitted => {
            let message = failure.message.trim_end_matches(advice(failure.class));
            Failure::new(Class::Unavailable, message)
        }
        _ => failure,
    }
}

/// As [`read_failure`], for a call to a region that a user may have named.
pub(crate) fn read_failure_in<E>(
    region: &str,
    operation: &str,
    error: &SdkError<E, HttpResponse>,
) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = read_failure(operation, error);
    if class_unsent(error) != Class::Unavailable || !never_connected(error) {
        return failure;
    }
    let advice =
        format!("Is IVS Chat offered in region {region}, and within the operator's reach?");
    Failure::new(failure.class, format!("{}. {advice}", failure.message))
}

/// What an error means if the call names logging configurations besides a room. If AWS does not find one of them, the
/// spec's value is wrong, and the error says nothing about the room.
pub(crate) fn write_failure<E>(
    operation: &str,
    error: &SdkError<E, HttpResponse>,
    logging_configurations: &[String],
) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = failure(operation, error);
    let body = error
        .raw_response()
        .and_then(|response| response.body().bytes());
    let told = String::from_utf8_lossy(body.unwrap_or_default());
    // AWS does not document whether it names the missing one by its ARN or its id, nor in which member.
    let missing = |arn: &String| arn.rsplit('/').next().is_some_and(|id| told.contains(id));
    if failure.class == Class::NotFound && logging_configurations.iter().any(missing) {
        let message = format!("{}{}", failure.message, advice(Class::Invalid));
        return Failure::new(Class::Invalid, message);
    }
    failure
}

/// Whether an error of CreateRoom proves that no room was created: AWS refused the call, or it never left this process.
pub(crate) fn proves_nothing_was_made<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: Error + 'static,
{
    let refused = |status: u16| (400..500).contains(&status) && status != 408;
    match error {
        SdkError::ServiceError(service) => refused(service.raw().status().as_u16()),
        SdkError::ResponseError(response) => refused(response.raw().status().as_u16()),
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(_) => {
            find::<CredentialsError>(error).is_some() || never_connected(error)
        }
        _ => false,
    }
}

fn answered(operation: &str, status: u16, code: Option<&str>, message: Option<&str>) -> Failure {
    let class = code
        .and_then(|code| by_code(code, message))
        .unwrap_or_else(|| by_status(status));
    let what = match (code, message) {
        // Whether it ends with a full stop is AWS's whim; what follows begins with one.
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => code.to_owned(),
        (None, _) => format!("HTTP {status}"),
    };
    Failure::new(class, format!("{operation}: {what}{}", advice(class)))
}

/// What an error's HTTP status and the code in its header mean.
pub(crate) fn class_of(status: u16, code: Option<&str>) -> Class {
    // The header may append a link to the code.
    let code = code.and_then(|code| code.split(':').next());
    code.and_then(|code| by_code(code, None))
        .unwrap_or_else(|| by_status(status))
}

fn by_code(code: &str, message: Option<&str>) -> Option<Class> {
    Some(match code {
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded" => Class::Throttled,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "OptInRequired" => Class::Denied,
        "PendingVerification" => Class::AccountUnverified,
        "ServiceQuotaExceededException" => Class::QuotaExceeded,
        "ResourceNotFoundException" => Class::NotFound,
        "ConflictException" => Class::Conflict,
        "ValidationException" if is_lambda_permission(message) => Class::HandlerNotPermitted,
        "ValidationException" => Class::Invalid,
        _ => return None,
    })
}

/// A handler whose Lambda permission has not spread yet is refused with a ValidationException that says so.
fn is_lambda_permission(message: Option<&str>) -> bool {
    message.is_some_and(|message| {
        message
            .to_ascii_lowercase()
            .contains("invalid lambda permission")
    })
}

fn by_status(status: u16) -> Class {
    match status {
        429 => Class::Throttled,
        402 => Class::QuotaExceeded,
        401 | 403 | 407 => Class::Denied,
        404 => Class::NotFound,
        409 => Class::Conflict,
        400 | 405..=407 | 410..=428 | 430..=499 => Class::Invalid,
        _ => Class::Unavailable,
    }
}

fn advice(class: Class) -> &'static str {
    match class {
        Class::Throttled => ". AWS asks for fewer calls; this is tried again",
        Class::Denied => ". Check the operator's AWS credentials and IAM policy",
        Class::AccountUnverified => ". AWS has not verified this account yet: contact AWS Support",
        Class::QuotaExceeded => {
            ". Delete rooms that are no longer needed, or use another region or account"
        }
        Class::Invalid => ". Correct the spec",
        Class::HandlerNotPermitted => ". Allow ivschat.amazonaws.com to invoke the function",
        _ => "",
    }
}

fn unsent<E: Error + 'static>(operation: &str, error: &SdkError<E, HttpResponse>) -> Failure {
    let why = if let Some(failure) = find::<Failure>(error) {
        failure.message.clone()
    } else if let Some(credentials) = find::<CredentialsError>(error) {
        format!("no usable AWS credentials: {}", chain(credentials))
    } else {
        // The innermost cause is the one a person can act on: a name that does not resolve, a refused connection.
        let mut cause: &dyn Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        format!("AWS could not be reached: {cause}")
    };
    Failure::new(class_unsent(error), format!("{operation}: {why}"))
}

/// The class of an error that is not an answer of AWS.
pub(crate) fn class_unsent(error: &(dyn Error + 'static)) -> Class {
    match find::<Failure>(error) {
        // The account of the credentials is unknown: that failure's own class says why.
        Some(failure) => failure.class,
        None if find::<CredentialsError>(error).is_some() => Class::Denied,
        None => Class::Unavailable,
    }
}

fn never_connected<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_and_where_it_is_unknown_the_status() {
        let cases = [
            (429, Some("ThrottlingException"), None, Class::Throttled),
            (429, None, None, Class::Throttled),
            (400, Some("ThrottlingException"), None, Class::Throttled),
            (403, Some("AccessDeniedException"), None, Class::Denied),
            (403, Some("ExpiredTokenException"), None, Class::Denied),
            (403, Some("SomethingNew"), None, Class::Denied),
            (
                403,
                Some("PendingVerification"),
                None,
                Class::AccountUnverified,
            ),
            (
                402,
                Some("ServiceQuotaExceededException"),
                None,
                Class::QuotaExceeded,
            ),
            (402, None, None, Class::QuotaExceeded),
            (
                400,
                Some("ValidationException"),
                Some("bad name"),
                Class::Invalid,
            ),
            (
                400,
                Some("ValidationException"),
                Some("Invalid lambda permission"),
                Class::HandlerNotPermitted,
            ),
            (
                404,
                Some("ResourceNotFoundException"),
                None,
                Class::NotFound,
            ),
            (409, Some("ConflictException"), None, Class::Conflict),
            (
                500,
                Some("InternalServerException"),
                None,
                Class::Unavailable,
            ),
            (503, None, None, Class::Unavailable),
            (408, None, None, Class::Unavailable),
            (418, None, None, Class::Invalid),
        ];
        for (status, code, message, class) in cases {
            assert_eq!(
                answered("GetRoom", status, code, message).class,
                class,
                "{status} {code:?} {message:?}"
            );
        }
    }

    #[test]
    fn the_message_says_what_was_refused_and_what_to_do() {
        let failure = answered(
            "CreateRoom",
            403,
            Some("PendingVerification"),
            Some("Your account is pending"),
        );
        assert_eq!(
            failure.message,
            "CreateRoom: PendingVerification: Your account is pending. AWS has not verified this account yet: contact AWS Support"
        );
    }
}
