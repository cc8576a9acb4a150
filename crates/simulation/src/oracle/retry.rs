//! A CreateRoom that AWS refused for its quota is tried again within the wait of that class, not a grace later.

use std::time::Duration;

use ivschat_core::room::FailureClass;

use super::{Oracle, Oracles};
use crate::network::ProcessId;
use crate::time::Time;

/// Reads and writes before the next attempt, and whatever the scheduler does in between.
const SLACK: Duration = Duration::from_secs(2);

/// A CreateRoom that was refused, and by when it is to be tried again if nothing disturbs that.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) uid: String,
    by: ProcessId,
    object: String,
    at: Time,
    until: Time,
}

impl Oracles {
    /// A process learned that its CreateRoom was refused with 429.
    pub(super) fn was_throttled(&mut self, by: ProcessId, object: &str, uid: &str, now: Time) {
        let times = self.throttled.entry(uid.to_owned()).or_default();
        let wait = FailureClass::Throttled
            .wait(*times)
            .mul_f64(self.wait_factor * 1.1);
        *times += 1;
        let leaderless = now < self.leaderless_until;
        // What was under way when something went wrong promises nothing either.
        let disturbed = self.unsteady.get(&by).is_some_and(|at| now < *at + SLACK);
        // What a user has asked for since the call was sent may not need it.
        let changed = self.life(uid).changed;
        let changed = changed.is_some_and(|at| now < at + SLACK);
        // Else nobody could tell the one wait from the other.
        if wait + SLACK < self.grace && !disturbed && !changed && !leaderless {
            self.refused.push(Refused {
                uid: uid.to_owned(),
                by,
                object: object.to_owned(),
                at: now,
                until: now + wait + SLACK,
            });
        }
    }

    /// CreateRoom was sent for this object.
    pub(super) fn was_tried(&mut self, uid: &str) {
        self.refused.retain(|refused| refused.uid != uid);
    }

    /// Something went wrong for a process: it promises nothing any more.
    pub(crate) fn disturbed(&mut self, process: ProcessId) {
        self.refused.retain(|refused| refused.by != process);
    }

    /// Something went wrong for a process now.
    pub(crate) fn unsteady(&mut self, process: ProcessId, now: Time) {
        self.unsteady.insert(process, now);
    }

    /// Nobody may lead for a while: who led cannot renew its lease, and others wait until it must have run out.
    pub(crate) fn leaderless(&mut self, until: Time) {
        self.all_disturbed();
        self.leaderless_until = until;
    }

    /// Something went wrong for everybody.
    pub(crate) fn all_disturbed(&mut self) {
        self.refused.clear();
    }

    /// Something went wrong with a request, of this object's pass or of none.
    pub(crate) fn request_disturbed(&mut self, process: ProcessId, uid: Option<&str>) {
        let concerned =
            |refused: &Refused| refused.by == process && uid.is_none_or(|uid| refused.uid == uid);
        self.refused.retain(|refused| !concerned(refused));
    }

    /// Somebody holds the lease.
    pub(crate) fn led(&mut self, by: ProcessId) {
        self.refused.retain(|refused| refused.by == by);
    }

    pub(crate) fn check_retries(&mut self, now: Time) {
        let late = self.refused.iter().find(|refused| refused.until < now);
        if let Some(Refused { object, at, .. }) = late {
            let since = now.saturating_sub(*at).as_secs_f64();
            let what = format!(
                "CreateRoom for {object} was refused with 429 {since:.1} s ago, and is not tried again"
            );
            self.broken(Oracle::Retry, what);
        }
    }
}
