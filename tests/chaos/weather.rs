//! What becomes of watches: they are dropped, expire, stand still, or say everything twice.

use axum::body::{Body, Bytes};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use tokio::sync::watch;

use crate::fault::kubernetes_status;

/// How watches fare at the moment.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    /// Nothing is delivered; it is once this ends.
    pub held: bool,
    /// Every event is delivered twice.
    pub twice: bool,
    /// How many times all watches were ended, and how the last time.
    ended: u64,
    expired: bool,
}

impl Weather {
    /// Every open watch breaks off.
    pub fn drop_watches(&mut self) {
        self.ended += 1;
        self.expired = false;
    }

    /// Every open watch ends with 410 Gone: its resource version is too old.
    pub fn expire_watches(&mut self) {
        self.ended += 1;
        self.expired = true;
    }
}

/// The weather as a watch meets it, from before it was set up: what happens meanwhile must end it, too.
pub struct Outlook {
    weather: watch::Receiver<Weather>,
    since: u64,
}

impl Outlook {
    pub fn on(weather: &watch::Sender<Weather>) -> Self {
        let weather = weather.subscribe();
        let since = weather.borrow().ended;
        Self { weather, since }
    }
}

/// A watch's answer as it comes through this weather.
pub fn relay(body: Body, outlook: Outlook) -> Body {
    let Outlook { weather, since } = outlook;
    let lines = lines(body).boxed();
    let relay = Relay {
        lines,
        weather,
        since,
        repeated: None,
        over: false,
    };
    Body::from_stream(stream::unfold(relay, async |mut relay| {
        let next = relay.next().await?;
        Some((next, relay))
    }))
}

type Piece = Result<Bytes, axum::Error>;

struct Relay {
    lines: BoxStream<'static, Piece>,
    weather: watch::Receiver<Weather>,
    since: u64,
    repeated: Option<Bytes>,
    over: bool,
}

impl Relay {
    async fn next(&mut self) -> Option<Piece> {
        if self.over {
            return None;
        }
        if let Some(line) = self.repeated.take() {
            return Some(Ok(line));
        }
        let since = self.since;
        let mut weather = self.weather.clone();
        let line = tokio::select! {
            biased;
            ended = self.weather.wait_for(|weather| weather.ended != since) => {
                self.over = true;
                let expired = ended.ok()?.expired;
                return Some(if expired { Ok(expiry()) } else { Err(broken()) });
            }
            line = async {
                let line = self.lines.next().await;
                // What has come in meanwhile waits here.
                let _ = weather.wait_for(|weather| !weather.held).await;
                line
            } => line?,
        };
        if let Ok(line) = &line
            && self.weather.borrow().twice
        {
            self.repeated = Some(line.clone());
        }
        Some(line)
    }
}

fn expiry() -> Bytes {
    let status = kubernetes_status(410, "Expired", "too old resource version");
    let event = serde_json::json!({"type": "ERROR", "object": status});
    Bytes::from(format!("{event}\n"))
}

fn broken() -> axum::Error {
    axum::Error::new("the connection broke off")
}

/// The body line by line: one event each.
fn lines(body: Body) -> impl Stream<Item = Piece> + Send + 'static {
    let chunks = body.into_data_stream();
    stream::unfold(
        (chunks, Vec::new()),
        async |(mut chunks, mut buffer): (_, Vec<u8>)| {
            loop {
                if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = buffer.drain(..=end).collect();
                    return Some((Ok(Bytes::from(line)), (chunks, buffer)));
                }
                match chunks.next().await? {
                    Ok(chunk) => buffer.extend_from_slice(&chunk),
                    Err(error) => return Some((Err(error), (chunks, buffer))),
                }
            }
        },
    )
}
