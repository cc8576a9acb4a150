use std::collections::BTreeSet;

use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};

use super::table::{Bad, By, bad_specs, good_specs};
use super::*;
use crate::api::ChatRoom;
use crate::room::sample::tags;
use crate::room::seen::Seen;

/// What the operator makes of an object of this name with this spec.
fn desired(name: &str, spec: &Value, fixed: Option<&str>) -> Result<DesiredRoom, Violations> {
    let mut object = DynamicObject::new(name, &ApiResource::erase::<ChatRoom>(&()));
    object.data = json!({"spec": spec});
    let origin = Origin {
        name,
        default_region: "us-west-2",
        fixed_region: fixed,
        default_tags: &Tags::new(),
        ignored_tags: &[],
    };
    DesiredRoom::try_from((&Seen::read(&object).spec?, origin))
}

#[test]
fn a_bad_spec_is_refused_with_field_limit_and_value_and_one_at_the_bounds_is_not() {
    let mut judges = BTreeSet::new();
    for (
        row,
        Bad {
            name,
            spec,
            by,
            told,
        },
    ) in bad_specs().into_iter().enumerate()
    {
        judges.insert(by == By::Cel);
        let name = if name.is_empty() { "lobby" } else { &name };
        let refused = desired(name, &spec, None);
        let message = refused
            .expect_err(&format!("row {row}: {spec}"))
            .to_string();
        for told in told {
            assert!(
                message.contains(told),
                "row {row}: {told:?} is not in {message:?}"
            );
        }
    }
    assert_eq!(judges.len(), 2);
    for spec in good_specs() {
        desired("lobby", &spec, None).unwrap_or_else(|broken| panic!("{spec}: {broken}"));
    }
}

#[test]
fn a_spec_without_any_field_is_a_room_with_the_objects_name_and_the_defaults_of_the_api() {
    let expected = DesiredRoom {
        region: "us-west-2".to_owned(),
        name: "lobby".to_owned(),
        maximum_message_length: 500,
        maximum_message_rate_per_second: 10,
        message_review_handler: None,
        logging_configuration_identifiers: Vec::new(),
        tags: Tags::new(),
    };
    assert_eq!(desired("lobby", &json!({}), None), Ok(expected));
}

#[test]
fn every_field_of_the_spec_is_in_the_room() {
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:review";
    let logging = "arn:aws:ivschat:eu-west-1:123456789012:logging-configuration/AbCdEfGhIjKl";
    let spec = json!({
        "region": "eu-west-1",
        "name": "Other",
        "maximumMessageLength": 7,
        "maximumMessageRatePerSecond": 9,
        "messageReviewHandler": {"uri": function, "fallbackResult": "DENY"},
        "loggingConfigurationIdentifiers": [logging],
        "tags": {"team": "live"},
    });
    let expected = DesiredRoom {
        region: "eu-west-1".to_owned(),
        name: "Other".to_owned(),
        maximum_message_length: 7,
        maximum_message_rate_per_second: 9,
        message_review_handler: Some(Handler {
            uri: function.to_owned(),
            fallback_result: FallbackResult::Deny,
        }),
        logging_configuration_identifiers: vec![logging.to_owned()],
        tags: tags(&[("team", "live")]),
    };
    assert_eq!(desired("lobby", &spec, None), Ok(expected));
}

#[test]
fn a_region_that_is_fixed_may_be_written_down_and_not_changed() {
    let asks = |region: &str| desired("lobby", &json!({"region": region}), Some("eu-west-1"));
    assert_eq!(asks("eu-west-1").unwrap().region, "eu-west-1");
    let refused = asks("us-west-2").unwrap_err().to_string();
    assert!(refused.contains("fixed to eu-west-1"), "{refused}");
    let unasked = desired("lobby", &json!({}), Some("eu-west-1")).unwrap();
    assert_eq!(unasked.region, "eu-west-1");
}

#[test]
fn a_room_to_take_over_is_in_the_region_of_the_spec_and_gives_its_own_where_there_is_none() {
    let room = |region: &str| {
        let arn = format!("arn:aws:ivschat:{region}:123456789012:room/AbCdEfGhIjKl");
        json!({"arn": arn})
    };
    let adopts = |spec: Value| desired("lobby", &spec, None);
    let elsewhere = json!({"adopt": room("eu-west-1"), "deletionPolicy": "Retain"});
    assert_eq!(adopts(elsewhere).unwrap().region, "eu-west-1");
    let observed = json!({"adopt": room("eu-west-1"), "managementPolicy": "Observe"});
    assert_eq!(adopts(observed).unwrap().region, "eu-west-1");
    for (region, told) in [
        ("us-west-2", Some("must be in spec.region")),
        ("eu-west-1", None),
    ] {
        let spec =
            json!({"adopt": room("eu-west-1"), "region": region, "deletionPolicy": "Retain"});
        let refused = adopts(spec).err().map(|broken| broken.to_string());
        assert_eq!(refused.is_some(), told.is_some(), "{refused:?}");
        assert!(
            refused
                .unwrap_or_default()
                .contains(told.unwrap_or_default())
        );
    }
    let undecided = adopts(json!({"adopt": room("us-west-2")}))
        .unwrap_err()
        .to_string();
    assert!(undecided.contains("spec.deletionPolicy"), "{undecided}");
}

#[test]
fn default_tags_count_yield_to_the_specs_and_must_keep_the_same_rules() {
    let ignored = ["theirs-*".parse().unwrap()];
    let many: Tags = (0..30).map(|n| (format!("d{n}"), String::new())).collect();
    let with = |count: usize| {
        let mut spec: Tags = (0..count)
            .map(|n| (format!("s{n}"), String::new()))
            .collect();
        spec.insert("d0".to_owned(), "mine".to_owned());
        let spec = serde_json::from_value(json!({"tags": spec})).unwrap();
        let origin = Origin {
            name: "lobby",
            default_region: "us-west-2",
            fixed_region: None,
            default_tags: &many,
            ignored_tags: &ignored,
        };
        DesiredRoom::try_from((&spec, origin))
    };
    let room = with(18).unwrap();
    assert_eq!((room.tags.len(), &room.tags["d0"][..]), (48, "mine"));
    let refused = with(19).unwrap_err().to_string();
    assert!(
        refused.contains("29 of them by --default-tags"),
        "{refused}"
    );
    let own: Tags = (0..49).map(|n| (format!("s{n}"), String::new())).collect();
    let refused = desired("lobby", &json!({"tags": own}), None).unwrap_err();
    assert!(!refused.to_string().contains("--default-tags"), "{refused}");
    assert_eq!(check_default_tags(&many, &ignored), Ok(()));
    for key in ["theirs-1", "aws:x", ""] {
        assert!(
            check_default_tags(&tags(&[(key, "")]), &ignored).is_err(),
            "{key}"
        );
    }
}

#[test]
fn a_value_is_shown_quoted_and_cut_where_it_is_long() {
    assert_eq!(quoted("a\"b"), "\"a\\\"b\"");
    let (fits, longer) = ("x".repeat(60), "x".repeat(61));
    assert_eq!(quoted(&fits), format!("{fits:?}"));
    assert_eq!(quoted(&longer), format!("\"{fits}…\""));
}
