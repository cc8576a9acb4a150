//! What can happen to a call on its way, and how often.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, header};
use serde_json::json;

use crate::call::Plane;

/// When in the life of a call something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has left the operator and reached nobody.
    Unsent,
    /// It has taken effect and its answer has not gone out.
    Unanswered,
    /// Its answer has been delivered, and no further call has been let through.
    Answered,
}

impl Moment {
    pub const ALL: [Self; 3] = [Self::Unsent, Self::Unanswered, Self::Answered];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unsent => "before-it-is-sent",
            Self::Unanswered => "applied-unanswered",
            Self::Answered => "answered",
        }
    }
}

/// What happens to a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It stands still there, until the test lets it go on or its sender is killed.
    Pause(Moment),
    /// It is refused without effect.
    Refuse(Refusal),
    /// No answer comes. `applied`: it takes effect all the same.
    Silence { applied: bool },
    /// The connection ends without an answer. `applied`: it takes effect all the same.
    Reset { applied: bool },
    /// It takes effect, and what is answered is not to be read.
    Garble,
}

impl Fault {
    /// Whether the call has its effect.
    pub fn applies(&self) -> bool {
        matches!(
            self,
            Self::Silence { applied: true } | Self::Reset { applied: true } | Self::Garble
        )
    }
}

/// An error answer.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    pub plane: Plane,
    pub status: u16,
    /// The code of AWS, or the reason of Kubernetes.
    pub code: &'static str,
}

impl Refusal {
    pub const fn of_aws(status: u16, code: &'static str) -> Fault {
        let plane = Plane::Aws;
        Fault::Refuse(Self {
            plane,
            status,
            code,
        })
    }

    pub const fn of_kubernetes(status: u16, code: &'static str) -> Fault {
        let plane = Plane::Kubernetes;
        Fault::Refuse(Self {
            plane,
            status,
            code,
        })
    }

    pub fn answer(self) -> Response<Body> {
        let Self {
            plane,
            status,
            code,
        } = self;
        let message = "injected by the fault matrix";
        let answer = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/json");
        let (answer, body) = match plane {
            Plane::Aws => (
                answer.header("x-amzn-errortype", code),
                json!({"message": message, "resourceId": "?", "resourceType": "ROOM"}),
            ),
            // Who asks for patience says for how long: the least that the header can say.
            Plane::Kubernetes if status == 429 => (
                answer.header(header::RETRY_AFTER, "1"),
                kubernetes_status(status, code, message),
            ),
            Plane::Kubernetes => (answer, kubernetes_status(status, code, message)),
        };
        answer.body(Body::from(body.to_string())).unwrap()
    }
}

/// What the API server answers instead of an object.
pub fn kubernetes_status(status: u16, reason: &str, message: &str) -> serde_json::Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": status,
    })
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    Times(u32),
    /// From the first strike on.
    For(Duration),
    /// Until it is lifted.
    Always,
}
