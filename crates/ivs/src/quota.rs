//! Call quotas: AWS's figures hold per account, region and operation, and cannot be raised.
//!
//! Calls of a region and operation are sent evenly, so that AWS refuses none of ours for exceeding a quota. Not a second's worth at
//! once: AWS's own bucket may be empty when a process starts, because the one before has just used it, and others in the account
//! need theirs. Where AWS refuses calls all the same, the [`Rate`] learns from it. Who waits is served as [`Lanes`] say. Only so many
//! are under way at once that a region or an operation without answers holds up nothing else.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use ivschat_core::lanes::Lanes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::caller::Caller;
use crate::meter::{Meter, Turn};
use crate::operation::Operation;
use crate::rate::Rate;

/// Calls per second that AWS grants each room operation.
const ROOM_CALLS: f64 = 5.0;
/// Calls per second that AWS grants each tagging operation.
const TAG_CALLS: f64 = 10.0;

/// Above this number, places where nobody waits are forgotten: users can name regions that do not exist.
const MAX_PLACES: usize = 100;

/// By so much a call may be sent early that follows one sent late: timers are not exact.
const LATENESS: Duration = Duration::from_millis(5);

pub(crate) struct Quotas {
    /// The share of AWS's figures to use.
    factor: f64,
    /// How many calls of a region and an operation may be under way.
    most: u16,
    places: Mutex<BTreeMap<(String, Operation), Arc<Place>>>,
    meter: Arc<dyn Meter>,
}

/// A region and an operation.
struct Place(Mutex<State>);

struct State {
    rate: Rate,
    /// The share of the quota that was told last.
    told: f64,
    /// When the next call may be sent.
    next: Instant,
    /// When the last call was sent that did not follow its turn at once.
    sent: Option<Instant>,
    /// How many more calls may be under way.
    free: u16,
    waiting: Lanes<Ticket>,
    /// Those who wait are woken up when they are next.
    bells: BTreeMap<Ticket, Arc<Notify>>,
    tickets: u64,
}

/// Since when somebody waits, and a number that nobody else has.
type Ticket = (Instant, u64);

/// A call may be under way for as long as this is kept.
pub(crate) struct Permit(Arc<Place>);

impl Permit {
    /// Returns once the call may be sent, where other things had to be done since its turn came: what was held up does not come all
    /// at once.
    pub(crate) async fn spread(&self) {
        let time = {
            let mut state = self.0.state();
            let now = Instant::now();
            let period = state.rate.period(now);
            let soonest = state.sent.and_then(|sent| sent.checked_add(period));
            let time = soonest.map_or(now, |soonest| soonest.max(now));
            state.sent = Some(time);
            time
        };
        sleep_until(time).await;
    }

    /// What became of a call that was sent then: AWS took it, or refused it because there were too many.
    pub(crate) fn answered(&self, sent: Instant, taken: bool) {
        let rate = &mut self.0.state().rate;
        if taken {
            rate.taken(sent);
        } else {
            rate.refused(sent, Instant::now());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.free += 1;
        state.ring();
    }
}

impl Quotas {
    /// `factor`: the share of AWS's figures to use, more than 0. `most`: how many calls of a region and an operation may be under way,
    /// at least 1.
    pub(crate) fn new(factor: f64, most: u16, meter: Arc<dyn Meter>) -> Self {
        Self {
            factor,
            most,
            places: Mutex::default(),
            meter,
        }
    }

    /// Returns once it is the caller's turn to send such a call. `patient`: it waits even if it is recalled.
    pub(crate) async fn admit(
        &self,
        region: &str,
        operation: Operation,
        caller: &Caller,
        patient: bool,
    ) -> Permit {
        let asked = Instant::now();
        let waiter = self.enter(region, operation, caller);
        self.meter.waits(&waiter.turn);
        let recalled = async {
            if patient {
                std::future::pending::<()>().await;
            }
            caller.outdated().await;
        };
        // The turn comes first.
        let Either::Left((permit, _)) = select(pin!(waiter.permit()), pin!(recalled)).await else {
            drop(waiter);
            return caller.leave().await;
        };
        self.meter.waited(&waiter.turn, asked.elapsed());
        if let Some(share) = waiter.place.state().news(Instant::now()) {
            self.meter.learned(region, operation.name(), share);
        }
        permit
    }

    fn enter<'a>(&'a self, region: &str, operation: Operation, caller: &'a Caller) -> Waiter<'a> {
        let place = self.place(region, operation);
        let bell = Arc::new(Notify::new());
        let ticket = {
            let mut state = place.state();
            state.tickets += 1;
            let ticket = (caller.since, state.tickets);
            state.waiting.push(caller.lane, &caller.namespace, ticket);
            state.bells.insert(ticket, Arc::clone(&bell));
            ticket
        };
        let turn = Turn {
            region: region.to_owned(),
            operation: operation.name(),
            lane: caller.lane,
            namespace: caller.namespace.clone(),
            number: ticket.1,
        };
        Waiter {
            meter: &*self.meter,
            place,
            ticket,
            bell,
            turn,
        }
    }

    fn place(&self, region: &str, operation: Operation) -> Arc<Place> {
        let now = Instant::now();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() > MAX_PLACES {
            places.retain(|_, place| {
                // What was learned is kept until it no longer holds.
                let in_use = |state: &State| state.next > now || state.rate.share(now) < 1.0;
                Arc::strong_count(place) > 1 || in_use(&place.state())
            });
        }
        let place = places.entry((region.to_owned(), operation));
        let place = place.or_insert_with(|| Arc::new(self.new_place(operation, now)));
        Arc::clone(place)
    }

    fn new_place(&self, operation: Operation, now: Instant) -> Place {
        let calls = if operation.is_tagging() {
            TAG_CALLS
        } else {
            ROOM_CALLS
        };
        Place(Mutex::new(State {
            rate: Rate::new(calls * self.factor),
            told: 1.0,
            next: now,
            sent: None,
            free: self.most,
            waiting: Lanes::default(),
            bells: BTreeMap::new(),
            tickets: 0,
        }))
    }
}

impl Place {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The share of the quota that is used now, where it is another than was told last.
    #[allow(clippy::float_cmp, reason = "the same reckoning gives the same number")]
    fn news(&mut self, now: Instant) -> Option<f64> {
        let share = self.rate.share(now);
        let told = std::mem::replace(&mut self.told, share);
        (share != told).then_some(share)
    }

    /// Wakes up who is next.
    fn ring(&self) {
        let first = self.waiting.first();
        if let Some(bell) = first.and_then(|ticket| self.bells.get(ticket)) {
            bell.notify_one();
        }
    }
}

/// Somebody who waits. Dropped, it waits no more.
struct Waiter<'a> {
    meter: &'a dyn Meter,
    place: Arc<Place>,
    ticket: Ticket,
    bell: Arc<Notify>,
    turn: Turn,
}

impl Waiter<'_> {
    async fn permit(&self) -> Permit {
        loop {
            match self.take(Instant::now()) {
                Ok(permit) => return permit,
                // Either will do.
                Err(Some(time)) => drop(timeout_at(time, self.bell.notified()).await),
                Err(None) => self.bell.notified().await,
            }
        }
    }

    /// Takes the turn if it has come; otherwise says when it may come, if that is known.
    fn take(&self, now: Instant) -> Result<Permit, Option<Instant>> {
        let mut state = self.place.state();
        if state.free == 0 || state.waiting.first() != Some(&self.ticket) {
            return Err(None);
        }
        if now < state.next {
            return Err(Some(state.next));
        }
        state.waiting.pop();
        state.bells.remove(&self.ticket);
        state.free -= 1;
        let latest = now.checked_sub(LATENESS).unwrap_or(now);
        let next = state.next.max(latest).checked_add(state.rate.period(now));
        // Not a lifetime of the process, but as good as never.
        state.next = next.unwrap_or(now + Duration::from_secs(1 << 32));
        state.ring();
        Ok(Permit(Arc::clone(&self.place)))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let Turn {
            lane, namespace, ..
        } = &self.turn;
        let mut state = self.place.state();
        if state.bells.remove(&self.ticket).is_some() {
            state.waiting.remove(*lane, namespace, &self.ticket);
            state.ring();
            drop(state);
            self.meter.left(&self.turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use ivschat_core::lanes::Lane;

    use super::*;
    use crate::call::tests::caller;
    use crate::meter::Unmetered;

    fn quotas(factor: f64, most: u16) -> Quotas {
        Quotas::new(factor, most, Arc::new(Unmetered))
    }

    #[tokio::test]
    async fn regions_that_users_invent_do_not_pile_up() {
        let quotas = quotas(1000.0, 1);
        for region in 0..1000 {
            let region = format!("aa-bb-{region}");
            let operation = Operation::GetRoom;
            drop(quotas.admit(&region, operation, &caller(), true).await);
        }
        let places = quotas.places.lock().unwrap().len();
        assert!(places <= 2 * MAX_PLACES, "{places}");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_spread_at_the_quota_and_each_region_and_operation_has_its_own() {
        let quotas = quotas(1.0, 100);
        let start = Instant::now();
        for count in 0..20 {
            for (region, operation) in [
                ("us-west-2", Operation::GetRoom),
                ("eu-west-1", Operation::GetRoom),
                ("us-west-2", Operation::UpdateRoom),
                ("us-west-2", Operation::TagResource),
            ] {
                drop(quotas.admit(region, operation, &caller(), true).await);
            }
            // 5 a second; where nobody waits, at once.
            assert_eq!(start.elapsed(), Duration::from_millis(200 * count));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_sent_late_delays_those_behind_it_no_more_than_timers_are_late() {
        let quotas = quotas(1.0, 100);
        let start = Instant::now();
        let mut sent = Vec::new();
        for late in [0, 3, 0, 550, 0] {
            tokio::time::advance(Duration::from_millis(late)).await;
            let operation = Operation::GetRoom;
            drop(quotas.admit("us-west-2", operation, &caller(), true).await);
            sent.push(start.elapsed().as_millis());
        }
        // 950 ms: nobody has waited since 400, so the quota begins anew, less what timers may be late by.
        assert_eq!(sent, [0, 200, 400, 950, 1145]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_held_up_after_their_turns_are_spread_again() {
        let quotas = quotas(1.0, 100);
        let start = Instant::now();
        let sent = (0..5).map(async |_| {
            let caller = caller();
            let admitted = quotas.admit("us-west-2", Operation::CreateRoom, &caller, true);
            let permit = admitted.await;
            // Until then the API server is busy.
            sleep_until(start + Duration::from_millis(700)).await;
            permit.spread().await;
            start.elapsed().as_millis()
        });
        let sent = futures::future::join_all(sent).await;
        assert_eq!(sent, [700, 900, 1100, 1300, 1500]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_comes_before_looks_and_who_leaves_holds_nobody_up() {
        let quotas = quotas(1.0, 100);
        let now = Instant::now();
        let (lanes, order) = (Lane::ALL, Mutex::new(Vec::new()));
        let operation = Operation::GetRoom;
        drop(quotas.admit("us-west-2", operation, &caller(), true).await);
        let waiting = (0..12).map(|number| {
            let (quotas, order) = (&quotas, &order);
            // Looks came first.
            let lane = lanes[2 - number / 4];
            let caller = Caller::new(lane, "live", now + Duration::from_millis(number as u64));
            async move {
                drop(quotas.admit("us-west-2", operation, &caller, true).await);
                order.lock().unwrap().push((lane, number));
            }
        });
        let left = caller();
        let mut leaves = Box::pin(quotas.admit("us-west-2", operation, &left, true));
        assert!(leaves.as_mut().now_or_never().is_none());
        let all = futures::future::join_all(waiting);
        let all = all.then(|_| std::future::ready(()));
        let mut all = Box::pin(all);
        assert!(all.as_mut().now_or_never().is_none());
        drop(leaves);
        all.await;
        // At most one look and two retries come before the last edit.
        let order = order.into_inner().unwrap();
        let last = order.iter().rposition(|(lane, _)| *lane == Lane::Asked);
        assert!(last <= Some(6), "{order:?}");
        assert_eq!(now.elapsed(), Duration::from_millis(12 * 200));
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_calls_are_under_way_and_another_operation_has_its_own() {
        let quotas = quotas(1000.0, 2);
        let get = |caller| quotas.admit("us-west-2", Operation::GetRoom, caller, true);
        let asks = caller();
        let (first, _second) = (get(&asks).await, get(&asks).await);
        let mut third = Box::pin(get(&asks));
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(third.as_mut().now_or_never().is_none());
        let update = quotas.admit("us-west-2", Operation::UpdateRoom, &asks, true);
        drop(update.await);
        drop(first);
        third.await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_recalled_leaves_only_where_it_has_to_wait_and_is_not_patient() {
        let quotas = quotas(0.01, 1);
        let admit =
            |caller, patient| quotas.admit("us-west-2", Operation::GetRoom, caller, patient);
        let (caller, recaller) = caller().recallable();
        recaller.recall();
        drop(admit(&caller, false).await);
        let mut patient = Box::pin(admit(&caller, true));
        assert!(patient.as_mut().now_or_never().is_none());
        assert!(recaller.left().now_or_never().is_none());
        let mut leaves = Box::pin(admit(&caller, false));
        assert!(leaves.as_mut().now_or_never().is_none());
        assert!(recaller.left().now_or_never().is_some());
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(
            leaves.as_mut().now_or_never().is_none(),
            "it never comes back"
        );
        patient.await;
    }
}
