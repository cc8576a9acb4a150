//! Which object gets the next pass. Pure: times are handed in.
//!
//! Objects wait in lines, one for each place and urgency, so that none of them holds up another; in a line, namespaces come in turn.
//! Memory bounds how many passes of a line are under way. No namespace has more than half of them, and each has a few.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ivschat_core::lanes::{Lane, Turns};
use tokio::time::Instant;

use super::Name;

/// In which line an object waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) lane: Lane,
    /// What its pass depends on, and may not answer.
    pub(crate) place: Arc<str>,
}

impl Line {
    fn counts(&self) -> bool {
        self.lane != Lane::Look
    }
}

/// An object whose pass begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) object: Name,
    /// Since when it waits.
    pub(crate) since: Instant,
}

/// So many passes a namespace may have under way however many others have.
const FEW: usize = 4;

/// Requests for passes of one object are merged to one in this time, after a first one that is free.
const MERGED: Duration = Duration::from_secs(1);

pub(crate) struct Queue {
    /// How many passes of a line may be under way.
    most: usize,
    entries: BTreeMap<Name, Box<Entry>>,
    /// Objects that wait for a time.
    timers: BTreeSet<(Instant, Name)>,
    lines: BTreeMap<Line, Passes>,
    /// How many objects are due and wait for a pass of their line to end. Regular looks do not count: they may wait.
    behind: usize,
}

/// Who waits in a line, and how many passes are under way, by namespace.
#[derive(Default)]
struct Passes {
    waiting: Turns<(Instant, Name)>,
    running: BTreeMap<String, usize>,
}

impl Passes {
    fn running(&self) -> usize {
        self.running.values().sum()
    }
}

#[derive(Default)]
struct Entry {
    wanted: Option<Wanted>,
    /// The line of the pass under way.
    running: Option<Line>,
    /// Passes that began so far are paid for by then.
    paid: Option<Instant>,
}

/// A pass that is to come.
#[derive(Debug, Clone)]
struct Wanted {
    line: Line,
    at: Instant,
    /// Since when it is asked for.
    since: Instant,
    /// It waits in its line.
    queued: bool,
}

impl Queue {
    /// `most`: how many passes of a line may be under way, at least 1.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            entries: BTreeMap::new(),
            timers: BTreeSet::new(),
            lines: BTreeMap::new(),
            behind: 0,
        }
    }

    /// Somebody asks for a pass now. Who asks again and again gets one a second.
    pub(crate) fn ask(&mut self, object: &Name, line: Line, now: Instant) {
        let paid = self.entries.get(object).and_then(|entry| entry.paid);
        let at = paid.map_or(now, |paid| now.max(paid - MERGED));
        self.want(object, line, at, now);
    }

    /// An object's next pass is due at a time, unless it is wanted earlier.
    pub(crate) fn want_at(&mut self, object: &Name, line: Line, at: Instant) {
        self.want(object, line, at, at);
    }

    fn want(&mut self, object: &Name, line: Line, at: Instant, since: Instant) {
        let known = self.withdraw(object);
        let wanted = match known {
            Some(known) => Wanted {
                at: known.at.min(at),
                since: known.since.min(since),
                // Of what is asked for, the most urgent counts; of what is only due later, what is known now.
                line: if known.at < at {
                    known.line.min(line)
                } else {
                    line
                },
                queued: false,
            },
            None => Wanted {
                line,
                at,
                since,
                queued: false,
            },
        };
        let entry = self.entries.entry(object.clone()).or_default();
        if entry.running.is_none() {
            self.timers.insert((wanted.at, object.clone()));
        }
        entry.wanted = Some(wanted);
    }

    /// Takes the pass out that was to come.
    fn withdraw(&mut self, object: &Name) -> Option<Wanted> {
        let entry = self.entries.get_mut(object)?;
        let wanted = entry.wanted.take()?;
        self.timers.remove(&(wanted.at, object.clone()));
        if wanted.queued
            && let Some(passes) = self.lines.get_mut(&wanted.line)
        {
            let ticket = (wanted.since, object.clone());
            passes.waiting.remove(object.namespace(), &ticket);
            self.behind -= usize::from(wanted.line.counts());
            self.drop_idle(&wanted.line);
        }
        Some(wanted)
    }

    /// The next object whose pass is to begin. It is under way until it [`ended`](Self::ended).
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        self.queue_up(now);
        let most = self.most;
        let share = most.div_ceil(2);
        let (line, ticket) = self.lines.iter_mut().find_map(|(line, passes)| {
            let (all, running) = (passes.running(), &passes.running);
            let may = |namespace: &str| {
                let own = running.get(namespace).copied().unwrap_or_default();
                own < share.min(FEW) || (all < most && own < share)
            };
            let ticket = passes.waiting.pop(may)?;
            Some((line.clone(), ticket))
        })?;
        let (since, object) = ticket;
        self.behind -= usize::from(line.counts());
        if let Some(passes) = self.lines.get_mut(&line) {
            let namespace = object.namespace().to_owned();
            *passes.running.entry(namespace).or_default() += 1;
        }
        let entry = self.entries.entry(object.clone()).or_default();
        entry.wanted = None;
        entry.running = Some(line);
        entry.paid = Some(entry.paid.map_or(now, |paid| paid.max(now)) + MERGED);
        Some(Due { object, since })
    }

    /// Lets objects queue up whose time has come.
    fn queue_up(&mut self, now: Instant) {
        while let Some((at, _)) = self.timers.first()
            && *at <= now
            && let Some((_, object)) = self.timers.pop_first()
        {
            let entry = self.entries.get_mut(&object);
            let Some(wanted) = entry.and_then(|entry| entry.wanted.as_mut()) else {
                continue;
            };
            wanted.queued = true;
            let passes = self.lines.entry(wanted.line.clone()).or_default();
            let namespace = object.clone();
            let namespace = namespace.namespace();
            passes.waiting.push(namespace, (wanted.since, object));
            self.behind += usize::from(wanted.line.counts());
        }
    }

    /// A pass has ended.
    pub(crate) fn ended(&mut self, object: &Name) {
        let Some(entry) = self.entries.get_mut(object) else {
            return;
        };
        if let Some(wanted) = &entry.wanted {
            self.timers.insert((wanted.at, object.clone()));
        }
        if let Some(line) = entry.running.take() {
            if let Some(passes) = self.lines.get_mut(&line)
                && let Some(running) = passes.running.get_mut(object.namespace())
            {
                *running -= 1;
                if *running == 0 {
                    passes.running.remove(object.namespace());
                }
            }
            self.drop_idle(&line);
        }
    }

    /// The pass that has just begun was none: nothing is to be paid for it.
    pub(crate) fn was_none(&mut self, object: &Name) {
        if let Some(entry) = self.entries.get_mut(object) {
            entry.paid = entry.paid.map(|paid| paid - MERGED);
        }
        self.ended(object);
    }

    /// An object is gone.
    pub(crate) fn forget(&mut self, object: &Name) {
        self.withdraw(object);
        if self
            .entries
            .get(object)
            .is_some_and(|it| it.running.is_none())
        {
            self.entries.remove(object);
        }
    }

    /// When the next object is due that does not wait for another pass.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// How many objects are due for more than a regular look and wait until a pass of their line ends.
    pub(crate) fn behind(&self) -> usize {
        self.behind
    }

    fn drop_idle(&mut self, line: &Line) {
        let idle = |passes: &Passes| passes.waiting.is_empty() && passes.running.is_empty();
        if self.lines.get(line).is_some_and(idle) {
            self.lines.remove(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(namespace: &str, name: impl std::fmt::Display) -> Name {
        Name::new(namespace, &name.to_string())
    }

    fn line(lane: Lane, place: &str) -> Line {
        Line {
            lane,
            place: place.into(),
        }
    }

    fn asked() -> Line {
        line(Lane::Asked, "us-west-2")
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// The objects whose passes begin, as `namespace/name`.
    fn begun(queue: &mut Queue, now: Instant) -> Vec<String> {
        let next = std::iter::from_fn(|| queue.due(now));
        next.map(|due| due.object.to_string()).collect()
    }

    #[test]
    fn a_place_that_does_not_answer_holds_up_no_other_and_no_edit_waits_for_looks() {
        let (mut queue, now) = (Queue::new(4), Instant::now());
        for number in 0..500 {
            let dead = line(Lane::Retry, "eu-west-1");
            queue.want_at(&name(&format!("dead-{}", number % 5), number), dead, now);
            let look = line(Lane::Look, "us-west-2");
            queue.want_at(&name(&format!("live-{}", number % 5), number), look, now);
        }
        // Two of each of five namespaces, in each line.
        assert_eq!(begun(&mut queue, now).len(), 20);
        assert_eq!(queue.behind(), 490);
        queue.ask(&name("live", "lobby"), asked(), now);
        queue.want_at(&name("live", "hall"), line(Lane::Retry, "us-west-2"), now);
        assert_eq!(begun(&mut queue, now), ["live/lobby", "live/hall"]);
    }

    #[test]
    fn an_object_that_is_looked_at_waits_no_longer_than_its_pass_once_it_is_edited() {
        let (mut queue, now) = (Queue::new(1), Instant::now());
        let look = || line(Lane::Look, "us-west-2");
        for number in 0..9 {
            queue.want_at(&name("live", number), look(), now);
        }
        assert_eq!(begun(&mut queue, now), ["live/0"]);
        // One that waits changes lines, and the one whose pass is under way comes back in another.
        for number in [8, 0] {
            queue.ask(&name("live", number), asked(), now);
        }
        assert_eq!(begun(&mut queue, now), ["live/8"]);
        queue.ended(&name("live", 8));
        queue.ended(&name("live", 0));
        assert_eq!(begun(&mut queue, now), ["live/0", "live/1"]);
    }

    #[test]
    fn a_namespace_has_at_most_half_of_the_passes_and_namespaces_come_in_turn() {
        let (mut queue, now) = (Queue::new(4), Instant::now());
        for number in 0..9 {
            queue.ask(&name("many", number), asked(), now);
        }
        assert_eq!(begun(&mut queue, now), ["many/0", "many/1"]);
        for number in 0..2 {
            queue.ask(&name("few", number), asked(), now);
        }
        assert_eq!(begun(&mut queue, now), ["few/0", "few/1"]);
        queue.ended(&name("many", 0));
        assert_eq!(begun(&mut queue, now), ["many/2"]);
    }

    #[test]
    fn namespaces_that_fill_a_line_leave_a_few_passes_to_each_other_one() {
        let (mut queue, now) = (Queue::new(8), Instant::now());
        for number in 0..9 {
            for namespace in ["first", "second"] {
                queue.ask(&name(namespace, number), asked(), now);
            }
        }
        assert_eq!(begun(&mut queue, now).len(), 8);
        for number in 0..9 {
            queue.ask(&name("third", number), asked(), now);
        }
        let few = ["third/0", "third/1", "third/2", "third/3"];
        assert_eq!(begun(&mut queue, now), few);
        assert_eq!(queue.behind(), 15);
    }

    #[test]
    fn requests_for_passes_of_one_object_are_merged_to_one_a_second_after_a_first() {
        let (mut queue, start) = (Queue::new(4), Instant::now());
        let lobby = name("live", "lobby");
        let mut passes = Vec::new();
        for step in 0..250_u32 {
            let now = start + seconds(0.02) * step;
            queue.ask(&lobby, asked(), now);
            while queue.due(now).is_some() {
                passes.push((now - start).as_millis());
                queue.ended(&lobby);
            }
        }
        assert_eq!(passes, [0, 20, 1000, 2000, 3000, 4000]);
        // What the operator decides itself is not merged.
        queue.want_at(&lobby, asked(), start + seconds(5.0));
        assert_eq!(queue.next(), Some(start + seconds(5.0)));
    }

    #[test]
    fn a_pass_that_was_none_costs_nothing() {
        let (mut queue, now) = (Queue::new(4), Instant::now());
        let lobby = name("live", "lobby");
        for _ in 0..9 {
            queue.ask(&lobby, asked(), now);
            assert!(queue.due(now).is_some());
            queue.was_none(&lobby);
        }
    }

    #[test]
    fn the_earliest_time_counts_and_what_is_gone_is_not_looked_at() {
        let (mut queue, now) = (Queue::new(4), Instant::now());
        let (lobby, hall) = (name("live", "lobby"), name("live", "hall"));
        for at in [3.0, 2.0, 4.0] {
            queue.want_at(&lobby, asked(), now + seconds(at));
        }
        queue.want_at(&hall, asked(), now + seconds(1.0));
        assert_eq!(queue.next(), Some(now + seconds(1.0)));
        queue.forget(&hall);
        assert_eq!(queue.next(), Some(now + seconds(2.0)));
        let due = queue.due(now + seconds(2.0));
        assert_eq!(due.map(|due| due.since), Some(now + seconds(2.0)));
        queue.want_at(&lobby, asked(), now + seconds(9.0));
        queue.forget(&lobby);
        queue.ended(&lobby);
        assert_eq!((queue.next(), queue.behind()), (None, 0));
        assert!(queue.lines.is_empty());
    }
}
