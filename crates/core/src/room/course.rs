//! What a pass comes to: what is remembered, told and waited for, as a function of what was done.

use jiff::Timestamp;

use crate::api::Reason;
use crate::api::names::{CONSENT_TAG, CREATION_TAG};

use super::case::{Case, Intent};
use super::correction::{Correction, Difference, Otherwise, correct, drift, keeps_otherwise};
use super::news::News;
use super::plan::{Finding, Outcome, Plan};
use super::record::Record;
use super::status::{Knowledge, Verdict};
use super::step::{Deletion, Done, Halt};
use super::when::When;
use super::{ActualRoom, FailureClass, RoomArn};

/// A plan that is being carried out.
#[derive(Debug, Clone)]
pub struct Course<'a> {
    case: &'a Case<'a>,
    plan: &'a Plan,
    /// What is remembered of the room.
    pub record: Record,
    /// What people are to be told.
    pub news: Vec<News>,
    /// What the API server said where it would not let the object go.
    pub forbidden: Option<String>,
    complete: bool,
    halted: Option<Outcome>,
    sooner: Option<When>,
    otherwise: Otherwise,
}

impl<'a> Course<'a> {
    /// Nothing is done yet.
    pub fn begin(case: &'a Case<'a>, plan: &'a Plan) -> Self {
        Self {
            case,
            plan,
            record: plan.record.clone(),
            news: Vec::new(),
            forbidden: None,
            complete: false,
            halted: None,
            sooner: plan.sooner,
            otherwise: Otherwise::default(),
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
        match done {
            Done::Created { room, .. } => self.otherwise.kept = self.differences(room),
            Done::Shown(Some(room)) | Done::Behind(room) => self.compare(room),
            // A list from before may already show that nothing else is left.
            Done::Deleted {
                twin: false,
                answer: Deletion::AtOnce,
                ..
            } => self.sooner = Some(When::Now),
            _ => {}
        }
    }

    /// Takes in that every step was taken. What the object's other rooms need is not among them.
    pub fn completed(&mut self) {
        self.complete = true;
        if let Some(applied) = &self.plan.applied {
            self.record.applied_tag_keys.clone_from(applied);
        }
        let met = self.met();
        if met.is_empty() {
            return;
        }
        match &self.plan.finding {
            Finding::Changed(_) => self.news.push(News::Updated(met)),
            Finding::Drifted(_) => self.news.push(News::DriftCorrected(met)),
            Finding::Nothing | Finding::Observed(_) | Finding::Resists(_) => {}
        }
    }

    /// What the plan corrects.
    pub fn edited(&self) -> &[Difference] {
        match &self.plan.finding {
            Finding::Changed(differences) | Finding::Drifted(differences) => differences,
            Finding::Nothing | Finding::Observed(_) | Finding::Resists(_) => &[],
        }
    }

    /// What AWS has otherwise than the spec says, as far as it told.
    pub fn otherwise(&self) -> Otherwise {
        self.otherwise.clone()
    }

    /// Takes in a room that AWS has shown after what was corrected. What differs beside that, somebody has just changed: the next pass
    /// sees to it.
    fn compare(&mut self, room: &ActualRoom) {
        let is_edited =
            |it: &Difference| self.edited().iter().any(|edited| edited.field == it.field);
        let (shown, beside): (Vec<_>, Vec<_>) =
            self.differences(room).into_iter().partition(is_edited);
        let (now, grace) = (self.case.now, self.case.policies.grace);
        let is_old =
            |since: Option<Timestamp>| since.is_none_or(|since| now.duration_since(since) >= grace);
        let known = &self.case.recall.otherwise;
        // The calls about tags answer nothing, and a read may be behind, but not for as long as a grace.
        let may_be_behind = |it: &Difference| {
            let known = known.iter().find(|(known, _)| known == it);
            it.is_about_a_tag() && !known.is_some_and(|(_, since)| is_old(*since))
        };
        let (behind, kept): (Vec<_>, _) = shown.into_iter().partition(may_be_behind);
        if !behind.is_empty() {
            self.sooner = Some(When::At(now.checked_add(grace).unwrap_or(Timestamp::MAX)));
        }
        if !beside.is_empty() {
            self.sooner = Some(When::Backoff(FailureClass::NotFound));
        }
        self.otherwise = Otherwise { kept, behind };
    }

    /// What the plan corrects, without what AWS keeps otherwise.
    fn met(&self) -> Vec<Difference> {
        let kept = &self.otherwise.kept;
        let stays = |field: &str| kept.iter().any(|it| it.field == field);
        let edited = self.edited().iter();
        edited.filter(|it| !stays(&it.field)).cloned().collect()
    }

    /// How a room that AWS has answered with differs from the spec. The operator's own tags are always as they were asked for: if
    /// one is missing, somebody has just taken it off.
    fn differences(&self, room: &ActualRoom) -> Vec<Difference> {
        let scope = self.case.scope(&self.record.applied_tag_keys);
        let desired = self.plan.desired.as_ref();
        desired.map_or_else(Vec::new, |desired| drift(desired, room, scope))
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
            Halt::Forbidden(words) => {
                self.forbidden = Some(words.clone());
                let message = format!(
                    "The room is not deleted, because the API server would not let this object go: {words}"
                );
                Outcome::Stays {
                    verdict: Verdict::Pending {
                        reason: Reason::Deleting,
                        message,
                    },
                    when: When::Backoff(FailureClass::Denied),
                }
            }
        });
    }

    /// Takes in why the next step about another room was not taken. The kept room is as specified all the same.
    pub fn other_halted(&mut self, halt: &Halt) {
        self.sooner = Some(match halt {
            Halt::Failed(failure) | Halt::Refused(failure) => When::Backoff(failure.class),
            Halt::Queued(until) => When::At(*until),
            Halt::Forbidden(_) => When::Backoff(FailureClass::Denied),
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
    pub fn corrected(&self) -> Vec<Difference> {
        match &self.plan.finding {
            Finding::Drifted(_) if self.complete => self.met(),
            _ => Vec::new(),
        }
    }

    /// How the pass ends.
    pub fn outcome(&self) -> Outcome {
        let halted = self.halted.clone().or_else(|| self.refused_silently());
        let outcome = halted.unwrap_or_else(|| self.plan.outcome.clone());
        match (outcome, self.sooner) {
            (Outcome::Stays { verdict, .. }, Some(when)) => Outcome::Stays { verdict, when },
            (outcome, _) => outcome,
        }
    }

    /// How the pass ends if AWS keeps something else than it was asked to.
    fn refused_silently(&self) -> Option<Outcome> {
        if self.otherwise.kept.is_empty() {
            return None;
        }
        let failure = keeps_otherwise(&self.otherwise.kept);
        let when = When::Backoff(failure.class);
        Some(Outcome::Stays {
            // It is corrected once.
            when: if self.edited().is_empty() {
                When::Now
            } else {
                when
            },
            verdict: Verdict::Failed {
                failure,
                room: Knowledge::NotAsSpecified,
            },
        })
    }

    fn news_of(&self, done: &Done) -> Option<News> {
        match done {
            Done::Bound { room, .. } => self.binding(room),
            Done::Created { room, .. } => Some(News::Created(room.arn.clone())),
            Done::Deleted {
                arn, twin: true, ..
            } => Some(News::TwinDeleted(arn.clone())),
            Done::Deleted { arn, answer, .. } => {
                let was_there = *answer != Deletion::NotThere;
                was_there.then(|| News::Deleted(arn.clone()))
            }
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
            | Done::Shown(_)
            | Done::Behind(_) => None,
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
