//! What an operator decides: the operator's own rules, asked with small numbers.
//!
//! This is the only file that calls them.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{PoisonError, RwLock};

use ivschat_core::api::names::FINALIZER;
use ivschat_core::api::{ChatRoom, Creation, DeletionPolicy};
use ivschat_core::room::case::{Case, Policies, Task};
use ivschat_core::room::census::Known;
use ivschat_core::room::decide::decide;
use ivschat_core::room::plan::{Outcome, Plan};
use ivschat_core::room::recall::Recall;
use ivschat_core::room::search::{Ask, Facts, Listed, Look, search};
use ivschat_core::room::seen::Seen;
use ivschat_core::room::status::Verdict as Status;
use ivschat_core::room::step::Step;
use ivschat_core::room::{ActualRoom, Identity, RoomArn, Summary, Tags};
use jiff::{SignedDuration, Timestamp};
use kube::core::{ApiResource, DynamicObject};
use serde_json::json;

use super::rules::{Bounds, Rules, Ticks};
use super::state::{Age, Memory, Object, Record, RoomId};

/// The operator's own rules, and the names that stand for one object and its rooms.
pub(super) struct Mind {
    rules: Rules,
    policies: Policies,
    /// The object, as it is when it has just been applied.
    applied: Seen,
    arns: Vec<RoomArn>,
    /// What was asked before: the rules are pure, and most questions come again and again.
    known: RwLock<BTreeMap<Question, Answer>>,
}

const REGION: &str = "us-west-2";
const ACCOUNT: &str = "123456789012";

/// What an operator decides from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Question {
    /// The object as the pass has read it.
    pub(super) object: Object,
    /// What the operator knows beside it.
    pub(super) memory: Memory,
    /// Since another may have worked on the object.
    pub(super) alone_since: Age,
    /// Whether that was before the object was applied.
    pub(super) always_alone: bool,
    /// By how much the operator's clock is ahead.
    pub(super) ahead: Ticks,
    /// When each room was made.
    pub(super) made: [Age; Bounds::ROOMS],
    /// What reads of AWS show.
    pub(super) view: View,
}

/// Which rooms reads of AWS show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View {
    /// By GetRoom.
    pub got: [bool; Bounds::ROOMS],
    /// By ListRooms, and by what the operator has done itself.
    pub listed: [bool; Bounds::ROOMS],
}

/// What an operator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// The record as the pass knows it now.
    pub(super) record: Record,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    Failed,
    Create,
    Keep(RoomId),
    Delete(RoomId),
    LetGo,
}

impl Mind {
    /// One that follows these rules.
    pub(super) fn new(rules: Rules) -> Result<Self, Box<dyn Error>> {
        let arns = (0..Bounds::ROOMS)
            .map(|room| format!("arn:aws:ivschat:{REGION}:{ACCOUNT}:room/room{room:08}").parse());
        Ok(Self {
            rules,
            policies: Policies {
                cluster: "prod".parse()?,
                former_clusters: Vec::new(),
                default_tags: Tags::new(),
                ignored_tags: Vec::new(),
                default_deletion_policy: DeletionPolicy::Delete,
                max_deletions_per_minute: None,
                regions: vec![REGION.to_owned()],
                grace: SignedDuration::from_secs(TICK * i64::from(rules.grace)),
                // Takeovers are waited for by the whole grace here.
                lag_bound: SignedDuration::ZERO,
                skew: SignedDuration::ZERO,
                // Looks at a room that is as it was are not modelled.
                verify_interval: SignedDuration::ZERO,
                lists_count_for: SignedDuration::ZERO,
            },
            applied: applied(),
            arns: arns.collect::<Result<_, _>>()?,
            known: RwLock::default(),
        })
    }

    /// What the operator decides.
    pub(super) fn decide(&self, question: &Question) -> Answer {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(question) {
            return *answer;
        }
        drop(known);
        let answer = self.ask(question);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(*question, answer);
        answer
    }

    fn ask(&self, question: &Question) -> Answer {
        let now = at(-question.ahead);
        let seen = self.seen(question, now);
        let alone_since = if self.rules.minds_handover {
            at(question.alone_since)
        } else {
            Timestamp::MIN
        };
        let recall = self.recall(question, alone_since);
        let task = Task::Follow;
        let mut case = Case::of(task, &seen, &recall, &self.policies, alone_since, now);
        if question.object.record.arn.is_none() {
            // Only a status holds it.
            case.record.create_time = None;
        }
        let look = self.look(&case, question);
        let record = Record {
            arn: look.record.arn.as_ref().map(|arn| self.id(arn)),
            creation: look.record.creation.as_ref().map(|it| age(it.started_at)),
            missing: look.record.missing_since.map(age),
        };
        Answer {
            verdict: self.verdict(&decide(&case, look)),
            record,
        }
    }

    /// Searches the object's room, and answers what the search asks for from what the reads show.
    fn look(&self, case: &Case<'_>, question: &Question) -> Look {
        let mut facts = Facts::default();
        facts.account(Ok(ACCOUNT.to_owned()));
        // Each answer comes a little later than the one before.
        let mut clock = case.now;
        loop {
            clock += SignedDuration::from_millis(1);
            match search(case, &facts) {
                Ok(look) => return look,
                Err(Ask::Account) => facts.account(Ok(ACCOUNT.to_owned())),
                // What is done about a second room is not modelled.
                Err(Ask::Known) => facts.known(Vec::new()),
                Err(Ask::Room(asked)) => {
                    let room = self.id(&asked);
                    let shown = question.view.got[room];
                    let made = question.made[room];
                    let answer = shown.then(|| self.actual(room, made, &case.identity));
                    facts.room(asked, clock, Ok(answer));
                }
                Err(Ask::Region { region, need }) => {
                    let listed = (0..Bounds::ROOMS).filter(|room| question.view.listed[*room]);
                    let ours = listed.map(|room| Known {
                        arn: self.arn(room),
                        current: true,
                        shown: clock,
                        latest: Summary::from(&self.actual(
                            room,
                            question.made[room],
                            &case.identity,
                        )),
                        since: clock,
                    });
                    let listed = Listed {
                        ours: ours.collect(),
                        ..Listed::default()
                    };
                    facts.region(region, need, Ok(listed));
                }
            }
        }
    }

    /// What a plan comes to.
    fn verdict(&self, plan: &Plan) -> Verdict {
        let decisive = plan.steps.iter().find_map(|step| match step {
            Step::Create(_) => Some(Verdict::Create),
            Step::Bind { room, .. } => Some(Verdict::Keep(self.id(&room.arn))),
            Step::Delete { arn, .. } => Some(Verdict::Delete(self.id(arn))),
            Step::LetGo => Some(Verdict::LetGo),
            _ => None,
        });
        let waits = matches!(
            plan.outcome,
            Outcome::Stays {
                verdict: Status::Pending { .. },
                ..
            }
        );
        decisive.unwrap_or(if waits {
            Verdict::Wait
        } else {
            Verdict::Failed
        })
    }

    /// The object as the pass has read it.
    fn seen(&self, question: &Question, now: Timestamp) -> Seen {
        let object = &question.object;
        let mut seen = self.applied.clone();
        seen.created_at = Some(at(question.alone_since - Age::from(question.always_alone)));
        seen.deleted_at = object.deleted.then_some(now);
        if !object.finalizer {
            seen.finalizers.clear();
        }
        let status = &mut seen.status;
        status.region = Some(REGION.to_owned());
        status.arn = object.record.arn.map(|room| self.arn(room).to_string());
        status.create_time = object.record.arn.map(|room| at(question.made[room]));
        status.creation = object.record.creation.map(attempt);
        status.missing_since = object.record.missing.map(at);
        seen
    }

    /// What the operator knows beside the object.
    fn recall(&self, question: &Question, alone_since: Timestamp) -> Recall {
        let memory = &question.memory;
        Recall {
            had: memory.made.map(|room| self.arn(room)),
            attempt: memory.attempt.map(attempt),
            absent_since: memory.absent.then_some(alone_since),
            ..Recall::default()
        }
    }

    fn arn(&self, room: RoomId) -> RoomArn {
        self.arns[room].clone()
    }

    fn id(&self, arn: &RoomArn) -> RoomId {
        self.arns
            .iter()
            .position(|it| it == arn)
            .unwrap_or_default()
    }

    fn actual(&self, room: RoomId, made: Age, identity: &Identity) -> ActualRoom {
        ActualRoom {
            arn: self.arn(room),
            create_time: Some(at(made)),
            update_time: Some(at(made)),
            name: self.applied.name.clone(),
            maximum_message_length: 500,
            maximum_message_rate_per_second: 10,
            message_review_handler: None,
            logging_configuration_identifiers: Vec::new(),
            tags: identity.tags(),
        }
    }
}

/// An object without any field.
fn applied() -> Seen {
    let mut object = DynamicObject::new("lobby", &ApiResource::erase::<ChatRoom>(&()));
    object.metadata.namespace = Some("live".to_owned());
    object.metadata.uid = Some("uid-1".to_owned());
    object.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    object.data = json!({"spec": {"deletionPolicy": "Delete"}});
    Seen::read(&object)
}

fn attempt(age: Age) -> Creation {
    Creation {
        id: String::new(),
        started_at: at(age),
        region: REGION.to_owned(),
        account: ACCOUNT.to_owned(),
    }
}

// --- small numbers and what they stand for ------------------------------------------------------------------------------

/// In seconds.
const TICK: i64 = 60;

/// When the true time is now.
const NOW: i64 = 1_000_000;

fn at(age: Age) -> Timestamp {
    Timestamp::from_second(NOW - TICK * i64::from(age)).unwrap_or(Timestamp::MIN)
}

fn age(time: Timestamp) -> Age {
    let ticks = (NOW - time.as_second()) / TICK;
    Age::try_from(ticks).unwrap_or(Age::MAX)
}
