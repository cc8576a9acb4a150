//! One object, more than one room: which of them may go.
//!
//! This happens when an operator froze between its last check and the wire, and another operator took over meanwhile. The object
//! keeps the room in its status.

use jiff::Timestamp;

use super::{ActualRoom, Identity, Proof};

/// What becomes of a room beside the one that the object keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It does not prove to be the object's, or no longer.
    NotOurs,
    /// Only a person can tell which of the two is wanted.
    Stays,
    /// It was created for this very object, since that exists, and so was the one that is kept.
    Goes,
}

/// Decides about a room that GetRoom has just shown. `kept`: when the room that the object keeps was created. `object`: when the
/// object was.
pub fn fate(
    twin: &ActualRoom,
    kept: Option<Timestamp>,
    object: Option<Timestamp>,
    identity: &Identity,
) -> Fate {
    let since_it_exists = |made: Option<Timestamp>| {
        made.zip(object)
            .is_some_and(|(made, object)| made >= object)
    };
    if identity.prove(&twin.tags) != Proof::Ours {
        Fate::NotOurs
    } else if identity.created(&twin.tags)
        && since_it_exists(twin.create_time)
        // A room that was there before the object merely carries its tags: none is given up for that.
        && since_it_exists(kept)
    {
        Fate::Goes
    } else {
        Fate::Stays
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::names::{CREATION_TAG, OWNER_TAG};
    use crate::room::sample::{arn, identity, room, tags};

    fn twin(owner: &str, creation: &str, created: Option<Timestamp>) -> ActualRoom {
        let tags = tags(&[(OWNER_TAG, owner), (CREATION_TAG, creation)]);
        ActualRoom {
            create_time: created,
            ..room(&arn("twin"), tags)
        }
    }

    #[test]
    fn only_a_room_goes_that_was_created_for_this_very_object_like_the_one_that_is_kept() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let (lobby, other) = ("prod/live/lobby", "prod/live/other");
        let object = at(10);
        for (owner, creation, created, kept, object, expected) in [
            (lobby, "uid-1", at(20), at(30), object, Fate::Goes),
            (lobby, "uid-1", at(10), at(10), object, Fate::Goes),
            (lobby, "uid-0", at(20), at(30), object, Fate::Stays),
            (lobby, "uid-1", at(9), at(30), object, Fate::Stays),
            (lobby, "uid-1", at(20), at(9), object, Fate::Stays),
            (lobby, "uid-1", None, at(30), object, Fate::Stays),
            (lobby, "uid-1", at(20), None, object, Fate::Stays),
            (lobby, "uid-1", at(20), at(30), None, Fate::Stays),
            (other, "uid-1", at(20), at(30), object, Fate::NotOurs),
        ] {
            let twin = twin(owner, creation, created);
            let found = fate(&twin, kept, object, &identity());
            assert_eq!(found, expected, "{twin:?} beside one of {kept:?}");
        }
    }
}
