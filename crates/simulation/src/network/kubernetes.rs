//! The port to Kubernetes: what kube's client sends goes over the simulated network.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body::Frame;
use kube::client::Body;
use tokio::sync::mpsc::UnboundedReceiver;
use tower::Service;

use super::{Broken, Call, Line, Operation, Reply};

/// What kube's client works with.
#[derive(Debug, Clone)]
pub(crate) struct Kubernetes(pub(crate) Line);

impl Service<http::Request<Body>> for Kubernetes {
    type Response = http::Response<Content>;
    type Error = Broken;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let line = self.0.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.map_err(|_| Broken)?;
            let operation = Operation::of_kubernetes(&parts.method, &parts.uri);
            let request = http::Request::from_parts(parts, body.to_vec());
            let call = Call::Kubernetes(Arc::new(request));
            match line.ask(operation, call).await {
                Some(Reply::Kubernetes(answer)) => answer,
                _ => Err(Broken),
            }
        }
        .boxed()
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// A watch: one line at a time, until it is cut off.
    Watch(UnboundedReceiver<Bytes>),
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let next = match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take()),
            Self::Watch(lines) => lines.poll_recv(context),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
