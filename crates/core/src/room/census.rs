//! What is known of the rooms of one region, from pages of ListRooms and from what this process has done itself.
//!
//! ListRooms shows the newest update first, each page from a replica that may be behind by the lag bound. A room that is updated
//! while pages are read moves to the front, and can be missing from its old page and from the front, too. So a [`Reading`] of
//! several pages may miss rooms. None is missed once the front was read again, begun a lag bound after that reading ended, down past
//! (its begin − lag bound), in one page: one page shows one moment, and every room that moved meanwhile is on it. What takes several
//! pages again is a reading to begin from anew.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use crate::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG};
use crate::pack::{Bundle, Packed, Packer};

use super::delta::Changes;
use super::{ActualRoom, Identity, Proof, RoomArn, Summary, Tags};

/// Which rooms a reading has to show, and how surely. `Need::default()`: every room, in a list that is not too old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// Those that were updated since; `None`: every one.
    pub since: Option<Timestamp>,
    /// A reading that began earlier does not do; `None`: one that is not too old does.
    pub not_before: Option<Timestamp>,
    /// None may be missing because it was updated meanwhile.
    pub complete: bool,
    /// None may be shown that was gone before: the reading has to go down to the oldest room.
    pub whole: bool,
    /// If it could not be read a moment ago, that will do.
    pub lenient: bool,
}

impl Need {
    /// Every room, in a reading that began no earlier.
    pub fn since(not_before: Timestamp) -> Self {
        Self {
            not_before: Some(not_before),
            ..Self::default()
        }
    }

    /// Every room, and none missed.
    pub fn complete(not_before: Timestamp) -> Self {
        Self {
            complete: true,
            ..Self::since(not_before)
        }
    }

    /// Only rooms that were updated no earlier than `since`.
    #[must_use]
    pub fn updated(self, since: Timestamp) -> Self {
        Self {
            since: Some(since),
            ..self
        }
    }

    /// Whether what does for this does for another, too.
    pub fn covers(&self, other: &Self) -> bool {
        self.since <= other.since
            && self.not_before >= other.not_before
            && self.complete >= other.complete
            && self.whole >= other.whole
            && self.lenient <= other.lenient
    }
}

/// Pages of ListRooms that were read one after another, from the front.
#[derive(Debug, Clone)]
pub struct Reading {
    /// When the first page was asked for.
    pub begun: Timestamp,
    /// When the last one had come.
    pub ended: Timestamp,
    /// Every room that was updated no earlier is on them; `None`: every room is.
    pub down_to: Option<Timestamp>,
    /// Every room that was updated no earlier is on the first of them; `None`: every room is.
    pub first_down_to: Option<Timestamp>,
    /// What they show.
    pub rooms: Bundle<Summary>,
}

/// What has to be done for a [`Need`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is met.
    Nothing,
    /// The front is to be read, down past every room that was updated no earlier; `None`: to the oldest room.
    Read(Option<Timestamp>),
    /// Nothing that is read earlier would do.
    Wait(Timestamp),
}

/// The rooms of one region.
#[derive(Debug, Clone, Default)]
pub struct Census {
    rooms: BTreeMap<RoomArn, Box<Entry>>,
    /// The rooms by [`Mark::hash`].
    marked: BTreeSet<(u64, RoomArn)>,
    packer: Packer,
    /// What readings have shown. None of these covers another.
    shown: Vec<Need>,
    /// A reading of several pages, of which nobody knows what it missed.
    open: Option<Open>,
    /// Rooms that this process has deleted and no reading had shown, and until when readings that begin may still show them.
    gone: BTreeMap<RoomArn, Timestamp>,
    /// How many readings were taken in. Times may go back a little between two of them.
    readings: u64,
    /// The newest reading that went down to the oldest room, and which it was.
    whole: Option<(u64, Span)>,
    /// When the newest reading began that joins on to those before it.
    front: Option<Timestamp>,
    /// Every room was known once: what is new since has changed.
    complete: bool,
    /// What readings have shown otherwise since somebody last asked.
    changes: Changes,
}

#[derive(Debug, Clone)]
struct Entry {
    /// By this it is decided whose the room is: a [`Summary`].
    room: Packed,
    /// As it was shown last, if that is another. While pages may be behind what this process has done, one that is not can show more than
    /// that.
    latest: Option<Packed>,
    /// `updateTime` as it was shown last.
    update_time: Option<Timestamp>,
    /// By what it is looked for.
    mark: u64,
    /// When the first reading began that showed it like this.
    since: Timestamp,
    /// Which reading shows it last; 0: none that can still be trusted.
    seen: u64,
    /// When that began, or when this process left it so.
    shown: Timestamp,
    /// When the first whole reading had ended that did not show it any more.
    missed: Option<Timestamp>,
    /// This process has deleted it.
    deleted: bool,
    /// Readings that begin before do not tell what this process has done to it.
    ours_until: Option<Timestamp>,
}

/// By which tag a room is looked for. Rooms without any of them are nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mark<'a> {
    Owner(&'a str),
    Creation(&'a str),
    Consent(&'a str),
}

impl<'a> Mark<'a> {
    fn of(tags: &'a Tags) -> Option<Self> {
        let tag = |key| tags.get(key).map(String::as_str);
        let owner = tag(OWNER_TAG).map(Self::Owner);
        let creation = || tag(CREATION_TAG).map(Self::Creation);
        owner
            .or_else(creation)
            .or_else(|| tag(CONSENT_TAG).map(Self::Consent))
    }

    /// Stands for it. Two may have the same.
    fn hash(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(&self, &mut hasher);
        hasher.finish()
    }
}

#[derive(Debug, Clone, Copy)]
struct Span {
    begun: Timestamp,
    ended: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// Together with what was known before it, it shows rooms that were updated since.
    since: Option<Timestamp>,
    /// How far its first page went.
    page: Option<Timestamp>,
    span: Span,
}

/// How far what AWS shows may be from what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// For how long a page may not show what was written.
    pub bound: SignedDuration,
    /// How far AWS's times may be from the times of readings.
    pub skew: SignedDuration,
}

impl Lag {
    /// Rooms that a reading may have missed were updated no earlier.
    fn before(&self, begun: Timestamp) -> Timestamp {
        less(less(begun, self.bound), self.skew)
    }

    /// What was written by then is on every page that is asked for from now on. The clock may have been set meanwhile.
    pub(super) fn after(&self, time: Timestamp) -> Timestamp {
        let after = time.checked_add(self.bound);
        let after = after.and_then(|after| after.checked_add(self.skew));
        after.unwrap_or(Timestamp::MAX)
    }
}

fn less(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

impl Census {
    /// What is to be done so that readings show what is needed. `now`: when a page could be asked for.
    pub fn next(&self, need: &Need, now: Timestamp, lag: Lag) -> Next {
        if self.shown.iter().any(|shown| shown.covers(need)) {
            return Next::Nothing;
        }
        if let Some(later) = need.not_before.filter(|it| *it > now) {
            return Next::Wait(later);
        }
        if need.whole || !need.complete {
            return Next::Read(need.since.filter(|_| !need.whole));
        }
        let open = self.open.filter(|open| open.since <= need.since);
        // One page did not suffice last time, neither to add to what is known from before nor to go back as far as this needs.
        let one_page = |open: &Open| need.since.is_some() && open.page <= need.since;
        let waits = |open: &Open| now < lag.after(open.span.ended) && !one_page(open);
        if let Some(open) = open.filter(waits) {
            return Next::Wait(lag.after(open.span.ended));
        }
        let open = open.filter(|open| now >= lag.after(open.span.ended));
        let closes = open.map(|open| lag.before(open.span.begun));
        let adds = self.complete().filter(|it| it.since <= need.since);
        let adds = adds.filter_map(|it| Some(lag.before(it.not_before?)));
        Next::Read(adds.chain(closes).chain(need.since).max())
    }

    /// Whether one page has not sufficed to complete a reading, because too many rooms were updated.
    pub fn is_restless(&self) -> bool {
        let newest = self.whole;
        self.open
            .is_some_and(|open| newest.is_some_and(|(_, whole)| whole.begun < open.span.begun))
    }

    /// How far down a reading has to go to show every room that was updated since the newest one; `None`: there is none to join on to.
    pub fn front(&self, lag: Lag) -> Option<Timestamp> {
        self.front.map(|begun| lag.before(begun))
    }

    /// Takes in what was read. Another that began later may have been taken in before.
    pub fn take(&mut self, reading: Reading, lag: Lag) {
        let span = Span {
            begun: reading.begun,
            ended: reading.ended,
        };
        self.readings += 1;
        for room in reading.rooms.unpack() {
            self.show(&room, span.begun, lag);
        }
        let joins = self
            .front(lag)
            .is_some_and(|front| reading.down_to <= Some(front));
        if joins || reading.down_to.is_none() {
            self.front = self.front.max(Some(span.begun));
        }
        if reading.down_to.is_none() {
            self.note_missed(span, lag);
            self.whole = Some((self.readings, span));
            self.complete = true;
        }
        self.note_page(reading.first_down_to, span, lag);
        self.note_pages(reading.down_to, reading.first_down_to, span, lag);
        self.drop_covered();
    }

    /// Notes what the first page of a reading shows by itself, and together with what is known from before.
    fn note_page(&mut self, down_to: Option<Timestamp>, span: Span, lag: Lag) {
        let since = self.since_before(down_to, span, lag).min(down_to);
        self.shown.push(Need {
            since,
            not_before: Some(span.begun),
            complete: true,
            whole: false,
            lenient: false,
        });
        self.open = self.open.filter(|open| open.since < since);
    }

    /// Notes what all pages of a reading show. What they missed, one page can show later.
    fn note_pages(
        &mut self,
        down_to: Option<Timestamp>,
        page: Option<Timestamp>,
        span: Span,
        lag: Lag,
    ) {
        let since = self.since_before(down_to, span, lag).min(down_to);
        let closed = |it: &Need| it.since <= since && it.not_before == Some(span.begun);
        // An earlier one can be completed earlier, and one that shows more is worth more.
        let better = |open: Open| {
            open.since < since || open.since == since && span.begun < lag.after(open.span.ended)
        };
        if !self.complete().any(closed) && !self.open.is_some_and(better) {
            self.open = Some(Open { since, page, span });
        }
        self.shown.push(Need {
            since: down_to,
            not_before: Some(span.begun),
            complete: false,
            whole: down_to.is_none(),
            lenient: false,
        });
    }

    /// Since when updated rooms were known before a reading, if that shows every room that those pages may have missed.
    fn since_before(&self, down_to: Option<Timestamp>, span: Span, lag: Lag) -> Option<Timestamp> {
        let reaches = |begun: Timestamp| down_to <= Some(lag.before(begun));
        let complete = self
            .complete()
            .filter(|it| it.not_before.is_some_and(reaches));
        let open = self
            .open
            .filter(|open| span.begun >= lag.after(open.span.ended) && reaches(open.span.begun));
        let known = complete.map(|it| it.since).chain(open.map(|it| it.since));
        known.min().unwrap_or(Some(Timestamp::MAX))
    }

    fn complete(&self) -> impl Iterator<Item = &Need> {
        self.shown.iter().filter(|it| it.complete)
    }

    /// Of what readings have shown, keeps what nothing later covers; of that the widest and the newest.
    fn drop_covered(&mut self) {
        const KEPT: usize = 8;
        let mut kept: Vec<Need> = Vec::new();
        for shown in std::mem::take(&mut self.shown).into_iter().rev() {
            if !kept.iter().any(|it| it.covers(&shown)) {
                kept.push(shown);
            }
        }
        kept.sort_by_key(|it| (it.since.is_some(), std::cmp::Reverse(it.not_before)));
        kept.truncate(KEPT);
        self.shown = kept;
    }

    /// Notes the rooms that this whole reading does not show. One that another began to miss a lag before is gone.
    fn note_missed(&mut self, newest: Span, lag: Lag) {
        self.gone.retain(|_, until| *until > newest.begun);
        let mut gone = Vec::new();
        for (arn, entry) in &mut self.rooms {
            // This reading is not behind what this process has done.
            let told = entry.ours_until.take_if(|until| *until <= newest.begun);
            if told.is_some() && entry.deleted {
                gone.push(arn.clone());
            }
            if entry.ours_until.is_some() || entry.seen == self.readings {
                continue;
            }
            // One that began later has shown it.
            if entry.seen > 0 && entry.shown > newest.begun {
                entry.seen = self.readings;
                continue;
            }
            match entry.missed {
                None => {
                    entry.missed = Some(newest.ended);
                    if !entry.deleted {
                        self.changes.changed.remove(arn);
                        self.changes.gone.insert(arn.clone());
                    }
                }
                Some(missed) if newest.begun >= lag.after(missed) => gone.push(arn.clone()),
                Some(_) => {}
            }
        }
        for arn in gone {
            self.remove(&arn);
        }
        // What rested on rooms that are dropped is dropped with them.
        if let Some((_, last)) = self.whole {
            let after = lag.after(last.ended);
            self.shown.retain(|it| it.not_before >= Some(after));
        }
    }

    /// Whether no room is known that anybody looks for.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Nobody knows any more when the readings were, or others have worked since: they prove nothing. What they showed may still be.
    pub fn distrust(&mut self) {
        self.shown.clear();
        self.open = None;
        self.whole = None;
        self.front = None;
        for entry in self.rooms.values_mut() {
            entry.seen = 0;
            entry.missed = None;
        }
    }

    /// Takes in a room that this process has just made, or whose tags it has just changed.
    pub fn made(&mut self, room: &ActualRoom, at: Timestamp, lag: Lag) {
        let summary = Summary::from(room);
        let Some(mark) = Mark::of(&summary.tags) else {
            return self.remove(&room.arn);
        };
        let entry = Entry {
            room: self.packer.pack(&summary),
            latest: None,
            update_time: summary.update_time,
            mark: mark.hash(),
            since: at,
            seen: self.readings,
            shown: at,
            missed: None,
            deleted: false,
            ours_until: Some(lag.after(at)),
        };
        self.put(&room.arn, entry);
    }

    /// Takes in that this process has just deleted a room.
    pub fn deleted(&mut self, arn: &RoomArn, at: Timestamp, lag: Lag) {
        let until = lag.after(at);
        let Some(entry) = self.rooms.get_mut(arn) else {
            self.gone.insert(arn.clone(), until);
            return;
        };
        entry.forget_latest(&self.packer);
        entry.since = at;
        entry.seen = self.readings;
        entry.shown = at;
        entry.missed = None;
        entry.deleted = true;
        entry.ours_until = Some(until);
    }

    /// Takes in that GetRoom does not show a room. One that the newest list does not show either is gone.
    pub fn missing(&mut self, arn: &RoomArn) {
        if self.rooms.get(arn).is_some_and(|it| !self.is_current(it)) {
            self.remove(arn);
        }
    }

    fn show(&mut self, room: &Summary, begun: Timestamp, lag: Lag) {
        if self.gone.get(&room.arn).is_some_and(|until| begun < *until) {
            return;
        }
        let arn = room.arn.clone();
        let Some(known) = self.rooms.get_mut(&arn) else {
            self.show_new(room, begun);
            return;
        };
        let before = known.update_time;
        let later = room.update_time > before;
        if known.ours_until.is_some_and(|until| begun < until) {
            // The page may be behind what this process has done, but not if AWS has updated the room since.
            if later && !known.deleted {
                self.changes.tell(&arn);
                known.show(room, begun, &mut self.packer);
            }
            return;
        }
        // It was not on a whole reading: this page may be behind one that was.
        if !later && known.missed.is_some_and(|missed| begun < lag.after(missed)) {
            return;
        }
        // A page that was asked for earlier, or that another replica shows which is behind.
        let earlier = known.seen > 0 && begun < known.shown && !later;
        let behind = room.update_time < before && begun < lag.after(known.since);
        if !earlier && !behind && known.latest(&self.packer) != *room {
            self.changes.tell(&arn);
            known.show(room, begun, &mut self.packer);
        }
        known.seen = self.readings;
        known.shown = known.shown.max(begun);
        known.missed = None;
        known.deleted = false;
        known.ours_until = None;
        if let Some(latest) = known.latest.take() {
            let mut entry = Entry::clone(known);
            entry.room = latest;
            self.put_if_marked(&arn, entry);
        }
    }

    fn show_new(&mut self, room: &Summary, begun: Timestamp) {
        let Some(mark) = Mark::of(&room.tags) else {
            return;
        };
        if self.complete {
            self.changes.tell(&room.arn);
        }
        let entry = Entry {
            room: self.packer.pack(room),
            latest: None,
            update_time: room.update_time,
            mark: mark.hash(),
            since: begun,
            seen: self.readings,
            shown: begun,
            missed: None,
            deleted: false,
            ours_until: None,
        };
        self.put(&room.arn, entry);
    }

    /// Puts in a room with the mark that its tags give it; takes it out if they give none.
    fn put_if_marked(&mut self, arn: &RoomArn, mut entry: Entry) {
        let room = entry.room(&self.packer);
        match Mark::of(&room.tags) {
            Some(mark) => {
                entry.mark = mark.hash();
                self.put(arn, entry);
            }
            None => self.remove(arn),
        }
    }

    fn put(&mut self, arn: &RoomArn, entry: Entry) {
        self.remove(arn);
        self.marked.insert((entry.mark, arn.clone()));
        self.rooms.insert(arn.clone(), Box::new(entry));
    }

    fn remove(&mut self, arn: &RoomArn) {
        if let Some(entry) = self.rooms.remove(arn) {
            self.marked.remove(&(entry.mark, arn.clone()));
        }
    }

    /// Whether the newest whole reading shows it, or a later one, or this process has made it since.
    fn is_current(&self, entry: &Entry) -> bool {
        let newest = self.whole.map(|(number, _)| number);
        let shown = entry.seen > 0 && Some(entry.seen) >= newest && entry.missed.is_none();
        shown || entry.ours_until.is_some()
    }

    /// The rooms that are looked for by this, and which this process has not deleted.
    fn of_mark(&self, mark: Mark<'_>) -> Vec<(&Entry, Summary)> {
        let first = (mark.hash(), RoomArn::least());
        let alike = self.marked.range(first..);
        let alike = alike.take_while(|(hash, _)| *hash == mark.hash());
        let entries = alike.filter_map(|(_, arn)| self.rooms.get(arn));
        let entries = entries.filter(|entry| !entry.deleted);
        let rooms = entries.map(|entry| (&**entry, entry.room(&self.packer)));
        rooms
            .filter(|(_, room)| Mark::of(&room.tags) == Some(mark))
            .collect()
    }

    /// The rooms that prove to be this ChatRoom's: first those that this object asked for, each group oldest first.
    pub fn rooms_of(&self, identity: &Identity) -> Vec<Known> {
        let owners: Vec<String> = identity.owners().collect();
        let marks = owners.iter().map(|owner| Mark::Owner(owner));
        let marks = marks.chain([Mark::Creation(&identity.uid)]);
        let mut rooms: Vec<_> = marks.flat_map(|mark| self.of_mark(mark)).collect();
        rooms.retain(|(_, room)| identity.prove(&room.tags) == Proof::Ours);
        // Rooms that this object asked for come before those of an earlier object of its name.
        rooms.sort_by_key(|(_, room)| {
            let created = identity.created(&room.tags);
            (!created, room.create_time, room.arn.clone())
        });
        self.known(rooms)
    }

    /// The rooms that an object of this name has released, oldest first.
    pub fn released(&self, identity: &Identity) -> Vec<Known> {
        let owner = identity.owner.to_string();
        let mut rooms = self.of_mark(Mark::Consent(&owner));
        rooms.retain(|(_, room)| identity.retained(&room.tags));
        rooms.sort_by_key(|(_, room)| (room.create_time, room.arn.clone()));
        self.known(rooms)
    }

    fn known(&self, rooms: Vec<(&Entry, Summary)>) -> Vec<Known> {
        let known = |(entry, room): (&Entry, Summary)| Known {
            arn: room.arn,
            current: self.is_current(entry),
            shown: entry.shown,
            latest: entry.latest(&self.packer),
            since: entry.since,
        };
        rooms.into_iter().map(known).collect()
    }

    /// What readings have shown otherwise than before since this was asked last.
    pub fn changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// The rooms that carry an owner tag, with its value, as of the newest reading.
    pub fn owned(&self) -> Vec<(String, RoomArn)> {
        let rooms = self.rooms.values();
        let rooms = rooms.filter(|entry| !entry.deleted && self.is_current(entry));
        let rooms = rooms.map(|entry| entry.room(&self.packer));
        let owned = rooms.filter_map(|mut room| Some((room.tags.remove(OWNER_TAG)?, room.arn)));
        owned.collect()
    }
}

impl Entry {
    fn room(&self, packer: &Packer) -> Summary {
        unpack(&self.room, packer)
    }

    fn latest(&self, packer: &Packer) -> Summary {
        unpack(self.latest.as_ref().unwrap_or(&self.room), packer)
    }

    /// Takes in how the room is shown since a reading began.
    fn show(&mut self, room: &Summary, begun: Timestamp, packer: &mut Packer) {
        self.latest = Some(packer.pack(room));
        self.update_time = room.update_time;
        self.since = begun;
    }

    /// What was shown beside that by which it is decided whose the room is does not count any more.
    fn forget_latest(&mut self, packer: &Packer) {
        if self.latest.take().is_some() {
            self.update_time = self.room(packer).update_time;
        }
    }
}

#[allow(
    clippy::expect_used,
    reason = "a crash is better than a room that is missing: that would prove something"
)]
fn unpack(room: &Packed, packer: &Packer) -> Summary {
    packer.unpack(room).expect("a packed room can be read")
}

/// A room that somebody looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its ARN.
    pub arn: RoomArn,
    /// The newest list shows it. Otherwise it may be gone: only GetRoom tells.
    pub current: bool,
    /// When the last list began that shows it.
    pub shown: Timestamp,
    /// What the newest list shows of it.
    pub latest: Summary,
    /// When the first list began that shows it like this.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests;
