//! What an operator says to AWS or Kubernetes, told apart by names that people know.

use std::fmt;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, Uri};

/// Whom a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    Aws,
    Kubernetes,
}

/// Whose business a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The object under test. Faults strike here.
    Subject,
    /// The object that must not notice.
    Bystander,
    /// No single object: lists, watches, leases.
    All,
}

/// One call as it came in.
#[derive(Debug, Clone)]
pub struct Call {
    pub plane: Plane,
    pub replica: usize,
    pub name: String,
    pub about: About,
    pub writes: bool,
}

/// The name of the object under test.
pub const SUBJECT: &str = "subject";
/// The name of the object that must not notice.
pub const BYSTANDER: &str = "bystander";

impl Call {
    /// `bystander_room`: the id of the bystander's room, once it has one.
    pub fn to_aws(replica: usize, parts: &Parts, body: &Bytes, bystander_room: &str) -> Self {
        let path = parts.uri.path();
        let name = match (path.strip_prefix("/tags/"), &parts.method) {
            (Some(_), &Method::POST) => "TagResource",
            (Some(_), &Method::DELETE) => "UntagResource",
            (None, _) if path == "/" => "GetCallerIdentity",
            _ => path.trim_start_matches('/'),
        };
        let body = String::from_utf8_lossy(body);
        let names_bystander = !bystander_room.is_empty()
            && (path.contains(bystander_room) || body.contains(bystander_room));
        let about = match name {
            "ListRooms" | "GetCallerIdentity" => About::All,
            _ if names_bystander || body.contains(&format!("/{BYSTANDER}\"")) => About::Bystander,
            _ => About::Subject,
        };
        Self {
            plane: Plane::Aws,
            replica,
            name: name.to_owned(),
            about,
            writes: !matches!(name, "GetRoom" | "ListRooms" | "GetCallerIdentity"),
        }
    }

    pub fn to_kubernetes(replica: usize, parts: &Parts, body: &Bytes) -> Self {
        let place = Place::of(&parts.uri);
        let body = String::from_utf8_lossy(body);
        let verb = match (&parts.method, place.name) {
            (&Method::GET, None) if is_watch(&parts.uri) => "WATCH".to_owned(),
            (&Method::GET, None) => "LIST".to_owned(),
            (method, _) => method.to_string(),
        };
        let detail = match (place.subresource, verb.as_str()) {
            (Some(subresource), _) => format!("/{subresource}"),
            (None, "PATCH") if body.contains("\"finalizers\"") => " (finalizer)".to_owned(),
            _ => String::new(),
        };
        let about = match (place.resource, place.name) {
            ("chatrooms", Some(BYSTANDER)) => About::Bystander,
            ("events", _) if body.contains(&format!("\"name\":\"{BYSTANDER}\"")) => {
                About::Bystander
            }
            ("chatrooms", Some(_)) | ("events", _) => About::Subject,
            _ => About::All,
        };
        Self {
            plane: Plane::Kubernetes,
            replica,
            name: format!("{verb} {}{detail}", place.resource),
            about,
            writes: parts.method != Method::GET && place.resource != "leases",
        }
    }

    /// Whether the answer goes on for ever.
    pub fn is_watch(&self) -> bool {
        self.name.starts_with("WATCH ")
    }

    /// Whether it belongs to the election of a leader, of which there is no end.
    pub fn is_lease(&self) -> bool {
        self.name.ends_with(" leases")
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plane,
            replica,
            name,
            about,
            ..
        } = self;
        write!(
            formatter,
            "replica {replica} {plane:?} {name} about {about:?}"
        )
    }
}

/// What a path of the Kubernetes API names.
struct Place<'a> {
    resource: &'a str,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// `/api/v1/…` or `/apis/{group}/{version}/…`, then perhaps `namespaces/{namespace}`, then what counts.
    fn of(uri: &'a Uri) -> Self {
        let parts: Vec<_> = uri
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let rest = match parts.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
            other => other,
        };
        let rest = match rest {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
            other => other,
        };
        Self {
            resource: rest.first().copied().unwrap_or_default(),
            name: rest.get(1).copied(),
            subresource: rest.get(2).copied(),
        }
    }
}

pub fn is_watch(uri: &Uri) -> bool {
    uri.query()
        .unwrap_or_default()
        .split('&')
        .any(|pair| matches!(pair, "watch=true" | "watch=1"))
}
