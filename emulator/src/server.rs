//! A running emulator: state behind locks, an accept loop, and what tests reach in for.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::credentials::Credentials;
use crate::fault::Fault;
use crate::http::{self, Cut};
use crate::journal::{Entry, Journal};
use crate::state::{Guarded, State, now};
use crate::store::{Store, StoreError};
use crate::world::{Answer, ApiError, Call, Scope, Settings, World};

/// Before the next try to accept a connection after one that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Calls in hand are given this long to be answered when the emulator is asked to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How IVS Chat behaves.
    pub settings: Settings,
    /// The same seed gives the same ids, tokens and lags for the same calls. A state file keeps the seed that it was made with.
    /// `None`: one that nobody can guess.
    pub seed: Option<u128>,
    /// How far the emulator's clock is ahead of the machine's, or behind where it is negative: see
    /// [`Emulator::set_clock_offset`].
    pub clock_offset: SignedDuration,
    /// Who may call. `None`: anyone, as the default account, and no signature is verified.
    pub credentials: Option<Credentials>,
    /// The file that keeps rooms and logging configurations across restarts. `None`: they end with the emulator.
    pub state: Option<PathBuf>,
    /// Calls that the journal holds at most; then the older half goes.
    pub journal: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings: Settings::default(),
            seed: None,
            clock_offset: SignedDuration::ZERO,
            credentials: None,
            state: None,
            journal: 200_000,
        }
    }
}

/// The emulator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing can be served at the address.
    #[error("cannot listen on {address}: {problem}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        problem: io::Error,
    },
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StoreError),
}

/// A running emulator. Dropping it stops it and closes its connections at once; [`Emulator::stop`] does so in peace.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Starts one on a free loopback port.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::serve(Options {
            settings,
            ..Options::default()
        })
        .await
    }

    /// Starts one.
    pub async fn serve(options: Options) -> Result<Self, StartError> {
        let seed = options.seed.unwrap_or_else(new_seed);
        let (store, world) = match &options.state {
            Some(path) => {
                let (store, world) = Store::open(path, options.settings, seed)?;
                (Some(store), world)
            }
            None => (None, World::new(options.settings, seed)),
        };
        let unusable = |problem| StartError::Listen {
            address: options.listen,
            problem,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let state = Arc::new(State {
            world: Mutex::new(world),
            store,
            credentials: options.credentials,
            clock_offset: Mutex::new(options.clock_offset),
            faults: Mutex::default(),
            guard: Guarded::default(),
            journal: watch::Sender::new(Journal::new(options.journal)),
        });
        let stop = watch::Sender::new(false);
        let server = tokio::spawn(accept(listener, Arc::clone(&state), stop.subscribe()));
        Ok(Self {
            address,
            state,
            stop,
            server,
        })
    }

    /// Takes no more calls, answers those in hand, and ends. What takes longer than five seconds is cut off.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.ended().await;
        if let Some(store) = &self.state.store
            && let Err(error) = store.save(&[])
        {
            tracing::error!(%error, "could not store everything");
        }
    }

    /// Waits until it serves no more, which it does not do of its own accord.
    pub async fn ended(&mut self) {
        // An error is a panic in the accept loop: it has ended then, too.
        let _ = (&mut self.server).await;
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to give to an SDK as `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Reads or changes the world directly, behind every client's back and past the state file.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.state.world())
    }

    /// Carries out a call as another client would, unseen by the journal and past the state file.
    pub fn call(&self, scope: &Scope, call: Call) -> Result<Answer, ApiError> {
        let skew = self.state.clock_offset();
        let mut world = self.state.world();
        world.call_with_skew(scope, call, now(), skew)
    }

    /// Steps the emulator's clock: from now on it is ahead of the machine's by this much, or behind where it is negative. It
    /// shows in the Date header and in the times of answers, and signatures are held against it. What takes its time (quotas,
    /// lag, transitions, lives of tokens) takes no notice, and the journal keeps the machine's time.
    pub fn set_clock_offset(&self, offset: SignedDuration) {
        self.state.set_clock_offset(offset);
    }

    /// Lets `guard` decide from now on which calls over HTTP may take effect. By default all may.
    pub fn guard(
        &self,
        guard: impl Fn(&World, &Scope, &Call) -> Result<(), ApiError> + Send + Sync + 'static,
    ) {
        *self.state.guard.lock() = Some(Arc::new(guard));
    }

    /// Every call so far, oldest first; after very many, only the newer ones.
    pub fn journal(&self) -> Vec<Entry> {
        self.state.journal.borrow().calls().to_vec()
    }

    /// Follows the journal: wakes when an entry is added.
    pub fn watch_journal(&self) -> watch::Receiver<Journal> {
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

/// What nobody can guess.
fn new_seed() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}

/// Accepts until told to stop, then lets the connections finish what they have in hand.
async fn accept(listener: TcpListener, state: Arc<State>, stop: watch::Receiver<bool>) {
    let mut stopped = stop.clone();
    let control = http::control(Arc::clone(&state));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let service = http::Service::new(Arc::clone(&state), control.clone());
                    connections.spawn(connection(stream, service, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    // Out of file descriptors, most likely: some come back as connections end.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection broke down");
                }
            }
            () = told(&mut stopped) => break,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(STOP_GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

/// Waits until the emulator is to stop, or is gone.
async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn connection(stream: TcpStream, service: http::Service, mut stop: watch::Receiver<bool>) {
    // Answers are small and awaited.
    let _ = stream.set_nodelay(true);
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = {
        let mut ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context));
        tokio::select! {
            ended = &mut ended => Some(ended),
            () = told(&mut stop) => None,
        }
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    // Any other error is a client that went away.
    if let Err(error) = ended
        && Cut::of(&error) == Some(Cut::Reset)
    {
        // Closing such a socket sends a reset instead of an orderly end.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}
