//! What an object's status becomes after a pass: a pure function of what it was and what the pass found.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::{ChatRoomStatus, ConditionType, Drift, Reason, Truth};

use super::correction::Difference;
use super::record::Record;
use super::{Failure, Pause};

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The room exists and is as specified.
    InSync,
    /// Nothing went wrong and nothing more can be done for now.
    Pending {
        /// Why.
        reason: Reason,
        /// For people.
        message: String,
    },
    /// The room exists, is only observed, and differs.
    Drifted(Vec<Difference>),
    /// Somebody has asked the operator to change nothing.
    Paused(Pause),
    /// The room was released: no operator manages it.
    Released,
    /// Something went wrong.
    Failed {
        /// What.
        failure: Failure,
        /// What the pass still knows about the room.
        room: Knowledge,
    },
}

/// What a pass that failed still knows about the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// It is missing, or not as specified.
    NotAsSpecified,
    /// Nothing: AWS did not say.
    Nothing,
}

/// The status after a pass over generation `generation`.
pub fn next(
    previous: &ChatRoomStatus,
    record: &Record,
    verdict: &Verdict,
    generation: i64,
    now: Timestamp,
) -> ChatRoomStatus {
    let conditions = Conditions {
        previous: previous.conditions.as_deref().unwrap_or_default(),
        generation,
        now,
    };
    ChatRoomStatus {
        observed_generation: Some(generation),
        arn: record.arn.as_ref().map(ToString::to_string),
        id: record.arn.as_ref().map(|arn| arn.id().to_owned()),
        region: record.region.clone(),
        create_time: record.create_time,
        update_time: record.update_time,
        creation: record.creation.clone(),
        missing_since: record.missing_since,
        applied_tag_keys: (!record.applied_tag_keys.is_empty())
            .then(|| record.applied_tag_keys.clone()),
        drift: drift(previous, verdict),
        last_handled_reconcile_at: record.handled_reconcile_at.clone(),
        conditions: Some(conditions.all(verdict, record)),
    }
}

/// How the room differs, as far as this pass could tell.
fn drift(previous: &ChatRoomStatus, verdict: &Verdict) -> Option<Vec<Drift>> {
    let shown = |difference: &Difference| Drift {
        field: difference.field.clone(),
        wanted: difference.wanted.clone(),
        found: difference.found.clone(),
    };
    match verdict {
        Verdict::Drifted(differences) => Some(differences.iter().map(shown).collect()),
        Verdict::Paused(_)
        | Verdict::Failed {
            room: Knowledge::Nothing,
            ..
        } => previous.drift.clone(),
        _ => None,
    }
}

/// The reason of a condition, if the condition is there.
pub fn reason(status: &ChatRoomStatus, kind: ConditionType) -> Option<&str> {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    conditions
        .iter()
        .find(|condition| condition.type_ == kind.to_string())
        .map(|condition| condition.reason.as_str())
}

/// Whether a condition is True.
pub fn holds(status: &ChatRoomStatus, kind: ConditionType) -> bool {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let (kind, holds) = (kind.to_string(), Truth::True.to_string());
    conditions
        .iter()
        .any(|condition| condition.type_ == kind && condition.status == holds)
}

const SYNCED: &str = "AWS answered every call of the last pass";
const RELEASED: &str = "`ivschat-operator release` has let the room go: no operator looks after it until one is started again";
/// A condition's message may not be empty.
const UNSTALLED: &str =
    "The operator acts on its own. Where a person can help, Ready and Synced say how";

/// Whether the room was as this generation of the spec says. If so, somebody else changed what differs now.
pub fn was_ready(status: &ChatRoomStatus, generation: i64) -> bool {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    conditions.iter().any(|condition| {
        condition.type_ == ConditionType::Ready.to_string()
            && condition.status == Truth::True.to_string()
            && condition.observed_generation == Some(generation)
    })
}

struct Conditions<'a> {
    previous: &'a [Condition],
    generation: i64,
    now: Timestamp,
}

impl Conditions<'_> {
    fn all(&self, verdict: &Verdict, record: &Record) -> Vec<Condition> {
        use ConditionType::{Ready, Stalled, Synced};
        match verdict {
            Verdict::InSync => {
                let message = "The room exists and is as specified";
                vec![
                    self.condition(Ready, Truth::True, Reason::Available, message),
                    self.condition(Synced, Truth::True, Reason::Available, SYNCED),
                    self.condition(Stalled, Truth::False, Reason::Available, UNSTALLED),
                ]
            }
            Verdict::Drifted(differences) => {
                let fields: Vec<_> = differences.iter().map(|it| it.field.as_str()).collect();
                let message = format!(
                    "The room differs from the spec in {}, and is only observed (managementPolicy: Observe)",
                    fields.join(", ")
                );
                vec![
                    self.condition(Ready, Truth::False, Reason::Drifted, &message),
                    self.condition(Synced, Truth::True, Reason::Available, SYNCED),
                    self.condition(Stalled, Truth::False, Reason::Drifted, UNSTALLED),
                ]
            }
            Verdict::Paused(pause) => {
                let paused = pause.to_string();
                // While the object is paused, nobody knows what an edit will come to.
                let ready = self.still_proven(Knowledge::Nothing);
                let unknown = || self.condition(Ready, Truth::Unknown, Reason::Paused, &paused);
                vec![
                    ready.unwrap_or_else(unknown),
                    self.condition(Synced, Truth::False, Reason::Paused, &paused),
                    self.condition(Stalled, Truth::False, Reason::Paused, UNSTALLED),
                ]
            }
            Verdict::Released => vec![
                self.condition(Ready, Truth::Unknown, Reason::Released, RELEASED),
                self.condition(Synced, Truth::False, Reason::Released, RELEASED),
                self.condition(Stalled, Truth::False, Reason::Released, UNSTALLED),
            ],
            Verdict::Pending { reason, message } => {
                // An attempt without a known outcome is a call that did not go through.
                let synced = if *reason == Reason::CreationPending {
                    Truth::False
                } else {
                    Truth::True
                };
                vec![
                    self.condition(Ready, Truth::False, *reason, message),
                    self.condition(Synced, synced, *reason, message),
                    self.still_stalled(*reason).unwrap_or_else(|| {
                        self.condition(Stalled, Truth::False, *reason, UNSTALLED)
                    }),
                ]
            }
            Verdict::Failed { failure, room } => {
                let (class, message) = (failure.class, failure.message());
                let message = message.as_str();
                let stalled = if class.stalled() {
                    Truth::True
                } else {
                    Truth::False
                };
                let ready = match room {
                    Knowledge::NotAsSpecified => Truth::False,
                    Knowledge::Nothing if record.arn.is_none() => Truth::False,
                    Knowledge::Nothing => Truth::Unknown,
                };
                let ready = self
                    .still_proven(*room)
                    .unwrap_or_else(|| self.condition(Ready, ready, class.reason(), message));
                vec![
                    ready,
                    self.condition(Synced, Truth::False, class.reason(), message),
                    self.condition(
                        Stalled,
                        stalled,
                        class.reason(),
                        if class.stalled() { message } else { UNSTALLED },
                    ),
                ]
            }
        }
    }

    /// Ready keeps its last value while AWS cannot be asked, as long as that value is about the same generation.
    fn still_proven(&self, room: Knowledge) -> Option<Condition> {
        let ready = self.find(ConditionType::Ready)?;
        let proven = room == Knowledge::Nothing
            && ready.observed_generation == Some(self.generation)
            && ready.status != Truth::Unknown.to_string();
        proven.then(|| ready.clone())
    }

    /// Stalled stays while what a person has to mend is tried once more: nobody knows yet what comes of it.
    fn still_stalled(&self, reason: Reason) -> Option<Condition> {
        let tried = matches!(reason, Reason::CreationPending | Reason::Adopting);
        let stalled = self.find(ConditionType::Stalled).filter(|_| tried)?;
        let same = stalled.observed_generation == Some(self.generation)
            && stalled.status == Truth::True.to_string();
        same.then(|| stalled.clone())
    }

    fn find(&self, kind: ConditionType) -> Option<&Condition> {
        self.previous
            .iter()
            .find(|condition| condition.type_ == kind.to_string())
    }

    fn condition(
        &self,
        kind: ConditionType,
        status: Truth,
        reason: Reason,
        message: &str,
    ) -> Condition {
        let status = status.to_string();
        let since = self
            .find(kind)
            .filter(|condition| condition.status == status);
        Condition {
            type_: kind.to_string(),
            last_transition_time: since.map_or(Time(self.now), |condition| {
                condition.last_transition_time.clone()
            }),
            observed_generation: Some(self.generation),
            reason: reason.to_string(),
            message: message.to_owned(),
            status,
        }
    }
}

#[cfg(test)]
mod tests;
