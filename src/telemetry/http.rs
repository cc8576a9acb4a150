//! The HTTP server for probes and scrapes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::{Health, Metrics};

/// What OpenMetrics says of itself.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on --http-address {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Listens. For `[::]`, every address, IPv4 will do where the kernel has no IPv6.
///
/// # Errors
/// The address cannot be had.
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

/// Answers until the process ends.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, health: Health, metrics: Metrics) -> io::Result<()> {
    let live = health.clone();
    let router = Router::new()
        .route("/livez", get(async move || probe(live.live())))
        .route("/readyz", get(async move || probe(health.ready())))
        .route(
            "/metrics",
            get(async move || ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.encode())),
        );
    axum::serve(listener, router).await
}

fn probe(answer: Result<(), String>) -> impl IntoResponse {
    match answer {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}
