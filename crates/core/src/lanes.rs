//! Whose turn it is, where many wait for the same thing: first by how urgent it is, then by namespaces in turn, then by time.
//!
//! Nobody is passed over for long. Until it is a waiter's turn, each other namespace of its lane has a turn for each turn of its own
//! namespace, and the other lanes have their share.

use std::collections::{BTreeMap, BTreeSet};

/// How urgent something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person has asked for it: a new object, an edit, a deletion, a request for a pass.
    Asked,
    /// It is not done yet.
    Retry,
    /// Nobody has asked for it.
    Look,
}

impl Lane {
    /// Every lane, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Asked, Self::Retry, Self::Look];

    /// How often it is served while all lanes wait, in relation to the others.
    pub const fn weight(self) -> u64 {
        match self {
            Self::Asked => 8,
            Self::Retry => 3,
            Self::Look => 1,
        }
    }

    /// In lower case, as traces name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Retry => "retry",
            Self::Look => "look",
        }
    }

    /// How far its clock moves when it is served.
    const fn stride(self) -> u64 {
        const WHOLE: u64 = 24;
        WHOLE / self.weight()
    }
}

/// Those who wait, by namespaces in turn. `K` orders those of one namespace.
#[derive(Debug, Clone)]
pub struct Turns<K> {
    /// Who waits, by namespace, and when it is that namespace's turn.
    waiting: BTreeMap<String, (u64, BTreeSet<K>)>,
    /// The namespaces by their turn.
    order: BTreeMap<u64, String>,
    /// How many turns were given.
    given: u64,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            order: BTreeMap::new(),
            given: 0,
        }
    }
}

impl<K: Ord + Clone> Turns<K> {
    /// Lets `key` wait.
    pub fn push(&mut self, namespace: &str, key: K) {
        if let Some((_, keys)) = self.waiting.get_mut(namespace) {
            keys.insert(key);
        } else {
            let keys = BTreeSet::from([key]);
            self.place(namespace.to_owned(), keys);
        }
    }

    /// At the end: every other namespace that waits comes first.
    fn place(&mut self, namespace: String, keys: BTreeSet<K>) {
        self.given += 1;
        self.order.insert(self.given, namespace.clone());
        self.waiting.insert(namespace, (self.given, keys));
    }

    /// Who is next.
    pub fn first(&self) -> Option<&K> {
        let namespace = self.order.values().next()?;
        let (_, keys) = self.waiting.get(namespace)?;
        keys.first()
    }

    /// Takes out who is next of the namespaces that `may`.
    pub fn pop(&mut self, may: impl Fn(&str) -> bool) -> Option<K> {
        let (turn, namespace) = self.order.iter().find(|(_, it)| may(it))?;
        let (turn, namespace) = (*turn, namespace.clone());
        self.order.remove(&turn);
        let (_, mut keys) = self.waiting.remove(&namespace)?;
        let key = keys.pop_first();
        if !keys.is_empty() {
            self.place(namespace, keys);
        }
        key
    }

    /// Takes one out that waits no more. Returns whether it waited.
    pub fn remove(&mut self, namespace: &str, key: &K) -> bool {
        let Some((turn, keys)) = self.waiting.get_mut(namespace) else {
            return false;
        };
        let waited = keys.remove(key);
        if keys.is_empty() {
            self.order.remove(turn);
            self.waiting.remove(namespace);
        }
        waited
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Those who wait in three lanes, each served as its weight says.
#[derive(Debug, Clone)]
pub struct Lanes<K> {
    lanes: [Queued<K>; 3],
    /// The clock of the lane that was served last.
    now: u64,
}

#[derive(Debug, Clone)]
struct Queued<K> {
    turns: Turns<K>,
    /// Moves on by the lane's stride each time it is served. The lane whose clock is behind the others' is next.
    clock: u64,
}

impl<K: Ord + Clone> Default for Lanes<K> {
    fn default() -> Self {
        let lane = || Queued {
            turns: Turns::default(),
            clock: 0,
        };
        Self {
            lanes: [lane(), lane(), lane()],
            now: 0,
        }
    }
}

impl<K: Ord + Clone> Lanes<K> {
    /// Lets `key` wait.
    pub fn push(&mut self, lane: Lane, namespace: &str, key: K) {
        let queued = &mut self.lanes[lane as usize];
        if queued.turns.is_empty() {
            // A lane saves no turns up while nobody waits in it.
            queued.clock = queued.clock.max(self.now);
        }
        queued.turns.push(namespace, key);
    }

    /// Who is next.
    pub fn first(&self) -> Option<&K> {
        self.lanes[self.next()? as usize].turns.first()
    }

    /// Takes out who is next.
    pub fn pop(&mut self) -> Option<K> {
        let lane = self.next()?;
        let queued = &mut self.lanes[lane as usize];
        self.now = queued.clock;
        queued.clock += lane.stride();
        queued.turns.pop(|_| true)
    }

    /// Takes one out that waits no more. Returns whether it waited.
    pub fn remove(&mut self, lane: Lane, namespace: &str, key: &K) -> bool {
        self.lanes[lane as usize].turns.remove(namespace, key)
    }

    fn next(&self) -> Option<Lane> {
        let waited_for = |lane: &Lane| !self.lanes[*lane as usize].turns.is_empty();
        let lanes = Lane::ALL.into_iter().filter(waited_for);
        // Of equals the first, which is the most urgent.
        lanes.min_by_key(|lane| self.lanes[*lane as usize].clock)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all<K: Ord + Clone>(lanes: &mut Lanes<K>) -> Vec<K> {
        std::iter::from_fn(|| lanes.pop()).collect()
    }

    #[test]
    fn of_twelve_turns_eight_are_of_what_was_asked_for_three_of_retries_and_one_of_a_look() {
        let mut lanes = Lanes::default();
        for number in 0..24 {
            for lane in Lane::ALL {
                lanes.push(lane, "live", (lane, number));
            }
        }
        let mut counts = [0; 3];
        for _ in 0..24 {
            counts[lanes.pop().unwrap().0 as usize] += 1;
        }
        assert_eq!(counts, [16, 6, 2]);
    }

    #[test]
    fn a_lane_that_nobody_used_for_long_has_no_more_turns_than_its_share() {
        let mut lanes = Lanes::default();
        for number in 0..100 {
            lanes.push(Lane::Asked, "live", (Lane::Asked, number));
        }
        for _ in 0..80 {
            lanes.pop();
        }
        for number in 0..20 {
            lanes.push(Lane::Look, "live", (Lane::Look, number));
        }
        let next: Vec<_> = (0..9).filter_map(|_| lanes.pop()).collect();
        let looks = next.iter().filter(|(lane, _)| *lane == Lane::Look);
        assert_eq!(looks.count(), 1, "{next:?}");
    }

    #[test]
    fn namespaces_come_in_turn_and_each_in_the_order_of_its_times() {
        let mut lanes = Lanes::default();
        for time in [3, 1, 2] {
            lanes.push(Lane::Look, "many", (time, "many"));
        }
        lanes.push(Lane::Look, "few", (9, "few"));
        let order = [(1, "many"), (9, "few"), (2, "many"), (3, "many")];
        assert_eq!(all(&mut lanes), order);
    }

    #[test]
    fn who_waits_no_more_is_passed_over_and_namespaces_that_may_not_are() {
        let mut lanes = Lanes::default();
        for time in [1, 2] {
            lanes.push(Lane::Retry, "live", time);
        }
        assert!(lanes.remove(Lane::Retry, "live", &1));
        assert!(!lanes.remove(Lane::Retry, "live", &1));
        assert_eq!(lanes.first(), Some(&2));
        assert_eq!(all(&mut lanes), [2]);
        let mut turns = Turns::default();
        for (namespace, time) in [("full", 1), ("live", 2), ("full", 3)] {
            turns.push(namespace, time);
        }
        assert_eq!(turns.pop(|it| it != "full"), Some(2));
        assert_eq!(turns.pop(|it| it != "full"), None);
        assert!(!turns.is_empty(), "they wait on");
    }

    #[derive(Debug, Clone, Copy)]
    struct Waiter {
        lane: Lane,
        namespace: usize,
        arrived: usize,
    }

    /// Lets waiters arrive and be served as `moves` say: an arrival, or a turn.
    fn passed_over(moves: Vec<Option<(u8, u8)>>) -> Result<(), TestCaseError> {
        const NAMESPACES: [&str; 3] = ["a", "b", "c"];
        let mut lanes = Lanes::default();
        // Each with how many it may let go first, and how many of later ones it did.
        let mut waiting: BTreeMap<usize, (Waiter, u64, u64)> = BTreeMap::new();
        for (arrived, step) in moves.into_iter().enumerate() {
            if let Some((lane, namespace)) = step {
                let waiter = Waiter {
                    lane: Lane::ALL[usize::from(lane % 3)],
                    namespace: usize::from(namespace % 3),
                    arrived,
                };
                let same = |it: &&(Waiter, u64, u64)| {
                    (it.0.lane, it.0.namespace) == (waiter.lane, waiter.namespace)
                };
                let before = waiting.values().filter(same).count() as u64;
                // Turns of its lane until its own, each with a round of the weights.
                let turns = (before + 1) * NAMESPACES.len() as u64;
                let round: u64 = Lane::ALL.iter().map(|lane| lane.weight()).sum();
                let bound = turns * round.div_ceil(waiter.lane.weight());
                lanes.push(waiter.lane, NAMESPACES[waiter.namespace], arrived);
                waiting.insert(arrived, (waiter, bound, 0));
            } else if let Some(served) = lanes.pop() {
                let (served, ..) = waiting.remove(&served).unwrap();
                for (waiter, bound, passed) in waiting.values_mut() {
                    *passed += u64::from(served.arrived > waiter.arrived);
                    prop_assert!(
                        *passed <= *bound,
                        "{waiter:?} was passed over {passed} times"
                    );
                }
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn nobody_is_passed_over_by_more_than_a_round_of_the_weights_for_each_turn_of_its_lane(
            moves in prop::collection::vec(prop::option::weighted(0.6, (0_u8..3, 0_u8..3)), 1..400),
        ) {
            passed_over(moves)?;
        }
    }
}
