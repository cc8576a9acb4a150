//! *Absent*: one decision, used for re-creation, for creates without a known outcome, and for deletes alike.
//!
//! Reads may lag writes, so one 404 proves nothing: a room just created can be missing for a while. A room whose ARN is
//! known is absent when GetRoom answered 404 twice, a grace apart, and it is itself older than the grace; an attempt to
//! create is void a grace after it began. In every case a complete list, begun after that, must show no room of ours.

use jiff::Timestamp;

/// What is known about a room that GetRoom does not show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When GetRoom first answered 404 without a success since, if an ARN is known.
    pub first_missing: Option<Timestamp>,
    /// When the missing room was created, if that is known.
    pub create_time: Option<Timestamp>,
    /// When the attempt to create began, if its outcome is unknown.
    pub attempt: Option<Timestamp>,
    /// Latest time at which another replica could have created the room; set only when the status is empty.
    pub handover: Option<Timestamp>,
}

impl Evidence {
    /// Earliest time at which a list without a room of ours and a 404 prove that the room is absent. `None`: any complete
    /// list proves it, because there is no write that the list could lag behind.
    pub fn conclusive_from(&self, grace: jiff::SignedDuration) -> Option<Timestamp> {
        let latest = [
            self.first_missing,
            self.create_time,
            self.attempt,
            self.handover,
        ];
        let latest = latest.into_iter().flatten().max()?;
        Some(latest.checked_add(grace).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn nothing_is_conclusive_before_a_grace_after_the_latest_of_404_creation_and_attempt() {
        let grace = jiff::SignedDuration::from_secs(130);
        let at = |seconds: i64| Timestamp::UNIX_EPOCH + seconds.seconds();
        let cases = [
            (Evidence::default(), None),
            (
                Evidence {
                    first_missing: Some(at(10)),
                    create_time: Some(at(5)),
                    ..Evidence::default()
                },
                Some(at(140)),
            ),
            (
                Evidence {
                    first_missing: Some(at(10)),
                    create_time: Some(at(50)),
                    ..Evidence::default()
                },
                Some(at(180)),
            ),
            (
                Evidence {
                    attempt: Some(at(7)),
                    ..Evidence::default()
                },
                Some(at(137)),
            ),
            (
                Evidence {
                    handover: Some(at(8)),
                    ..Evidence::default()
                },
                Some(at(138)),
            ),
        ];
        for (evidence, conclusive) in cases {
            assert_eq!(evidence.conclusive_from(grace), conclusive, "{evidence:?}");
        }
    }
}
