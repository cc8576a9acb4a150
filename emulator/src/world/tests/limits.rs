//! Every limit at its bounds.

use super::*;

#[test]
fn every_limit_is_kept_at_its_bounds_and_refused_past_them_by_the_member_that_breaks_it() {
    let name = |name: &str| CreateRoom {
        name: Some(name.to_owned()),
        ..CreateRoom::default()
    };
    let length = |value| CreateRoom {
        maximum_message_length: Some(value),
        ..CreateRoom::default()
    };
    let rate = |value| CreateRoom {
        maximum_message_rate_per_second: Some(value),
        ..CreateRoom::default()
    };
    let handler = |uri: &str| CreateRoom {
        message_review_handler: Some(MessageReviewHandler {
            uri: Some(uri.to_owned()),
            fallback_result: None,
        }),
        ..CreateRoom::default()
    };
    let logging = |count: usize, id: &str| CreateRoom {
        logging_configuration_identifiers: Some(vec![
            format!(
                "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/{id}"
            );
            count
        ]),
        ..CreateRoom::default()
    };
    let tagged = |tags: Tags| CreateRoom {
        tags: Some(tags),
        ..CreateRoom::default()
    };
    let pair = |key: &str, value: &str| tagged(Tags::from([(key.to_owned(), value.to_owned())]));
    let lambda = "arn:aws:lambda:us-west-2:123456789012:function:f";

    for good in [
        name(""),
        name(&"n".repeat(128)),
        name("a-Z_09"),
        length(1),
        length(500),
        rate(1),
        rate(100),
        handler(""),
        handler(lambda),
        handler(&format!("{lambda}{}", "f".repeat(170 - lambda.len()))),
        logging(0, ""),
        logging(3, "AbCdEfGhIjKl"),
        tagged(tags(50)),
        pair(&"k".repeat(128), &"v".repeat(256)),
        pair("äß 9_.:/=+-@", ""),
    ] {
        let shown = format!("{good:?}");
        assert!(Stage::new().call(Call::CreateRoom(good)).is_ok(), "{shown}");
    }
    for (bad, field) in [
        (name(&"n".repeat(129)), "name"),
        (name("a b"), "name"),
        (name("é"), "name"),
        (length(0), "maximumMessageLength"),
        (length(501), "maximumMessageLength"),
        (rate(0), "maximumMessageRatePerSecond"),
        (rate(101), "maximumMessageRatePerSecond"),
        (
            handler("arn:aws:sns:us-west-2:123456789012:topic"),
            "messageReviewHandler.uri",
        ),
        (
            handler("arn:aws:lambda:us-west-2:12345678901:function:f"),
            "messageReviewHandler.uri",
        ),
        (
            handler("arn:aws:lambda:us-west-2:123456789012:function:"),
            "messageReviewHandler.uri",
        ),
        (
            handler(&format!("{lambda}{}", "f".repeat(171 - lambda.len()))),
            "messageReviewHandler.uri",
        ),
        (
            logging(4, "AbCdEfGhIjKl"),
            "loggingConfigurationIdentifiers",
        ),
        (logging(1, "a/b"), "loggingConfigurationIdentifiers"),
        (tagged(tags(51)), "tags"),
        (pair("", "v"), "tags"),
        (pair(&"k".repeat(129), "v"), "tags"),
        (pair("k", &"v".repeat(257)), "tags"),
        (pair("k!", "v"), "tags"),
        (pair("k", "v!"), "tags"),
        (pair("aws:k", "v"), "tags"),
        (pair("AWS:k", "v"), "tags"),
        (pair("aWs:", "v"), "tags"),
    ] {
        let shown = format!("{bad:?}");
        let error = Stage::new().call(Call::CreateRoom(bad)).expect_err(&shown);
        assert_eq!(refused_field(&error), field, "{shown}");
    }
}

#[test]
fn a_handler_of_another_account_or_region_is_refused() {
    for uri in [
        "arn:aws:lambda:eu-west-1:123456789012:function:f",
        "arn:aws:lambda:us-west-2:210987654321:function:f",
    ] {
        let handler = MessageReviewHandler {
            uri: Some(uri.to_owned()),
            fallback_result: None,
        };
        let request = CreateRoom {
            message_review_handler: Some(handler),
            ..CreateRoom::default()
        };
        let error = Stage::new().call(Call::CreateRoom(request)).unwrap_err();
        assert_eq!(
            (error.status, error.members["reason"].as_str()),
            (400, Some("OTHER"))
        );
    }
}

#[test]
fn a_room_may_carry_fifty_tags_and_those_of_aws_do_not_count() {
    let mut stage = Stage::new();
    let room = stage.create(CreateRoom {
        tags: Some(tags(50)),
        ..CreateRoom::default()
    });
    let scope = stage.scope.clone();
    assert!(
        stage
            .world
            .set_system_tag(&scope, &room.arn, "aws:created-by", "x", stage.now)
    );
    let one_more = Tags::from([("more".to_owned(), String::new())]);
    assert_eq!(
        refused_field(&stage.tag(&room.arn, one_more.clone()).unwrap_err()),
        "tags"
    );
    // A key that is there already adds nothing.
    stage
        .tag(
            &room.arn,
            Tags::from([("key-0".to_owned(), "new".to_owned())]),
        )
        .unwrap();
    let untag = |key: &str| Call::UntagResource {
        resource_arn: room.arn.clone(),
        tag_keys: vec![key.to_owned()],
    };
    assert_eq!(
        refused_field(&stage.call(untag("aws:created-by")).unwrap_err()),
        "tagKeys"
    );
    stage.call(untag("key-1")).unwrap();
    stage.tag(&room.arn, one_more).unwrap();
    let listed = stage
        .call(Call::ListTagsForResource {
            resource_arn: room.arn.clone(),
        })
        .unwrap();
    assert_eq!(
        listed,
        Answer::Tags {
            tags: stage.get(&room.arn).unwrap().tags
        }
    );
}
