//! Is the room as the last pass left it? A list tells that of fifty rooms at once.

use crate::api::ConditionType;
use crate::room::case::Intent;
use crate::room::census::{Known, Need};
use crate::room::correction::{Correction, correct};
use crate::room::record::Record;
use crate::room::{ActualRoom, RoomArn, Summary, status, verification};

use super::{Ask, Search, Stop, told};

impl Search<'_> {
    /// Whether a list shows that there is nothing to do. It leaves out both maximums, so they count as they were for as long as
    /// `updateTime` is the one in the status: moved means different, earlier as well as later.
    pub(super) fn is_as_left(&self) -> Result<bool, Stop> {
        let Some(arn) = self.settled() else {
            return Ok(false);
        };
        // Fronts may be new without showing this room.
        let need = Need {
            whole: true,
            lenient: true,
            ..Need::default()
        };
        let Ok(listed) = told(self.listed(arn.region(), need))? else {
            return Ok(false);
        };
        let [known] = &listed.ours[..] else {
            return Ok(false);
        };
        let anywhere = self.facts.known.as_ref().ok_or(Ask::Known)?;
        let alone = anywhere.iter().all(|it| it == arn);
        Ok(alone && known.arn == *arn && self.shows_no_change(known))
    }

    /// The room of an object whose last pass left nothing to be done, and of which nobody has asked anything since.
    fn settled(&self) -> Option<&RoomArn> {
        let (case, record) = (self.case, &self.record);
        let seen = case.seen;
        let holds = |kind| status::holds(&seen.status, kind);
        let handled = seen.status.last_handled_reconcile_at.clone();
        let settled = case.intent == Intent::Keep
            && seen.has_finalizer()
            && seen.status.observed_generation == Some(seen.generation)
            && status::was_ready(&seen.status, seen.generation)
            && holds(ConditionType::Synced)
            && !holds(ConditionType::Stalled)
            && (seen.reconcile_at.is_none() || seen.reconcile_at == handled);
        // Nothing is known that the status does not say, nor does the status say what cannot be.
        let agrees = *record == Record::from(&seen.status)
            && record.creation.is_none()
            && record.missing_since.is_none()
            && case.recall.leaves_nothing_open();
        let arn = record.arn.as_ref().filter(|_| settled && agrees)?;
        let placed = record.region.as_deref() == Some(arn.region());
        let named = case.adopt.as_ref().is_none_or(|adopt| adopt == arn);
        (placed && named && !self.is_due()).then_some(arn)
    }

    /// Whether the room is to be compared as a whole once more.
    fn is_due(&self) -> bool {
        let case = self.case;
        let since = case.recall.compared_at.max(Some(case.alone_since));
        let since = since.unwrap_or(case.alone_since);
        let interval = case.policies.verify_interval;
        verification::next(&case.seen.uid, interval, since) <= case.now
    }

    fn shows_no_change(&self, known: &Known) -> bool {
        let (case, record) = (self.case, &self.record);
        let room = &known.latest;
        let is_new = case.now.duration_since(known.shown) <= case.policies.lists_count_for;
        let is_same =
            room.update_time == record.update_time && room.create_time == record.create_time;
        if !known.current || !is_new || !is_same {
            return false;
        }
        let Ok(desired) = case.desired(record) else {
            return false;
        };
        let applied = record.applied_tag_keys.iter().eq(desired.tags.keys());
        let room = room.with_maximums(
            desired.maximum_message_length,
            desired.maximum_message_rate_per_second,
        );
        let scope = case.scope(&record.applied_tag_keys);
        let correction = correct(&desired, Some(&room), &case.identity, scope);
        applied && correction == Ok(Correction::None)
    }

    /// Whether a list has just shown a later state of the room than GetRoom does, or another one of the same time.
    pub(super) fn is_behind(&self, room: &ActualRoom) -> bool {
        let case = self.case;
        let regions = self.facts.regions.get(room.arn.region());
        let answers = regions.into_iter().flatten();
        let listed = answers.filter_map(|region| region.answer.as_ref().ok());
        let mut known = listed.flat_map(|listed| &listed.ours);
        let known = known.rfind(|known| known.arn == room.arn);
        known.is_some_and(|known| {
            let latest = &known.latest;
            let is_older = room.update_time < latest.update_time
                || (room.update_time == latest.update_time && Summary::from(room) != *latest);
            is_older && case.now < case.policies.lag().after(known.since)
        })
    }
}

#[cfg(test)]
mod tests;
