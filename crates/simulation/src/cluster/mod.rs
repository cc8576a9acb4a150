//! A Kubernetes API server as a pure state machine: no clock, no input or output, nothing that is drawn.
//!
//! [`Cluster::call`] is the way in for everything but watches, which [`Cluster::watch`] opens and [`Cluster::events_since`]
//! feeds. What a request asks for stands in `route`, what a write does in `create`, `write` and `delete`, and where
//! things are kept in `store`. It knows what the operator and its users need, and that as the real one does it: the fault matrix
//! compares the two.

mod create;
mod delete;
mod difference;
mod draft;
mod fields;
mod forms;
mod ids;
mod kind;
mod list;
mod managers;
mod patch;
mod refusal;
mod route;
mod rules;
mod schema;
mod selector;
mod shown;
mod store;
mod users;
mod watch;
mod write;

use std::sync::Arc;

use http::{Request, Response, header};
use ivschat_core::api::chat_room_crd;
use jiff::Timestamp;
use serde_json::{Value, json};

pub use kind::Kind;
pub use refusal::Refusal;
pub use watch::{Event, Watch};

use delete::Preconditions;
use forms::Forms;
use ids::Ids;
use patch::Change;
use route::{Format, Query, Route, Verb, manager, only_metadata};
use store::Store;
use write::{Target, Writer};

/// What an API server is like before anybody has called it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The minor version of Kubernetes.
    pub minor: u32,
    /// The namespaces there are, beside `default` and `kube-system`.
    pub namespaces: Vec<String>,
    /// The schema of the ChatRoom: `openAPIV3Schema` in its CRD.
    pub schema: Value,
    /// How many changes are remembered for watchers that come back.
    pub memory: usize,
    /// Whether `metadata.managedFields` shows which fields are whose, and not only who has any. That is half of an object's size,
    /// and the operator reads none of it.
    pub shows_fields: bool,
    /// Makes the uids of this cluster others than those of another.
    pub seed: u64,
}

impl Default for Settings {
    /// A current version that knows the ChatRoom as this workspace defines it, and no namespace of anybody's.
    fn default() -> Self {
        let crd = chat_room_crd().ok();
        let crd = crd.and_then(|crd| serde_json::to_value(crd).ok());
        let schema = crd.and_then(|mut crd| {
            let schema = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema");
            schema.map(Value::take)
        });
        Self {
            minor: 37,
            namespaces: Vec::new(),
            schema: schema.unwrap_or_default(),
            memory: 1000,
            shows_fields: false,
            seed: 0,
        }
    }
}

/// All objects, and how they came about.
#[derive(Debug, Clone)]
pub struct Cluster {
    minor: u32,
    shows_fields: bool,
    forms: Forms,
    ids: Ids,
    store: Store,
}

/// What is answered, apart from refusals.
struct Answer {
    code: u16,
    body: Vec<u8>,
}

impl Answer {
    fn of(code: u16, object: &Value) -> Result<Self, Refusal> {
        let body = serde_json::to_vec(object);
        let body = body.map_err(|error| Refusal::unforeseen(error.to_string()))?;
        Ok(Self { code, body })
    }
}

impl Cluster {
    /// A cluster that holds nothing but namespaces, made at `now`.
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        let mut cluster = Self {
            minor: settings.minor,
            shows_fields: settings.shows_fields,
            forms: Forms::new(&settings.schema),
            ids: Ids::new(settings.seed),
            store: Store::new(1, settings.memory),
        };
        let own = ["default", "kube-system"].into_iter();
        for name in own.chain(settings.namespaces.iter().map(String::as_str)) {
            let namespace = json!({"metadata": {"name": name}});
            // Refused where the name is none, or is there already: then there is nothing to do.
            let _ = cluster.add(Kind::Namespace, "", namespace, now);
        }
        cluster
    }

    /// Answers a request, any but a watch.
    pub fn call(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        match self.answer(request, now) {
            Ok(answer) => response(answer.code, answer.body),
            Err(refusal) => refused(&refusal),
        }
    }

    /// Opens a watch. It begins with [`Watch::initial`]; what comes later, [`Cluster::events_since`] gives.
    ///
    /// # Errors
    /// The answer to a request for a watch that there cannot be.
    #[allow(
        clippy::result_large_err,
        reason = "the answer is what a client gets, whole"
    )]
    pub fn watch(&self, request: &Request<Vec<u8>>) -> Result<Watch, Response<Vec<u8>>> {
        self.open(request).map_err(|refusal| refused(&refusal))
    }

    fn answer(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Result<Answer, Refusal> {
        let route = Route::of(request.uri())?;
        let query = Query::of(request.uri())?;
        let verb = Verb::of(request)?;
        let partial = only_metadata(request.headers());
        let writer = || Writer {
            manager: manager(&query, request.headers()),
            dry_run: query.dry_run,
            now,
        };
        let (code, object) = match (route, verb) {
            (Route::Version, Verb::Read) => (200, Arc::new(self.version_info())),
            (Route::Collection { kind, namespace }, Verb::Read) => {
                let body = self.list(kind, namespace, &query, partial)?;
                return Ok(Answer { code: 200, body });
            }
            (Route::Collection { kind, namespace }, Verb::Create) => {
                let namespace = namespace.unwrap_or_default();
                if kind.is_namespaced() && namespace.is_empty() {
                    return Err(Refusal::no_such_method());
                }
                let object = json_of(request.body())?;
                (201, self.create(kind, namespace, object, &writer())?)
            }
            (
                Route::Object {
                    kind,
                    namespace,
                    name,
                    part,
                },
                verb,
            ) => {
                let target = Target {
                    kind,
                    namespace,
                    name,
                    part,
                };
                self.about_object(target, verb, request, &writer())?
            }
            _ => return Err(Refusal::no_such_method()),
        };
        if partial && object["kind"] != "Status" {
            return Answer::of(code, &shown::only_metadata(&object));
        }
        Answer::of(code, &object)
    }

    /// Answers a request about one object.
    fn about_object(
        &mut self,
        target: Target<'_>,
        verb: Verb,
        request: &Request<Vec<u8>>,
        writer: &Writer,
    ) -> Result<(u16, Arc<Value>), Refusal> {
        let Target {
            kind, name, part, ..
        } = target;
        let stored = || {
            self.store
                .get(kind, target.key())
                .ok_or_else(|| Refusal::not_found(kind, name))
        };
        match verb {
            Verb::Read => Ok((200, Arc::clone(&stored()?.object))),
            Verb::Replace => {
                let there = stored().is_ok();
                let object = self.replace(target, json_of(request.body())?, writer)?;
                Ok((if there { 200 } else { 201 }, object))
            }
            Verb::Patch => {
                let format = Format::of(request.headers())?;
                let stored = stored()?.clone();
                let change = Change::read(format, request.body())?;
                let mut object = Value::clone(&stored.object);
                change.apply(&mut object)?;
                Ok((200, self.patched(target, &stored, object, writer)?))
            }
            Verb::Delete if part == route::Part::Main => {
                let preconditions = preconditions(request.body())?;
                Ok((200, self.delete(target, &preconditions, writer)?))
            }
            Verb::Delete | Verb::Create => Err(Refusal::no_such_method()),
        }
    }

    fn version_info(&self) -> Value {
        let minor = self.minor;
        json!({"major": "1", "minor": minor.to_string(), "gitVersion": format!("v1.{minor}.0"), "gitCommit": "", "gitTreeState": "",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"})
    }
}

fn json_of(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// What the options of a deletion hold.
fn preconditions(body: &[u8]) -> Result<Preconditions, Refusal> {
    if body.is_empty() {
        return Ok(Preconditions::default());
    }
    let options = json_of(body)?;
    let text = |member: &str| {
        options["preconditions"][member]
            .as_str()
            .map(ToOwned::to_owned)
    };
    Ok(Preconditions {
        uid: text("uid"),
        resource_version: text("resourceVersion"),
    })
}

fn refused(refusal: &Refusal) -> Response<Vec<u8>> {
    response(refusal.code, refusal.status().to_string().into_bytes())
}

fn response(code: u16, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests;
