//! Answers and errors as bytes.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures::{StreamExt, stream};

use crate::world::{Answer, ApiError, Operation};

use super::sts;

const JSON: &str = "application/json";
/// No JSON, and cut out of some.
const GARBAGE: &[u8] = b"{\"rooms\": [<<<";

/// An answer before it goes on the wire.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The error code, where it is an error.
    pub(super) code: Option<String>,
    pub(super) body: Bytes,
    request_id: String,
    content_type: &'static str,
}

impl Reply {
    /// The answer to a call, in the form that its service speaks.
    pub(super) fn to(operation: Operation, answer: Result<Answer, ApiError>) -> Self {
        match (operation, answer) {
            (Operation::GetCallerIdentity, Err(error)) => {
                let request_id = new_request_id();
                let (code, body) = sts::error(&error, &request_id);
                Self {
                    request_id,
                    ..Self::error(&error, code, body, sts::CONTENT_TYPE)
                }
            }
            (_, Err(error)) => Self::json_error(&error),
            (_, Ok(Answer::CallerIdentity { account })) => {
                let request_id = new_request_id();
                let body = sts::caller_identity(&account, &request_id);
                Self {
                    request_id,
                    ..Self::ok(body, sts::CONTENT_TYPE)
                }
            }
            (_, Ok(Answer::NoContent)) => Self {
                status: StatusCode::NO_CONTENT,
                ..Self::ok(Vec::new(), JSON)
            },
            (_, Ok(answer)) => match serde_json::to_vec(&answer) {
                Ok(body) => Self::ok(body, JSON),
                Err(error) => {
                    let error = ApiError::new(500, "InternalServerException", &error.to_string());
                    Self::json_error(&error)
                }
            },
        }
    }

    pub(super) fn json_error(error: &ApiError) -> Self {
        let body = serde_json::to_vec(&error.members).unwrap_or_default();
        Self::error(error, error.code.clone(), body, JSON)
    }

    /// What stands for the answer of a call that was never carried out.
    pub(super) fn anything() -> Self {
        Self::ok(b"{\"arn\": \"\", \"rooms\": []}".to_vec(), JSON)
    }

    /// The same with a body that cannot be read. A 204 has no body to spoil: it becomes a 200.
    pub(super) fn garbled(self) -> Self {
        let status = match self.status {
            StatusCode::NO_CONTENT => StatusCode::OK,
            status => status,
        };
        Self {
            status,
            body: Bytes::from_static(GARBAGE),
            ..self
        }
    }

    fn ok(body: Vec<u8>, content_type: &'static str) -> Self {
        Self {
            status: StatusCode::OK,
            code: None,
            body: Bytes::from(body),
            request_id: new_request_id(),
            content_type,
        }
    }

    fn error(error: &ApiError, code: String, body: Vec<u8>, content_type: &'static str) -> Self {
        let status = StatusCode::from_u16(error.status);
        Self {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: Some(code),
            body: Bytes::from(body),
            request_id: new_request_id(),
            content_type,
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let body = Body::from(self.body.clone());
        self.with_body(body)
    }

    /// Announces the whole body and breaks off in the middle of it. A 204 has no body to break off: it becomes a 200.
    pub(super) fn into_truncated_response(self) -> Response<Body> {
        let whole = match self.status {
            StatusCode::NO_CONTENT => Self::anything(),
            _ => self,
        };
        let length = whole.body.len();
        let half = whole.body.slice(..length / 2);
        let broken = stream::once(async {
            // While nothing more is at hand, what there is goes out.
            tokio::task::yield_now().await;
            Err(io::Error::other("cut off by a scripted fault"))
        });
        let body = Body::from_stream(stream::once(async { Ok(half) }).chain(broken));
        let mut response = whole.with_body(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        response
    }

    fn with_body(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        let error_type = self.code.as_deref().filter(|_| self.content_type == JSON);
        for (name, value) in [
            ("x-amzn-requestid", Some(self.request_id.as_str())),
            ("x-amzn-errortype", error_type),
        ] {
            if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
                headers.insert(name, value);
            }
        }
        response
    }
}

fn new_request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
