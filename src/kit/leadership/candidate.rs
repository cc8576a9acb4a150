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
    /// Since when the lease has been there that we made, as there was none.
    claimed: Option<Instant>,
}

/// What to do about the lease.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    /// Write this record: nobody else leads, and the term continues.
    Renew(LeaseSpec),
    /// Write this record: a new term begins.
    Take(LeaseSpec),
    /// Write this record, which names nobody's term, and decide again.
    Claim(LeaseSpec),
    /// Another replica leads, or may lead. At this time it no longer does, unless the record changes.
    Wait(Instant),
}

impl Candidate {
    pub(super) fn new(identity: String, duration: Duration, clock: Clock) -> Self {
        Self {
            identity,
            duration,
            clock,
            seen: None,
            claimed: None,
        }
    }

    /// Decides from the record as it was read at `now`; `None`: there is no lease. `leads`: whether a term of ours runs.
    pub(super) fn decide(&mut self, lease: Option<&Lease>, now: Instant, leads: bool) -> Move {
        let Some(lease) = lease else {
            if leads {
                return Move::Take(self.taken(&LeaseSpec::default()));
            }
            // Somebody may have deleted it while another replica led, which may have renewed it just before. One that we make tells,
            // as long as it stands, that nobody else has led since.
            self.claimed = None;
            return Move::Claim(self.renewed(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                ..LeaseSpec::default()
            }));
        };
        let record = lease.spec.clone().unwrap_or_default();
        let holder = record.holder_identity.as_deref().unwrap_or_default();
        if holder == self.identity {
            if record.acquire_time.is_none() {
                let since = *self.claimed.get_or_insert(now);
                let end = since + self.lasts(self.seen.as_ref().map(|(record, _)| record));
                return if now < end {
                    Move::Wait(end)
                } else {
                    Move::Take(self.taken(&record))
                };
            }
            self.seen = None;
            return Move::Renew(self.renewed(record));
        }
        self.claimed = None;
        if holder.is_empty() {
            return Move::Take(self.taken(&record));
        }
        let seen = match self.seen.take() {
            Some(seen) if seen.0 == record => seen,
            _ => (record, now),
        };
        let end = seen.1 + self.lasts(Some(&seen.0));
        let decided = if now < end {
            Move::Wait(end)
        } else {
            Move::Take(self.taken(&seen.0))
        };
        self.seen = Some(seen);
        decided
    }

    /// How long a term lasts of another's record that stands unchanged.
    fn lasts(&self, record: Option<&LeaseSpec>) -> Duration {
        let theirs = record.and_then(|record| record.lease_duration_seconds);
        let theirs = u32::try_from(theirs.unwrap_or_default()).unwrap_or_default();
        self.duration.max(Duration::from_secs(theirs.into()))
    }

    /// The record that gives the lease back; `None` if it is not ours, or another replica may still lead.
    pub(super) fn released(&self, lease: &Lease) -> Option<LeaseSpec> {
        let record = lease.spec.clone()?;
        let ours = record.holder_identity.as_ref() == Some(&self.identity);
        (ours && record.acquire_time.is_some()).then(|| LeaseSpec {
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
            Move::Renew(record) | Move::Take(record) | Move::Claim(record) => record,
            Move::Wait(_) => panic!("nothing is written"),
        }
    }

    fn taken_by(candidate: &Candidate) -> LeaseSpec {
        candidate.taken(&LeaseSpec::default())
    }

    #[test]
    fn a_lease_that_nobody_holds_is_taken_and_one_of_our_own_renewed() {
        let (mut one, now) = (candidate("one"), Instant::now());
        let taken = record(one.decide(Some(&lease(LeaseSpec::default())), now, false));
        let held = (taken.holder_identity.as_deref(), taken.lease_transitions);
        assert_eq!(held, (Some("one"), Some(0)));
        assert_eq!(taken.lease_duration_seconds, Some(15));
        let renewed = match one.decide(Some(&lease(taken.clone())), now, false) {
            Move::Renew(renewed) => renewed,
            other => panic!("{other:?}"),
        };
        assert_eq!(renewed.acquire_time, taken.acquire_time);
        let released = one.released(&lease(renewed)).unwrap();
        assert_eq!(candidate("two").released(&lease(released.clone())), None);
        let taken = record(candidate("two").decide(Some(&lease(released)), now, false));
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
            let mut first = taken_by(&candidate("one"));
            first.renew_time = Some(MicroTime(renewed));
            let mut second = first.clone();
            second.renew_time = Some(MicroTime(renewed + Duration::from_secs(1)));
            let mut two = candidate("two");
            let wait = |two: &mut Candidate, record: &LeaseSpec, at| {
                two.decide(Some(&lease(record.clone())), after(at), false)
            };
            assert_eq!(wait(&mut two, &first, 0), Move::Wait(after(15)));
            assert_eq!(wait(&mut two, &first, 14), Move::Wait(after(15)));
            assert_eq!(wait(&mut two, &second, 14), Move::Wait(after(29)));
            assert_eq!(wait(&mut two, &second, 28), Move::Wait(after(29)));
            assert!(matches!(wait(&mut two, &second, 29), Move::Take(_)));
        }
    }

    #[test]
    fn a_lease_that_is_not_there_is_made_by_its_holder_at_once_and_by_others_when_its_term_is_over()
    {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let (mut one, mut two, mut new) = (candidate("one"), candidate("two"), candidate("new"));
        two.decide(Some(&lease(taken_by(&one))), start, false);
        for candidate in [&mut two, &mut new] {
            // Its holder may have renewed it just before it was deleted, and made it again in between, and it was deleted again.
            let mut claimed = None;
            for at in [10, 20] {
                match candidate.decide(None, after(at), false) {
                    Move::Claim(record) => claimed = Some(lease(record)),
                    other => panic!("{other:?}"),
                }
            }
            let mut decide = |at| candidate.decide(claimed.as_ref(), after(at), false);
            assert_eq!(decide(21), Move::Wait(after(36)));
            assert_eq!(decide(35), Move::Wait(after(36)));
            let claimed = claimed.as_ref().unwrap();
            assert_eq!(
                candidate.released(claimed),
                None,
                "its holder may still lead"
            );
            let begins = candidate.decide(Some(claimed), after(36), false);
            assert!(matches!(begins, Move::Take(_)), "{begins:?}");
            let begun = lease(record(begins));
            assert!(candidate.released(&begun).is_some());
        }
        assert!(matches!(one.decide(None, after(10), true), Move::Take(_)));
    }

    #[test]
    fn who_comes_second_to_a_missing_lease_waits_for_the_first() {
        let start = Instant::now();
        let (mut one, mut two) = (candidate("one"), candidate("two"));
        let claimed = lease(record(one.decide(None, start, false)));
        two.decide(None, start, false);
        assert_eq!(
            two.decide(Some(&claimed), start, false),
            Move::Wait(start + LEASE)
        );
        let taken = two.decide(Some(&claimed), start + LEASE, false);
        let taken = lease(record(taken));
        assert!(two.released(&taken).is_some());
        assert_eq!(
            one.decide(Some(&taken), start + LEASE, false),
            Move::Wait(start + 2 * LEASE)
        );
    }

    #[test]
    fn a_holder_with_a_longer_lease_keeps_it_for_as_long_as_it_said() {
        let start = Instant::now();
        let long = Duration::from_mins(1);
        let held = taken_by(&Candidate::new("one".to_owned(), long, Clock::system()));
        let mut two = candidate("two");
        let waits = two.decide(Some(&lease(held)), start, false);
        assert_eq!(waits, Move::Wait(start + long));
        // Nor is it shorter once it is deleted.
        let claimed = lease(record(two.decide(None, start, false)));
        let waits = two.decide(Some(&claimed), start, false);
        assert_eq!(waits, Move::Wait(start + long));
    }
}
