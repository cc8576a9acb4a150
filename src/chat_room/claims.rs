//! Which object may take over which room. Two objects that name the same one must not do so at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ivschat_core::room::RoomArn;
use tokio::time::Instant;

/// Rooms that are being taken over: by which object, and until when reads may not show it yet.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<BTreeMap<RoomArn, (String, Instant)>>);

impl Claims {
    /// Claims a room for `grace`, as reads may lag behind the first object's tags. False: another object has claimed it.
    pub(super) fn claim(&self, arn: &RoomArn, uid: &str, grace: Duration) -> bool {
        let now = Instant::now();
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.retain(|_, (_, until)| *until > now);
        let mine = claims.get(arn).is_none_or(|(claimant, _)| claimant == uid);
        if mine {
            let until = now.checked_add(grace).unwrap_or(now);
            claims.insert(arn.clone(), (uid.to_owned(), until));
        }
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_claimed_by_one_object_at_a_time_and_for_a_grace() {
        let claims = Claims::default();
        let arn: RoomArn = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
            .parse()
            .unwrap();
        let long = Duration::from_hours(1);
        assert!(claims.claim(&arn, "uid-1", long) && claims.claim(&arn, "uid-1", long));
        assert!(!claims.claim(&arn, "uid-2", long));
        assert!(claims.claim(&arn, "uid-1", Duration::ZERO));
        assert!(
            claims.claim(&arn, "uid-2", long),
            "the first claim has ended"
        );
    }
}
