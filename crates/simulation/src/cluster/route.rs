//! What a request asks for: its method, path, query and headers, taken apart.

use std::borrow::Cow;

use http::{HeaderMap, Method, Request, Uri, header};

use super::kind::Kind;
use super::refusal::Refusal;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `/version`
    Version,
    /// All objects of a kind, or those in a namespace.
    Collection {
        kind: Kind,
        namespace: Option<&'a str>,
    },
    /// One object; the namespace is empty for kinds that are in none.
    Object {
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        part: Part,
    },
}

/// The part of an object that a request reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Everything but the status.
    Main,
    /// The status, and nothing else.
    Status,
}

impl<'a> Route<'a> {
    pub(super) fn of(uri: &'a Uri) -> Result<Self, Refusal> {
        Self::find(uri.path()).ok_or_else(Refusal::no_such_path)
    }

    fn find(path: &'a str) -> Option<Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let (group, version) = match parts.next()? {
            "version" if parts.next().is_none() => return Some(Self::Version),
            "api" => ("", parts.next()?),
            "apis" => (parts.next()?, parts.next()?),
            _ => return None,
        };
        let first = parts.next()?;
        let second = parts.next();
        let third = parts.next();
        let (namespace, plural, name) = match (first, second, third) {
            ("namespaces", Some(namespace), Some(plural)) => {
                (Some(namespace), plural, parts.next())
            }
            (plural, name, None) => (None, plural, name),
            _ => return None,
        };
        let kind = Kind::find(group, version, plural)?;
        let part = match parts.next() {
            None => Part::Main,
            Some("status") if kind.has_status() => Part::Status,
            Some(_) => return None,
        };
        match name {
            None => Some(Self::Collection { kind, namespace }),
            Some(_) if kind.is_namespaced() != namespace.is_some() => None,
            Some(name) => Some(Self::Object {
                kind,
                namespace: namespace.unwrap_or_default(),
                name,
                part,
            }),
        }
    }
}

/// The parameters behind the question mark, as far as this API server knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a parameter of its own"
)]
pub(super) struct Query<'a> {
    pub(super) watch: bool,
    pub(super) dry_run: bool,
    pub(super) allow_bookmarks: bool,
    pub(super) send_initial_events: bool,
    pub(super) resource_version: Option<Cow<'a, str>>,
    pub(super) resource_version_match: Option<Cow<'a, str>>,
    pub(super) label_selector: Option<Cow<'a, str>>,
    pub(super) field_selector: Option<Cow<'a, str>>,
    pub(super) limit: Option<usize>,
    pub(super) continue_token: Option<Cow<'a, str>>,
    pub(super) field_manager: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    pub(super) fn of(uri: &'a Uri) -> Result<Self, Refusal> {
        let mut query = Self::default();
        let Some(text) = uri.query() else {
            return Ok(query);
        };
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            let given = (!value.is_empty()).then_some(value);
            let is_true = || matches!(given.as_deref(), Some("true" | "1"));
            match &*key {
                "watch" => query.watch = is_true(),
                "allowWatchBookmarks" => query.allow_bookmarks = is_true(),
                "sendInitialEvents" => query.send_initial_events = is_true(),
                "dryRun" => query.dry_run = dry_run(given.as_deref())?,
                "limit" => query.limit = limit(given.as_deref())?,
                "resourceVersion" => query.resource_version = given,
                "resourceVersionMatch" => query.resource_version_match = given,
                "labelSelector" => query.label_selector = given,
                "fieldSelector" => query.field_selector = given,
                "continue" => query.continue_token = given,
                "fieldManager" => query.field_manager = given,
                _ => {}
            }
        }
        Ok(query)
    }
}

fn dry_run(given: Option<&str>) -> Result<bool, Refusal> {
    match given {
        None => Ok(false),
        Some("All") => Ok(true),
        Some(other) => Err(Refusal::bad_request(format!(
            "dryRun: Unsupported value: \"{other}\": supported values: \"All\""
        ))),
    }
}

/// No limit is the same as 0.
fn limit(given: Option<&str>) -> Result<Option<usize>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let limit: usize = given
        .parse()
        .map_err(|_| Refusal::bad_request(format!("limit: Invalid value: \"{given}\"")))?;
    Ok((limit > 0).then_some(limit))
}

/// Who writes, as `metadata.managedFields` names it.
pub(super) fn manager(query: &Query<'_>, headers: &HeaderMap) -> String {
    if let Some(manager) = &query.field_manager {
        return manager.clone().into_owned();
    }
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    let product = agent.and_then(|agent| agent.split('/').next());
    product
        .filter(|it| !it.is_empty())
        .unwrap_or("unknown")
        .to_owned()
}

/// Whether only the metadata of objects is to be answered.
pub(super) fn only_metadata(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("as=PartialObjectMetadata"))
}

/// How a PATCH says what is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Merge,
    Json,
}

impl Format {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let given = headers
            .get(header::CONTENT_TYPE)
            .and_then(|it| it.to_str().ok());
        match given.unwrap_or_default() {
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/json-patch+json" => Ok(Self::Json),
            _ => Err(Refusal::unknown_format()),
        }
    }
}

/// What is to be done with an object or a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Read,
    Create,
    Replace,
    Patch,
    Delete,
}

impl Verb {
    pub(super) fn of<T>(request: &Request<T>) -> Result<Self, Refusal> {
        match *request.method() {
            Method::GET => Ok(Self::Read),
            Method::POST => Ok(Self::Create),
            Method::PUT => Ok(Self::Replace),
            Method::PATCH => Ok(Self::Patch),
            Method::DELETE => Ok(Self::Delete),
            _ => Err(Refusal::no_such_method()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_collection_an_object_or_nothing() {
        let of = |kind, namespace, name, part| Route::Object {
            kind,
            namespace,
            name,
            part,
        };
        let all = |kind, namespace| Route::Collection { kind, namespace };
        for (path, wanted) in [
            ("/version", Some(Route::Version)),
            ("/api/v1/namespaces", Some(all(Kind::Namespace, None))),
            (
                "/api/v1/namespaces/kube-system",
                Some(of(Kind::Namespace, "", "kube-system", Part::Main)),
            ),
            (
                "/apis/ivschat-operator.io/v1alpha1/chatrooms",
                Some(all(Kind::ChatRoom, None)),
            ),
            (
                "/apis/ivschat-operator.io/v1alpha1/namespaces/live/chatrooms",
                Some(all(Kind::ChatRoom, Some("live"))),
            ),
            (
                "/apis/ivschat-operator.io/v1alpha1/namespaces/live/chatrooms/lobby/status",
                Some(of(Kind::ChatRoom, "live", "lobby", Part::Status)),
            ),
            (
                "/apis/coordination.k8s.io/v1/namespaces/live/leases/operator",
                Some(of(Kind::Lease, "live", "operator", Part::Main)),
            ),
            (
                "/apis/coordination.k8s.io/v1/namespaces/live/leases/operator/status",
                None,
            ),
            ("/apis/ivschat-operator.io/v1/chatrooms", None),
            ("/apis/ivschat-operator.io/v1alpha1/chatrooms/lobby", None),
            ("/", None),
        ] {
            assert_eq!(Route::find(path), wanted, "{path}");
        }
    }

    #[test]
    fn parameters_are_decoded_and_empty_ones_are_none() {
        let uri = "/x?&labelSelector=a%3Db%2C%21c&limit=0&continue=&watch=true&dryRun=All&resourceVersion=0";
        let uri: Uri = uri.parse().unwrap();
        let wanted = Query {
            watch: true,
            dry_run: true,
            label_selector: Some("a=b,!c".into()),
            resource_version: Some("0".into()),
            ..Query::default()
        };
        assert_eq!(Query::of(&uri), Ok(wanted));
    }
}
