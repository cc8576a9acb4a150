//! From errors to classes.
//!
//! Room calls do not model every error they can answer with (throttling above all), so the decision rests on the error
//! code and the HTTP status, never on the SDK's enum variants.

use ivschat_core::room::{Cause, Failure, FailureClass};

use super::port::{AttemptError, Refusal, Request, Unknown, Unsent};

/// What the error of a request means.
pub(crate) fn failure(request: &Request, error: &AttemptError) -> Failure {
    let class = match (request, class(error)) {
        (Request::Get(_) | Request::List { .. } | Request::Delete(_), class) => valueless(class),
        (Request::Create(new, _), class) => {
            beside_logging(class, &new.room.logging_configuration_identifiers, error)
        }
        (Request::Update(_, update), class) => {
            let logging = update.logging_configuration_identifiers.as_deref();
            beside_logging(class, logging.unwrap_or_default(), error)
        }
        (Request::Tag(..) | Request::Untag(..), class) => class,
    };
    let region = match request {
        // A user may have named it.
        Request::Get(_) | Request::List { .. } => Some(request.region().to_owned()),
        _ => None,
    };
    Failure::of_call(class, request.operation().name(), cause(error, region))
}

/// What the error of another service's operation means, which carries no value of the spec.
pub(crate) fn failure_elsewhere(operation: &'static str, error: &AttemptError) -> Failure {
    Failure::of_call(valueless(class(error)), operation, cause(error, None))
}

/// Whether an error of CreateRoom proves that no room was created: AWS refused the call, or it never left this process.
pub(crate) fn proves_no_effect(error: &AttemptError) -> bool {
    let refused = |status: u16| is_refused(status) && status != 408;
    match error {
        AttemptError::Answered(refusal) => refused(refusal.status),
        AttemptError::Unknown(Unknown::Unreadable(status)) => refused(*status),
        AttemptError::Unsent(_) => true,
        AttemptError::Unknown(_) => false,
    }
}

fn is_refused(status: u16) -> bool {
    (400..500).contains(&status)
}

/// Whether AWS refused the attempt because there are too many.
pub(crate) fn is_throttled(error: &AttemptError) -> bool {
    // What was not sent may have failed at another service.
    !matches!(error, AttemptError::Unsent(_)) && class(error) == FailureClass::Throttled
}

fn class(error: &AttemptError) -> FailureClass {
    match error {
        AttemptError::Answered(refusal) => {
            let message = refusal.message.as_deref();
            let code = refusal.code.as_deref();
            code.and_then(|code| by_code(code, message))
                .unwrap_or_else(|| by_status(refusal.status))
        }
        AttemptError::Unknown(Unknown::Unreadable(status)) if is_refused(*status) => {
            by_status(*status)
        }
        // The account of the credentials is unknown: that failure's own class says why.
        AttemptError::Unsent(Unsent::NoCredentials(failure)) => failure.class,
        AttemptError::Unsent(_) | AttemptError::Unknown(_) => FailureClass::Unavailable,
    }
}

/// Where a request carries no value of the spec, a 400 is not the spec's fault.
fn valueless(class: FailureClass) -> FailureClass {
    match class {
        FailureClass::Invalid | FailureClass::HandlerNotPermitted => FailureClass::Unavailable,
        class => class,
    }
}

/// A request may name logging configurations besides a room. If AWS does not find one of them, the spec's value is wrong, and
/// the error says nothing about the room.
fn beside_logging(
    class: FailureClass,
    logging_configurations: &[String],
    error: &AttemptError,
) -> FailureClass {
    let AttemptError::Answered(Refusal { body, .. }) = error else {
        return class;
    };
    // AWS does not document whether it names the missing one by its ARN or its id, nor in which member.
    let missing = |arn: &String| arn.rsplit('/').next().is_some_and(|id| body.contains(id));
    if class == FailureClass::NotFound && logging_configurations.iter().any(missing) {
        return FailureClass::Invalid;
    }
    class
}

/// What happened. `region`: the region that was called, if it may be that it has no IVS Chat.
fn cause(error: &AttemptError, region: Option<String>) -> Cause {
    match error {
        AttemptError::Answered(Refusal {
            status,
            code,
            message,
            ..
        }) => Cause::Refused {
            status: *status,
            code: code.clone(),
            message: message.clone(),
        },
        AttemptError::Unknown(Unknown::Unreadable(status)) if is_refused(*status) => {
            Cause::Refused {
                status: *status,
                code: None,
                message: None,
            }
        }
        AttemptError::Unknown(Unknown::Unreadable(status)) => {
            Cause::Told(format!("the answer (HTTP {status}) could not be read"))
        }
        AttemptError::Unknown(Unknown::Timeout) => {
            Cause::Told("AWS did not answer in time".to_owned())
        }
        AttemptError::Unknown(Unknown::Unusable(what)) => Cause::Told(what.clone()),
        AttemptError::Unsent(Unsent::NoCredentials(failure)) => {
            Cause::Unsigned(Box::new(failure.clone()))
        }
        AttemptError::Unsent(Unsent::Unreachable(why)) => Cause::Unreachable {
            why: why.clone(),
            region,
        },
        AttemptError::Unsent(Unsent::Unbuilt(why))
        | AttemptError::Unknown(Unknown::Broken(why) | Unknown::Other(why)) => Cause::Unreachable {
            why: why.clone(),
            region: None,
        },
    }
}

/// What an error's HTTP status and the code in its header mean.
pub(crate) fn class_of(status: u16, code: Option<&str>) -> FailureClass {
    // The header may append a link to the code.
    let code = code.and_then(|code| code.split(':').next());
    code.and_then(|code| by_code(code, None))
        .unwrap_or_else(|| by_status(status))
}

fn by_code(code: &str, message: Option<&str>) -> Option<FailureClass> {
    Some(match code {
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded" => FailureClass::Throttled,
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
        | "OptInRequired" => FailureClass::Denied,
        "PendingVerification" => FailureClass::AccountUnverified,
        "ServiceQuotaExceededException" => FailureClass::QuotaExceeded,
        "ResourceNotFoundException" => FailureClass::NotFound,
        "ConflictException" => FailureClass::Conflict,
        "ValidationException" if is_lambda_permission(message) => FailureClass::HandlerNotPermitted,
        "ValidationException" => FailureClass::Invalid,
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

fn by_status(status: u16) -> FailureClass {
    match status {
        429 => FailureClass::Throttled,
        402 => FailureClass::QuotaExceeded,
        401 | 403 | 407 => FailureClass::Denied,
        404 => FailureClass::NotFound,
        409 => FailureClass::Conflict,
        400 | 405..=407 | 410..=428 | 430..=499 => FailureClass::Invalid,
        _ => FailureClass::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use ivschat_core::room::RoomArn;
    use ivschat_core::room::correction::RoomUpdate;

    use super::*;

    fn update_refused(status: u16, code: Option<&str>, message: Option<&str>) -> Failure {
        let arn = "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl";
        let arn: RoomArn = arn.parse().unwrap();
        let request = Request::Update(arn, RoomUpdate::default());
        let refusal = Refusal {
            status,
            code: code.map(str::to_owned),
            message: message.map(str::to_owned),
            body: String::new(),
            retry_after: None,
            clock_off: false,
        };
        failure(&request, &AttemptError::Answered(refusal))
    }

    #[test]
    fn the_code_decides_and_where_it_is_unknown_the_status() {
        let cases = [
            (
                429,
                Some("ThrottlingException"),
                None,
                FailureClass::Throttled,
            ),
            (429, None, None, FailureClass::Throttled),
            (
                400,
                Some("ThrottlingException"),
                None,
                FailureClass::Throttled,
            ),
            (
                403,
                Some("AccessDeniedException"),
                None,
                FailureClass::Denied,
            ),
            (
                403,
                Some("ExpiredTokenException"),
                None,
                FailureClass::Denied,
            ),
            (403, Some("SomethingNew"), None, FailureClass::Denied),
            (
                403,
                Some("PendingVerification"),
                None,
                FailureClass::AccountUnverified,
            ),
            (
                402,
                Some("ServiceQuotaExceededException"),
                None,
                FailureClass::QuotaExceeded,
            ),
            (402, None, None, FailureClass::QuotaExceeded),
            (
                400,
                Some("ValidationException"),
                Some("bad name"),
                FailureClass::Invalid,
            ),
            (
                400,
                Some("ValidationException"),
                Some("Invalid lambda permission"),
                FailureClass::HandlerNotPermitted,
            ),
            (
                404,
                Some("ResourceNotFoundException"),
                None,
                FailureClass::NotFound,
            ),
            (409, Some("ConflictException"), None, FailureClass::Conflict),
            (
                500,
                Some("InternalServerException"),
                None,
                FailureClass::Unavailable,
            ),
            (503, None, None, FailureClass::Unavailable),
            (408, None, None, FailureClass::Unavailable),
            (418, None, None, FailureClass::Invalid),
        ];
        for (status, code, message, class) in cases {
            assert_eq!(
                update_refused(status, code, message).class,
                class,
                "{status} {code:?} {message:?}"
            );
        }
    }

    #[test]
    fn the_message_says_what_was_refused_and_what_to_do() {
        let failure = update_refused(
            403,
            Some("PendingVerification"),
            Some("Your account is pending"),
        );
        assert_eq!(
            failure.message(),
            "UpdateRoom: PendingVerification: Your account is pending. AWS has not verified this account yet: contact AWS Support"
        );
    }

    #[test]
    fn a_request_that_carries_no_value_of_the_spec_never_blames_it() {
        let invalid = |status| {
            AttemptError::Answered(Refusal {
                status,
                code: Some("ValidationException".to_owned()),
                message: Some("1 validation error".to_owned()),
                body: String::new(),
                retry_after: None,
                clock_off: false,
            })
        };
        let arn = || -> RoomArn {
            let arn = "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl";
            arn.parse().unwrap()
        };
        let list = Request::List {
            region: "us-west-2".to_owned(),
            token: None,
        };
        for request in [Request::Get(arn()), list, Request::Delete(arn())] {
            let name = request.operation().name();
            let failure = failure(&request, &invalid(400));
            let told = format!("{name}: ValidationException: 1 validation error");
            assert_eq!(
                (failure.class, failure.message()),
                (FailureClass::Unavailable, told)
            );
        }
        let update = Request::Update(arn(), RoomUpdate::default());
        let failure = failure(&update, &invalid(400));
        let told = "UpdateRoom: ValidationException: 1 validation error. Correct the spec";
        assert_eq!(
            (failure.class, failure.message()),
            (FailureClass::Invalid, told.to_owned())
        );
    }

    #[test]
    fn a_logging_configuration_that_is_missing_is_the_specs_fault_and_a_missing_room_is_not() {
        let refusal = |body: &str| {
            AttemptError::Answered(Refusal {
                status: 404,
                code: Some("ResourceNotFoundException".to_owned()),
                message: None,
                body: body.to_owned(),
                retry_after: None,
                clock_off: false,
            })
        };
        let arn = "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl";
        let logging = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/mnopqrstuvwx";
        let update = RoomUpdate {
            logging_configuration_identifiers: Some(vec![logging.to_owned()]),
            ..RoomUpdate::default()
        };
        let request = Request::Update(arn.parse().unwrap(), update);
        for (missing, class, advice) in [
            ("mnopqrstuvwx", FailureClass::Invalid, ". Correct the spec"),
            ("abcdefghijkl", FailureClass::NotFound, ""),
        ] {
            let body = format!(r#"{{"resourceId": "{missing}"}}"#);
            let failure = failure(&request, &refusal(&body));
            let told = format!("UpdateRoom: ResourceNotFoundException{advice}");
            assert_eq!((failure.class, failure.message()), (class, told));
        }
    }

    #[test]
    fn where_no_connection_comes_about_the_region_of_a_read_is_in_doubt() {
        let unreachable = AttemptError::Unsent(Unsent::Unreachable("no such host".to_owned()));
        let arn = "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl";
        let arn: RoomArn = arn.parse().unwrap();
        assert_eq!(
            failure(&Request::Get(arn.clone()), &unreachable).message(),
            "GetRoom: AWS could not be reached: no such host. Is IVS Chat offered in region us-west-2, and within the operator's reach?"
        );
        assert_eq!(
            failure(&Request::Delete(arn), &unreachable).message(),
            "DeleteRoom: AWS could not be reached: no such host"
        );
    }
}
