//! Which room does this object have? Decided from what has been read so far, each time from the beginning.
//!
//! The rules are written straight down. Where they lack a fact they stop and say what to [ask](Ask) AWS; whoever asks adds the
//! answer to the [`Facts`] and begins again. So each rule of ownership and absence can be tried without a client.

mod as_left;
mod edited;
mod facts;
mod lists;

use jiff::Timestamp;

use crate::api::Reason;

use super::absence::Evidence;
use super::case::{Case, Intent};
use super::census::Need;
use super::record::Record;
use super::status::Knowledge;
use super::{ActualRoom, Failure, FailureClass, Proof, RoomArn, Tags};

pub use facts::{Ask, Facts, Listed, Unmet};
use lists::regions;

/// Why a search goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stop {
    /// This is to be read first.
    Ask(Ask),
    /// A read failed, or what was read, or the object itself, allows no answer. With what is known of the room all the same.
    Failed(Failure, Knowledge),
}

impl From<Ask> for Stop {
    fn from(ask: Ask) -> Self {
        Self::Ask(ask)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure, Knowledge::Nothing)
    }
}

/// What a search gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The account that was looked at; `None`: none was.
    pub account: Option<String>,
    /// The record, where it proved to be edited with what is right in its place.
    pub record: Record,
    /// What is there, or why that cannot be said, and what is known of the room all the same.
    pub sight: Result<Sight, (Failure, Knowledge)>,
    /// Other rooms that may be the object's.
    pub others: Vec<Another>,
    /// A list has just shown a later state of the room than GetRoom does, or another one of the same time: GetRoom may be behind.
    pub behind: bool,
}

/// A room beside the one that the object has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Another {
    /// Its ARN.
    pub arn: RoomArn,
    /// What GetRoom answered; `None`: not asked, because the status must first say which room is kept.
    pub shown: Option<Result<Option<ActualRoom>, Failure>>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// This room, as GetRoom answered in this very pass. Whether it is ours is for the plan to decide.
    Room(ActualRoom),
    /// A room that is not the object's: the spec names it as the one to take over, or it was released by an object of this
    /// name. Whether it consents is for the plan to decide.
    Adoptable(ActualRoom),
    /// No room, proven.
    Absent,
    /// No room, but AWS may only be behind.
    Unsettled(Unsettled),
    /// Nothing was looked at, because it makes no difference; or, of a room that is to be kept, only a list, which shows it as the
    /// last pass left it.
    Unneeded,
}

/// Why absence is not proven yet, and when it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// `NotFound` or `CreationPending`.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// Not before this; looking earlier may find the room.
    pub until: Timestamp,
}

/// Finds the object's room.
///
/// # Errors
/// [`Ask`]: what to read first.
pub fn search(case: &Case<'_>, facts: &Facts) -> Result<Look, Ask> {
    let mut search = Search {
        case,
        facts,
        record: case.record.clone(),
    };
    let mut look = Look {
        account: None,
        record: case.record.clone(),
        sight: Ok(Sight::Unneeded),
        others: Vec::new(),
        behind: false,
    };
    if search.is_needed() {
        look.sight = match search.see(&mut look) {
            Ok(sight) => Ok(sight),
            Err(Stop::Ask(ask)) => return Err(ask),
            Err(Stop::Failed(failure, room)) => Err((failure, room)),
        };
    }
    Ok(look)
}

struct Search<'a> {
    case: &'a Case<'a>,
    facts: &'a Facts,
    record: Record,
}

impl Search<'_> {
    /// Whether anything depends on what there is.
    fn is_needed(&self) -> bool {
        let seen = self.case.seen;
        match self.case.intent {
            Intent::Paused(_) => false,
            Intent::Delete if !seen.has_finalizer() => false,
            // What was only observed stays, unless something was tried before.
            Intent::Delete | Intent::Release if seen.may_observe => false,
            Intent::Delete => !seen.observes || self.record.creation.is_some(),
            Intent::Keep | Intent::Observe | Intent::Release => true,
        }
    }

    fn see(&mut self, look: &mut Look) -> Result<Sight, Stop> {
        self.mend_region()?;
        look.record = self.record.clone();
        if matches!(self.case.intent, Intent::Keep | Intent::Observe) {
            let broken = |failure| Stop::Failed(failure, Knowledge::NotAsSpecified);
            self.case.desired(&self.record).map_err(broken)?;
            self.require_served().map_err(broken)?;
        }
        look.account = Some(self.account()?.to_owned());
        self.require_account()?;
        if self.is_as_left()? {
            return Ok(Sight::Unneeded);
        }
        let sight = self.sight();
        self.note_missing();
        look.record = self.record.clone();
        let sight = sight?;
        look.behind = matches!(&sight, Sight::Room(room) if self.is_behind(room));
        look.others = self.others(&sight)?;
        look.record = self.record.clone();
        Ok(sight)
    }

    // --- the room: first where the record says, then in every region it may be in -----------------------------------

    fn sight(&self) -> Result<Sight, Stop> {
        let case = self.case;
        let mut evidence = Evidence {
            attempt: self.outstanding(),
            ..Evidence::default()
        };
        let mut stranger = None;
        if let Some((arn, made)) = self.deleted() {
            evidence.create_time = Some(made);
            if case.now.duration_since(made) < case.policies.grace {
                // Another process may have to go on without knowing of this: the status says since when it is missing.
                let _ = told(self.room(arn))?;
            }
        } else if let Some(arn) = &self.record.arn {
            match told(self.room(arn))? {
                Err(failure) => {
                    let elsewhere = self.found_elsewhere(arn)?;
                    return Ok(elsewhere.map(Sight::Room).ok_or(failure)?);
                }
                Ok(Some(room)) if self.proves(&room.tags) => return Ok(Sight::Room(room)),
                Ok(Some(room)) => stranger = Some(room),
                Ok(None) => {
                    evidence.first_missing = Some(self.missing_since(arn));
                    evidence.create_time = self.record.create_time;
                }
            }
        }
        evidence.handover = self.handover(stranger.is_some());
        let conclusive = evidence.conclusive_from(case.policies.grace);
        let need = match (conclusive, evidence.attempt) {
            // A missing room cannot be proven absent yet, and no list would show it elsewhere: spare AWS the question.
            (Some(conclusive), None) if conclusive > case.now && evidence.handover.is_none() => {
                return Ok(Sight::Unsettled(
                    self.unsettled(evidence, conclusive, false),
                ));
            }
            // Nothing can be proven yet, but what is shown is there.
            (Some(conclusive), attempt) if conclusive > case.now => {
                self.hint(attempt.into_iter().chain(evidence.handover).max())
            }
            // Only what was tried at a known time can be there, and that is when it was made.
            (Some(conclusive), Some(attempt)) if evidence.first_missing.is_none() => {
                Need::complete(self.shown_by(conclusive)).updated(self.less_skew(attempt))
            }
            (Some(conclusive), _) => Need::complete(self.shown_by(conclusive)),
            // Nothing is made for an object that is being deleted: a list begun since shows every room it can have.
            (None, _) => case
                .seen
                .deleted_at
                .map_or_else(Need::default, Need::complete),
        };
        let regions = regions(case, &self.record);
        // One region that cannot be listed hides no room of another, but proves nothing absent either.
        let (mut unlisted, mut unmet): (_, Option<Unmet>) = (None, None);
        for region in &regions {
            let need = Need {
                lenient: !self.may_be_in(region),
                ..need
            };
            match told(self.own_in(region, need))? {
                Ok(Some(room)) => return Ok(Sight::Room(room)),
                Ok(None) => {
                    let here = self.unmet(region, &need);
                    unmet = unmet.into_iter().chain(here).max_by_key(|it| it.until);
                }
                Err(failure) if self.may_be_in(region) => {
                    unlisted = Some(self.unlisted(failure, region));
                }
                Err(_) => {}
            }
        }
        if let Some(failure) = unlisted {
            return Err(failure.into());
        }
        let conclusive = conclusive.filter(|conclusive| *conclusive > case.now);
        let until = conclusive.max(unmet.map(|it| it.until));
        let Some(until) = until else {
            return match self.earlier(&regions)? {
                Some(room) => Ok(Sight::Room(room)),
                None => self.without_own(stranger, &regions),
            };
        };
        // What is somebody else's may be told already, unless a create is outstanding.
        if evidence.attempt.is_none() && stranger.is_some() && !case.leaving() {
            match self.without_own(stranger, &regions) {
                Ok(Sight::Absent | Sight::Adoptable(_)) => {}
                told => return told,
            }
        }
        let restless = unmet.is_some_and(|it| it.restless);
        Ok(Sight::Unsettled(self.unsettled(evidence, until, restless)))
    }

    /// The object's last room, which this process has deleted for certain, and when it was created. Where AWS still shows it, AWS is
    /// behind.
    fn deleted(&self) -> Option<(&RoomArn, Timestamp)> {
        let case = self.case;
        let deleted = case.recall.deleted.as_ref()?;
        let is_last = case.intent == Intent::Delete
            && self.record.arn.as_ref() == Some(&deleted.arn)
            && self.record.creation.is_none();
        let made = deleted.create_time.filter(|_| is_last);
        made.map(|made| (&deleted.arn, made))
    }

    /// What an object sees that has no room of its own. `stranger`: the room that its record names.
    fn without_own(&self, stranger: Option<ActualRoom>, regions: &[String]) -> Result<Sight, Stop> {
        let (case, identity) = (self.case, &self.case.identity);
        if let Some(adopt) = &case.adopt {
            let lost = |room: &ActualRoom| {
                room.arn == *adopt && case.seen.has_finalizer() && self.record.creation.is_none()
            };
            return match stranger.filter(lost) {
                // It was this object's, and neither proves nor consents any more.
                Some(room) if !identity.may_adopt(&room.tags) => Ok(Sight::Room(room)),
                _ => self.to_adopt(adopt, regions),
            };
        }
        match stranger {
            Some(room) if identity.retained(&room.tags) && case.takes_back() => {
                return Ok(Sight::Adoptable(room));
            }
            Some(room) if identity.retained(&room.tags) && case.intent == Intent::Keep => {
                return Err(without_room(undecided(&room.arn)));
            }
            // A room that was only observes: what the operator manages carries no consent.
            Some(room) if identity.may_adopt(&room.tags) => {}
            // It was to be adopted, and nothing came of it: the attempt is void, and nobody here has had this room.
            Some(room)
                if self.record.creation.is_some()
                    && case.recall.had.as_ref() != Some(&room.arn) => {}
            Some(room) => return Ok(Sight::Room(room)),
            None => {}
        }
        let released = self.released_in(regions)?;
        Ok(released.map_or(Sight::Absent, Sight::Adoptable))
    }

    /// The room that the spec names as the one to take over. It can be found, but not made.
    fn to_adopt(&self, arn: &RoomArn, regions: &[String]) -> Result<Sight, Stop> {
        let case = self.case;
        // One just released may still look as if it were this object's, and may be another's already.
        let released = case.recall.released.contains(arn);
        // An adoption that was begun stands in the record, and its region with it.
        let foreign = arn.account() != self.account()?
            || !regions.iter().any(|region| region == arn.region());
        if case.leaving() && (released || foreign) {
            return Ok(Sight::Absent);
        }
        match told(self.room(arn))? {
            // The list, which may be read, does not show it to be this object's.
            Err(failure) if case.leaving() && failure.class == FailureClass::Denied => {
                Ok(Sight::Absent)
            }
            Err(failure) => Err(failure.into()),
            Ok(Some(room)) if self.proves(&room.tags) => Ok(Sight::Room(room)),
            Ok(Some(room)) => Ok(Sight::Adoptable(room)),
            Ok(None) if case.leaving() => Ok(Sight::Absent),
            Ok(None) => {
                let message = format!(
                    "Room {arn}, which spec.adopt names, does not exist; without spec.adopt a room is made"
                );
                Err(without_room(Failure::new(FailureClass::NotFound, message)))
            }
        }
    }

    /// What is known of other rooms of the object, beside the one that it has.
    fn others(&self, sight: &Sight) -> Result<Vec<Another>, Stop> {
        let case = self.case;
        let kept = match (sight, case.intent) {
            (Sight::Room(room), Intent::Keep | Intent::Release) if self.proves(&room.tags) => {
                &room.arn
            }
            _ => return Ok(Vec::new()),
        };
        let known = self.facts.known.as_ref().ok_or(Ask::Known)?;
        let told_of = |arn: &RoomArn| case.recall.twins.contains(arn) && !case.leaving();
        let others = known.iter().filter(|arn| *arn != kept && !told_of(arn));
        let recorded = case.seen.status.arn.as_deref() == Some(kept.as_str());
        let another = |arn: &RoomArn| {
            let shown = if recorded || case.leaving() {
                Some(told(self.room(arn))?)
            } else {
                None
            };
            let arn = arn.clone();
            Ok(Another { arn, shown })
        };
        others.map(another).collect()
    }

    // --- facts ------------------------------------------------------------------------------------------------------

    fn account(&self) -> Result<&str, Stop> {
        let account = self.facts.account.as_ref().ok_or(Ask::Account)?;
        Ok(account.as_deref().map_err(Clone::clone)?)
    }

    fn room(&self, arn: &RoomArn) -> Result<Option<ActualRoom>, Stop> {
        match self.facts.rooms.get(arn) {
            Some(shown) => Ok(shown.answer.clone()?),
            None => Err(Ask::Room(arn.clone()).into()),
        }
    }

    fn missing_since(&self, arn: &RoomArn) -> Timestamp {
        let first = || self.facts.rooms.get(arn).map(|shown| shown.at);
        let shown = self.case.recall.shown.as_ref();
        let shown = shown.filter(|(known, _)| known == arn).map(|(_, at)| *at);
        let since = self.record.missing_since.filter(|it| Some(*it) > shown);
        since.or_else(first).unwrap_or(self.case.now)
    }

    /// Takes down since when the recorded room has been missing, or that it is not.
    fn note_missing(&mut self) {
        let recorded = self.record.arn.as_ref();
        let shown = recorded.and_then(|arn| Some((arn, self.facts.rooms.get(arn)?)));
        match shown.map(|(arn, shown)| (arn, &shown.answer)) {
            Some((arn, Ok(None))) => self.record.missing_since = Some(self.missing_since(arn)),
            Some((_, Ok(Some(_)))) => self.record.missing_since = None,
            Some((_, Err(_))) | None => {}
        }
    }

    fn proves(&self, tags: &Tags) -> bool {
        self.case.identity.prove(tags) == Proof::Ours
    }

    // --- what is known of the past ----------------------------------------------------------------------------------

    /// When the attempt began whose outcome is not known, unless it can simply be made again: as an adoption can, for as long
    /// as it is wanted.
    fn outstanding(&self) -> Option<Timestamp> {
        let repeatable =
            !self.case.leaving() && self.case.adopt.is_some() && self.case.adopt == self.record.arn;
        let attempt = self.record.creation.as_ref();
        attempt
            .filter(|_| !repeatable)
            .map(|attempt| attempt.started_at)
    }

    /// When another may last have made a room for the object: it has been worked on before this process was the only one, and
    /// its status names neither an attempt nor a room that could be its own: somebody may have wiped it, or a backup left it out. Once
    /// this process has proven the object without a room and written an attempt down, only its own attempts count.
    fn handover(&self, stranger: bool) -> Option<Timestamp> {
        if self.case.recall.absent_since == Some(self.case.alone_since) {
            return None;
        }
        let (released, alone_since) = (&self.case.recall.released, self.case.alone_since);
        let roomless = stranger || self.record.arn.is_none();
        let blank = roomless && self.record.creation.is_none() && released.is_empty();
        let age = |created: Timestamp| created.duration_since(alone_since);
        let elder = self
            .case
            .seen
            .created_at
            .is_none_or(|created| age(created) <= self.case.policies.skew);
        // Nothing is tried any more for an object that is being deleted, whoever works on it.
        let latest = self.case.seen.deleted_at.unwrap_or(alone_since);
        let held = self.case.seen.has_finalizer();
        (blank && elder && held).then_some(latest.min(alone_since))
    }

    fn unsettled(&self, evidence: Evidence, until: Timestamp, restless: bool) -> Unsettled {
        let shown = until.round(jiff::Unit::Second).unwrap_or(until);
        let (reason, message) = match (&self.record.arn, &self.record.creation) {
            (Some(arn), _) if evidence.first_missing.is_some() => (
                Reason::NotFound,
                format!(
                    "AWS does not show room {arn}; it counts as deleted if it is still missing at {shown}"
                ),
            ),
            (Some(arn), None) if self.deleted().is_some() => (
                Reason::NotFound,
                format!(
                    "Room {arn} is deleted; the object goes if no other room of its own shows up until {shown}"
                ),
            ),
            (Some(arn), None) => (
                Reason::CreationPending,
                format!(
                    "Room {arn} does not prove to be this object's: the operator keeps looking for one that does until {shown}"
                ),
            ),
            (None, None) => (
                Reason::CreationPending,
                format!(
                    "Another replica worked on this object before, and its status names no room: the operator keeps looking for one until {shown}"
                ),
            ),
            (arn, Some(attempt)) => {
                let what = arn.as_ref().map_or("CreateRoom", |_| "adoption");
                let began = attempt.started_at;
                (
                    Reason::CreationPending,
                    format!(
                        "The outcome of the {what} of {began} is not known: its room is being looked for until {shown}"
                    ),
                )
            }
        };
        let busy = "; more rooms are updated here than one page of ListRooms shows, and it may take until fewer are";
        let message = message + if restless { busy } else { "" };
        Unsettled {
            reason,
            message,
            until,
        }
    }
}

/// Lets through what is to be asked; what was answered is for the rule to judge.
fn told<T>(outcome: Result<T, Stop>) -> Result<Result<T, Failure>, Ask> {
    match outcome {
        Ok(found) => Ok(Ok(found)),
        Err(Stop::Failed(failure, _)) => Ok(Err(failure)),
        Err(Stop::Ask(ask)) => Err(ask),
    }
}

/// The object has no room, and gets none like this.
fn without_room(failure: Failure) -> Stop {
    Stop::Failed(failure, Knowledge::NotAsSpecified)
}

/// A room that consents to this very object stands in its status: nobody makes a second one, nor takes the first unasked.
fn undecided(arn: &RoomArn) -> Failure {
    let message = format!(
        "Room {arn}, which this object has had or observed, belongs to nobody and consents to this object alone. To take it \
         over, set spec.deletionPolicy; to have a new one made, delete this object and apply it again"
    );
    Failure::new(FailureClass::ConsentMissing, message)
}

#[cfg(test)]
mod tests;
