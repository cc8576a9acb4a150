//! Which room does this object have? Reads only.

use jiff::Timestamp;

use crate::api::{DeletionPolicy, Reason};
use crate::room::absence::Evidence;
use crate::room::{Class, Failure, Identity, ObservedRoom, Proof, RoomArn, Tags};

use super::Context;
use super::reconcile::Pass;

/// What a pass sees.
pub(super) enum Sight {
    /// This room, as GetRoom answered in this very pass. Whether it is ours is for the plan to decide.
    Room(ObservedRoom),
    /// A room that is not the object's: the spec names it as the one to take over, or it was released by an object of this
    /// name. Whether it consents is for the plan to decide.
    Candidate(ObservedRoom),
    /// No room: absence is proven.
    Absent,
    /// No room shows, but AWS may only lag.
    Unsettled(Unsettled),
}

/// Why absence is not proven yet, and when it can be.
pub(super) struct Unsettled {
    pub(super) reason: Reason,
    pub(super) message: String,
    /// Absence cannot be proven before this time. An earlier check may still find the room.
    pub(super) until: Timestamp,
}

impl Pass<'_> {
    /// Looks for the object's room: first where the record says, then in the index of every region it may be in.
    ///
    /// # Errors
    /// Any failure of a read. Nothing is known then.
    pub(super) async fn observe(
        &self,
        identity: &Identity,
        account: &str,
        regions: &[String],
    ) -> Result<Sight, Failure> {
        let mut evidence = Evidence {
            attempt: self.outstanding(),
            handover: self.handover(),
            ..Evidence::default()
        };
        let mut stranger = None;
        if let Some(arn) = &self.record.arn {
            match self.context.rooms.get(arn).await {
                Err(failure) => {
                    let elsewhere = self.find_elsewhere(arn, identity, account).await;
                    return elsewhere.map(Sight::Room).ok_or(failure);
                }
                Ok(Some(room)) => {
                    self.context.memory.seen(&self.input.uid);
                    if identity.prove(&room.tags) == Proof::Ours {
                        return Ok(Sight::Room(room));
                    }
                    stranger = Some(room);
                }
                Ok(None) => {
                    let now = Timestamp::now();
                    evidence.first_missing =
                        Some(self.context.memory.missing_since(&self.input.uid, arn, now));
                    evidence.create_time = self.record.create_time;
                }
            }
        }

        let now = Timestamp::now();
        let conclusive = evidence.conclusive_from(self.context.settings.grace());
        let not_before = match conclusive {
            // The missing room cannot be proven absent yet, and no list would show it elsewhere: spare AWS the call.
            Some(conclusive)
                if conclusive > now
                    && evidence.first_missing.is_some()
                    && evidence.attempt.is_none() =>
            {
                return Ok(Sight::Unsettled(self.unsettled(evidence, conclusive)));
            }
            // Many objects wait for one handover: they share a list instead of listing again for each.
            Some(conclusive) if conclusive > now && evidence.attempt.is_none() => evidence.handover,
            // The room of an attempt may show up at any moment.
            Some(conclusive) => Some(conclusive.min(now)),
            // No room is created for an object that is being deleted: a list that began since then shows every room it can
            // have.
            None => self.input.deleted_at,
        };
        // If a region cannot be listed, a room in another region still counts, but absence is not proven.
        let mut unlisted = None;
        for region in regions {
            match self
                .find_in_index(identity, account, region, not_before)
                .await
            {
                Ok(Some(room)) => return Ok(Sight::Room(room)),
                Ok(None) => {}
                Err(failure) => unlisted = Some(failure),
            }
        }
        if let Some(failure) = unlisted {
            return Err(failure);
        }
        match conclusive {
            // While a create is outstanding, somebody else's room proves nothing.
            Some(conclusive) if conclusive > now => {
                return Ok(Sight::Unsettled(self.unsettled(evidence, conclusive)));
            }
            _ => {}
        }
        if let Some(adopted) = self.adopted() {
            let lost = |room: &ObservedRoom| {
                room.arn == adopted && self.has_finalizer && self.record.creation.is_none()
            };
            return match stranger.filter(lost) {
                // The room was this object's, and now carries neither proof nor consent.
                Some(room) if !identity.may_adopt(&room.tags) => Ok(Sight::Room(room)),
                _ => self.sight_of(adopted, identity, account, regions).await,
            };
        }
        match stranger {
            Some(stranger) if identity.retained(&stranger.tags) && self.takes_back() => {
                return Ok(Sight::Candidate(stranger));
            }
            Some(stranger) if identity.retained(&stranger.tags) && self.wants_a_room() => {
                return Err(undecided(&stranger.arn));
            }
            // The object only observed this room: a managed room carries no consent.
            Some(stranger) if identity.may_adopt(&stranger.tags) => {}
            // The adoption of this room never took effect: the attempt is void, and this object has never had the room.
            Some(_) if self.adoption_is_void() => {}
            Some(stranger) => return Ok(Sight::Room(stranger)),
            None => {}
        }
        Ok(self
            .retained_room(identity, account, regions)
            .await?
            .map_or(Sight::Absent, Sight::Candidate))
    }

    /// When the attempt began, if its outcome is unknown. `None` for an adoption that is still wanted: it can simply be
    /// repeated.
    fn outstanding(&self) -> Option<Timestamp> {
        let repeatable = !self.leaving
            && self
                .adopted()
                .is_some_and(|adopted| self.record.arn == Some(adopted));
        let creation = self.record.creation.as_ref();
        creation
            .filter(|_| !repeatable)
            .map(|creation| creation.started_at)
    }

    /// Latest time at which another replica could have created the room. Set only if the object has the finalizer, is
    /// older than this process's term, and its status names nothing: somebody may have wiped it, or a backup left it out.
    fn handover(&self) -> Option<Timestamp> {
        let Context {
            settings,
            index,
            memory,
            ..
        } = self.context;
        let since = index.since();
        let blank = self.record.arn.is_none()
            && self.record.creation.is_none()
            && !memory.has_released(&self.input.uid);
        let elder = self
            .input
            .created_at
            .is_none_or(|created| created.duration_since(since) <= settings.skew());
        (blank && elder && self.input.has_finalizer()).then_some(since)
    }

    /// Whether the recorded attempt was an adoption: only an adoption names its room in advance.
    fn adoption_is_void(&self) -> bool {
        let made = self.context.memory.learned(&self.input.uid);
        self.record.creation.is_some() && made.is_none()
    }

    /// Whether the object may take back a room that an object of its name has released, without `spec.adopt`. It may not if
    /// nobody has chosen what happens to the room with the object.
    fn takes_back(&self) -> bool {
        let said = self.input.deletion_policy;
        let policy = said.unwrap_or(self.context.settings.default_deletion_policy);
        said.is_some() || policy == DeletionPolicy::Retain
    }

    /// Whether the operator creates a room, or takes one over, if there is none.
    fn wants_a_room(&self) -> bool {
        !self.leaving && !self.input.observed
    }

    /// The room that the spec names for adoption. It can be found, but never created.
    async fn sight_of(
        &self,
        arn: RoomArn,
        identity: &Identity,
        account: &str,
        regions: &[String],
    ) -> Result<Sight, Failure> {
        // A room just released may still look like this object's, and may be another's already.
        let released = self.context.memory.released(&self.input.uid, &arn);
        // The record holds an adoption that has begun, and so its region.
        let foreign =
            arn.account() != account || !regions.iter().any(|region| region == arn.region());
        if self.leaving && (released || foreign) {
            return Ok(Sight::Absent);
        }
        let room = match self.context.rooms.get(&arn).await {
            // The list, which could be read, does not show this room as the object's.
            Err(failure) if self.leaving && failure.class == Class::Denied => {
                return Ok(Sight::Absent);
            }
            answer => answer?,
        };
        match room {
            Some(room) if identity.prove(&room.tags) == Proof::Ours => Ok(Sight::Room(room)),
            Some(room) => Ok(Sight::Candidate(room)),
            None if self.leaving => Ok(Sight::Absent),
            None => Err(Failure::new(
                Class::NotFound,
                format!(
                    "Room {arn}, which spec.adopt names, does not exist; without spec.adopt a room is made"
                ),
            )),
        }
    }

    /// A room that an object of this name has released.
    async fn retained_room(
        &self,
        identity: &Identity,
        account: &str,
        regions: &[String],
    ) -> Result<Option<ObservedRoom>, Failure> {
        if !self.wants_a_room() || !self.takes_back() {
            return Ok(None);
        }
        let index = &self.context.index;
        let retained = |tags: &Tags| identity.retained(tags);
        for region in regions {
            let listed = index.retained(identity, account, region);
            if let Some(room) = self.first(&listed, retained).await? {
                return Ok(Some(room));
            }
            if listed.is_empty() {
                continue;
            }
            // The list may be old, or GetRoom may lag: a room created now could be a second one.
            let now = Some(Timestamp::now());
            index.rooms_of(identity, account, region, now).await?;
            let listed = index.retained(identity, account, region);
            match (self.first(&listed, retained).await?, listed.first()) {
                (Some(room), _) => return Ok(Some(room)),
                (None, Some(arn)) => return Err(behind(arn)),
                (None, None) => {}
            }
        }
        Ok(None)
    }

    /// Fallback when the recorded region is unreachable: the record may be forged.
    pub(super) async fn find_elsewhere(
        &self,
        arn: &RoomArn,
        identity: &Identity,
        account: &str,
    ) -> Option<ObservedRoom> {
        for region in self.regions() {
            if region == arn.region() {
                continue;
            }
            let found = self.find_in_index(identity, account, &region, None).await;
            if let Ok(Some(room)) = found {
                return Some(room);
            }
        }
        None
    }

    /// A room that the index shows as ours, and that GetRoom confirms. An older list may offer rooms that are gone; then a
    /// fresh list decides.
    pub(super) async fn find_in_index(
        &self,
        identity: &Identity,
        account: &str,
        region: &str,
        not_before: Option<Timestamp>,
    ) -> Result<Option<ObservedRoom>, Failure> {
        let index = &self.context.index;
        let ours = |tags: &Tags| identity.prove(tags) == Proof::Ours;
        let listed = index
            .rooms_of(identity, account, region, not_before)
            .await?;
        if let Some(room) = self.first(&listed, ours).await? {
            return Ok(Some(room));
        }
        if listed.is_empty() {
            return Ok(None);
        }
        let listed = index
            .rooms_of(identity, account, region, Some(Timestamp::now()))
            .await?;
        match (self.first(&listed, ours).await?, listed.first()) {
            (Some(room), _) => Ok(Some(room)),
            (None, None) => Ok(None),
            (None, Some(arn)) => Err(behind(arn)),
        }
    }

    /// The first of these rooms whose tags, as GetRoom shows them, are as expected.
    async fn first(
        &self,
        listed: &[RoomArn],
        expected: impl Fn(&Tags) -> bool + Send,
    ) -> Result<Option<ObservedRoom>, Failure> {
        for arn in listed {
            if let Some(room) = self.context.rooms.get(arn).await?
                && expected(&room.tags)
            {
                return Ok(Some(room));
            }
        }
        Ok(None)
    }

    fn unsettled(&self, evidence: Evidence, until: Timestamp) -> Unsettled {
        let shown = until.round(jiff::Unit::Second).unwrap_or(until);
        match (&self.record.arn, &self.record.creation) {
            (Some(arn), _) if evidence.first_missing.is_some() => Unsettled {
                reason: Reason::NotFound,
                message: format!(
                    "AWS does not show room {arn}; it counts as deleted if it is still missing at {shown}"
                ),
                until,
            },
            (None, None) => Unsettled {
                reason: Reason::CreationPending,
                message: format!(
                    "Another replica worked on this object before, and its status names no room: the operator keeps looking for one until {shown}"
                ),
                until,
            },
            (arn, creation) => Unsettled {
                reason: Reason::CreationPending,
                message: format!(
                    "The outcome of the {} of {} is not known: its room is being looked for until {shown}",
                    arn.as_ref().map_or("CreateRoom", |_| "adoption"),
                    creation
                        .as_ref()
                        .map(|creation| creation.started_at.to_string())
                        .unwrap_or_default()
                ),
                until,
            },
        }
    }
}

/// The status names a room that consents to this object alone: the operator neither creates a second room nor takes the
/// first one unasked.
fn undecided(arn: &RoomArn) -> Failure {
    let message = format!(
        "Room {arn}, which this object has had or observed, belongs to nobody and consents to this object alone. To take it \
         over, set spec.deletionPolicy; to have a new one made, delete this object and apply it again"
    );
    Failure::new(Class::ConsentMissing, message)
}

fn behind(arn: &RoomArn) -> Failure {
    let message = format!("ListRooms shows room {arn} otherwise than GetRoom, yet or any more");
    Failure::new(Class::NotFound, message)
}
