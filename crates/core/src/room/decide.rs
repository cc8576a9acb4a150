//! What to do about what a search has seen.

use super::plan::{self, Difference, Plan, plan};
use super::search::{Sight, Unsettled};
use super::{Class, DesiredRoom, Failure, Identity, ObservedRoom, Proof, RoomArn, TagScope};

/// What a pass does for an object that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing, before AWS can be trusted to have caught up.
    Wait(Unsettled),
    /// Report how the room differs, which is only observed.
    Report(ObservedRoom, Vec<Difference>),
    /// Take over a room that consents.
    Adopt(ObservedRoom),
    /// Carry out a plan for the object's room; `None`: it has none.
    Apply(Plan, Option<ObservedRoom>),
}

/// What a pass does for an object that goes, or whose room is let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parting {
    /// Nothing, before AWS can be trusted to have caught up.
    Wait(Unsettled),
    /// Release the room: it stays.
    Release(ObservedRoom),
    /// Delete the room.
    Delete(ObservedRoom),
    /// Let the object go: no room of its own is left. A room that stays is named, with why.
    LetGo(Option<(RoomArn, &'static str)>),
}

/// Why a room stays when its object goes.
const FOREIGN: &str = "its tags do not say that it is this object's";
const OBSERVED: &str = "this object only observes it";

/// Why a room stays that the operator's credentials cannot reach.
pub const UNREACHED: &str = "the operator's credentials do not reach its account";

/// What the object that wants a room, or wants one observed, is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The room as the spec describes it.
    pub room: &'a DesiredRoom,
    /// Whose its tags are.
    pub scope: TagScope<'a>,
    /// The room that the spec wants to be taken over.
    pub adopt: Option<&'a RoomArn>,
    /// Whether the room is only observed.
    pub observes: bool,
}

/// Decides for an object that is wanted.
///
/// # Errors
/// A room that is not the object's, that cannot be what the spec says, or is not there to be observed.
pub fn wanted(sight: Sight, wanted: Wanted<'_>, identity: &Identity) -> Result<Decision, Failure> {
    let Wanted {
        room: desired,
        scope,
        adopt,
        observes,
    } = wanted;
    let report = |room: ObservedRoom| {
        let differences = plan::drift(desired, &room, scope);
        Decision::Report(room, differences)
    };
    match (sight, observes) {
        (Sight::Unsettled(unsettled), _) => Ok(Decision::Wait(unsettled)),
        (Sight::Room(room), true) => {
            plan::require_proof(&room.arn, &room.tags, identity).map(|()| report(room))
        }
        (Sight::Candidate(room), true) => {
            plan::require_consent(&room, identity).map(|()| report(room))
        }
        (Sight::Absent, true) => Err(nothing_to_observe()),
        (Sight::Candidate(room), false) => {
            plan::require_consent(&room, identity).map(|()| Decision::Adopt(room))
        }
        (Sight::Absent, false) => {
            let plan = plan(desired, None, identity, scope)?;
            Ok(Decision::Apply(plan, None))
        }
        (Sight::Room(room), false) => {
            let plan = plan(desired, Some(&room), identity, scope)?;
            match adopt {
                Some(adopt) if *adopt != room.arn => Err(has_another(adopt, &room.arn)),
                _ => Ok(Decision::Apply(plan, Some(room))),
            }
        }
    }
}

/// Decides for an object that is being deleted. `retains`: its room is to stay. `observes`: its room is only observed.
pub fn deleted(sight: Sight, identity: &Identity, retains: bool, observes: bool) -> Parting {
    match sight {
        Sight::Unsettled(unsettled) => Parting::Wait(unsettled),
        // The room of an attempt that was made before the object was set to observe.
        Sight::Room(room) if observes => Parting::LetGo(Some((room.arn, OBSERVED))),
        Sight::Room(room) if identity.prove(&room.tags) == Proof::Ours => {
            if retains {
                Parting::Release(room)
            } else {
                Parting::Delete(room)
            }
        }
        // A room of somebody else never blocks a deletion.
        Sight::Room(room) if !identity.retained(&room.tags) => {
            Parting::LetGo(Some((room.arn, FOREIGN)))
        }
        Sight::Room(_) | Sight::Candidate(_) | Sight::Absent => Parting::LetGo(None),
    }
}

/// Decides for an object that stays, and is to be released with its room.
///
/// # Errors
/// A room of somebody else, which must not be reported as released.
pub fn released(sight: Sight, identity: &Identity) -> Result<Parting, Failure> {
    match sight {
        Sight::Unsettled(unsettled) => Ok(Parting::Wait(unsettled)),
        // The room was released before, or there never was one.
        Sight::Candidate(_) | Sight::Absent => Ok(Parting::LetGo(None)),
        Sight::Room(room) if identity.retained(&room.tags) => Ok(Parting::LetGo(None)),
        Sight::Room(room) => {
            plan::require_proof(&room.arn, &room.tags, identity)?;
            Ok(Parting::Release(room))
        }
    }
}

fn nothing_to_observe() -> Failure {
    Failure::new(
        Class::NotFound,
        "There is no room to observe: name one in spec.adopt.arn that consents, or set spec.managementPolicy to Manage",
    )
}

fn has_another(adopt: &RoomArn, has: &RoomArn) -> Failure {
    let message = format!(
        "spec.adopt.arn: names room {adopt}, but this object already has room {has}; remove spec.adopt, or adopt with another \
         object"
    );
    Failure::new(Class::Invalid, message)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::api::Reason;
    use crate::api::names::{CONSENT_TAG, OWNER_TAG};
    use crate::room::sample::{arn, identity, room, tags};
    use crate::room::{Origin, Tags};

    fn ours() -> ObservedRoom {
        room(&arn("a"), identity().tags())
    }

    fn foreign() -> ObservedRoom {
        room(&arn("a"), tags(&[(OWNER_TAG, "prod/live/other")]))
    }

    fn let_go_before() -> ObservedRoom {
        room(&arn("a"), tags(&[(CONSENT_TAG, "prod/live/lobby")]))
    }

    fn bare() -> ObservedRoom {
        room(&arn("a"), Tags::new())
    }

    fn unsettled() -> Unsettled {
        Unsettled {
            reason: Reason::NotFound,
            message: "as this test says".to_owned(),
            until: Timestamp::UNIX_EPOCH,
        }
    }

    /// What is decided for an object without any field, or the class of what is wrong.
    fn wants(sight: Sight, observes: bool, adopt: Option<&RoomArn>) -> Result<Decision, Class> {
        let default_tags = Tags::new();
        let origin = Origin {
            name: "lobby",
            default_region: "us-west-2",
            fixed_region: None,
            default_tags: &default_tags,
            ignored_tags: &[],
        };
        let spec = serde_json::from_str("{}").unwrap();
        let desired = DesiredRoom::try_from((&spec, origin)).unwrap();
        let scope = TagScope {
            policy: crate::api::TagPolicy::Exclusive,
            applied: &[],
            ignored: &[],
        };
        let what = Wanted {
            room: &desired,
            scope,
            adopt,
            observes,
        };
        wanted(sight, what, &identity()).map_err(|failure| failure.class)
    }

    #[test]
    fn an_object_that_wants_a_room_keeps_its_own_makes_one_where_none_is_and_touches_no_other() {
        let (keep, manage) = (Plan::Keep, false);
        let kept = Ok(Decision::Apply(keep, Some(ours())));
        assert_eq!(wants(Sight::Room(ours()), manage, None), kept);
        assert_eq!(wants(Sight::Room(ours()), manage, Some(&arn("a"))), kept);
        let another = wants(Sight::Room(ours()), manage, Some(&arn("b")));
        assert_eq!(another, Err(Class::Invalid));
        let made = wants(Sight::Absent, manage, None);
        assert!(matches!(made, Ok(Decision::Apply(Plan::Create(_), None))));
        let wait = Ok(Decision::Wait(unsettled()));
        assert_eq!(wants(Sight::Unsettled(unsettled()), manage, None), wait);
        for (room, class) in [(foreign(), Class::Foreign), (bare(), Class::OwnershipLost)] {
            assert_eq!(wants(Sight::Room(room), manage, None), Err(class));
        }
        let adopted = wants(Sight::Candidate(let_go_before()), manage, None);
        assert_eq!(adopted, Ok(Decision::Adopt(let_go_before())));
        for room in [foreign(), bare()] {
            let refused = wants(Sight::Candidate(room), manage, None);
            assert!(matches!(
                refused,
                Err(Class::Foreign | Class::ConsentMissing)
            ));
        }
    }

    #[test]
    fn an_object_that_observes_reports_and_never_writes() {
        let observe = true;
        for sight in [Sight::Room(ours()), Sight::Candidate(let_go_before())] {
            let (Sight::Room(room) | Sight::Candidate(room)) = sight.clone() else {
                unreachable!()
            };
            let reported = Ok(Decision::Report(room, Vec::new()));
            assert_eq!(wants(sight, observe, None), reported);
        }
        let wait = Ok(Decision::Wait(unsettled()));
        assert_eq!(wants(Sight::Unsettled(unsettled()), observe, None), wait);
        assert_eq!(wants(Sight::Absent, observe, None), Err(Class::NotFound));
        assert_eq!(
            wants(Sight::Room(foreign()), observe, None),
            Err(Class::Foreign)
        );
        let silent = wants(Sight::Candidate(bare()), observe, None);
        assert_eq!(silent, Err(Class::ConsentMissing));
    }

    #[test]
    fn an_object_that_is_deleted_takes_its_own_room_along_and_waits_for_no_other() {
        let stays = |why| Parting::LetGo(Some((arn("a"), why)));
        let nothing = || Parting::LetGo(None);
        for (sight, retains, observes, decision) in [
            (Sight::Room(ours()), false, false, Parting::Delete(ours())),
            (Sight::Room(ours()), true, false, Parting::Release(ours())),
            (Sight::Room(ours()), false, true, stays(OBSERVED)),
            (Sight::Room(foreign()), false, false, stays(FOREIGN)),
            (Sight::Room(bare()), true, false, stays(FOREIGN)),
            (Sight::Room(let_go_before()), true, false, nothing()),
            (Sight::Candidate(let_go_before()), false, false, nothing()),
            (Sight::Absent, false, false, nothing()),
            (
                Sight::Unsettled(unsettled()),
                false,
                false,
                Parting::Wait(unsettled()),
            ),
        ] {
            let decided = deleted(sight.clone(), &identity(), retains, observes);
            assert_eq!(decided, decision, "{sight:?}");
        }
    }

    #[test]
    fn an_object_that_is_released_and_stays_gives_up_its_own_room_and_hides_no_other() {
        for (sight, decision) in [
            (Sight::Room(ours()), Ok(Parting::Release(ours()))),
            (Sight::Room(foreign()), Err(Class::Foreign)),
            (Sight::Room(bare()), Err(Class::OwnershipLost)),
            (Sight::Room(let_go_before()), Ok(Parting::LetGo(None))),
            (Sight::Candidate(let_go_before()), Ok(Parting::LetGo(None))),
            (Sight::Absent, Ok(Parting::LetGo(None))),
            (
                Sight::Unsettled(unsettled()),
                Ok(Parting::Wait(unsettled())),
            ),
        ] {
            let decided = released(sight.clone(), &identity());
            assert_eq!(
                decided.map_err(|failure| failure.class),
                decision,
                "{sight:?}"
            );
        }
    }
}
