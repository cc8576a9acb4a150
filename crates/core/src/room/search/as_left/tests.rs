use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::api::{Adopt, ChatRoomSpec};
use crate::room::case::{Case, Policies, Task};
use crate::room::census::{Known, Need};
use crate::room::recall::Recall;
use crate::room::record::Record;
use crate::room::sample::{arn, identity, policies, room, seen, tags};
use crate::room::search::{Ask, Facts, Listed, Look, Sight, search};
use crate::room::seen::Seen;
use crate::room::status::{self, Verdict};
use crate::room::{ActualRoom, Failure, FailureClass, Summary, verification};

const ACCOUNT: &str = "123456789012";
const HOME: &str = "us-west-2";

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + second.seconds()
}

/// When every search here begins: the process has been alone since second 1000, and no verification is due.
const NOW: i64 = 10_000;

/// The room of the object, which was updated at second 5000.
fn own() -> ActualRoom {
    let mut tags = identity().tags();
    tags.insert("team".to_owned(), "live".to_owned());
    ActualRoom {
        create_time: Some(at(2000)),
        update_time: Some(at(5000)),
        ..room(&arn("a"), tags)
    }
}

/// The object as a pass has left it that found the room as specified.
fn settled() -> Seen {
    let mut seen = seen();
    seen.spec = Ok(ChatRoomSpec {
        tags: Some(tags(&[("team", "live")])),
        ..ChatRoomSpec::default()
    });
    let mut record = Record::default();
    record.bind(&own());
    record.applied_tag_keys = vec!["team".to_owned()];
    let verdict = Verdict::InSync;
    seen.status = status::next(&seen.status, &record, &verdict, seen.generation, at(5001));
    seen
}

/// What is seen, remembered and listed.
struct Scene {
    seen: Seen,
    recall: Recall,
    policies: Policies,
    listed: Result<Vec<Known>, FailureClass>,
    /// GetRoom of the object's room.
    room: ActualRoom,
    elsewhere: bool,
}

/// A list that began ten seconds ago shows the room as the object's last pass left it.
fn scene() -> Scene {
    Scene {
        seen: settled(),
        recall: Recall::default(),
        policies: policies(),
        listed: Ok(vec![known(&own())]),
        room: own(),
        elsewhere: false,
    }
}

fn known(room: &ActualRoom) -> Known {
    Known {
        arn: room.arn.clone(),
        current: true,
        shown: at(NOW - 10),
        latest: Summary::from(room),
        since: at(NOW - 500),
    }
}

impl Scene {
    /// What a search gives, and what it asked for.
    fn look(&self) -> (Look, Vec<&'static str>) {
        let (mut facts, mut asked) = (Facts::default(), Vec::new());
        let case = Case::of(
            Task::Follow,
            &self.seen,
            &self.recall,
            &self.policies,
            at(1000),
            at(NOW),
        );
        loop {
            match search(&case, &facts) {
                Ok(look) => return (look, asked),
                Err(Ask::Account) => facts.account(Ok(ACCOUNT.to_owned())),
                Err(Ask::Known) => {
                    asked.push("known");
                    let elsewhere = arn("z");
                    let others = self.elsewhere.then_some(elsewhere);
                    facts.known([arn("a")].into_iter().chain(others).collect());
                }
                Err(Ask::Room(arn)) => {
                    asked.push("room");
                    let shown = (arn == self.room.arn).then(|| self.room.clone());
                    facts.room(arn, at(NOW), Ok(shown));
                }
                Err(Ask::Region { region, need }) => {
                    assert_eq!(region, HOME);
                    let whole = Need {
                        whole: true,
                        lenient: true,
                        ..Need::default()
                    };
                    assert_eq!(need, whole, "one list of all serves every look");
                    asked.push("list");
                    let ours = self.listed.clone();
                    let listed = ours.map(|ours| Listed {
                        ours,
                        ..Listed::default()
                    });
                    let listed = listed.map_err(|class| Failure::new(class, "as this test says"));
                    facts.region(region, need, listed);
                }
            }
        }
    }

    /// Whether a list sufficed.
    fn is_as_left(&self) -> bool {
        let (look, asked) = self.look();
        let unneeded = look.sight == Ok(Sight::Unneeded);
        assert_eq!(unneeded, !asked.contains(&"room"), "{asked:?}");
        if unneeded {
            assert_eq!(look.record, Record::from(&self.seen.status));
        }
        unneeded
    }
}

#[test]
fn a_room_that_a_list_shows_as_it_was_left_takes_no_get_room() {
    let (look, asked) = scene().look();
    assert_eq!(look.sight, Ok(Sight::Unneeded));
    assert_eq!(asked, ["list", "known"]);
    // A request for a pass that was handled, and taken off since or not.
    let mut scene = scene();
    scene.seen.status.last_handled_reconcile_at = Some("now".to_owned());
    assert!(scene.is_as_left());
    scene.seen.reconcile_at = Some("now".to_owned());
    assert!(scene.is_as_left());
}

#[test]
fn a_room_that_a_list_shows_otherwise_is_looked_at() {
    type Change = fn(&mut ActualRoom);
    let changes: [Change; 8] = [
        |room| room.update_time = Some(at(5001)),
        |room| room.update_time = Some(at(4999)),
        |room| room.update_time = None,
        |room| room.name = "hall".to_owned(),
        |room| room.logging_configuration_identifiers = vec!["log".to_owned()],
        |room| drop(room.tags.insert("team".to_owned(), "other".to_owned())),
        |room| drop(room.tags.insert("more".to_owned(), "1".to_owned())),
        |room| {
            room.tags
                .retain(|key, _| !key.starts_with("ivschat-operator.io/creation"));
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut scene = scene();
        let mut room = own();
        change(&mut room);
        scene.listed = Ok(vec![known(&room)]);
        assert!(!scene.is_as_left(), "{number}");
    }
}

#[test]
fn a_list_that_is_old_or_missing_or_shows_more_rooms_of_the_object_proves_nothing() {
    let own = known(&own());
    let old = Known {
        shown: at(NOW - 1201),
        ..own.clone()
    };
    let dropped = Known {
        current: false,
        ..own.clone()
    };
    let mut another = own.clone();
    another.arn = arn("b");
    let both = vec![own.clone(), another];
    for listed in [
        Ok(vec![old]),
        Ok(vec![dropped]),
        Ok(both),
        Ok(vec![]),
        Err(FailureClass::Denied),
        Err(FailureClass::Unavailable),
    ] {
        let mut scene = scene();
        scene.listed = listed;
        assert!(!scene.is_as_left(), "{:?}", scene.listed);
    }
    let mut scene = scene();
    scene.elsewhere = true;
    assert!(!scene.is_as_left());
}

#[test]
fn an_object_of_which_anything_is_asked_or_open_is_looked_at() {
    type Change = fn(&mut Scene);
    let changes: [Change; 17] = [
        |it| it.seen.generation = 2,
        |it| it.seen.finalizers.clear(),
        |it| it.seen.reconcile_at = Some("now".to_owned()),
        |it| it.seen.status.observed_generation = None,
        |it| it.seen.status.conditions = None,
        |it| it.seen.status.update_time = None,
        |it| it.seen.status.create_time = None,
        |it| it.seen.status.region = None,
        |it| it.seen.status.region = Some("not a region".to_owned()),
        |it| it.seen.status.applied_tag_keys = None,
        |it| it.seen.status.missing_since = Some(at(6000)),
        |it| it.seen.observes = true,
        |it| {
            let adopt = arn("b").to_string();
            it.seen.spec.as_mut().unwrap().adopt = Some(Adopt { arn: adopt });
        },
        |it| it.recall.resists = vec![difference()],
        |it| it.recall.otherwise = vec![(difference(), None)],
        |it| it.recall.attempt = Some(attempt()),
        |it| {
            let other: Vec<_> = tags(&[("more", "1")]).into_iter().collect();
            it.policies.default_tags.extend(other);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut scene = scene();
        change(&mut scene);
        assert_ne!(scene.look().0.sight, Ok(Sight::Unneeded), "{number}");
    }
    for conditions in ["Ready", "Synced", "Stalled"] {
        let mut scene = scene();
        let all = scene.seen.status.conditions.as_mut().unwrap();
        let one = all.iter_mut().find(|it| it.type_ == conditions).unwrap();
        one.status = if one.status == "True" {
            "False"
        } else {
            "True"
        }
        .to_owned();
        assert!(!scene.is_as_left(), "{conditions}");
    }
}

fn difference() -> crate::room::correction::Difference {
    crate::room::correction::Difference {
        field: "name".to_owned(),
        wanted: "lobby".to_owned(),
        found: "hall".to_owned(),
    }
}

fn attempt() -> crate::api::Creation {
    crate::api::Creation {
        id: "x".to_owned(),
        started_at: at(9000),
        region: HOME.to_owned(),
        account: ACCOUNT.to_owned(),
    }
}

#[test]
fn once_in_a_while_a_room_is_compared_as_a_whole_and_that_counts_from_the_last_time() {
    let mut scene = scene();
    let interval = SignedDuration::from_secs(4000);
    scene.policies.verify_interval = interval;
    // Two moments are past since this process works on the object.
    assert!(!scene.is_as_left());
    let before = verification::next("uid-1", interval, at(NOW - 4000));
    for (compared, is_as_left) in [
        (before - 1.second(), false),
        (before, true),
        (at(NOW - 1), true),
    ] {
        scene.recall.compared_at = Some(compared);
        assert_eq!(scene.is_as_left(), is_as_left, "{compared}");
    }
}

#[test]
fn a_get_room_that_is_behind_a_list_of_the_last_moments_is_repeated() {
    let listed = ActualRoom {
        name: "hall".to_owned(),
        update_time: Some(at(NOW - 20)),
        ..own()
    };
    let later = ActualRoom {
        update_time: Some(at(NOW - 19)),
        ..own()
    };
    let same_time = ActualRoom {
        name: "lobby".to_owned(),
        ..listed.clone()
    };
    // A read may be behind for 80 seconds, and clocks 10 apart.
    for (since, room, behind) in [
        (NOW - 15, own(), true),
        (NOW - 89, own(), true),
        (NOW - 90, own(), false),
        (NOW - 15, listed.clone(), false),
        // The list is behind.
        (NOW - 15, later, false),
        (NOW - 15, same_time, true),
    ] {
        let mut scene = scene();
        let known = Known {
            since: at(since),
            ..known(&listed)
        };
        scene.listed = Ok(vec![known]);
        scene.room = room.clone();
        let (look, asked) = scene.look();
        assert_eq!(
            (look.sight, look.behind),
            (Ok(Sight::Room(room)), behind),
            "{since}"
        );
        assert_eq!(asked, ["list", "known", "room"]);
    }
}
