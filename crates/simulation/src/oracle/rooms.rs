//! One room per object, proof before every write, and a grace before every re-creation.

use std::time::Duration;

use ivschat_aws::{Answer, AttemptError, Request};
use ivschat_core::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG};
use ivschat_core::room::Tags;
use ivschat_emulator::world::World;
use serde_json::Value;

use super::{Named, Oracle, Oracles, all_rooms};
use crate::network::pass::Pass;
use crate::network::{ProcessId, Serial};
use crate::setting::CLUSTER;
use crate::time::Time;

/// Clocks that tell milliseconds, and times that are stored with less.
const GRAIN: Duration = Duration::from_millis(5);

/// A CreateRoom that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) serial: Serial,
    /// When it was written down.
    pub(crate) begun: Time,
    /// Its process froze between its last check and the wire.
    pub(crate) frozen: bool,
    /// Its process learned that it was refused.
    pub(crate) refused: bool,
}

impl Oracles {
    /// CreateRoom was sent, and arrives or gets lost.
    pub(crate) fn attempted(&mut self, tags: &Tags, attempt: Attempt) {
        let Some(uid) = tags.get(CREATION_TAG) else {
            return;
        };
        self.was_tried(uid);
        let (grace, first_missing) = (
            self.grace.saturating_sub(self.skew + GRAIN),
            &self.first_missing,
        );
        let Some(life) = self.lives.get(uid) else {
            self.life(uid).attempts.push(attempt);
            return;
        };
        let earlier = life.attempts.iter().filter(|it| !it.refused && !it.frozen);
        let soonest = earlier.map(|it| it.begun).max().map(|begun| begun + grace);
        let missing = life.missing.as_ref();
        let missing = missing.map(|arn| first_missing.get(arn).map(|at| *at + grace));
        let what = match (soonest, missing) {
            _ if attempt.frozen || life.is_excused() => None,
            (Some(soonest), _) if attempt.begun < soonest => Some("the attempt before"),
            (_, Some(None)) => Some("a 404 that nobody was answered"),
            (_, Some(Some(soonest))) if attempt.begun < soonest => Some("the first 404"),
            _ => None,
        };
        let owner = tags.get(OWNER_TAG).cloned().unwrap_or_default();
        let life = self.life(uid);
        life.missing = None;
        life.attempts.push(attempt);
        if let Some(since) = what {
            let what = format!("CreateRoom is sent for {owner} less than a grace after {since}");
            self.broken(Oracle::Grace, what);
        }
    }

    /// Something was written in AWS.
    pub(crate) fn written(&mut self, request: &Request, frozen: bool, world: &World, now: Time) {
        let tags = match request {
            Request::Create(new, _) => &new.tags,
            Request::Tag(_, tags) => tags,
            _ => return,
        };
        let Some(uid) = tags.get(CREATION_TAG) else {
            return;
        };
        let rooms = all_rooms(world);
        let made = rooms.iter().filter(|room| {
            let owner = room.tags.get(OWNER_TAG);
            let ours = owner.is_none_or(|owner| owner.starts_with(&format!("{CLUSTER}/")));
            // Before a room is made, a copy has to be found that every read shows.
            let creates = matches!(request, Request::Create(..));
            let copied = self.copies.get(&room.arn);
            let copied = copied.is_some_and(|made| !creates || now < *made + self.grace);
            ours && !copied && room.tags.get(CREATION_TAG) == Some(uid)
        });
        let arns: Vec<&str> = made.map(|room| room.arn.as_str()).collect();
        let list_age = self.list_age;
        let life = self.life(uid);
        if let Some(owner) = tags.get(OWNER_TAG) {
            life.owner.clone_from(owner);
        }
        // The list that the write rests on may still show the tags as they were: they move no room to the front.
        let touched = life.touched.is_some_and(|at| now < at + list_age);
        let frozen = frozen || life.attempts.iter().any(|attempt| attempt.frozen);
        if frozen {
            life.excuse = Some("its process froze between its last check and the wire");
        }
        if arns.len() > 1 && !life.is_excused() && !touched {
            let owner = tags.get(OWNER_TAG).cloned().unwrap_or_default();
            let what = format!("{owner} has more than one room: {}", arns.join(", "));
            self.broken(Oracle::OneRoom, what);
        }
    }

    /// A call that writes to a room takes effect.
    pub(crate) fn require_proof(&mut self, by: ProcessId, pass: Option<&Pass>, request: &Request) {
        let (Request::Update(arn, _)
        | Request::Delete(arn)
        | Request::Tag(arn, _)
        | Request::Untag(arn, _)) = request
        else {
            return;
        };
        let shown = pass.and_then(|pass| self.proofs.get(&(by, pass.clone())));
        if shown.is_none_or(|shown| !shown.contains(arn.as_str())) {
            let operation = request.operation().name();
            let what = format!(
                "{operation} of {arn} without a GetRoom of the same pass that showed the proof"
            );
            self.broken(Oracle::Proof, what);
        }
    }

    /// GetRoom is answered at its server.
    pub(crate) fn looked(&mut self, request: &Request, found: bool, now: Time) {
        if let Request::Get(arn) = request
            && !found
        {
            let arn = arn.to_string();
            self.first_missing.entry(arn).or_insert(now);
        }
    }

    /// A process gets an answer of AWS.
    pub(crate) fn answered(
        &mut self,
        serial: Serial,
        by: ProcessId,
        pass: Option<&Pass>,
        answer: &Result<Answer, AttemptError>,
        request: &Request,
        now: Time,
    ) {
        match (request, answer) {
            (Request::Get(_), Ok(Answer::Room(room))) => {
                let Some(pass) = pass else { return };
                let object = &pass.object;
                let owner = format!("{CLUSTER}/{}/{}", object.namespace, object.name);
                let proves = match room.tags.get(OWNER_TAG) {
                    Some(tag) => *tag == owner,
                    None => {
                        room.tags.get(CREATION_TAG) == Some(&object.uid)
                            || room
                                .tags
                                .get(CONSENT_TAG)
                                .is_some_and(|to| owner.starts_with(to.as_str()))
                    }
                };
                if proves {
                    let proofs = self.proofs.entry((by, pass.clone())).or_default();
                    proofs.insert(room.arn.to_string());
                }
            }
            (Request::Create(new, _), Err(AttemptError::Answered(refusal)))
                if (400..500).contains(&refusal.status) =>
            {
                if let Some(attempt) = self.attempt(serial) {
                    attempt.refused = true;
                }
                let uid = new.tags.get(CREATION_TAG).cloned().unwrap_or_default();
                if let Some(pass) = pass.filter(|_| refusal.status == 429) {
                    let object = format!("{}/{}", pass.object.namespace, pass.object.name);
                    self.was_throttled(by, &object, &uid, now);
                }
            }
            _ => {}
        }
    }

    /// An operator wrote a status.
    pub(crate) fn status_written(&mut self, object: &Value) {
        let Named { uid, .. } = Named::of(object);
        let arn = object["status"]["arn"].as_str().map(ToOwned::to_owned);
        let attempts = object["status"]["creation"].is_object();
        let life = self.life(&uid);
        life.missing = match (&life.recorded, &arn) {
            (Some(before), None) if attempts => Some(before.clone()),
            (_, Some(_)) => None,
            _ => life.missing.take(),
        };
        if let Some(arn) = &arn {
            self.unseen.remove(arn);
        }
        self.life(&uid).recorded = arn;
    }
}
