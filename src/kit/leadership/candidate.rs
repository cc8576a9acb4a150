//! What a candidate does about the lease's record. Pure, except that a record it writes carries the present time.

use std::time::Duration;

use ivschat_aws::Clock;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

/// A replica that wants to lead, and what it has seen of the present leader.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Unique to this process: a restarted process has another identity.
    identity: String,
    duration: Duration,
    clock: Clock,
    /// The record of another holder, and since when we have seen it unchanged.
    seen: Option<(LeaseSpec, Instant)>,
}

/// What to do about the lease.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    /// Write this record: nobody else leads, and the term continues.
    Renew(LeaseSpec),
    /// Write this record: a new term begins.
    Take(LeaseSpec),
    /// Another replica leads. Its record runs out at this time, unless it changes.
    Wait(Instant),
}

impl Candidate {
    pub(super) fn new(identity: String, duration: Duration, clock: Clock) -> Self {
        Self {
            identity,
            duration,
            clock,
            seen: None,
        }
    }

    /// Decides from the record as it was read at `now`; `None`: there is no lease.
    pub(super) fn decide(&mut self, lease: Option<&Lease>, now: Instant) -> Move {
        let Some(lease) = lease else {
            // Somebody deleted the lease. Its holder may not know yet.
            return match self.seen.as_ref().and_then(|seen| self.end(seen)) {
                Some(end) if now < end => Move::Wait(end),
                _ => Move::Take(self.taken(&LeaseSpec::default())),
            };
        };
        let record = lease.spec.clone().unwrap_or_default();
        let holder = record.holder_identity.as_deref().unwrap_or_default();
        if holder == self.identity {
            self.seen = None;
            return Move::Renew(self.renewed(record));
        }
        if holder.is_empty() {
            return Move::Take(self.taken(&record));
        }
        let seen = match self.seen.take() {
            Some(seen) if seen.0 == record => seen,
            _ => (record, now),
        };
        let decided = match self.end(&seen) {
            Some(end) if now < end => Move::Wait(end),
            _ => Move::Take(self.taken(&seen.0)),
        };
        self.seen = Some(seen);
        decided
    }

    /// When a record runs out that has been unchanged since then.
    fn end(&self, (record, since): &(LeaseSpec, Instant)) -> Option<Instant> {
        let theirs = u64::try_from(record.lease_duration_seconds.unwrap_or_default());
        let theirs = Duration::from_secs(theirs.unwrap_or_default());
        since.checked_add(self.duration.max(theirs))
    }

    /// The record that gives the lease back; `None` if it is not ours.
    pub(super) fn released(&self, lease: &Lease) -> Option<LeaseSpec> {
        let record = lease.spec.clone()?;
        (record.holder_identity.as_ref() == Some(&self.identity)).then(|| LeaseSpec {
            holder_identity: Some(String::new()),
            ..record
        })
    }

    fn renewed(&self, record: LeaseSpec) -> LeaseSpec {
        let seconds = self.duration.as_secs_f64().ceil();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the command line keeps it below a day"
        )]
        let seconds = seconds as i32;
        LeaseSpec {
            lease_duration_seconds: Some(seconds),
            renew_time: Some(MicroTime(self.clock.now())),
            ..record
        }
    }

    fn taken(&self, record: &LeaseSpec) -> LeaseSpec {
        // As Kubernetes' own components count: the first holder is no transition.
        let transitions = match record.acquire_time {
            Some(_) => record.lease_transitions.unwrap_or_default() + 1,
            None => 0,
        };
        self.renewed(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            acquire_time: Some(MicroTime(self.clock.now())),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    fn candidate(identity: &str) -> Candidate {
        Candidate::new(identity.to_owned(), LEASE, Clock::system())
    }

    fn lease(spec: LeaseSpec) -> Lease {
        Lease {
            spec: Some(spec),
            ..Lease::default()
        }
    }

    fn record(decided: Move) -> LeaseSpec {
        match decided {
            Move::Renew(record) | Move::Take(record) => record,
            Move::Wait(_) => panic!("nothing is written"),
        }
    }

    #[test]
    fn a_lease_that_nobody_holds_is_taken_and_one_of_our_own_renewed() {
        let (mut one, now) = (candidate("one"), Instant::now());
        let taken = record(one.decide(None, now));
        let held = (taken.holder_identity.as_deref(), taken.lease_transitions);
        assert_eq!(held, (Some("one"), Some(0)));
        assert_eq!(taken.lease_duration_seconds, Some(15));
        let renewed = match one.decide(Some(&lease(taken.clone())), now) {
            Move::Renew(renewed) => renewed,
            other => panic!("{other:?}"),
        };
        assert_eq!(renewed.acquire_time, taken.acquire_time);
        let released = one.released(&lease(renewed)).unwrap();
        assert_eq!(candidate("two").released(&lease(released.clone())), None);
        let taken = record(candidate("two").decide(Some(&lease(released)), now));
        let held = (taken.holder_identity.as_deref(), taken.lease_transitions);
        assert_eq!(held, (Some("two"), Some(1)));
    }

    #[test]
    fn a_record_is_taken_over_once_it_has_stood_unchanged_for_the_whole_lease_whatever_its_times_say()
     {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        // A clock that is years behind, or ahead.
        for renewed in ["1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
            let renewed: Timestamp = renewed.parse().unwrap();
            let mut first = record(candidate("one").decide(None, start));
            first.renew_time = Some(MicroTime(renewed));
            let mut second = first.clone();
            second.renew_time = Some(MicroTime(renewed + Duration::from_secs(1)));
            let mut two = candidate("two");
            let wait = |two: &mut Candidate, record: &LeaseSpec, at| {
                two.decide(Some(&lease(record.clone())), after(at))
            };
            assert_eq!(wait(&mut two, &first, 0), Move::Wait(after(15)));
            assert_eq!(wait(&mut two, &first, 14), Move::Wait(after(15)));
            assert_eq!(wait(&mut two, &second, 14), Move::Wait(after(29)));
            assert_eq!(wait(&mut two, &second, 28), Move::Wait(after(29)));
            assert!(matches!(wait(&mut two, &second, 29), Move::Take(_)));
        }
    }

    #[test]
    fn a_lease_that_is_deleted_is_not_taken_before_its_holder_can_know() {
        let start = Instant::now();
        let held = lease(record(candidate("one").decide(None, start)));
        let mut two = candidate("two");
        two.decide(Some(&held), start);
        assert_eq!(two.decide(None, start), Move::Wait(start + LEASE));
        assert!(matches!(two.decide(None, start + LEASE), Move::Take(_)));
        // Its holder creates it again at once.
        let mut one = candidate("one");
        one.decide(Some(&held), start);
        assert!(matches!(one.decide(None, start), Move::Take(_)));
    }

    #[test]
    fn a_holder_with_a_longer_lease_keeps_it_for_as_long_as_it_said() {
        let start = Instant::now();
        let long = Duration::from_mins(1);
        let held =
            record(Candidate::new("one".to_owned(), long, Clock::system()).decide(None, start));
        let waits = candidate("two").decide(Some(&lease(held)), start);
        assert_eq!(waits, Move::Wait(start + long));
    }
}
