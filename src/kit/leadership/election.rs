//! The race for the lease, over the API server.

use std::time::Duration;

use ivschat_aws::Clock;
use ivschat_core::api::names::OPERATOR;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::kit::calls::{Error, in_time, is_status};

use super::candidate::{Candidate, Move};
use super::term::{Leadership, Term, Until};

/// The lease that replicas compete for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSettings {
    /// The lease's namespace.
    pub namespace: String,
    /// The lease's name: the same for every replica of one installation, and for no other.
    pub name: String,
    /// How long a leader that is silent keeps the lease. At least a second.
    pub duration: Duration,
    /// The candidate's name: the pod's. A random suffix is added, which tells processes apart.
    pub candidate: String,
}

/// A replica's part in the election.
pub struct Election {
    leases: Api<Lease>,
    settings: LeaseSettings,
    clock: Clock,
    candidate: Candidate,
    /// The lease as it was last read or written.
    lease: Option<Lease>,
    term: watch::Sender<Term>,
    /// Whether the record is ours and its term has begun, and no other record has been seen since.
    holds: bool,
    /// Whether the log already says that another replica leads.
    stands_by: bool,
}

/// A standby reads the lease at least this often, so it takes a lease that was given back within this time.
const LOOK: Duration = Duration::from_millis(500);

impl Election {
    /// A candidate that has not read the lease yet, and the [`Leadership`] that passes ask.
    pub fn new(client: Client, settings: LeaseSettings, clock: Clock) -> (Self, Leadership) {
        let identity = format!("{}_{:016x}", settings.candidate, fastrand::u64(..));
        let never = Term {
            number: 0,
            beginning: 0,
            until: Until::after(Duration::ZERO, &clock),
        };
        let (sender, term) = watch::channel(never);
        let election = Self {
            leases: Api::namespaced(client, &settings.namespace),
            candidate: Candidate::new(identity, settings.duration, clock.clone()),
            clock: clock.clone(),
            settings,
            lease: None,
            term: sender,
            holds: false,
            stands_by: false,
        };
        (election, Leadership::told_by(term, clock))
    }

    /// The lease, as `namespace/name`.
    pub(crate) fn lease(&self) -> String {
        format!("{}/{}", self.settings.namespace, self.settings.name)
    }

    /// Competes until `stop`, then gives the lease back. `new_term` is called before each term of this process begins.
    pub(crate) async fn run(
        mut self,
        new_term: impl Fn() + Send + Sync,
        mut stop: oneshot::Receiver<()>,
    ) {
        let mut trouble = false;
        loop {
            let next = match self.turn(&new_term).await {
                Ok(next) => {
                    trouble = false;
                    next
                }
                Err(error) => {
                    // Logged once: the error repeats until the API server is back.
                    if !std::mem::replace(&mut trouble, true) {
                        let LeaseSettings {
                            namespace, name, ..
                        } = &self.settings;
                        tracing::warn!(%error, namespace, name, "cannot renew or look at the lease");
                    }
                    self.lease = None;
                    self.next_look()
                }
            };
            if tokio::time::timeout_at(next, &mut stop).await.is_ok() {
                break;
            }
        }
        self.give_back().await;
    }

    /// Reads or renews the lease once. Returns the time of the next turn.
    async fn turn(&mut self, new_term: &(impl Fn() + Sync)) -> Result<Instant, Error> {
        // Counted from before anything is sent, so that the term ends before others may take the lease.
        let until = Until::after(self.settings.duration.mul_f64(0.9), &self.clock);
        // The record that we wrote last still stands, unless enough time has passed for another to write.
        if self.term.borrow().until.is_past(&self.clock) || self.lease.is_none() {
            let read = self.leases.get_opt(&self.settings.name);
            self.lease = in_time(self.deadline(), read).await?;
        }
        let leads = !self.term.borrow().until.is_past(&self.clock);
        let now = Instant::now();
        match self.candidate.decide(self.lease.as_ref(), now, leads) {
            Move::Wait(end) => {
                if std::mem::take(&mut self.holds) || leads {
                    self.depose();
                } else if !std::mem::replace(&mut self.stands_by, true) {
                    tracing::info!(
                        lease = self.settings.name,
                        "stands by: another replica leads"
                    );
                }
                Ok(end.min(self.next_look()))
            }
            Move::Renew(record) => {
                let written = self.write(record).await?;
                // The record is ours, but its term has not begun: an earlier take succeeded, and its answer was lost.
                let new_term = (!self.holds).then_some(new_term);
                Ok(self.after_writing(written, until, new_term))
            }
            Move::Claim(record) => {
                self.holds = false;
                if !std::mem::replace(&mut self.stands_by, true) {
                    tracing::info!(
                        lease = self.settings.name,
                        "stands by: there is no lease, and another replica may have had it"
                    );
                }
                let written = self.write(record).await?;
                Ok(if written {
                    Instant::now()
                } else {
                    self.next_look()
                })
            }
            Move::Take(record) => {
                self.holds = false;
                let written = self.write(record).await?;
                Ok(self.after_writing(written, until, Some(new_term)))
            }
        }
    }

    /// Writes the record over the one that was read. False: somebody else was faster; the next turn reads who.
    async fn write(&mut self, record: LeaseSpec) -> Result<bool, Error> {
        let params = PostParams {
            field_manager: Some(OPERATOR.to_owned()),
            ..PostParams::default()
        };
        let deadline = self.deadline();
        let replaces = self.lease.is_some();
        let written = match self.lease.take() {
            Some(lease) => {
                let lease = Lease {
                    spec: Some(record),
                    ..lease
                };
                let write = self.leases.replace(&self.settings.name, &params, &lease);
                in_time(deadline, write).await
            }
            None => {
                let lease = Lease {
                    metadata: ObjectMeta {
                        name: Some(self.settings.name.clone()),
                        ..ObjectMeta::default()
                    },
                    spec: Some(record),
                };
                in_time(deadline, self.leases.create(&params, &lease)).await
            }
        };
        match written {
            Ok(lease) => {
                self.lease = Some(lease);
                Ok(true)
            }
            Err(Error::Stale) => Ok(false),
            // The lease was deleted since it was read.
            Err(Error::Api(error)) if replaces && is_status(&error, 404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Leads until `until` if the record was written; in a new term if `new_term` is given.
    fn after_writing(
        &mut self,
        written: bool,
        until: Until,
        new_term: Option<impl Fn()>,
    ) -> Instant {
        if !written {
            return self.next_look();
        }
        self.holds = true;
        self.stands_by = false;
        let takes = new_term.is_some();
        if let Some(new_term) = new_term {
            new_term();
        }
        // Decided under the lock: a pass either sees its term continue, or a beginning starts it again.
        self.term.send_modify(|term| {
            let begins = takes || term.until.is_past(&self.clock);
            term.number += u64::from(takes);
            term.beginning += u64::from(begins);
            term.until = until;
            if begins {
                tracing::info!(lease = self.settings.name, term = term.number, "leads");
            }
        });
        Instant::now() + self.pace()
    }

    fn next_look(&self) -> Instant {
        Instant::now() + self.pace().min(LOOK)
    }

    fn depose(&mut self) {
        self.stands_by = true;
        tracing::warn!(lease = self.settings.name, "another replica leads now");
        let ended = Until::after(Duration::ZERO, &self.clock);
        self.term.send_modify(|term| term.until = ended);
    }

    async fn give_back(&mut self) {
        let ended = Until::after(Duration::ZERO, &self.clock);
        self.term.send_modify(|term| term.until = ended);
        let read = self.leases.get(&self.settings.name);
        let released = match in_time(self.deadline(), read).await {
            Ok(lease) => {
                let released = self.candidate.released(&lease);
                self.lease = Some(lease);
                released
            }
            Err(error) => return tracing::warn!(%error, "could not give the lease back"),
        };
        let Some(record) = released else { return };
        match self.write(record).await {
            Ok(true) => tracing::info!(lease = self.settings.name, "gave the lease back"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "could not give the lease back"),
        }
    }

    /// Time between two renewals: several may fail before the lease runs out.
    fn pace(&self) -> Duration {
        self.settings.duration / 5
    }

    /// The deadline of a call, short enough that a call without an answer leaves time for another.
    fn deadline(&self) -> Duration {
        self.settings.duration / 3
    }
}
