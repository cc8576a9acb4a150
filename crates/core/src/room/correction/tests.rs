//! Each field alone, tags in every direction, and rooms that are not ours.

use crate::api::TagPolicy;
use crate::api::names::{CONSENT_TAG, CREATION_TAG, OWNER_TAG};
use crate::room::sample::{arn, identity, room};

use super::*;

const LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:review";
const LOGGING: &str = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl";

fn desired() -> DesiredRoom {
    DesiredRoom {
        region: "us-west-2".to_owned(),
        name: "lobby".to_owned(),
        maximum_message_length: 500,
        maximum_message_rate_per_second: 10,
        message_review_handler: None,
        logging_configuration_identifiers: Vec::new(),
        tags: Tags::from([("team".to_owned(), "live".to_owned())]),
    }
}

fn actual() -> ActualRoom {
    let mut tags = desired().tags;
    tags.extend(identity().tags());
    room(&arn("g1H2I3j4k5L6"), tags)
}

fn handler(fallback_result: FallbackResult) -> Handler {
    Handler {
        uri: LAMBDA.to_owned(),
        fallback_result,
    }
}

fn steps(desired: &DesiredRoom, actual: &ActualRoom) -> Vec<Edit> {
    match correct(desired, Some(actual), &identity(), TagScope::default()).unwrap() {
        Correction::None => Vec::new(),
        Correction::Change(change) => change.steps,
        Correction::Create(new) => panic!("the room is there: {new:?}"),
    }
}

#[test]
fn a_room_as_specified_needs_nothing() {
    assert_eq!(
        correct(
            &desired(),
            Some(&actual()),
            &identity(),
            TagScope::default()
        ),
        Ok(Correction::None)
    );
}

#[test]
fn a_room_that_is_absent_is_created_with_the_users_tags_and_ours() {
    let tags = actual().tags;
    assert_eq!(
        correct(&desired(), None, &identity(), TagScope::default()),
        Ok(Correction::Create(NewRoom {
            room: desired(),
            tags
        }))
    );
}

#[test]
fn each_field_that_differs_is_sent_alone() {
    type Alter = fn(&mut DesiredRoom);
    let cases: [(Alter, RoomUpdate, &str); 5] = [
        (
            |room| room.name = "hall".to_owned(),
            RoomUpdate {
                name: Some("hall".to_owned()),
                ..RoomUpdate::default()
            },
            "name: lobby → hall",
        ),
        (
            |room| room.maximum_message_length = 200,
            RoomUpdate {
                maximum_message_length: Some(200),
                ..RoomUpdate::default()
            },
            "maximumMessageLength: 500 → 200",
        ),
        (
            |room| room.maximum_message_rate_per_second = 20,
            RoomUpdate {
                maximum_message_rate_per_second: Some(20),
                ..RoomUpdate::default()
            },
            "maximumMessageRatePerSecond: 10 → 20",
        ),
        (
            |room| room.message_review_handler = Some(handler(FallbackResult::Deny)),
            RoomUpdate {
                message_review_handler: Some(HandlerUpdate::Attach(handler(FallbackResult::Deny))),
                ..RoomUpdate::default()
            },
            "messageReviewHandler: nothing → arn:aws:lambda:us-west-2:123456789012:function:review (DENY)",
        ),
        (
            |room| room.logging_configuration_identifiers = vec![LOGGING.to_owned()],
            RoomUpdate {
                logging_configuration_identifiers: Some(vec![LOGGING.to_owned()]),
                ..RoomUpdate::default()
            },
            "loggingConfigurationIdentifiers: nothing → \
             arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl",
        ),
    ];
    for (edit, update, text) in cases {
        let mut wanted = desired();
        edit(&mut wanted);
        let Ok(Correction::Change(change)) =
            correct(&wanted, Some(&actual()), &identity(), TagScope::default())
        else {
            panic!("{text}: no change planned")
        };
        assert_eq!(change.steps, [Edit::Update(update)]);
        assert_eq!(
            change
                .differences
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [text]
        );
    }
}

#[test]
fn a_handler_that_is_no_longer_wanted_is_detached() {
    let actual = ActualRoom {
        message_review_handler: Some(handler(FallbackResult::Allow)),
        ..actual()
    };
    let update = RoomUpdate {
        message_review_handler: Some(HandlerUpdate::Detach),
        ..RoomUpdate::default()
    };
    assert_eq!(steps(&desired(), &actual), [Edit::Update(update)]);
}

#[test]
fn only_the_fallback_result_differing_still_sends_the_uri() {
    let wanted = DesiredRoom {
        message_review_handler: Some(handler(FallbackResult::Deny)),
        ..desired()
    };
    let actual = ActualRoom {
        message_review_handler: Some(handler(FallbackResult::Allow)),
        ..actual()
    };
    let attach = Some(HandlerUpdate::Attach(handler(FallbackResult::Deny)));
    assert_eq!(
        steps(&wanted, &actual),
        [Edit::Update(RoomUpdate {
            message_review_handler: attach,
            ..RoomUpdate::default()
        })]
    );
}

#[test]
fn tags_are_added_changed_and_removed_with_one_call_each_tagging_first() {
    let mut actual = actual();
    actual.tags.insert("team".to_owned(), "other".to_owned());
    actual.tags.insert("stray".to_owned(), "1".to_owned());
    let mut wanted = desired();
    wanted.tags.insert("stage".to_owned(), "prod".to_owned());
    let tag = Tags::from([
        ("stage".to_owned(), "prod".to_owned()),
        ("team".to_owned(), "live".to_owned()),
    ]);
    assert_eq!(
        steps(&wanted, &actual),
        [Edit::Tag(tag), Edit::Untag(vec!["stray".to_owned()])]
    );
}

#[test]
fn tags_of_aws_itself_are_neither_removed_nor_reported() {
    let mut actual = actual();
    actual
        .tags
        .insert("aws:cloudformation:stack-name".to_owned(), "x".to_owned());
    assert_eq!(
        correct(&desired(), Some(&actual), &identity(), TagScope::default()),
        Ok(Correction::None)
    );
}

#[test]
fn untagging_goes_first_only_where_tagging_first_would_exceed_fifty() {
    let numbered = |prefix: &str, count: usize| {
        (0..count)
            .map(move |n| (format!("{prefix}{n:02}"), String::new()))
            .collect::<Vec<_>>()
    };
    for (strays, untag_first) in [(2, false), (3, true)] {
        let wanted = DesiredRoom {
            tags: numbered("wanted", 46).into_iter().collect(),
            ..desired()
        };
        let mut actual = actual();
        actual.tags = identity().tags();
        // 45 of the wanted ones, our two, the strays: one wanted tag is missing.
        actual.tags.extend(numbered("wanted", 45));
        actual.tags.extend(numbered("stray", strays));
        actual
            .tags
            .insert("aws:not-counted".to_owned(), String::new());
        let steps = steps(&wanted, &actual);
        assert_eq!(
            matches!(steps[0], Edit::Untag(_)),
            untag_first,
            "{strays} strays: {steps:?}"
        );
        assert_eq!(steps.len(), 2);
    }
}

#[test]
fn a_lost_owner_tag_is_put_back_where_the_creation_tag_proves_the_room_ours() {
    let mut actual = actual();
    actual.tags.remove(OWNER_TAG);
    let tag = Tags::from([(OWNER_TAG.to_owned(), "prod/live/lobby".to_owned())]);
    assert_eq!(steps(&desired(), &actual), [Edit::Tag(tag)]);
}

#[test]
fn a_room_of_an_object_of_the_same_name_is_taken_over_by_its_owner_tag() {
    let mut actual = actual();
    actual
        .tags
        .insert(CREATION_TAG.to_owned(), "uid-0".to_owned());
    let tag = Tags::from([(CREATION_TAG.to_owned(), "uid-1".to_owned())]);
    assert_eq!(steps(&desired(), &actual), [Edit::Tag(tag)]);
}

#[test]
fn a_room_that_is_not_provably_ours_is_not_planned_for() {
    let mut foreign = actual();
    foreign
        .tags
        .insert(OWNER_TAG.to_owned(), "prod/live/other".to_owned());
    let failure =
        correct(&desired(), Some(&foreign), &identity(), TagScope::default()).unwrap_err();
    assert_eq!(failure.class, FailureClass::Foreign);
    assert!(
        failure
            .message()
            .contains("belongs to prod/live/other, not to prod/live/lobby"),
        "{failure}"
    );
    assert!(failure.message().contains("If the object was copied"));

    let owner = "0ba5/live/lobby".to_owned();
    foreign.tags.insert(OWNER_TAG.to_owned(), owner);
    let failure =
        correct(&desired(), Some(&foreign), &identity(), TagScope::default()).unwrap_err();
    let told = "start the operator with --former-cluster-id 0ba5;";
    assert!(failure.message().contains(told), "{failure}");

    let lost = ActualRoom {
        tags: desired().tags,
        ..actual()
    };
    let failure = correct(&desired(), Some(&lost), &identity(), TagScope::default()).unwrap_err();
    assert_eq!(failure.class, FailureClass::OwnershipLost);
    let heals = "aws ivschat tag-resource --region us-west-2 --resource-arn \
                 arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6 --tags ivschat-operator.io/owner=prod/live/lobby";
    assert!(failure.message().ends_with(heals), "{failure}");
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn an_additive_spec_removes_only_what_it_has_put_there_and_used_consent() {
    let mut actual = actual();
    actual.tags.extend(tags(&[
        ("mine", "1"),
        ("theirs", "1"),
        (CONSENT_TAG, "prod/live/"),
    ]));
    let applied = ["mine".to_owned(), "team".to_owned()];
    let scope = TagScope {
        policy: TagPolicy::Additive,
        applied: &applied,
        ..TagScope::default()
    };
    let planned = correct(&desired(), Some(&actual), &identity(), scope);
    let Ok(Correction::Change(change)) = planned else {
        panic!("{planned:?}")
    };
    let removed = vec![CONSENT_TAG.to_owned(), "mine".to_owned()];
    assert_eq!(change.steps, [Edit::Untag(removed)]);
}

#[test]
fn tags_that_stay_and_leave_no_room_for_ours_are_told_with_their_number() {
    let ignored = ["cost-*".parse().unwrap()];
    let scope = TagScope {
        ignored: &ignored,
        ..TagScope::default()
    };
    for (staying, fits) in [(47, true), (48, false)] {
        let mut actual = actual();
        actual.tags = (0..staying)
            .map(|n| (format!("cost-{n}"), String::new()))
            .collect();
        actual
            .tags
            .extend(tags(&[(OWNER_TAG, "prod/live/lobby"), ("stray", "")]));
        let planned = correct(&desired(), Some(&actual), &identity(), scope);
        match planned {
            Ok(_) => assert!(fits, "{staying}"),
            Err(failure) => {
                assert!(!fits, "{staying}: {failure}");
                assert_eq!(failure.class, FailureClass::TagQuota);
                let told =
                    "keeps 48 tags that are not this object's, which leaves no room for its 3";
                assert!(failure.message().contains(told), "{failure}");
            }
        }
    }
}

#[test]
fn what_is_only_observed_differs_in_everything_but_the_operators_own_tags() {
    let mut actual = actual();
    actual.tags = tags(&[("theirs", "1"), (CONSENT_TAG, "prod/live/")]);
    actual.maximum_message_length = 7;
    let shown: Vec<_> = drift(&desired(), &actual, TagScope::default())
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "tags[team]: nothing → live",
        "tags[theirs]: 1 → nothing",
        "maximumMessageLength: 7 → 500",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_room_is_released_with_the_proof_last_and_never_more_than_fifty_tags() {
    let owner = (OWNER_TAG, "prod/live/lobby");
    let creation = (CREATION_TAG, "uid-1");
    let consent = (CONSENT_TAG, "prod/live/lobby");
    let consenting = || Edit::Tag(tags(&[consent]));
    let untag = |keys: &[&str]| Edit::Untag(keys.iter().map(ToString::to_string).collect());
    let full = |own: &[(&str, &str)]| {
        let mut all = tags(own);
        all.extend((all.len()..50).map(|n| (format!("k{n}"), String::new())));
        all
    };
    let cases = [
        (
            tags(&[owner, creation]),
            vec![consenting(), untag(&[OWNER_TAG, CREATION_TAG])],
        ),
        (
            tags(&[creation]),
            vec![consenting(), untag(&[OWNER_TAG, CREATION_TAG])],
        ),
        (
            tags(&[owner, creation, consent]),
            vec![untag(&[OWNER_TAG, CREATION_TAG])],
        ),
        (
            tags(&[owner, (CONSENT_TAG, "prod/")]),
            vec![consenting(), untag(&[OWNER_TAG, CREATION_TAG])],
        ),
        (
            full(&[owner, creation]),
            vec![untag(&[CREATION_TAG]), consenting(), untag(&[OWNER_TAG])],
        ),
        (
            full(&[owner]),
            vec![untag(&[OWNER_TAG, CREATION_TAG]), consenting()],
        ),
        (
            full(&[creation]),
            vec![untag(&[OWNER_TAG, CREATION_TAG]), consenting()],
        ),
        (tags(&[consent]), vec![]),
    ];
    for (found, steps) in cases {
        assert_eq!(release(&found, &identity()), steps, "{found:?}");
        // Wherever the release is interrupted, the room still proves to be ours or consents.
        let mut left = found.clone();
        let proofs = [OWNER_TAG, CREATION_TAG]
            .iter()
            .filter(|key| found.contains_key(**key));
        let makes_way = found.len() == 50 && proofs.count() == 1;
        for step in steps {
            match step {
                Edit::Tag(new) => left.extend(new),
                Edit::Untag(keys) => left.retain(|key, _| !keys.contains(key)),
                Edit::Update(_) => unreachable!(),
            }
            assert!(left.len() <= 50);
            let known = identity().prove(&left) == Proof::Ours || identity().retained(&left);
            assert!(known || makes_way, "{left:?}");
        }
        assert!(identity().retained(&left), "{left:?}");
    }
}

#[test]
fn consent_is_asked_for_with_the_line_that_gives_it() {
    let mut room = actual();
    room.tags = tags(&[("team", "live")]);
    let failure = require_consent(&room, &identity()).unwrap_err();
    assert_eq!(failure.class, FailureClass::ConsentMissing);
    let line = "aws ivschat tag-resource --region us-west-2 --resource-arn \
                arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6 --tags \
                ivschat-operator.io/adoptable-by=prod/live/lobby";
    assert!(failure.message().ends_with(line), "{failure}");

    room.tags = tags(&[
        (OWNER_TAG, "other/live/lobby"),
        (CONSENT_TAG, "prod/live/lobby"),
    ]);
    let failure = require_consent(&room, &identity()).unwrap_err();
    assert_eq!(failure.class, FailureClass::Foreign);

    room.tags = tags(&[(CONSENT_TAG, "prod/live/")]);
    assert_eq!(require_consent(&room, &identity()), Ok(()));
    assert_eq!(adopt(&room, &identity()), Ok(Edit::Tag(identity().tags())));
    room.tags
        .extend((0..48).map(|n| (format!("k{n}"), String::new())));
    assert_eq!(
        adopt(&room, &identity()).unwrap_err().class,
        FailureClass::TagQuota
    );
}

#[test]
fn all_tags_together_are_one_field() {
    let kind = |field: &str| {
        let difference = Difference {
            field: field.to_owned(),
            wanted: String::new(),
            found: String::new(),
        };
        difference.kind()
    };
    assert_eq!(Difference::FIELDS.map(kind), Difference::FIELDS);
    assert_eq!(kind("tags[team]"), "tags");
    assert_eq!(kind("somethingElse"), "other");
}

#[test]
fn a_room_of_this_very_object_in_another_cluster_is_told_from_any_other() {
    for (owner, told) in [
        ("old/live/lobby", "--former-cluster-id old"),
        ("old/live/other", "If the object was copied"),
        ("old/test/lobby", "If the object was copied"),
        ("prod/live/other", "If the object was copied"),
        ("nobody", "If the object was copied"),
    ] {
        let tags = tags(&[(OWNER_TAG, owner)]);
        let failure = require_proof(&arn("a"), &tags, &identity()).unwrap_err();
        let message = failure.message();
        assert!(message.contains(told), "{owner}: {message}");
    }
}

#[test]
fn logging_configurations_are_a_set() {
    let mut wanted = desired();
    let other = format!("{LOGGING}2");
    wanted.logging_configuration_identifiers = vec![LOGGING.to_owned(), other.clone()];
    let scope = TagScope {
        policy: TagPolicy::Exclusive,
        applied: &[],
        ignored: &[],
    };
    for (found, same) in [
        (vec![LOGGING.to_owned(), other.clone()], true),
        (vec![other.clone(), LOGGING.to_owned()], true),
        (vec![LOGGING.to_owned()], false),
        (Vec::new(), false),
    ] {
        let mut actual = actual();
        actual.logging_configuration_identifiers = found.clone();
        let correction = correct(&wanted, Some(&actual), &identity(), scope).unwrap();
        assert_eq!(correction == Correction::None, same, "{found:?}");
    }
}
