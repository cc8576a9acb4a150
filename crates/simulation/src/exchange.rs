//! How a request takes effect at its server, and how its answer is delivered.

use std::sync::Arc;

use http::StatusCode;
use ivschat_aws::{AttemptError, Request as AwsRequest, Sent, Unknown};
use ivschat_emulator::world::{ApiError, Scope};
use serde_json::{Value, json};

use crate::cluster::Kind;
use crate::fault::{Answer, Fate, Fault};
use crate::network::kubernetes::Content;
use crate::network::pass::Pass;
use crate::network::{Broken, Call, Operation, ProcessId, Reply, Serial};
use crate::oracle::{Attempt, Renewed};
use crate::servers::ivschat;
use crate::simulation::Simulation;
use crate::time::{TICK, Time, stamp};

/// What AWS's answers count their time in. AWS's own count seconds: times here are a tenth of real ones.
const DATE_GRAIN: Time = Time::from_millis(100);

/// A request as the server sees it.
struct Arrived {
    serial: Serial,
    from: ProcessId,
    pass: Option<Pass>,
    operation: Operation,
    sent: Time,
    written: Time,
    frozen: bool,
}

impl Arrived {
    /// Who asks, and for which object.
    fn who(&self) -> String {
        let operator = self.from.operator;
        match &self.pass {
            Some(pass) => format!(
                "operator-{operator} for {}/{}",
                pass.object.namespace, pass.object.name
            ),
            None => format!("operator-{operator}"),
        }
    }
}

impl Simulation {
    /// Lets a request take effect at its server, or not.
    pub(crate) fn effect(&mut self, serial: Serial, fate: Fate) {
        let arrived = {
            let requests = self.network.requests();
            let Some(request) = requests.under_way.get(&serial) else {
                return;
            };
            let arrived = Arrived {
                serial,
                from: request.from,
                pass: request.pass.clone(),
                operation: request.operation,
                sent: request.sent,
                written: request.written,
                frozen: request.frozen,
            };
            (arrived, request.call.clone())
        };
        let (arrived, call) = arrived;
        let reply = match call {
            Call::Aws(request) => {
                let answer = self.at_aws(&arrived, &request, fate);
                let sent = match &answer {
                    Err(AttemptError::Unknown(_) | AttemptError::Unsent(_)) => None,
                    Ok(_) | Err(AttemptError::Answered(_)) => Some(self.sent_now()),
                };
                Reply::Aws(answer, sent)
            }
            Call::Kubernetes(request) => {
                Reply::Kubernetes(self.at_kubernetes(&arrived, &request, fate))
            }
        };
        let from = match fate.answer {
            Answer::Never => Time::MAX,
            Answer::Late => self.now + self.setting.operator.operation_timeout,
            _ => self.now,
        };
        if let Some(request) = self.network.requests().under_way.get_mut(&serial) {
            request.reply = Some((reply, from));
        }
    }

    /// What an answer that is sent now says about when that was.
    fn sent_now(&self) -> Sent {
        let (now, grain) = (self.now.as_millis(), DATE_GRAIN.as_millis());
        let whole = u64::try_from(now - now % grain).unwrap_or_default();
        Sent {
            date: stamp(Time::from_millis(whole)),
            grain: DATE_GRAIN,
        }
    }

    fn at_aws(
        &mut self,
        arrived: &Arrived,
        request: &AwsRequest,
        fate: Fate,
    ) -> Result<ivschat_aws::Answer, AttemptError> {
        let region = request.region();
        let fate = if self.down.contains_key(region) {
            self.coverage.met(Fault::RegionDown, arrived.operation);
            Fate {
                effect: false,
                answer: Answer::Error(503),
            }
        } else {
            fate
        };
        if let AwsRequest::Create(new, _) = request {
            let attempt = Attempt {
                serial: arrived.serial,
                begun: arrived.written,
                frozen: arrived.frozen,
                refused: false,
            };
            self.oracles.attempted(&new.tags, attempt);
        }
        let answer = fate.effect.then(|| {
            self.oracles
                .require_proof(arrived.from, arrived.pass.as_ref(), request);
            if arrived.operation.writes_aws() && !arrived.frozen {
                let Arrived {
                    from,
                    operation,
                    sent,
                    ..
                } = arrived;
                self.oracles.require_lead(*from, *operation, *sent);
            }
            let call = ivschat::call(request, self.setting.page);
            let answer = self
                .world
                .call(&Scope::in_region(region), call, stamp(self.now));
            if arrived.operation.writes_aws() && answer.is_ok() {
                self.writes += 1;
                self.oracles
                    .written(request, arrived.frozen, &self.world, self.now);
                // A page this small would not reach past rooms that changed at the same moment.
                self.now += TICK;
            }
            let found = !answer.as_ref().is_err_and(|error| error.status == 404);
            self.oracles.looked(request, found, self.now);
            answer
        });
        self.story.note((arrived.serial, region, fate.effect));
        self.tell_of(arrived, fate, || match (request, &answer) {
            (AwsRequest::Create(..), Some(Ok(ivschat_emulator::world::Answer::Room(room)))) => {
                room.arn.clone()
            }
            (
                AwsRequest::Get(arn) | AwsRequest::Update(arn, _) | AwsRequest::Delete(arn),
                answered,
            ) => {
                let missing = matches!(answered, Some(Err(error)) if error.status == 404);
                format!("{arn}{}", if missing { ", which is not there" } else { "" })
            }
            (AwsRequest::Tag(arn, tags), _) => format!("{arn} {tags:?}"),
            (AwsRequest::Untag(arn, keys), _) => format!("{arn} {keys:?}"),
            (
                AwsRequest::List { .. },
                Some(Ok(ivschat_emulator::world::Answer::Rooms { rooms, next_token })),
            ) => {
                let ids: Vec<&str> = rooms.iter().map(|room| room.id.as_str()).collect();
                format!(
                    "{region}: {}{}",
                    ids.join(" "),
                    if next_token.is_some() {
                        " and more"
                    } else {
                        ""
                    }
                )
            }
            _ => region.to_owned(),
        });
        match (fate.answer, answer) {
            (Answer::Error(status), _) => {
                let (code, message) = match status {
                    429 => ("ThrottlingException", "Rate exceeded"),
                    409 => ("ConflictException", "The room is being changed"),
                    503 => ("ServiceUnavailable", "Service is unavailable"),
                    _ => ("InternalServerException", "Internal server error"),
                };
                let error = ApiError::new(status, code, message);
                Err(AttemptError::Answered(ivschat::refusal(&error)))
            }
            (Answer::Own | Answer::Late, Some(answer)) => ivschat::answer(answer),
            _ => Err(AttemptError::Unknown(Unknown::Broken(
                "connection reset by peer".to_owned(),
            ))),
        }
    }

    fn at_kubernetes(
        &mut self,
        arrived: &Arrived,
        request: &http::Request<Vec<u8>>,
        fate: Fate,
    ) -> Result<http::Response<Content>, Broken> {
        let cut = self
            .lease_cut
            .is_some_and(|(number, _)| number == arrived.from.operator);
        let fate = if cut && arrived.operation.is_lease() {
            self.coverage.met(Fault::LeaseCut, arrived.operation);
            Fate {
                effect: false,
                answer: Answer::Broken,
            }
        } else {
            fate
        };
        let answer = fate.effect.then(|| self.serve(arrived, request));
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        self.story.note((arrived.serial, status, fate.effect));
        if !arrived.operation.is_lease() || fate != Fate::NORMAL {
            self.tell_of(arrived, fate, || {
                let status = status.map_or(String::new(), |status| format!(" ({status})"));
                format!(
                    "{}{status}",
                    request.uri().path().rsplit('/').next().unwrap_or_default()
                )
            });
        }
        match (fate.answer, answer) {
            (Answer::Error(status), _) => Ok(error(status)),
            (Answer::Own | Answer::Late, Some(answer)) => Ok(answer),
            _ => Err(Broken),
        }
    }

    fn serve(
        &mut self,
        arrived: &Arrived,
        request: &http::Request<Vec<u8>>,
    ) -> http::Response<Content> {
        let whole =
            |answer: http::Response<Vec<u8>>| answer.map(|body| Content::Whole(Some(body.into())));
        let now = stamp(self.now);
        match arrived.operation {
            Operation::WatchChatRooms => match self.cluster.watch(request) {
                Err(refused) => whole(refused),
                Ok(watch) => {
                    http::Response::new(self.open_watch(arrived.from, arrived.serial, watch))
                }
            },
            // What people read is not what is simulated, and kube names events by a clock of its own.
            Operation::CreateEvent => {
                let mut stored = http::Response::new(request.body().clone());
                *stored.status_mut() = StatusCode::CREATED;
                whole(stored)
            }
            Operation::PatchChatRoom | Operation::PatchStatus => {
                let before = self.object_at(request.uri().path());
                let answer = self.cluster.call(request, now);
                if let Some(before) = before.filter(|_| answer.status().is_success()) {
                    self.patched(&before);
                }
                self.collect_events();
                whole(answer)
            }
            operation => {
                let answer = self.cluster.call(request, now);
                if operation == Operation::WriteLease && answer.status().is_success() {
                    self.oracles.led(arrived.from);
                    let lease: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
                    let renewed = Renewed {
                        sent: arrived.sent,
                        now: self.now,
                        // A lease that nobody has acquired tells others to wait.
                        holds: !holder.is_empty() && !lease["spec"]["acquireTime"].is_null(),
                        lasts: self.setting.lease,
                    };
                    self.oracles.renewed(arrived.from, renewed);
                }
                whole(answer)
            }
        }
    }

    /// An operator wrote to an object that was like this before.
    fn patched(&mut self, before: &Value) {
        let text = |member: &str| before["metadata"][member].as_str().unwrap_or_default();
        let (namespace, name, uid) = (text("namespace"), text("name"), text("uid"));
        let after = self.cluster.get(Kind::ChatRoom, namespace, name);
        let after = after
            .filter(|after| after["metadata"]["uid"] == uid)
            .cloned();
        let outstanding: Vec<_> = {
            let requests = self.network.requests();
            let open = requests
                .under_way
                .values()
                .filter(|it| it.reply.is_none() && it.deadline >= self.now && !it.frozen);
            let creates = open.filter_map(|request| match &request.call {
                Call::Aws(call) => match &**call {
                    AwsRequest::Create(new, _) => Some(new.tags.clone()),
                    _ => None,
                },
                Call::Kubernetes(_) => None,
            });
            creates.collect()
        };
        self.oracles.patched(
            before,
            after.as_deref(),
            &self.world,
            &outstanding,
            self.now,
        );
        if let Some(after) = after {
            if after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"] {
                self.writes += 1;
            }
            if after["status"] != before["status"] {
                self.oracles.status_written(&after);
                let kept = self
                    .statuses
                    .entry(format!("{namespace}/{name}"))
                    .or_default();
                kept.push(after["status"].clone());
            }
        }
    }

    /// The ChatRoom that a path names.
    fn object_at(&self, path: &str) -> Option<Arc<Value>> {
        let mut parts = path
            .split('/')
            .skip_while(|part| *part != "namespaces")
            .skip(1);
        let (namespace, name) = (parts.next()?, parts.nth(1)?);
        self.cluster.get(Kind::ChatRoom, namespace, name).cloned()
    }

    fn tell_of(&mut self, arrived: &Arrived, fate: Fate, what: impl FnOnce() -> String) {
        self.story.tell(self.now, || {
            let (who, operation, what) = (arrived.who(), arrived.operation, what());
            let frozen = if arrived.frozen {
                ", from before it froze,"
            } else {
                ""
            };
            let became = match (fate.effect, fate.answer) {
                (true, Answer::Own) => String::new(),
                (true, Answer::Late) => ", and the answer comes late".to_owned(),
                (true, Answer::Broken) => ", and the answer is lost".to_owned(),
                (true, Answer::Never) => ", and no answer ever comes".to_owned(),
                (true, Answer::Error(status)) => {
                    format!(", which takes effect, and is answered with {status}")
                }
                (false, Answer::Error(status)) => format!(", and is refused with {status}"),
                (false, Answer::Never) => ", which is lost without a word".to_owned(),
                (false, _) => ", which is lost".to_owned(),
            };
            format!("{who}{frozen} asks for {operation} {what}{became}")
        });
    }

    /// Delivers the answer of a request that took effect.
    pub(crate) fn deliver(&mut self, serial: Serial) {
        let Some(from) = self
            .network
            .requests()
            .under_way
            .get(&serial)
            .map(|request| request.from)
        else {
            return;
        };
        self.drive_if(from);
        let answered = {
            let requests = self.network.requests();
            let Some(request) = requests.under_way.get(&serial) else {
                return;
            };
            match (&request.call, &request.reply) {
                (Call::Aws(call), Some((Reply::Aws(answer, _), _))) if !request.is_given_up() => {
                    Some((request.pass.clone(), Arc::clone(call), answer.clone()))
                }
                _ => None,
            }
        };
        if let Some((pass, call, answer)) = answered {
            self.oracles
                .answered(serial, from, pass.as_ref(), &answer, &call, self.now);
        }
        self.network.requests().deliver(serial);
        self.now += TICK;
        self.drive_if(from);
    }
}

/// An error of the API server's that has nothing to do with what it was asked for.
fn error(code: u16) -> http::Response<Content> {
    let (reason, message) = match code {
        409 => (
            "Conflict",
            "the object has been modified; please apply your changes to the latest version",
        ),
        429 => (
            "TooManyRequests",
            "too many requests, please try again later",
        ),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        _ => ("InternalError", "etcdserver: request timed out"),
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    let mut response = http::Response::new(Content::Whole(Some(status.to_string().into())));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}
