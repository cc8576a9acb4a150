//! A running emulator: state behind locks, an accept loop, and what tests reach in for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::fault::{Fault, Faults};
use crate::http;
use crate::journal::Entry;
use crate::world::{Answer, ApiError, Call, Scope, Settings, World};

/// Before the next try to accept a connection after one that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Calls the journal holds at most, so that an emulator that runs for weeks does not grow: then the older half goes.
const JOURNAL_MAX: usize = 200_000;

/// A running emulator. Dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    state: Arc<State>,
    server: AbortHandle,
}

impl Emulator {
    /// Starts one on a free loopback port.
    pub async fn start(settings: Settings) -> std::io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await
    }

    /// Starts one on `address`.
    pub async fn listen(address: SocketAddr, settings: Settings) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let seed = uuid::Uuid::new_v4().as_u64_pair().0;
        let state = Arc::new(State::new(World::new(settings, seed)));
        let server = tokio::spawn(serve(listener, Arc::clone(&state))).abort_handle();
        Ok(Self {
            address,
            state,
            server,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to give to an SDK as `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Reads or changes the world directly, behind every client's back.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.state.world())
    }

    /// Carries out a call as another client would, unseen by the journal.
    pub fn call(&self, scope: &Scope, call: Call) -> Result<Answer, ApiError> {
        self.state.world().call(scope, call, http::now())
    }

    /// Every call so far, oldest first; after very many, only the newer ones.
    pub fn journal(&self) -> Vec<Entry> {
        self.state.journal.borrow().clone()
    }

    /// Follows the journal: wakes when an entry is added.
    pub fn watch_journal(&self) -> watch::Receiver<Vec<Entry>> {
        self.state.journal.subscribe()
    }

    /// Adds a fault behind those already scripted.
    pub fn inject(&self, fault: Fault) {
        self.state.faults().inject(fault);
    }

    /// Drops every fault.
    pub fn clear_faults(&self) {
        self.state.faults().clear();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What requests share.
#[derive(Debug)]
pub(crate) struct State {
    world: Mutex<World>,
    faults: Mutex<Faults>,
    journal: watch::Sender<Vec<Entry>>,
}

impl State {
    fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
            faults: Mutex::default(),
            journal: watch::Sender::default(),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(&self, entry: Entry) {
        self.journal.send_modify(|journal| {
            if journal.len() >= JOURNAL_MAX {
                journal.drain(..JOURNAL_MAX / 2);
            }
            journal.push(entry);
        });
    }
}

/// Accepts until aborted; the connections end with it.
async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let service = http::Service::new(Arc::clone(&state));
                    connections.spawn(async move {
                        let connection = hyper::server::conn::http1::Builder::new();
                        // An error here is a client that went away, or a fault that cut it off: both are meant to be.
                        let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    // Out of file descriptors, most likely: some come back as connections end.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
