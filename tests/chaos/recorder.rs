//! Stands right before the API server and takes down what it is asked and what it answers, whoever asks, in an order in which it
//! may have happened.
//!
//! Calls about one object come one at a time, and lists come alone. So it is known which came first of all but two calls about
//! different objects: there the versions in the answers tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::{Mutex as Turn, RwLock};
use tower::service_fn;

use crate::call::is_watch;
use crate::{DEADLINE, Problem};

/// A request and what was answered.
#[derive(Debug, Clone)]
pub struct Pair {
    pub at: Timestamp,
    pub request: Parts,
    pub body: Bytes,
    /// Status and body; `None`: no answer came, and nobody knows whether the request had its effect.
    pub answer: Option<(u16, Bytes)>,
}

impl Pair {
    pub fn writes(&self) -> bool {
        self.request.method != Method::GET
    }

    /// The version that the answer shows of its object.
    fn version(&self) -> Option<u64> {
        let (_, body) = self.answer.as_ref()?;
        let answer: Value = serde_json::from_slice(body).ok()?;
        answer["metadata"]["resourceVersion"].as_str()?.parse().ok()
    }
}

/// What was asked and answered so far. Its clones write into the same book.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    /// Shared by calls about single objects.
    turn: Arc<RwLock<()>>,
    /// Of each object.
    turns: Arc<Mutex<BTreeMap<String, Arc<Turn<()>>>>>,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    entries: Vec<Entry>,
    /// Counts the calls that came alone, and the times between them.
    epoch: u64,
}

#[derive(Debug)]
struct Entry {
    epoch: u64,
    /// `None`: the call came alone.
    object: Option<String>,
    pair: Pair,
}

impl Recorder {
    /// A client whose calls are taken down.
    pub fn on(&self, client: &Client) -> Client {
        let (recorder, direct) = (self.clone(), client.clone());
        let service = service_fn(move |request| {
            let (recorder, direct) = (recorder.clone(), direct.clone());
            // In a task of its own: a caller that goes away leaves no gap.
            let passed = tokio::spawn(async move { recorder.pass(direct, request).await });
            async move { passed.await? }
        });
        Client::new(service, client.default_namespace())
    }

    async fn pass(
        &self,
        client: Client,
        request: Request<Body>,
    ) -> Result<Response<Body>, Problem> {
        // A watch's answer has no end. What it shows the writes have shown before.
        if is_watch(request.uri()) {
            return Ok(client.send(request).await?);
        }
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let object = object_of(&parts, &body);
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let answered = match &object {
            Some(object) => {
                let turn = self.turn_of(object);
                let _among = self.turn.read().await;
                let _next = turn.lock().await;
                self.take_down(client, request, parts, body, Some(object))
                    .await
            }
            None => {
                let _alone = self.turn.write().await;
                self.take_down(client, request, parts, body, None).await
            }
        };
        answered.map(|answer| answer.map(Body::from))
    }

    fn turn_of(&self, object: &str) -> Arc<Turn<()>> {
        let mut turns = locked(&self.turns);
        Arc::clone(turns.entry(object.to_owned()).or_default())
    }

    async fn take_down(
        &self,
        client: Client,
        sent: Request<Body>,
        request: Parts,
        body: Bytes,
        object: Option<&str>,
    ) -> Result<Response<Bytes>, Problem> {
        let at = Timestamp::now();
        // Others wait for their turn.
        let answered = tokio::time::timeout(DEADLINE, exchange(client, sent)).await;
        let answered = answered.unwrap_or_else(|late| Err(late.into()));
        let answer = answered.as_ref().ok();
        let answer = answer.map(|it| (it.status().as_u16(), it.body().clone()));
        let pair = Pair {
            at,
            request,
            body,
            answer,
        };
        let mut book = locked(&self.book);
        book.epoch += u64::from(object.is_none());
        let entry = Entry {
            epoch: book.epoch,
            object: object.map(ToOwned::to_owned),
            pair,
        };
        book.entries.push(entry);
        book.epoch += u64::from(object.is_none());
        answered
    }

    /// Everything so far in order, once what is under way has come to its end.
    pub async fn pairs(&self) -> Vec<Pair> {
        let _alone = self.turn.write().await;
        ordered(&locked(&self.book).entries)
    }
}

/// By the versions that answers show, where nothing else tells the order. One that shows none, or an old one, comes right after
/// the one before it about the same object.
fn ordered(entries: &[Entry]) -> Vec<Pair> {
    let mut reached: BTreeMap<(u64, &Option<String>), u64> = BTreeMap::new();
    let mut placed: Vec<_> = entries
        .iter()
        .map(
            |Entry {
                 epoch,
                 object,
                 pair,
             }| {
                let reached = reached.entry((*epoch, object)).or_default();
                *reached = pair.version().unwrap_or_default().max(*reached);
                ((*epoch, *reached), pair)
            },
        )
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, pair)| pair.clone()).collect()
}

/// The one object that a call is about; `None`: several, or their namespace.
fn object_of(request: &Parts, body: &[u8]) -> Option<String> {
    const BY_NAME: &str = "fieldSelector=metadata.name%3D";
    let path = request.uri.path();
    let (_, within) = path.split_once("/namespaces/")?;
    let parts: Vec<_> = within.split('/').collect();
    match parts.as_slice() {
        [_, _] if request.method == Method::POST => {
            let object: Value = serde_json::from_slice(body).ok()?;
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            Some(format!("{within}/{name}"))
        }
        [_, _] => {
            let mut parameters = request.uri.query()?.split('&');
            let name = parameters.find_map(|it| it.strip_prefix(BY_NAME))?;
            Some(format!("{within}/{name}"))
        }
        [namespace, plural, name, ..] => Some(format!("{namespace}/{plural}/{name}")),
        _ => None,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn exchange(client: Client, request: Request<Body>) -> Result<Response<Bytes>, Problem> {
    let (parts, body) = client.send(request).await?.into_parts();
    Ok(Response::from_parts(parts, body.collect_bytes().await?))
}
