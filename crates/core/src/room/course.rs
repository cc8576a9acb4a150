//! What a pass comes to: what is remembered, told and waited for, as a function of what was done.

use crate::api::Reason;
use crate::api::names::{CONSENT_TAG, CREATION_TAG};

use super::case::{Case, Intent};
use super::correction::{Correction, Difference, correct};
use super::news::News;
use super::plan::{Finding, Outcome, Plan};
use super::record::Record;
use super::status::{Knowledge, Verdict};
use super::step::{Done, Halt};
use super::when::When;
use super::{ActualRoom, RoomArn};

/// A plan that is being carried out.
#[derive(Debug, Clone)]
pub struct Course<'a> {
    case: &'a Case<'a>,
    plan: &'a Plan,
    /// What is remembered of the room.
    pub record: Record,
    /// What people are to be told.
    pub news: Vec<News>,
    complete: bool,
    halted: Option<Outcome>,
    sooner: Option<When>,
}

impl<'a> Course<'a> {
    /// Nothing is done yet.
    pub fn begin(case: &'a Case<'a>, plan: &'a Plan) -> Self {
        Self {
            case,
            plan,
            record: plan.record.clone(),
            news: Vec::new(),
            complete: false,
            halted: None,
            sooner: plan.sooner,
        }
    }

    /// Takes in what was done.
    pub fn after(&mut self, done: &Done) {
        self.news.extend(self.news_of(done));
        match done {
            // The status of an object that stays still names the room, for the next operator.
            Done::Released(_) if self.case.intent == Intent::Release => {}
            done => self.record.after(done),
        }
    }

    /// Takes in that every step was taken. What the object's other rooms need is not among them.
    pub fn completed(&mut self) {
        self.complete = true;
        if let Some(applied) = &self.plan.applied {
            self.record.applied_tag_keys.clone_from(applied);
        }
        match &self.plan.finding {
            Finding::Changed(differences) => self.news.push(News::Updated(differences.clone())),
            Finding::Drifted(differences) => {
                self.news.push(News::DriftCorrected(differences.clone()));
            }
            Finding::Nothing | Finding::Observed(_) => {}
        }
    }

    /// Takes in why the next step was not taken.
    pub fn halted(&mut self, halt: &Halt) {
        self.halted = Some(match halt {
            Halt::Failed(failure) => Outcome::failed(failure.clone(), Knowledge::NotAsSpecified),
            Halt::Refused(failure) => {
                // No room exists, so a mistyped region can still be corrected.
                self.record.region.clone_from(&self.plan.record.region);
                self.record.creation = None;
                Outcome::failed(failure.clone(), Knowledge::NotAsSpecified)
            }
            Halt::Queued(until) => Outcome::Stays {
                verdict: Verdict::Pending {
                    reason: Reason::Deleting,
                    message: self.waits_for_its_turn(),
                },
                when: When::At(*until),
            },
        });
    }

    /// Takes in why the next step about another room was not taken. The kept room is as specified all the same.
    pub fn other_halted(&mut self, halt: &Halt) {
        self.sooner = Some(match halt {
            Halt::Failed(failure) | Halt::Refused(failure) => When::Backoff(failure.class),
            Halt::Queued(until) => When::At(*until),
        });
    }

    /// Whether a room that AWS shows is as every step of the plan leaves it. A read that lags shows less.
    pub fn is_settled(&self, room: &ActualRoom) -> bool {
        let Some(desired) = &self.plan.desired else {
            return false;
        };
        let scope = self.case.scope(&self.record.applied_tag_keys);
        correct(desired, Some(room), &self.case.identity, scope) == Ok(Correction::None)
    }

    /// What somebody else had changed and is as wanted again.
    pub fn corrected(&self) -> &[Difference] {
        match &self.plan.finding {
            Finding::Drifted(differences) if self.complete => differences,
            _ => &[],
        }
    }

    /// How the pass ends.
    pub fn outcome(&self) -> Outcome {
        let outcome = self
            .halted
            .clone()
            .unwrap_or_else(|| self.plan.outcome.clone());
        match (outcome, self.sooner) {
            (Outcome::Stays { verdict, .. }, Some(when)) => Outcome::Stays { verdict, when },
            (outcome, _) => outcome,
        }
    }

    fn news_of(&self, done: &Done) -> Option<News> {
        match done {
            Done::Bound { room, .. } => self.binding(room),
            Done::Created { room, .. } => Some(News::Created(room.arn.clone())),
            Done::Deleted {
                arn, twin: true, ..
            } => Some(News::TwinDeleted(arn.clone())),
            Done::Deleted { arn, was_there, .. } => was_there.then(|| News::Deleted(arn.clone())),
            Done::TwinLeft(arn) => Some(News::TwinLeft(arn.clone())),
            Done::Released(room) => Some(News::Retained(room.arn.clone())),
            Done::LetGo => {
                let left = self.plan.left.clone();
                left.map(|(arn, why)| News::LeftBehind(arn, why))
            }
            Done::Held
            | Done::Ready
            | Done::NothingCame
            | Done::WrittenAhead { .. }
            | Done::Written
            | Done::Edited
            | Done::Shown(_) => None,
        }
    }

    /// News of a room that the record did not name, or named only as one to be taken over: such a room still has its consent.
    fn binding(&self, room: &ActualRoom) -> Option<News> {
        let adopted = self.record.creation.is_some() && room.tags.contains_key(CONSENT_TAG);
        if self.record.arn.as_ref() == Some(&room.arn) && !adopted {
            return None;
        }
        let arn = room.arn.clone();
        Some(match room.tags.get(CREATION_TAG) {
            Some(other) if *other != self.case.seen.uid => News::Rebound(arn, other.clone()),
            _ if room.tags.contains_key(CONSENT_TAG) => News::Adopted(arn),
            _ => News::Bound(arn),
        })
    }

    fn waits_for_its_turn(&self) -> String {
        let room = self.record.arn.as_ref().map_or("", RoomArn::as_str);
        let cap = self.case.policies.max_deletions_per_minute;
        let cap = cap.map_or(0, std::num::NonZeroU32::get);
        format!(
            "Room {room} waits to be deleted: the operator deletes at most {cap} a minute (--max-deletions-per-minute)"
        )
    }
}

#[cfg(test)]
mod tests;
