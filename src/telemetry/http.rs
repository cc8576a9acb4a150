//! The HTTP server for probes and scrapes.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::Semaphore;

use super::{Health, Metrics};

/// The content type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on --http-address {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Listens on the address. `[::]` stands for every address; if the kernel has no IPv6, only IPv4 is used.
///
/// # Errors
/// The address is in use, or is not this machine's.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if lacks_ipv6(&error) && address.ip().is_unspecified() => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            let listener = TcpListener::bind(address).await;
            listener.map_err(|source| ListenError { address, source })
        }
        Err(source) => Err(ListenError { address, source }),
    }
}

/// The kernel does not know the address family, or has no such address.
fn lacks_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Limits on strangers: whoever reaches the port can hold connections open and send nothing.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Connections at a time; further ones wait until one ends.
    connections: usize,
    /// From the connection to the end of the request's head.
    head: Duration,
    /// From the connection to the end of the answer.
    whole: Duration,
}

const LIMITS: Limits = Limits {
    connections: 256,
    // Short, so that all connections that send nothing end before a probe gives up.
    head: Duration::from_secs(1),
    whole: Duration::from_secs(30),
};

/// Answers one request per connection, until the process ends.
async fn serve(listener: TcpListener, health: Health, metrics: Metrics) -> Infallible {
    serve_within(LIMITS, listener, router(health, metrics)).await
}

/// Serves in a thread of its own: probes answer whatever holds up the rest of the process.
///
/// # Errors
/// The system gives no thread.
pub fn serve_apart(listener: TcpListener, health: Health, metrics: Metrics) -> io::Result<()> {
    let listener = listener.into_std()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let serving = move || {
        runtime.block_on(async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => match serve(listener, health, metrics).await {},
                Err(error) => tracing::error!(%error, "cannot serve probes and metrics"),
            }
        });
    };
    let thread = thread::Builder::new().name("http".to_owned());
    thread.spawn(serving).map(drop)
}

fn router(health: Health, metrics: Metrics) -> Router {
    let live = health.clone();
    Router::new()
        .route("/livez", get(async move || probe(live.live())))
        .route("/readyz", get(async move || probe(health.ready())))
        .route(
            "/metrics",
            get(async move || ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.encode())),
        )
}

async fn serve_within(limits: Limits, listener: TcpListener, router: Router) -> Infallible {
    /// The wait if no connection can be accepted, for lack of file descriptors for example.
    const PAUSE: Duration = Duration::from_millis(100);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .keep_alive(false);
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // Failures of clients are of no interest here.
            let _ = tokio::time::timeout(limits.whole, connection).await;
            drop(slot);
        });
    }
}

fn probe(answer: Result<(), String>) -> impl IntoResponse {
    match answer {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn served(limits: Limits) -> SocketAddr {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(Health::default(), Metrics::default());
        tokio::spawn(serve_within(limits, listener, router));
        address
    }

    async fn answer(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn requests_that_are_never_finished_are_closed_and_keep_no_probe_out() {
        let limits = Limits {
            connections: 8,
            head: Duration::from_millis(100),
            ..LIMITS
        };
        let address = served(limits).await;
        let mut half_sent = Vec::new();
        for _ in 0..4 * limits.connections {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nhost")
                .await
                .unwrap();
            half_sent.push(stream);
        }
        let probed = answer(address, "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n");
        let probed = tokio::time::timeout(Duration::from_secs(10), probed).await;
        assert!(probed.unwrap().starts_with("HTTP/1.1 200 OK"));
        for mut stream in half_sent {
            let mut left = Vec::new();
            let closed =
                tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut left));
            closed.await.expect("it is closed").unwrap();
        }
    }

    #[tokio::test]
    async fn a_connection_ends_with_its_answer_and_a_client_that_does_not_read_is_cut_off() {
        let limits = Limits {
            whole: Duration::from_millis(200),
            ..LIMITS
        };
        let address = served(limits).await;
        let scraped = answer(address, "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(
            scraped.contains("connection: close") && scraped.ends_with("# EOF\n"),
            "{scraped}"
        );
        let silent = answer(address, "");
        let ended = tokio::time::timeout(Duration::from_secs(10), silent).await;
        assert_eq!(ended.unwrap(), "");
    }
}
