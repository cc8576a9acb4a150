//! Everything that is under way between processes and servers. Nothing moves here unless the scheduler moves it.

pub(crate) mod aws;
pub(crate) mod kubernetes;
mod operation;
pub(crate) mod pass;
pub(crate) mod turns;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ivschat_aws::{Answer, AttemptError, Sent, Turn};
use tokio::sync::oneshot;

use crate::process::Clocks;
use crate::time::Time;

pub(crate) use operation::Operation;
use pass::Pass;

/// Counts requests in the order in which they were sent.
pub(crate) type Serial = u64;

/// Which process: that of an operator, and how often that was started before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProcessId {
    /// The operator's number.
    pub(crate) operator: usize,
    /// Counts its starts.
    pub(crate) start: u32,
}

/// What a process asks a server for.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    /// One HTTP request to the Kubernetes API.
    Kubernetes(Arc<http::Request<Vec<u8>>>),
    /// One attempt of a request to IVS Chat.
    Aws(Arc<ivschat_aws::Request>),
}

/// What comes back.
#[derive(Debug)]
pub(crate) enum Reply {
    /// From the Kubernetes API.
    Kubernetes(Result<http::Response<kubernetes::Content>, Broken>),
    /// From IVS Chat, with when it was sent; `None`: nothing was.
    Aws(Result<Answer, AttemptError>, Option<Sent>),
}

/// The connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection reset by peer")
    }
}

impl std::error::Error for Broken {}

/// A request that was sent, and whose answer has not been delivered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) from: ProcessId,
    pub(crate) pass: Option<Pass>,
    pub(crate) operation: Operation,
    pub(crate) sent: Time,
    /// When its pass last wrote a status: for a CreateRoom, when the attempt was written down.
    pub(crate) written: Time,
    pub(crate) call: Call,
    /// It takes effect no sooner.
    pub(crate) not_before: Time,
    /// It takes effect no later.
    pub(crate) deadline: Time,
    /// Its process froze before it was on the wire: its fence could not stop it.
    pub(crate) frozen: bool,
    /// The answer, once the request took effect, and from when on it can be delivered.
    pub(crate) reply: Option<(Reply, Time)>,
    waiting: oneshot::Sender<Reply>,
}

impl Request {
    /// Whether its process no longer waits for the answer.
    pub(crate) fn is_given_up(&self) -> bool {
        self.waiting.is_closed()
    }

    /// Whether it can take effect now.
    pub(crate) fn is_open(&self, now: Time) -> bool {
        self.reply.is_none() && self.not_before <= now && now <= self.deadline
    }

    /// Whether its answer can be delivered now.
    pub(crate) fn is_answered(&self, now: Time) -> bool {
        self.reply.as_ref().is_some_and(|(_, from)| *from <= now)
    }

    fn is_over(&self, now: Time) -> bool {
        let answered = self.reply.is_some();
        self.is_given_up() && (answered || now > self.deadline)
    }
}

/// How long a connection may be silent. The operator's own bound is 305 s: simulated time is dearer.
const SILENCE: Time = Time::from_secs(15);

/// What a process tells the simulation about itself.
#[derive(Debug, Clone)]
pub(crate) enum Note {
    /// Its watch delivered this object at this version.
    Emitted {
        object: String,
        uid: String,
        version: u64,
    },
    /// A pass begins.
    Begun(Pass),
    /// A call waits for its quota.
    Waits(Turn),
    /// It is sent.
    Served(Turn),
    /// It is not sent, and waits no more.
    Left(Turn),
}

/// All requests under way.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    sent: Serial,
    pub(crate) under_way: BTreeMap<Serial, Request>,
    pub(crate) notes: Vec<(ProcessId, Note)>,
    /// When a pass last sent a status.
    written: BTreeMap<(ProcessId, Pass), Time>,
    /// How long a request to each server can take at most.
    pub(crate) limits: Limits,
}

/// How long after it was sent a request can take effect.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) kubernetes: Time,
    pub(crate) aws: Time,
    /// And how long after an attempt was written down.
    pub(crate) create: Time,
}

impl Requests {
    /// Hands the answer over to whoever waits for it.
    pub(crate) fn deliver(&mut self, serial: Serial) -> bool {
        let Some(request) = self.under_way.remove(&serial) else {
            return false;
        };
        let Some((reply, _)) = request.reply else {
            return false;
        };
        request.waiting.send(reply).is_ok()
    }

    /// Drops what nobody waits for and what can no longer take effect. Breaks connections that have been silent for long.
    pub(crate) fn clear(&mut self, now: Time) {
        self.under_way.retain(|_, request| !request.is_over(now));
        let patient = self
            .under_way
            .values_mut()
            .filter(|it| it.operation.is_patient());
        for request in patient.filter(|it| it.sent + SILENCE <= now && !it.is_answered(now)) {
            request.reply = Some((Reply::Kubernetes(Err(Broken)), now));
        }
    }
}

/// The network, as the scheduler sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network(Arc<Mutex<Requests>>);

impl Network {
    pub(crate) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process's end of it.
    pub(crate) fn line(&self, from: ProcessId, clocks: &Clocks) -> Line {
        Line {
            network: self.clone(),
            from,
            clocks: clocks.clone(),
        }
    }
}

/// The network, as a process sees it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    network: Network,
    from: ProcessId,
    clocks: Clocks,
}

impl Line {
    /// The process's name.
    pub(crate) fn name(&self) -> String {
        format!("operator-{}", self.from.operator)
    }

    /// Tells the simulation something.
    pub(crate) fn note(&self, note: Note) {
        self.network.requests().notes.push((self.from, note));
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&self, operation: Operation, call: Call) -> Option<Reply> {
        let (waiting, answer) = oneshot::channel();
        {
            let mut requests = self.network.requests();
            requests.sent += 1;
            let serial = requests.sent;
            let sent = self.clocks.here();
            let pass = pass::current();
            let key = pass.clone().map(|pass| (self.from, pass));
            if let Some(key) = key.clone().filter(|_| operation == Operation::PatchStatus) {
                requests.written.insert(key, sent);
            }
            let written = key.and_then(|key| requests.written.get(&key).copied());
            let written = written.unwrap_or(sent);
            let limits = requests.limits;
            let deadline = match call {
                Call::Kubernetes(_) => sent + limits.kubernetes,
                Call::Aws(_) if operation == Operation::CreateRoom => {
                    (sent + limits.aws).min(written + limits.create)
                }
                Call::Aws(_) => sent + limits.aws,
            };
            let request = Request {
                from: self.from,
                pass,
                operation,
                sent,
                written,
                call,
                not_before: sent,
                deadline,
                frozen: false,
                reply: None,
                waiting,
            };
            requests.under_way.insert(serial, request);
        }
        self.clocks.sent();
        answer.await.ok()
    }
}
