//! Stands between one replica and one of its two worlds: every call passes here, and the script decides what becomes of it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Response, Uri, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::Outcome;
use crate::call::Call;
use crate::fault::{Fault, Moment};
use crate::script::{Fate, Script};
use crate::weather::{Outlook, relay};

/// Where calls that pass go.
#[derive(Clone)]
pub enum Upstream {
    Kubernetes(kube::Client),
    Aws(Box<HttpClient<HttpConnector, Body>>, String),
}

impl Upstream {
    pub fn aws(endpoint: &str) -> Self {
        Self::Aws(
            Box::new(HttpClient::builder(TokioExecutor::new()).build_http()),
            endpoint.to_owned(),
        )
    }
}

/// A listener of one replica. Dropping it closes its connections.
pub struct Proxy {
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct Exchange {
    replica: usize,
    upstream: Upstream,
    script: Arc<Script>,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed by the fault matrix")]
struct Closed;

impl Proxy {
    pub async fn start(replica: usize, upstream: Upstream, script: Arc<Script>) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let exchange = Arc::new(Exchange {
            replica,
            upstream,
            script,
        });
        let server = tokio::spawn(accept(listener, exchange));
        Ok(Self { address, server })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, exchange: Arc<Exchange>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let exchange = Arc::clone(&exchange);
        connections.spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let exchange = Arc::clone(&exchange);
                // In a task of its own: what has been decided about a call happens also when its caller gives up.
                let served =
                    tokio::spawn(async move { exchange.serve(request.map(Body::new)).await });
                async move { served.await.unwrap_or(Err(Closed)) }
            });
            // Errors are callers that went away, or that the script turned away.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Exchange {
    async fn serve(&self, request: Request<Body>) -> Result<Response<Body>, Closed> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(|_| Closed)?;
        let call = match &self.upstream {
            Upstream::Kubernetes(_) => Call::to_kubernetes(self.replica, &parts, &body),
            Upstream::Aws(..) => {
                Call::to_aws(self.replica, &parts, &body, &self.script.bystander_room())
            }
        };
        let fate = self.script.admit(&call);
        let is_watch = call.is_watch();
        let forwarded = || self.forward(parts, body);
        match fate {
            Fate::Pass => {
                let outlook = Outlook::on(&self.script.weather);
                let answer = forwarded().await?;
                Ok(if is_watch {
                    answer.map(|body| relay(body, outlook))
                } else {
                    answer
                })
            }
            Fate::Lost => never().await,
            Fate::Unreachable => Err(Closed),
            Fate::Struck(Fault::Pause(Moment::Unsent)) => {
                self.script.pause(self.replica).await;
                // Meanwhile somebody may have taken the other side away.
                if !self.script.reachable(call.plane) {
                    return Err(Closed);
                }
                forwarded().await
            }
            Fate::Struck(Fault::Pause(Moment::Unanswered)) => {
                let answer = forwarded().await?;
                self.script.pause(self.replica).await;
                Ok(answer)
            }
            Fate::Struck(Fault::Pause(Moment::Answered)) => {
                let answer = forwarded().await?;
                self.script.cut_off(self.replica);
                let (script, replica) = (Arc::clone(&self.script), self.replica);
                tokio::spawn(async move { script.delivered(replica).await });
                Ok(answer)
            }
            Fate::Struck(Fault::Refuse(refusal)) => Ok(refusal.answer()),
            Fate::Struck(Fault::Silence { applied }) => {
                if applied {
                    forwarded().await?;
                }
                never().await
            }
            Fate::Struck(Fault::Reset { applied }) => {
                if applied {
                    forwarded().await?;
                }
                Err(Closed)
            }
            Fate::Struck(Fault::Garble) => {
                let answer = forwarded().await?;
                let garbled = Response::builder()
                    .status(answer.status())
                    .body(Body::from("<html>"));
                Ok(garbled.unwrap())
            }
        }
    }

    /// Passes a call on, in a task of its own: a caller that goes away in the middle changes nothing about its effect.
    async fn forward(&self, parts: Parts, body: Bytes) -> Result<Response<Body>, Closed> {
        let upstream = self.upstream.clone();
        let sent = tokio::spawn(async move { send(upstream, parts, body).await });
        match sent.await {
            Ok(Ok(mut answer)) => {
                strip(answer.headers_mut());
                Ok(answer)
            }
            Ok(Err(_)) | Err(_) => Err(Closed),
        }
    }
}

async fn send(upstream: Upstream, mut parts: Parts, body: Bytes) -> Outcome<Response<Body>> {
    strip(&mut parts.headers);
    match upstream {
        Upstream::Kubernetes(client) => {
            parts.headers.remove(header::HOST);
            let answer = client.send(Request::from_parts(parts, body.into())).await?;
            Ok(answer.map(Body::new))
        }
        Upstream::Aws(client, endpoint) => {
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            parts.uri = Uri::try_from(format!("{endpoint}{path}"))?;
            let answer = client
                .request(Request::from_parts(parts, Body::from(body)))
                .await?;
            Ok(answer.map(Body::new))
        }
    }
}

/// What holds for one connection only.
fn strip(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        headers.remove(name);
    }
}

async fn never<T>() -> T {
    let endless = std::future::pending::<Infallible>().await;
    match endless {}
}
