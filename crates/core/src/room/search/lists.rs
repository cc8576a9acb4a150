//! In which regions a room can be, how surely a list has to show it there, and what the lists show.

use jiff::Timestamp;

use crate::room::case::{Case, Intent};
use crate::room::census::{Known, Need};
use crate::room::record::Record;
use crate::room::{ActualRoom, Cause, Failure, FailureClass, RoomArn, Tags};

use super::facts::{Ask, Listed, Unmet};
use super::{Search, Stop, told};

/// Every region the object's room may be in. Its status tells, or else it can be any where rooms are made. If a spec cannot be read,
/// or breaks a rule, only its region is read here.
pub(super) fn regions(case: &Case<'_>, record: &Record) -> Vec<String> {
    let in_force = record.region_in_force();
    let adopt = case.adopt.as_ref().filter(|_| in_force.is_none());
    let asked = case.region().or(adopt.map(RoomArn::region));
    let asked = asked.unwrap_or(case.policies.default_region());
    let arn = record.arn.as_ref().map(RoomArn::region);
    let recorded = in_force.into_iter().chain(record.region.as_deref());
    let served = case.policies.regions.iter().map(String::as_str);
    let served = served.filter(|_| in_force.is_none());
    // Nothing was ever made where the operator makes nothing, whatever the spec of an object says that is being deleted.
    let asked = Some(asked).filter(|it| in_force.is_some() || case.require_served(it).is_ok());
    let mut regions: Vec<String> = Vec::new();
    for region in recorded.chain(arn).chain(asked).chain(served) {
        if !regions.iter().any(|known| known == region) {
            regions.push(region.to_owned());
        }
    }
    regions
}

impl Search<'_> {
    /// A list a few seconds old that was begun no earlier than anything was tried: it may show what came of it, and one reading serves
    /// all who wait.
    pub(super) fn hint(&self, tried: Option<Timestamp>) -> Need {
        let case = self.case;
        let new = case.now.checked_sub(case.policies.grace / 50);
        let new = new.unwrap_or(Timestamp::MIN);
        let Some(attempt) = self.outstanding() else {
            return tried.map_or_else(Need::default, Need::since);
        };
        Need::since(tried.unwrap_or(new).max(new)).updated(self.less_skew(attempt))
    }

    pub(super) fn less_skew(&self, time: Timestamp) -> Timestamp {
        let skew = self.case.policies.skew;
        time.checked_sub(skew).unwrap_or(Timestamp::MIN)
    }

    /// From when on a list shows what can be there if this is when absence can be proven. Nothing is made for an object whose status
    /// may be older than the room that another made, which lists may not show yet.
    pub(super) fn shown_by(&self, conclusive: Timestamp) -> Timestamp {
        if self.case.leaving() {
            // A process that froze may have sent the call of an attempt late: a list from before the deletion may be too old to show it.
            let tried = self.outstanding().and(self.case.seen.deleted_at);
            return tried.map_or(conclusive, |deleted_at| conclusive.max(deleted_at));
        }
        let lag = self.case.policies.lag();
        conclusive.max(lag.after(self.case.alone_since))
    }

    /// The region that the spec asks for, or the operator's default.
    fn asked_region(&self) -> &str {
        let adopt = self.case.adopt.as_ref().map(RoomArn::region);
        let asked = self.case.region().or(adopt);
        asked.unwrap_or(self.case.policies.default_region())
    }

    /// Where a room was before, it is still looked after.
    pub(super) fn require_served(&self) -> Result<(), Failure> {
        match self.record.region_in_force() {
            Some(_) => Ok(()),
            None => self.case.require_served(self.asked_region()),
        }
    }

    /// What the newest list of a region does not show although it is needed.
    pub(super) fn unmet(&self, region: &str, need: &Need) -> Option<Unmet> {
        let known = self.facts.regions.get(region)?.iter().rev();
        let mut known = known.filter(|it| it.need.covers(need));
        known.next()?.answer.as_ref().ok()?.unmet
    }

    /// A region that cannot be listed holds up objects whose status does not say where their room is.
    pub(super) fn unlisted(&self, failure: Failure, region: &str) -> Failure {
        if self.record.region_in_force().is_some() || self.case.policies.regions.len() < 2 {
            return failure;
        }
        let message = format!(
            "The room of this object may be in {region}, which is one of --regions and cannot be listed: {}",
            failure.message()
        );
        Failure {
            cause: Cause::Told(message),
            operation: None,
            ..failure
        }
    }

    /// Whether a room that this region may hide would be lost. Nothing was tried for an object without the operator's finalizer.
    pub(super) fn may_be_in(&self, region: &str) -> bool {
        let tried = self.record.region_in_force().is_some() || self.case.seen.has_finalizer();
        tried || region == self.asked_region()
    }

    /// A room that an object of this name has released.
    pub(super) fn released_in(&self, regions: &[String]) -> Result<Option<ActualRoom>, Stop> {
        if self.case.intent != Intent::Keep || !self.case.takes_back() {
            return Ok(None);
        }
        let retained = |tags: &Tags| self.case.identity.retained(tags).then_some(true);
        for region in regions.iter().filter(|region| self.is_for_here(region)) {
            // The list may be old, or GetRoom behind: a room made now could be a second one.
            let need = Need {
                lenient: !self.may_be_in(region),
                ..Need::default()
            };
            match told(self.confirmed(region, need, |it| &it.released, retained))? {
                Ok(None) => {}
                Err(_) if !self.may_be_in(region) => {}
                found => return Ok(found?),
            }
        }
        Ok(None)
    }

    /// The object's own room, where the record names one in a region that cannot be asked: somebody may have made that up.
    pub(super) fn found_elsewhere(&self, arn: &RoomArn) -> Result<Option<ActualRoom>, Ask> {
        for region in regions(self.case, &self.record) {
            if region == arn.region() {
                continue;
            }
            if let Ok(Some(room)) = told(self.own_in(&region, Need::default()))? {
                return Ok(Some(room));
            }
        }
        Ok(None)
    }

    /// A room of a region that a list shows to be the object's, and GetRoom confirms. While a room that the object has asked for may
    /// still show up, it is only that one: with an [earlier](Self::earlier) object's room bound, it would be a second.
    pub(super) fn own_in(&self, region: &str, need: Need) -> Result<Option<ActualRoom>, Stop> {
        let earlier = self.is_for_here(region) && !self.may_show_up();
        let fits = |tags: &Tags| {
            let fit = earlier || self.case.identity.created(tags);
            self.proves(tags).then_some(fit)
        };
        self.confirmed(region, need, |listed| &listed.ours, fits)
    }

    /// A room of an earlier object of the name, once nothing that this one has asked for can show up any more.
    pub(super) fn earlier(&self, regions: &[String]) -> Result<Option<ActualRoom>, Stop> {
        if !self.may_show_up() {
            return Ok(None);
        }
        let proves = |tags: &Tags| self.proves(tags).then_some(true);
        for region in regions {
            if let Some(room) = self.confirmed(region, Need::default(), |it| &it.ours, proves)? {
                return Ok(Some(room));
            }
        }
        Ok(None)
    }

    fn may_show_up(&self) -> bool {
        self.outstanding().is_some() && !self.case.leaving()
    }

    /// Whether a room in this region can be what the spec asks for. An earlier object's room of the name cannot, if the spec asks for
    /// another region: it would be out of place for ever, and the API server takes no status that says so.
    fn is_for_here(&self, region: &str) -> bool {
        let asked = self.case.region();
        let elsewhere = asked.is_some_and(|asked| asked != region);
        !elsewhere || self.case.leaving() || self.record.region_in_force().is_some()
    }

    /// The first listed room that GetRoom shows with tags that fit; `None`: they are not as the list says. A list that is not fresh may offer rooms that are gone, or
    /// changed: then a fresh one decides, and GetRoom once more.
    fn confirmed<'f>(
        &'f self,
        region: &str,
        need: Need,
        pick: impl Fn(&'f Listed) -> &'f Vec<Known>,
        fits: impl Fn(&Tags) -> Option<bool>,
    ) -> Result<Option<ActualRoom>, Stop> {
        self.listed(region, need)?;
        let (fresh, listed) = match self.fresh(region) {
            Some((since, listed)) => (Some(since), listed?),
            None => (None, self.listed(region, need)?),
        };
        let (mut latest, mut stale) = (None, None);
        for known in pick(listed) {
            let arn = &known.arn;
            let shown = self.facts.rooms.get(arn);
            let shown = shown.filter(|shown| fresh.is_none_or(|since| shown.at > since));
            let shown = shown.ok_or_else(|| Ask::Room(arn.clone()))?;
            let room = shown.answer.clone()?;
            let fit = room.as_ref().and_then(|room| fits(&room.tags));
            match room {
                Some(room) if fit == Some(true) => return Ok(Some(room)),
                Some(_) if fit.is_some() => {}
                // The newest list does not show it either; or none has since it can have shown that.
                None if !known.current || self.is_gone(known) => {}
                Some(_) | None => {
                    latest = latest.max(Some(shown.at));
                    stale = stale.or(Some(arn));
                }
            }
        }
        match stale {
            None => Ok(None),
            Some(stale) if fresh.is_some() => Err(behind(stale).into()),
            Some(_) => Err(Stop::Ask(Ask::Region {
                region: region.to_owned(),
                need: Need {
                    not_before: latest,
                    whole: true,
                    ..Need::default()
                },
            })),
        }
    }

    /// Whether GetRoom has not shown the room on record for a grace, nor has any list that was not behind when it was first missing.
    fn is_gone(&self, known: &Known) -> bool {
        let (policies, arn) = (self.case.policies, &known.arn);
        let over = |since: Timestamp| self.case.now.duration_since(since) >= policies.grace;
        let missing = self.missing_since(arn);
        let behind = missing.checked_add(policies.lag_bound);
        self.record.arn.as_ref() == Some(arn)
            && over(missing)
            && self.record.create_time.is_none_or(over)
            && behind.is_ok_and(|behind| known.shown < behind)
    }

    /// What was answered to this or to more than that.
    pub(super) fn listed(&self, region: &str, need: Need) -> Result<&Listed, Stop> {
        let known = self.facts.regions.get(region).into_iter().flatten();
        // What failed is not asked for twice in a pass.
        let mut known = known.filter(|it| it.need.covers(&need) || it.answer.is_err());
        match known.next_back() {
            Some(known) => Ok(known.answer.as_ref().map_err(Clone::clone)?),
            None => Err(Stop::Ask(Ask::Region {
                region: region.to_owned(),
                need,
            })),
        }
    }

    /// The list that was asked for because another named rooms that GetRoom shows otherwise, and since when it was to be begun.
    fn fresh(&self, region: &str) -> Option<(Timestamp, Result<&Listed, Failure>)> {
        let known = self.facts.regions.get(region)?;
        let mut known = known.iter().rev().filter(|it| it.need.whole);
        let fresh = known.find_map(|it| Some((it.need.not_before?, it)));
        let (since, known) = fresh?;
        Some((since, known.answer.as_ref().map_err(Clone::clone)))
    }
}

fn behind(arn: &RoomArn) -> Failure {
    let message = format!("ListRooms shows room {arn} otherwise than GetRoom, yet or any more");
    Failure::new(FailureClass::NotFound, message)
}
