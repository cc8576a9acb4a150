//! Order, pages and filters.

use super::*;

#[test]
fn rooms_are_listed_newest_update_first_in_pages_that_follow_each_other() {
    let mut stage = Stage::new();
    let rooms: Vec<_> = (0..120)
        .map(|n| stage.named(&format!("room-{n}")))
        .collect();
    let touch = |room: &Room| UpdateRoom {
        identifier: room.arn.clone(),
        maximum_message_length: Some(7),
        ..UpdateRoom::default()
    };
    stage.update(touch(&rooms[3])).unwrap();
    let mut expected: Vec<_> = (0..120)
        .rev()
        .filter(|n| *n != 3)
        .map(|n| format!("room-{n}"))
        .collect();
    expected.insert(0, "room-3".to_owned());

    let (mut listed, mut sizes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let (names, next) = stage
            .list(ListRooms {
                next_token: token.take(),
                ..ListRooms::default()
            })
            .unwrap();
        sizes.push(names.len());
        listed.extend(names);
        token = next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [50, 50, 20]);
    assert_eq!(listed, expected);

    // A room updated while the pages are read jumps in front of the cursor, and the pages behind it miss it.
    let (_, next) = stage.list(ListRooms::default()).unwrap();
    stage.update(touch(&rooms[0])).unwrap();
    let (second, next) = stage
        .list(ListRooms {
            next_token: next,
            ..ListRooms::default()
        })
        .unwrap();
    let (third, _) = stage
        .list(ListRooms {
            next_token: next,
            ..ListRooms::default()
        })
        .unwrap();
    assert!(!second.iter().chain(&third).any(|name| name == "room-0"));
    assert_eq!(
        stage
            .list(ListRooms {
                max_results: Some(1),
                ..ListRooms::default()
            })
            .unwrap()
            .0,
        ["room-0"]
    );
}

#[test]
fn a_token_that_is_an_offset_misses_what_a_deletion_moves_up_and_repeats_what_a_new_room_moves_down()
 {
    let mut stage = Stage::with(Settings {
        page_tokens_are_offsets: true,
        ..Settings::default()
    });
    for name in ["a", "b", "b", "c", "d"] {
        stage.named(name);
    }
    let newest = stage.named("e");
    let two = |next_token| ListRooms {
        max_results: Some(2),
        next_token,
        ..ListRooms::default()
    };
    let (first, token) = stage.list(two(None)).unwrap();
    assert_eq!(first, ["e", "d"]);
    stage.delete(&newest.arn).unwrap();
    let (second, token) = stage.list(two(token)).unwrap();
    assert_eq!(second, ["b", "b"], "c is in neither");
    assert_eq!(stage.list(two(token)), Ok((vec!["a".to_owned()], None)));

    let (first, token) = stage.list(two(None)).unwrap();
    assert_eq!(first, ["d", "c"]);
    stage.named("f");
    let (second, _) = stage.list(two(token)).unwrap();
    assert_eq!(second, ["c", "b"], "c is in both");

    // Only what the filter lets through counts.
    let only_b = |next_token| ListRooms {
        name: Some("b".to_owned()),
        max_results: Some(1),
        next_token,
        ..ListRooms::default()
    };
    let (_, token) = stage.list(only_b(None)).unwrap();
    assert_eq!(stage.list(only_b(token)), Ok((vec!["b".to_owned()], None)));
}

#[test]
fn a_page_token_is_refused_once_its_life_is_over_whatever_the_clock_shows() {
    let kinds = [(false, false), (true, false), (false, true)];
    for (page_tokens_are_offsets, pages_are_a_snapshot) in kinds {
        let mut stage = Stage::with(Settings {
            page_tokens_are_offsets,
            pages_are_a_snapshot,
            page_token_life: Some(Duration::from_secs(3)),
            ..Settings::default()
        });
        stage.named("a");
        stage.named("b");
        let page = |next_token| ListRooms {
            max_results: Some(1),
            next_token,
            ..ListRooms::default()
        };
        let (_, token) = stage.list(page(None)).unwrap();
        assert_eq!(stage.list(page(token.clone())).unwrap().0, ["a"], "1 s");
        for hours in [-1, 1] {
            let call = Call::ListRooms(page(token.clone()));
            let (now, skew) = (stage.now + 1.second(), SignedDuration::from_hours(hours));
            let listed = stage.world.call_with_skew(&stage.scope, call, now, skew);
            assert!(listed.is_ok(), "2 s: {listed:?}");
        }
        stage.now += 1.second();
        let error = stage.list(page(token)).unwrap_err();
        assert_eq!(refused_field(&error), "nextToken", "3 s");
        assert!(error.message().contains("expired"), "{error:?}");
    }
}

#[test]
fn a_page_token_serves_only_the_list_it_came_from() {
    for page_tokens_are_offsets in [false, true] {
        token_serves_only_its_list(Settings {
            page_tokens_are_offsets,
            ..Settings::default()
        });
    }
}

fn token_serves_only_its_list(settings: Settings) {
    let mut stage = Stage::with(settings);
    for n in 0..3 {
        stage.named(&format!("room-{n}"));
    }
    let one = ListRooms {
        max_results: Some(1),
        ..ListRooms::default()
    };
    let token = stage.list(one.clone()).unwrap().1.unwrap();
    let with = |token: &str| ListRooms {
        next_token: Some(token.to_owned()),
        ..one.clone()
    };
    assert_eq!(stage.list(with(&token)).unwrap().0, ["room-1"]);

    let mut forged = token.clone().into_bytes();
    forged[5] ^= 1;
    let forged = String::from_utf8(forged).unwrap();
    for refused in [
        with(&forged),
        with("nonsense"),
        with(&token[1..]),
        with(&"x".repeat(1025)),
    ] {
        assert_eq!(
            refused_field(&stage.list(refused).unwrap_err()),
            "nextToken"
        );
    }
    let other_filter = ListRooms {
        name: Some("room-1".to_owned()),
        ..with(&token)
    };
    assert_eq!(
        refused_field(&stage.list(other_filter).unwrap_err()),
        "nextToken"
    );
    stage.scope.region = "eu-west-1".to_owned();
    assert_eq!(
        refused_field(&stage.list(with(&token)).unwrap_err()),
        "nextToken"
    );
}

#[test]
fn lists_are_filtered_by_name_handler_and_logging_configuration() {
    let mut stage = Stage::new();
    let lambda = "arn:aws:lambda:us-west-2:123456789012:function:f";
    let logging = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl";
    stage.named("plain");
    stage.create(CreateRoom {
        name: Some("reviewed".to_owned()),
        message_review_handler: Some(MessageReviewHandler {
            uri: Some(lambda.to_owned()),
            fallback_result: None,
        }),
        ..CreateRoom::default()
    });
    stage.create(CreateRoom {
        name: Some("logged".to_owned()),
        logging_configuration_identifiers: Some(vec![logging.to_owned()]),
        ..CreateRoom::default()
    });
    let filter = ListRooms::default;
    for (request, names) in [
        (
            ListRooms {
                name: Some("plain".to_owned()),
                ..filter()
            },
            vec!["plain"],
        ),
        (
            ListRooms {
                name: Some("pla".to_owned()),
                ..filter()
            },
            vec![],
        ),
        (
            ListRooms {
                message_review_handler_uri: Some(lambda.to_owned()),
                ..filter()
            },
            vec!["reviewed"],
        ),
        (
            ListRooms {
                logging_configuration_identifier: Some(logging.to_owned()),
                ..filter()
            },
            vec!["logged"],
        ),
    ] {
        assert_eq!(stage.list(request.clone()).unwrap().0, names, "{request:?}");
    }
    for (request, field) in [
        (
            ListRooms {
                max_results: Some(0),
                ..filter()
            },
            "maxResults",
        ),
        (
            ListRooms {
                max_results: Some(51),
                ..filter()
            },
            "maxResults",
        ),
        (
            ListRooms {
                name: Some("a b".to_owned()),
                ..filter()
            },
            "name",
        ),
    ] {
        assert_eq!(refused_field(&stage.list(request).unwrap_err()), field);
    }
}
