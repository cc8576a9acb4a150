use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::api::Creation;
use crate::api::names::OWNER_TAG;
use crate::room::case::{Policies, Task};
use crate::room::decide::decide;
use crate::room::recall::Recall;
use crate::room::sample::{self, arn, identity, policies, room, tags};
use crate::room::search::{Look, Sight};
use crate::room::seen::Seen;
use crate::room::{Failure, FailureClass, Tags};

/// Follows a plan for the object of every test here, from what a look has shown.
fn follow<T>(task: Task, seen: &Seen, look: Look, read: impl FnOnce(Course<'_>) -> T) -> T {
    let (recall, now) = (Recall::default(), Timestamp::UNIX_EPOCH);
    let policies = Policies {
        max_deletions_per_minute: NonZeroU32::new(7),
        ..policies()
    };
    let case = Case::of(task, seen, &recall, &policies, now, now);
    let plan = decide(&case, look);
    read(Course::begin(&case, &plan))
}

fn looked(sight: Sight) -> Look {
    Look {
        account: Some("123456789012".to_owned()),
        record: Record::default(),
        sight: Ok(sight),
        others: Vec::new(),
        behind: false,
    }
}

fn ours() -> ActualRoom {
    room(&arn("a"), identity().tags())
}

fn attempt() -> Creation {
    Creation {
        id: String::new(),
        started_at: Timestamp::UNIX_EPOCH,
        region: "us-west-2".to_owned(),
        account: "123456789012".to_owned(),
    }
}

fn failure() -> Failure {
    Failure::new(FailureClass::Throttled, "as this test says")
}

/// The news when an object, whose record names `recorded` or no room, binds a room with these tags.
fn told_of_binding(tags: Tags, recorded: Option<&str>, adopting: bool) -> Vec<News> {
    let mut look = looked(Sight::Room(ours()));
    look.record.arn = recorded.map(arn);
    look.record.creation = adopting.then(attempt);
    follow(Task::Follow, &sample::seen(), look, |mut course| {
        course.after(&Done::Bound {
            room: room(&arn("a"), tags),
            touched: Vec::new(),
        });
        course.news
    })
}

#[test]
fn a_room_that_is_bound_is_news_where_the_record_did_not_name_it_as_the_objects() {
    let own = || identity().tags();
    let consenting = || {
        let mut tags = own();
        tags.insert(CONSENT_TAG.to_owned(), "prod/".to_owned());
        tags
    };
    let elder = || tags(&[(OWNER_TAG, "prod/live/lobby"), (CREATION_TAG, "uid-0")]);
    let a = || arn("a");
    for (tags, recorded, adopting, news) in [
        (own(), None, false, vec![News::Bound(a())]),
        (own(), Some("b"), false, vec![News::Bound(a())]),
        (own(), Some("a"), false, Vec::new()),
        (own(), Some("a"), true, Vec::new()),
        (consenting(), Some("a"), true, vec![News::Adopted(a())]),
        (consenting(), Some("a"), false, Vec::new()),
        (consenting(), None, false, vec![News::Adopted(a())]),
        (
            elder(),
            None,
            false,
            vec![News::Rebound(a(), "uid-0".to_owned())],
        ),
    ] {
        let told = told_of_binding(tags.clone(), recorded, adopting);
        assert_eq!(told, news, "{tags:?} {recorded:?} {adopting}");
    }
}

#[test]
fn news_follow_from_what_was_done() {
    let deleted = |twin, was_there| Done::Deleted {
        arn: arn("a"),
        create_time: None,
        twin,
        answer: if was_there {
            Deletion::Repeated
        } else {
            Deletion::NotThere
        },
    };
    let at_once = || Done::Deleted {
        arn: arn("a"),
        create_time: None,
        twin: false,
        answer: Deletion::AtOnce,
    };
    let created = Done::Created {
        room: ours(),
        applied: vec!["team".to_owned()],
    };
    let a = || arn("a");
    for (done, news) in [
        (created, vec![News::Created(a())]),
        (deleted(false, true), vec![News::Deleted(a())]),
        (deleted(false, false), Vec::new()),
        (deleted(true, true), vec![News::TwinDeleted(a())]),
        (deleted(true, false), vec![News::TwinDeleted(a())]),
        (at_once(), vec![News::Deleted(a())]),
        (Done::TwinLeft(a()), vec![News::TwinLeft(a())]),
        (Done::Released(ours()), vec![News::Retained(a())]),
        (Done::LetGo, Vec::new()),
        (Done::Written, Vec::new()),
    ] {
        let look = looked(Sight::Room(ours()));
        let told = follow(Task::Follow, &sample::seen(), look, |mut course| {
            course.after(&done);
            course.news
        });
        assert_eq!(told, news, "{done:?}");
    }
    let mut seen = sample::seen();
    seen.deleted_at = Some(Timestamp::UNIX_EPOCH);
    let foreign = room(&arn("a"), tags(&[(OWNER_TAG, "prod/live/other")]));
    let look = looked(Sight::Room(foreign));
    let told = follow(Task::Follow, &seen, look, |mut course| {
        course.after(&Done::LetGo);
        course.news
    });
    assert!(matches!(&told[..], [News::LeftBehind(left, _)] if *left == arn("a")));
}

#[test]
fn after_a_deletion_that_succeeded_at_once_the_next_pass_is_due_at_once() {
    let mut seen = sample::seen();
    seen.deleted_at = Some(Timestamp::UNIX_EPOCH);
    let later = When::Backoff(FailureClass::NotFound);
    for (answer, due) in [
        (Deletion::AtOnce, When::Now),
        (Deletion::Repeated, later),
        (Deletion::NotThere, later),
    ] {
        let done = Done::Deleted {
            arn: arn("a"),
            create_time: None,
            twin: false,
            answer,
        };
        let look = looked(Sight::Room(ours()));
        let outcome = follow(Task::Follow, &seen, look, |mut course| {
            course.after(&done);
            course.completed();
            course.outcome()
        });
        let Outcome::Stays { when, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(when, due, "{answer:?}");
    }
}

#[test]
fn what_the_api_server_says_where_it_would_not_let_an_object_go_is_what_the_condition_says() {
    let mut seen = sample::seen();
    seen.deleted_at = Some(Timestamp::UNIX_EPOCH);
    let look = looked(Sight::Room(ours()));
    let (outcome, told) = follow(Task::Follow, &seen, look, |mut course| {
        course.halted(&Halt::Forbidden("no".to_owned()));
        (course.outcome(), course.forbidden)
    });
    let message =
        "The room is not deleted, because the API server would not let this object go: no";
    let verdict = Verdict::Pending {
        reason: Reason::Deleting,
        message: message.to_owned(),
    };
    let when = When::Backoff(FailureClass::Denied);
    assert_eq!(outcome, Outcome::Stays { verdict, when });
    assert_eq!(told.as_deref(), Some("no"));
}

#[test]
fn an_object_that_is_released_and_stays_goes_on_naming_its_room() {
    let recorded = |task| {
        let look = looked(Sight::Room(ours()));
        follow(task, &sample::seen(), look, |mut course| {
            course.record.bind(&ours());
            course.after(&Done::Released(ours()));
            course.record.arn
        })
    };
    assert_eq!(recorded(Task::Release), Some(arn("a")));
    assert_eq!(recorded(Task::Follow), None);
}

fn renamed() -> ActualRoom {
    ActualRoom {
        name: "other".to_owned(),
        ..ours()
    }
}

/// Whether the room was Ready at this generation before.
fn seen(ready: bool) -> Seen {
    let mut seen = sample::seen();
    if ready {
        let (nothing, record, now) = (
            seen.status.clone(),
            Record::default(),
            Timestamp::UNIX_EPOCH,
        );
        seen.status = crate::room::status::next(&nothing, &record, &Verdict::InSync, 1, now);
    }
    seen
}

#[test]
fn what_was_changed_is_told_once_every_step_was_taken_and_is_drift_if_the_room_was_as_specified() {
    for ready in [false, true] {
        let look = looked(Sight::Room(renamed()));
        follow(Task::Follow, &seen(ready), look, |mut course| {
            assert_eq!((course.corrected(), course.news.len()), (Vec::new(), 0));
            course.completed();
            let drift = matches!(&course.news[..], [News::DriftCorrected(it)] if it.len() == 1);
            let edit = matches!(&course.news[..], [News::Updated(it)] if it.len() == 1);
            assert_eq!((drift, edit), (ready, !ready));
            assert_eq!(course.corrected().len(), usize::from(ready));
        });
    }
    let mut observing = sample::seen();
    observing.observes = true;
    let look = looked(Sight::Room(renamed()));
    follow(Task::Follow, &observing, look, |mut course| {
        course.completed();
        assert_eq!((course.news.len(), course.corrected().len()), (0, 0));
    });
}

/// What AWS has of the name, whatever it is asked for.
fn name_stays() -> Vec<Difference> {
    vec![Difference {
        field: "name".to_owned(),
        wanted: "lobby".to_owned(),
        found: "other".to_owned(),
    }]
}

#[test]
fn an_answer_that_differs_from_what_was_asked_is_no_success_and_is_corrected_once() {
    let created = Done::Created {
        room: renamed(),
        applied: Vec::new(),
    };
    let shown = Done::Shown(Some(renamed()));
    let told = vec![News::Created(arn("a"))];
    let backoff = When::Backoff(FailureClass::Invalid);
    for (sight, done, when, news) in [
        (Sight::Absent, created, When::Now, told),
        (Sight::Room(renamed()), shown, backoff, Vec::new()),
    ] {
        follow(Task::Follow, &seen(true), looked(sight), |mut course| {
            course.after(&done);
            course.completed();
            assert_eq!(course.otherwise().kept, name_stays());
            let verdict = Verdict::Failed {
                failure: keeps_otherwise(&name_stays()),
                room: Knowledge::NotAsSpecified,
            };
            assert_eq!(course.outcome(), Outcome::Stays { verdict, when });
            assert_eq!((&course.news, course.corrected()), (&news, Vec::new()));
        });
    }
}

#[test]
fn what_somebody_has_changed_beside_what_was_corrected_is_seen_to_soon_and_the_answers_time_is_of_no_worth()
 {
    let answer = ActualRoom {
        maximum_message_length: 7,
        update_time: Some(Timestamp::UNIX_EPOCH),
        ..ours()
    };
    let look = looked(Sight::Room(renamed()));
    follow(Task::Follow, &seen(true), look, |mut course| {
        assert!(!course.is_settled(&answer));
        course.after(&Done::Behind(answer.clone()));
        course.completed();
        let soon = Outcome::Stays {
            verdict: Verdict::InSync,
            when: When::Backoff(FailureClass::NotFound),
        };
        assert_eq!(course.outcome(), soon);
        assert_eq!(course.corrected().len(), 1);
        assert_eq!(course.record.update_time, None);
    });
}

/// A tag that is like this, where the spec says ` live `.
fn tag(found: &str) -> Difference {
    Difference {
        field: "tags[team]".to_owned(),
        wanted: " live ".to_owned(),
        found: found.to_owned(),
    }
}

#[test]
fn a_tag_that_aws_shows_otherwise_may_be_behind_for_a_grace_after_it_was_corrected() {
    let with = |team: &str| {
        let mut room = ours();
        room.tags.insert("team".to_owned(), team.to_owned());
        room
    };
    let mut object = sample::seen();
    object.spec.as_mut().unwrap().tags = Some(tags(&[("team", " live ")]));
    let (policies, now) = (policies(), Timestamp::UNIX_EPOCH);
    let ago = |seconds| Some(now - SignedDuration::from_secs(seconds));
    let (old, live) = (|| vec![tag("old")], || vec![tag("live")]);
    let nothing = Vec::new;
    for (known, shown, kept, behind) in [
        (None, "old", nothing(), old()),
        (None, "live", nothing(), live()),
        (None, " live ", nothing(), nothing()),
        (Some((tag("old"), ago(99))), "old", nothing(), old()),
        (Some((tag("old"), ago(100))), "old", old(), nothing()),
        (Some((tag("old"), ago(100))), "live", nothing(), live()),
        // As CreateRoom answered.
        (Some((tag("live"), None)), "live", live(), nothing()),
    ] {
        let recall = Recall {
            otherwise: known.clone().into_iter().collect(),
            ..Recall::default()
        };
        let case = Case::of(Task::Follow, &object, &recall, &policies, now, now);
        let plan = decide(&case, looked(Sight::Room(with("old"))));
        let mut course = Course::begin(&case, &plan);
        course.after(&Done::Behind(with(shown)));
        // Somebody has changed the name meanwhile: that is seen to soon, and is nothing that AWS keeps.
        let mut meanwhile = Course::begin(&case, &plan);
        meanwhile.after(&Done::Behind(ActualRoom {
            name: "other".to_owned(),
            ..with(shown)
        }));
        assert_eq!(
            meanwhile.otherwise(),
            course.otherwise(),
            "{known:?}, {shown}"
        );
        let soon = When::Backoff(FailureClass::NotFound);
        assert!(matches!(meanwhile.outcome(), Outcome::Stays { when, .. } if when == soon));
        course.completed();
        let otherwise = Otherwise {
            kept: kept.clone(),
            behind: behind.clone(),
        };
        assert_eq!(course.otherwise(), otherwise, "{known:?}, {shown}");
        let when = match (kept.is_empty(), behind.is_empty()) {
            (false, _) => When::Backoff(FailureClass::Invalid),
            (true, false) => When::At(now + SignedDuration::from_secs(100)),
            (true, true) => When::Interval,
        };
        let Outcome::Stays { when: next, .. } = course.outcome() else {
            panic!("{shown}");
        };
        let told = usize::from(kept.is_empty());
        assert_eq!(
            (next, course.news.len()),
            (when, told),
            "{known:?}, {shown}"
        );
    }
}

#[test]
fn once_every_step_was_taken_the_tags_of_the_spec_are_the_objects() {
    let mut object = sample::seen();
    let spec = object.spec.as_mut().unwrap();
    spec.tags = Some(tags(&[("team", "live")]));
    let look = looked(Sight::Room(ours()));
    follow(Task::Follow, &object, look, |mut course| {
        course.record.applied_tag_keys = vec!["old".to_owned(), "team".to_owned()];
        course.completed();
        assert_eq!(course.record.applied_tag_keys, ["team"]);
    });
}

#[test]
fn a_room_is_settled_if_nothing_of_it_would_be_changed() {
    let look = looked(Sight::Room(renamed()));
    follow(Task::Follow, &sample::seen(), look, |course| {
        assert!(course.is_settled(&ours()) && !course.is_settled(&renamed()));
    });
    let look = looked(Sight::Absent);
    follow(Task::Release, &sample::seen(), look, |course| {
        assert!(!course.is_settled(&ours()), "nothing is wanted of it");
    });
}

#[test]
fn a_step_that_was_not_taken_ends_the_pass_as_its_reason_says() {
    let outcome = |halt: &Halt| {
        let mut look = looked(Sight::Absent);
        look.record.region = Some("us-west-2".to_owned());
        follow(Task::Follow, &sample::seen(), look, |mut course| {
            let attempt = Creation {
                region: "eu-west-1".to_owned(),
                ..attempt()
            };
            let adopts = None;
            course.after(&Done::WrittenAhead { attempt, adopts });
            course.halted(halt);
            let creation = course.record.creation.is_some();
            (course.outcome(), course.record.region.clone(), creation)
        })
    };
    let failed = || Outcome::failed(failure(), Knowledge::NotAsSpecified);
    let (asked, home) = (Some("eu-west-1".to_owned()), Some("us-west-2".to_owned()));
    let unknown = outcome(&Halt::Failed(failure()));
    assert_eq!(unknown, (failed(), asked, true));
    // No room exists: the region may still be corrected.
    let refused = outcome(&Halt::Refused(failure()));
    assert_eq!(refused, (failed(), home, false));
}

#[test]
fn a_room_that_waits_for_its_turn_to_be_deleted_says_so() {
    let mut seen = sample::seen();
    seen.deleted_at = Some(Timestamp::UNIX_EPOCH);
    let look = looked(Sight::Room(ours()));
    let until = Timestamp::from_second(60).unwrap();
    let outcome = follow(Task::Follow, &seen, look, |mut course| {
        course.halted(&Halt::Queued(until));
        course.outcome()
    });
    let message = "Room arn:aws:ivschat:us-west-2:123456789012:room/axxxxxxxxxxx waits to be deleted: the operator deletes at most 7 \
                   a minute (--max-deletions-per-minute)";
    let verdict = Verdict::Pending {
        reason: Reason::Deleting,
        message: message.to_owned(),
    };
    let when = When::At(until);
    assert_eq!(outcome, Outcome::Stays { verdict, when });
}

#[test]
fn what_keeps_another_room_from_being_dealt_with_decides_only_when_to_come_back() {
    let until = Timestamp::from_second(60).unwrap();
    for (halt, when) in [
        (
            Halt::Failed(failure()),
            When::Backoff(FailureClass::Throttled),
        ),
        (
            Halt::Refused(failure()),
            When::Backoff(FailureClass::Throttled),
        ),
        (Halt::Queued(until), When::At(until)),
    ] {
        let look = looked(Sight::Room(ours()));
        let outcome = follow(Task::Follow, &sample::seen(), look, |mut course| {
            course.completed();
            course.other_halted(&halt);
            course.outcome()
        });
        let verdict = Verdict::InSync;
        assert_eq!(outcome, Outcome::Stays { verdict, when }, "{halt:?}");
    }
}
