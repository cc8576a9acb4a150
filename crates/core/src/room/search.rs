//! Which room does this object have? Decided from what has been read so far, each time from the beginning.
//!
//! The rules are written straight down. Where they lack a fact they stop and say what to [ask](Ask) AWS; whoever asks adds the
//! answer to the [`Facts`] and begins again. So each rule of ownership and absence can be tried without a client.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::Reason;

use super::absence::Evidence;
use super::case::{Case, Intent};
use super::record::Record;
use super::status::Knowledge;
use super::{ActualRoom, Failure, FailureClass, Proof, RoomArn, Tags};

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The account of the operator's credentials.
    Account,
    /// The rooms of every region that are known to be this object's, without another list.
    Known,
    /// GetRoom.
    Room(RoomArn),
    /// The rooms of a region that tell by their tags that they are this object's or may be.
    Region {
        /// Its name.
        region: String,
        /// A list that began earlier does not do; `None`: one that is not too old does.
        not_before: Option<Timestamp>,
        /// The last answer named rooms that GetRoom shows otherwise.
        again: bool,
    },
}

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

/// The rooms of a region that a list shows to be this object's, or to be ready to be taken back by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Those that prove to be this object's, the one to keep first.
    pub ours: Vec<RoomArn>,
    /// Those that an object of this name has released, oldest first.
    pub released: Vec<RoomArn>,
}

/// What AWS has answered in this pass.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    account: Option<Result<String, Failure>>,
    known: Option<Vec<RoomArn>>,
    rooms: BTreeMap<RoomArn, Shown>,
    regions: BTreeMap<String, Region>,
}

#[derive(Debug, Clone)]
struct Shown {
    at: Timestamp,
    answer: Result<Option<ActualRoom>, Failure>,
}

#[derive(Debug, Clone)]
struct Region {
    not_before: Option<Timestamp>,
    again: bool,
    answer: Result<Listed, Failure>,
}

impl Facts {
    /// Takes in whose the credentials are.
    pub fn account(&mut self, account: Result<String, Failure>) {
        self.account = Some(account);
    }

    /// Takes in which rooms are known to be this object's.
    pub fn known(&mut self, known: Vec<RoomArn>) {
        self.known = Some(known);
    }

    /// Takes in what GetRoom answered. `None`: it knows of no such room. `at`: when the answer came.
    pub fn room(
        &mut self,
        arn: RoomArn,
        at: Timestamp,
        answer: Result<Option<ActualRoom>, Failure>,
    ) {
        self.rooms.insert(arn, Shown { at, answer });
    }

    /// Lists that were asked for count no more.
    pub fn forget_regions(&mut self) {
        self.regions.clear();
    }

    /// Takes in what a list of a region showed, which was asked for in this way.
    pub fn region(
        &mut self,
        region: String,
        not_before: Option<Timestamp>,
        again: bool,
        answer: Result<Listed, Failure>,
    ) {
        let known = Region {
            not_before,
            again,
            answer,
        };
        self.regions.insert(region, known);
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
    /// Nothing was looked at, because it makes no difference.
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

/// Every region the object's room may be in, as far as its status, its spec and the operator's own region tell. They are one,
/// unless somebody edited the status. If a spec cannot be read, or breaks a rule, only its region is read here.
fn regions(case: &Case<'_>, record: &Record) -> Vec<String> {
    let in_force = record.region_in_force();
    let adopt = case.adopt.as_ref().filter(|_| in_force.is_none());
    let asked = case.region().or(adopt.map(RoomArn::region));
    let asked = asked.unwrap_or(&case.policies.default_region);
    let arn = record.arn.as_ref().map(RoomArn::region);
    let recorded = in_force.into_iter().chain(record.region.as_deref());
    let mut regions: Vec<String> = Vec::new();
    for region in recorded.chain(arn).chain([asked]) {
        if !regions.iter().any(|known| known == region) {
            regions.push(region.to_owned());
        }
    }
    regions
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
        }
        look.account = Some(self.account()?.to_owned());
        self.require_account()?;
        let sight = self.sight();
        self.note_missing();
        look.record = self.record.clone();
        let sight = sight?;
        look.others = self.others(&sight)?;
        look.record = self.record.clone();
        Ok(sight)
    }

    // --- the record: is it this account's, and does it agree with itself? -------------------------------------------

    /// Refuses credentials of another account than the record's: through them, the room would look missing. A record that
    /// somebody has edited is told from credentials that have changed by the object's own room, where this account has it.
    fn require_account(&mut self) -> Result<(), Stop> {
        let account = self.account()?;
        let Some(other) = self.recorded_elsewhere(account) else {
            return Ok(());
        };
        let mut unlisted = None;
        for region in regions(self.case, &self.record) {
            match told(self.own_in(&region, None))? {
                Ok(Some(room)) if room.arn.account() == account => {
                    self.record.bind(&room);
                    return Ok(());
                }
                // Where it cannot be told now, it may be later.
                Err(failure) if failure.class != FailureClass::Denied => unlisted = Some(failure),
                Ok(_) | Err(_) => {}
            }
        }
        // Nobody waits for what is to be left anyway: the region may be as made up as the account.
        let stays = self.case.leaving() && self.case.retains();
        if let Some(failure) = unlisted.filter(|_| !stays) {
            return Err(failure.into());
        }
        let message = format!(
            "The operator's credentials belong to account {account}, the room to account {other}: nothing is done until the \
             credentials are those of {other} again. To delete this object and leave the room, set spec.deletionPolicy to Retain"
        );
        Err(Failure::new(FailureClass::AccountMismatch, message).into())
    }

    /// The account that the record names, or the spec, if it is another one.
    fn recorded_elsewhere(&self, account: &str) -> Option<String> {
        let attempt = self.record.creation.as_ref();
        let adopt = self.case.adopt.as_ref();
        let adopt = adopt.filter(|_| !self.case.leaving());
        let recorded = self.record.arn.as_ref().map(RoomArn::account).into_iter();
        let recorded = recorded
            .chain(attempt.map(|attempt| attempt.account.as_str()))
            .chain(adopt.map(RoomArn::account));
        let mut others = recorded.filter(|it| *it != account);
        others.next().map(ToOwned::to_owned)
    }

    /// An ARN and a region that disagree were edited: the room itself tells which is right, else the ARN is worth nothing.
    fn mend_region(&mut self) -> Result<(), Stop> {
        let Some(arn) = self.record.arn.clone() else {
            return Ok(());
        };
        if !self.record.contradicts_itself() {
            return Ok(());
        }
        self.require_account()?;
        if self.record.arn.as_ref() != Some(&arn) {
            return Ok(());
        }
        match told(self.room(&arn))? {
            Ok(Some(room)) if self.proves(&room.tags) => self.record.bind(&room),
            Ok(_) => self.record.arn = None,
            Err(failure) => match self.found_elsewhere(&arn)? {
                Some(room) => self.record.bind(&room),
                None => return Err(failure.into()),
            },
        }
        Ok(())
    }

    // --- the room: first where the record says, then in every region it may be in -----------------------------------

    fn sight(&self) -> Result<Sight, Stop> {
        let case = self.case;
        let mut evidence = Evidence {
            attempt: self.outstanding(),
            handover: self.handover(),
            ..Evidence::default()
        };
        let mut stranger = None;
        if let Some(arn) = &self.record.arn {
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
        let conclusive = evidence.conclusive_from(case.policies.grace);
        let not_before = match conclusive {
            // A missing room cannot be proven absent yet, and no list would show it elsewhere: spare AWS the question.
            Some(conclusive)
                if conclusive > case.now
                    && evidence.first_missing.is_some()
                    && evidence.attempt.is_none() =>
            {
                return Ok(Sight::Unsettled(self.unsettled(evidence, conclusive)));
            }
            // Of many objects that wait for the same handover each would have the region listed anew.
            Some(conclusive) if conclusive > case.now && evidence.attempt.is_none() => {
                evidence.handover
            }
            // The room of an attempt may show up any moment.
            Some(conclusive) => Some(conclusive.min(case.now)),
            // Nothing is made for an object that is being deleted: a list begun since shows every room it can have.
            None => case.seen.deleted_at,
        };
        let regions = regions(case, &self.record);
        // One region that cannot be listed hides no room of another, but proves nothing absent either.
        let mut unlisted = None;
        for region in &regions {
            match told(self.own_in(region, not_before))? {
                Ok(Some(room)) => return Ok(Sight::Room(room)),
                Ok(None) => {}
                Err(failure) => unlisted = Some(failure),
            }
        }
        if let Some(failure) = unlisted {
            return Err(failure.into());
        }
        // While a create is outstanding, no room of someone else settles anything.
        if let Some(conclusive) = conclusive.filter(|conclusive| *conclusive > case.now) {
            return Ok(Sight::Unsettled(self.unsettled(evidence, conclusive)));
        }
        self.without_own(stranger, &regions)
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
                return Err(undecided(&room.arn).into());
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
                Err(Failure::new(FailureClass::NotFound, message).into())
            }
        }
    }

    /// A room that an object of this name has released.
    fn released_in(&self, regions: &[String]) -> Result<Option<ActualRoom>, Stop> {
        if self.case.intent != Intent::Keep || !self.case.takes_back() {
            return Ok(None);
        }
        let retained = |tags: &Tags| self.case.identity.retained(tags);
        for region in regions {
            // The list may be old, or GetRoom behind: a room made now could be a second one.
            let room = self.confirmed(region, None, |listed| &listed.released, retained)?;
            if room.is_some() {
                return Ok(room);
            }
        }
        Ok(None)
    }

    /// The object's own room, where the record names one in a region that cannot be asked: somebody may have made that up.
    fn found_elsewhere(&self, arn: &RoomArn) -> Result<Option<ActualRoom>, Ask> {
        for region in regions(self.case, &self.record) {
            if region == arn.region() {
                continue;
            }
            if let Ok(Some(room)) = told(self.own_in(&region, None))? {
                return Ok(Some(room));
            }
        }
        Ok(None)
    }

    /// A room of a region that a list shows to be the object's, and GetRoom confirms.
    fn own_in(
        &self,
        region: &str,
        not_before: Option<Timestamp>,
    ) -> Result<Option<ActualRoom>, Stop> {
        let ours = |tags: &Tags| self.proves(tags);
        self.confirmed(region, not_before, |listed| &listed.ours, ours)
    }

    /// The first listed room that GetRoom shows with tags as expected. A list that is not fresh may offer rooms that are gone, or
    /// changed: then a fresh one decides, and GetRoom once more.
    fn confirmed<'f>(
        &'f self,
        region: &str,
        not_before: Option<Timestamp>,
        pick: impl Fn(&'f Listed) -> &'f Vec<RoomArn>,
        expected: impl Fn(&Tags) -> bool,
    ) -> Result<Option<ActualRoom>, Stop> {
        let (known, listed) = self.listed(region, not_before)?;
        let listed = pick(listed);
        let Some(first) = listed.first() else {
            return Ok(None);
        };
        let mut latest = None;
        for arn in listed {
            let shown = self.facts.rooms.get(arn);
            let fresh = |shown: &&Shown| !known.again || Some(shown.at) > known.not_before;
            let Some(shown) = shown.filter(fresh) else {
                return Err(Ask::Room(arn.clone()).into());
            };
            match shown.answer.clone()? {
                Some(room) if expected(&room.tags) => return Ok(Some(room)),
                Some(_) | None => latest = latest.max(Some(shown.at)),
            }
        }
        if known.again {
            return Err(behind(first).into());
        }
        Err(Stop::Ask(Ask::Region {
            region: region.to_owned(),
            not_before: latest,
            again: true,
        }))
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

    fn listed(
        &self,
        region: &str,
        not_before: Option<Timestamp>,
    ) -> Result<(&Region, &Listed), Stop> {
        let known = self.facts.regions.get(region);
        // What failed is not asked for twice in a pass.
        match known.filter(|it| it.not_before >= not_before || it.answer.is_err()) {
            Some(known) => {
                let listed = known.answer.as_ref();
                Ok((known, listed.map_err(Clone::clone)?))
            }
            None => Err(Stop::Ask(Ask::Region {
                region: region.to_owned(),
                not_before,
                again: false,
            })),
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
    /// its status names neither a room nor an attempt: somebody may have wiped it, or a backup left it out. Once this process has
    /// proven the object without a room and written an attempt down, only its own attempts count.
    fn handover(&self) -> Option<Timestamp> {
        if self.case.recall.absent_since == Some(self.case.alone_since) {
            return None;
        }
        let (released, alone_since) = (&self.case.recall.released, self.case.alone_since);
        let blank =
            self.record.arn.is_none() && self.record.creation.is_none() && released.is_empty();
        let age = |created: Timestamp| created.duration_since(alone_since);
        let elder = self
            .case
            .seen
            .created_at
            .is_none_or(|created| age(created) <= self.case.policies.skew);
        (blank && elder && self.case.seen.has_finalizer()).then_some(alone_since)
    }

    fn unsettled(&self, evidence: Evidence, until: Timestamp) -> Unsettled {
        let shown = until.round(jiff::Unit::Second).unwrap_or(until);
        let (reason, message) = match (&self.record.arn, &self.record.creation) {
            (Some(arn), _) if evidence.first_missing.is_some() => (
                Reason::NotFound,
                format!(
                    "AWS does not show room {arn}; it counts as deleted if it is still missing at {shown}"
                ),
            ),
            (None, None) => (
                Reason::CreationPending,
                format!(
                    "Another replica worked on this object before, and its status names no room: the operator keeps looking for one until {shown}"
                ),
            ),
            (arn, attempt) => {
                let what = arn.as_ref().map_or("CreateRoom", |_| "adoption");
                let began = attempt
                    .as_ref()
                    .map(|attempt| attempt.started_at.to_string());
                let began = began.unwrap_or_default();
                (
                    Reason::CreationPending,
                    format!(
                        "The outcome of the {what} of {began} is not known: its room is being looked for until {shown}"
                    ),
                )
            }
        };
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

/// A room that consents to this very object stands in its status: nobody makes a second one, nor takes the first unasked.
fn undecided(arn: &RoomArn) -> Failure {
    let message = format!(
        "Room {arn}, which this object has had or observed, belongs to nobody and consents to this object alone. To take it \
         over, set spec.deletionPolicy; to have a new one made, delete this object and apply it again"
    );
    Failure::new(FailureClass::ConsentMissing, message)
}

fn behind(arn: &RoomArn) -> Failure {
    let message = format!("ListRooms shows room {arn} otherwise than GetRoom, yet or any more");
    Failure::new(FailureClass::NotFound, message)
}

#[cfg(test)]
mod tests;
