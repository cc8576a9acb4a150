//! The status that follows from each verdict.

use super::*;
use crate::room::FailureClass;

const GENERATION: i64 = 3;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_323_045 + second).unwrap()
}

fn record() -> Record {
    Record {
        arn: Some(
            "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
                .parse()
                .unwrap(),
        ),
        region: Some("us-west-2".to_owned()),
        create_time: Some(at(0)),
        update_time: Some(at(1)),
        creation: None,
        missing_since: None,
        applied_tag_keys: Vec::new(),
        handled_reconcile_at: None,
    }
}

fn failed(class: FailureClass, room: Knowledge) -> Verdict {
    Verdict::Failed {
        failure: Failure::new(class, "no"),
        room,
    }
}

fn condition(
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    since: Timestamp,
    generation: i64,
) -> Condition {
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: Time(since),
        observed_generation: Some(generation),
    }
}

fn settled() -> ChatRoomStatus {
    next(
        &ChatRoomStatus::default(),
        &record(),
        &Verdict::InSync,
        GENERATION,
        at(10),
    )
}

fn ready(status: &ChatRoomStatus) -> (&str, &str, Option<i64>) {
    let ready = &status.conditions.as_ref().unwrap()[0];
    (
        ready.status.as_str(),
        ready.reason.as_str(),
        ready.observed_generation,
    )
}

#[test]
fn a_room_in_sync_is_ready_with_everything_known_of_it() {
    let conditions = vec![
        condition(
            "Ready",
            "True",
            "Available",
            "The room exists and is as specified",
            at(10),
            3,
        ),
        condition(
            "Synced",
            "True",
            "Available",
            "AWS answered every call of the last pass",
            at(10),
            3,
        ),
        condition("Stalled", "False", "Available", UNSTALLED, at(10), 3),
    ];
    let expected = ChatRoomStatus {
        observed_generation: Some(3),
        arn: Some("arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6".to_owned()),
        id: Some("g1H2I3j4k5L6".to_owned()),
        region: Some("us-west-2".to_owned()),
        create_time: Some(at(0)),
        update_time: Some(at(1)),
        creation: None,
        missing_since: None,
        applied_tag_keys: None,
        drift: None,
        last_handled_reconcile_at: None,
        conditions: Some(conditions),
    };
    assert_eq!(settled(), expected);
}

#[test]
fn the_same_verdict_again_changes_nothing_however_much_later() {
    for verdict in [
        Verdict::InSync,
        Verdict::Pending {
            reason: Reason::Deleting,
            message: "soon".to_owned(),
        },
        failed(FailureClass::Throttled, Knowledge::Nothing),
        failed(FailureClass::Foreign, Knowledge::NotAsSpecified),
    ] {
        let once = next(&settled(), &record(), &verdict, GENERATION, at(20));
        assert_eq!(
            next(&once, &record(), &verdict, GENERATION, at(9000)),
            once,
            "{verdict:?}"
        );
    }
}

#[test]
fn ready_keeps_its_last_proven_value_while_aws_cannot_be_asked() {
    let status = next(
        &settled(),
        &record(),
        &failed(FailureClass::Unavailable, Knowledge::Nothing),
        GENERATION,
        at(20),
    );
    let expected = vec![
        condition(
            "Ready",
            "True",
            "Available",
            "The room exists and is as specified",
            at(10),
            3,
        ),
        condition("Synced", "False", "Unavailable", "no", at(20), 3),
        condition("Stalled", "False", "Unavailable", UNSTALLED, at(10), 3),
    ];
    assert_eq!(status.conditions, Some(expected));
}

#[test]
fn ready_is_unknown_once_the_spec_changed_and_aws_cannot_be_asked() {
    let status = next(
        &settled(),
        &record(),
        &failed(FailureClass::Unavailable, Knowledge::Nothing),
        GENERATION + 1,
        at(20),
    );
    assert_eq!(ready(&status), ("Unknown", "Unavailable", Some(4)));
}

#[test]
fn a_room_that_never_was_is_not_ready_when_aws_cannot_be_asked() {
    let verdict = failed(FailureClass::Unavailable, Knowledge::Nothing);
    let status = next(
        &ChatRoomStatus::default(),
        &Record::default(),
        &verdict,
        1,
        at(20),
    );
    assert_eq!(ready(&status), ("False", "Unavailable", Some(1)));
}

#[test]
fn a_room_known_to_differ_is_not_ready() {
    let status = next(
        &settled(),
        &record(),
        &failed(FailureClass::Throttled, Knowledge::NotAsSpecified),
        GENERATION,
        at(20),
    );
    assert_eq!(ready(&status), ("False", "Throttled", Some(3)));
}

#[test]
fn what_is_stalled_stays_so_while_it_is_tried_again_unless_the_spec_has_changed() {
    let stalled = |status: &ChatRoomStatus| {
        let conditions = status.conditions.as_ref().unwrap();
        (conditions[2].status.clone(), conditions[2].message.clone())
    };
    let invalid = failed(FailureClass::Invalid, Knowledge::NotAsSpecified);
    let refused = next(&settled(), &record(), &invalid, GENERATION, at(20));
    let no = ("True".to_owned(), "no".to_owned());
    assert_eq!(stalled(&refused), no);
    let pending = |reason| Verdict::Pending {
        reason,
        message: "now".to_owned(),
    };
    let acts = ("False".to_owned(), UNSTALLED.to_owned());
    for (reason, generation, expected) in [
        (Reason::CreationPending, GENERATION, &no),
        (Reason::Adopting, GENERATION, &no),
        (Reason::CreationPending, GENERATION + 1, &acts),
        (Reason::Deleting, GENERATION, &acts),
    ] {
        let again = next(&refused, &record(), &pending(reason), generation, at(30));
        assert_eq!(&stalled(&again), expected, "{reason} {generation}");
    }
}

#[test]
fn only_what_needs_a_person_is_stalled() {
    for class in FailureClass::ALL {
        let status = next(
            &settled(),
            &record(),
            &failed(class, Knowledge::NotAsSpecified),
            GENERATION,
            at(20),
        );
        let stalled = &status.conditions.unwrap()[2];
        let expected = if class.stalled() {
            ("True", "no")
        } else {
            ("False", UNSTALLED)
        };
        assert_eq!(
            (stalled.status.as_str(), stalled.message.as_str()),
            expected,
            "{class:?}"
        );
        assert_eq!(stalled.reason, class.reason().as_str());
    }
}

#[test]
fn the_transition_time_moves_only_when_the_status_flips() {
    let foreign = next(
        &settled(),
        &record(),
        &failed(FailureClass::Foreign, Knowledge::NotAsSpecified),
        GENERATION,
        at(20),
    );
    let lost = next(
        &foreign,
        &record(),
        &failed(FailureClass::OwnershipLost, Knowledge::NotAsSpecified),
        GENERATION,
        at(30),
    );
    let times: Vec<_> = lost
        .conditions
        .unwrap()
        .into_iter()
        .map(|condition| condition.last_transition_time.0)
        .collect();
    assert_eq!(times, [at(20), at(20), at(20)]);
}

#[test]
fn a_room_that_is_only_observed_and_differs_is_not_ready_and_shows_every_field() {
    let difference = Difference {
        field: "tags[team]".to_owned(),
        wanted: "live".to_owned(),
        found: String::new(),
    };
    let status = next(
        &settled(),
        &record(),
        &Verdict::Drifted(vec![difference]),
        GENERATION,
        at(20),
    );
    let message = "The room differs from the spec in tags[team], and is only observed (managementPolicy: Observe)";
    let conditions = vec![
        condition("Ready", "False", "Drifted", message, at(20), 3),
        condition("Synced", "True", "Available", SYNCED, at(10), 3),
        condition("Stalled", "False", "Drifted", UNSTALLED, at(10), 3),
    ];
    assert_eq!(status.conditions, Some(conditions));
    let drift = Drift {
        field: "tags[team]".to_owned(),
        wanted: "live".to_owned(),
        found: String::new(),
    };
    assert_eq!(status.drift, Some(vec![drift.clone()]));

    let unreachable = failed(FailureClass::Unavailable, Knowledge::Nothing);
    let kept = next(&status, &record(), &unreachable, GENERATION, at(30));
    assert_eq!(kept.drift, Some(vec![drift]), "while AWS cannot be asked");
    let healed = next(&kept, &record(), &Verdict::InSync, GENERATION, at(40));
    assert_eq!(healed.drift, None);
}

#[test]
fn a_pause_keeps_what_was_known_of_the_room_until_the_spec_is_edited() {
    let asked = Pause::Asked.to_string();
    let asked = asked.as_str();
    let verdict = Verdict::Paused(Pause::Asked);
    let paused = next(&settled(), &record(), &verdict, GENERATION, at(20));
    let ready = settled().conditions.unwrap()[0].clone();
    let conditions = vec![
        ready,
        condition("Synced", "False", "Paused", asked, at(20), 3),
        condition("Stalled", "False", "Paused", UNSTALLED, at(10), 3),
    ];
    assert_eq!(paused.conditions, Some(conditions));

    for previous in [settled(), ChatRoomStatus::default()] {
        let paused = next(
            &previous,
            &record(),
            &Verdict::Paused(Pause::Asked),
            GENERATION + 1,
            at(20),
        );
        let ready = condition("Ready", "Unknown", "Paused", asked, at(20), 4);
        assert_eq!(paused.conditions.unwrap()[0], ready);
        assert_eq!(paused.observed_generation, Some(4));
    }
}

#[test]
fn a_room_was_ready_if_its_ready_condition_said_so_of_this_generation() {
    let conditions = |ready: &str, synced: &str, generation| ChatRoomStatus {
        conditions: Some(vec![
            condition("Synced", synced, "Denied", "no", at(0), GENERATION),
            condition("Ready", ready, "Available", "yes", at(0), generation),
        ]),
        ..ChatRoomStatus::default()
    };
    for (ready, synced, generation, was) in [
        ("True", "False", GENERATION, true),
        ("True", "True", GENERATION - 1, false),
        ("False", "True", GENERATION, false),
        ("Unknown", "True", GENERATION, false),
    ] {
        let status = conditions(ready, synced, generation);
        assert_eq!(was_ready(&status, GENERATION), was, "{ready} {generation}");
        assert_eq!(reason(&status, ConditionType::Ready), Some("Available"));
        assert_eq!(reason(&status, ConditionType::Synced), Some("Denied"));
        assert_eq!(reason(&status, ConditionType::Stalled), None);
    }
    assert!(!was_ready(&ChatRoomStatus::default(), GENERATION));
}

#[test]
fn an_attempt_without_a_known_outcome_is_a_call_that_did_not_go_through_and_other_waits_are_none() {
    let synced = |reason| {
        let message = "as this test says".to_owned();
        let verdict = Verdict::Pending { reason, message };
        let nothing = ChatRoomStatus::default();
        let status = next(&nothing, &record(), &verdict, GENERATION, at(0));
        status.conditions.unwrap()[1].status.clone()
    };
    assert_eq!(synced(Reason::CreationPending), "False");
    assert_eq!(synced(Reason::NotFound), "True");
    assert_eq!(synced(Reason::Deleting), "True");
}
