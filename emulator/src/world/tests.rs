//! What the world answers: limits, order, paging, filters, isolation.

use jiff::ToSpan;

use super::*;

struct Stage {
    world: World,
    scope: Scope,
    now: Timestamp,
}

impl Stage {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        Self {
            world: World::new(settings, 7),
            scope: Scope::in_region("us-west-2"),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// Each call comes a second after the one before.
    fn call(&mut self, call: Call) -> Result<Answer, ApiError> {
        self.now += 1.second();
        self.world.call(&self.scope, call, self.now)
    }

    fn create(&mut self, request: CreateRoom) -> Room {
        match self.call(Call::CreateRoom(request)) {
            Ok(Answer::Room(room)) => room,
            other => panic!("{other:?}"),
        }
    }

    fn named(&mut self, name: &str) -> Room {
        self.create(CreateRoom {
            name: Some(name.to_owned()),
            ..CreateRoom::default()
        })
    }

    fn get(&mut self, arn: &str) -> Result<Room, ApiError> {
        match self.call(Call::GetRoom {
            identifier: arn.to_owned(),
        })? {
            Answer::Room(room) => Ok(room),
            other => panic!("{other:?}"),
        }
    }

    fn update(&mut self, request: UpdateRoom) -> Result<Room, ApiError> {
        match self.call(Call::UpdateRoom(request))? {
            Answer::Room(room) => Ok(room),
            other => panic!("{other:?}"),
        }
    }

    fn tag(&mut self, arn: &str, tags: Tags) -> Result<Answer, ApiError> {
        self.call(Call::TagResource {
            resource_arn: arn.to_owned(),
            tags,
        })
    }

    fn list(&mut self, request: ListRooms) -> Result<(Vec<String>, Option<String>), ApiError> {
        match self.call(Call::ListRooms(request))? {
            Answer::Rooms { rooms, next_token } => Ok((
                rooms.into_iter().map(|room| room.name).collect(),
                next_token,
            )),
            other => panic!("{other:?}"),
        }
    }
}

fn tags(count: usize) -> Tags {
    (0..count)
        .map(|n| (format!("key-{n}"), String::new()))
        .collect()
}

fn refused_field(error: &ApiError) -> &str {
    assert_eq!(
        (error.status, error.code.as_str()),
        (400, "ValidationException"),
        "{error:?}"
    );
    assert_eq!(
        error.members["reason"], "FIELD_VALIDATION_FAILED",
        "{error:?}"
    );
    error.members["fieldList"][0]["name"].as_str().unwrap()
}

#[test]
fn a_room_without_members_takes_the_defaults() {
    let mut stage = Stage::new();
    let room = stage.create(CreateRoom::default());
    let expected = Room {
        arn: format!("arn:aws:ivschat:us-west-2:123456789012:room/{}", room.id),
        id: room.id.clone(),
        name: String::new(),
        create_time: Timestamp::UNIX_EPOCH + 1.second(),
        update_time: Timestamp::UNIX_EPOCH + 1.second(),
        maximum_message_length: 500,
        maximum_message_rate_per_second: 10,
        message_review_handler: None,
        tags: Tags::new(),
        logging_configuration_identifiers: Vec::new(),
    };
    assert_eq!(room, expected);
    assert!(
        room.id.len() == 12 && room.id.chars().all(|c| c.is_ascii_alphanumeric()),
        "{}",
        room.id
    );
    assert_eq!(stage.get(&room.arn), Ok(expected));
}

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
fn an_update_changes_what_it_names_and_leaves_the_rest() {
    let mut stage = Stage::new();
    let lambda = MessageReviewHandler {
        uri: Some("arn:aws:lambda:us-west-2:123456789012:function:f".to_owned()),
        fallback_result: None,
    };
    let room = stage.create(CreateRoom {
        name: Some("lobby".to_owned()),
        message_review_handler: Some(lambda.clone()),
        tags: Some(tags(2)),
        ..CreateRoom::default()
    });
    let with_default = MessageReviewHandler {
        fallback_result: Some(FallbackResult::Allow),
        ..lambda
    };
    assert_eq!(room.message_review_handler, Some(with_default));

    let identifier = room.arn.clone();
    let updated = stage
        .update(UpdateRoom {
            identifier: identifier.clone(),
            maximum_message_length: Some(7),
            ..UpdateRoom::default()
        })
        .unwrap();
    let expected = Room {
        maximum_message_length: 7,
        update_time: stage.now,
        ..room
    };
    assert_eq!(updated, expected);

    let detach = Some(MessageReviewHandler {
        uri: Some(String::new()),
        fallback_result: None,
    });
    let detached = stage
        .update(UpdateRoom {
            identifier,
            message_review_handler: detach,
            ..UpdateRoom::default()
        })
        .unwrap();
    assert_eq!(
        detached,
        Room {
            message_review_handler: None,
            update_time: stage.now,
            ..expected
        }
    );
}

#[test]
fn what_aws_leaves_open_is_a_setting() {
    for on in [false, true] {
        let mut stage = Stage::with(Settings {
            tagging_moves_update_time: on,
            idle_update_moves_update_time: on,
            name_filter_matches_prefix: on,
            detached_handler_is_empty_object: on,
            room_limit: None,
        });
        let room = stage.named("lobby");
        stage.tag(&room.arn, tags(1)).unwrap();
        assert_eq!(
            stage.get(&room.arn).unwrap().update_time != room.update_time,
            on
        );
        let before = stage.get(&room.arn).unwrap().update_time;
        let idle = UpdateRoom {
            identifier: room.arn.clone(),
            name: Some("lobby".to_owned()),
            ..UpdateRoom::default()
        };
        assert_eq!(stage.update(idle).unwrap().update_time != before, on);
        let filter = ListRooms {
            name: Some("lob".to_owned()),
            ..ListRooms::default()
        };
        assert_eq!(stage.list(filter).unwrap().0.len(), usize::from(on));
        let detach = UpdateRoom {
            identifier: room.arn.clone(),
            message_review_handler: Some(MessageReviewHandler {
                uri: Some(String::new()),
                fallback_result: None,
            }),
            ..UpdateRoom::default()
        };
        let handler = stage.update(detach).unwrap().message_review_handler;
        assert_eq!(handler, on.then(MessageReviewHandler::default));
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
            .set_system_tag(&scope, &room.arn, "aws:created-by", "x")
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
    assert_eq!(listed, Answer::Tags(stage.get(&room.arn).unwrap().tags));
}

#[test]
fn what_is_gone_was_never_there_or_is_someone_elses_answers_so() {
    let mut stage = Stage::new();
    let room = stage.named("lobby");
    let delete = Call::DeleteRoom {
        identifier: room.arn.clone(),
    };
    assert_eq!(stage.call(delete.clone()), Ok(Answer::NoContent));
    for call in [
        delete,
        Call::GetRoom {
            identifier: room.arn.clone(),
        },
    ] {
        let error = stage.call(call).unwrap_err();
        assert_eq!(
            (error.status, error.code.as_str()),
            (404, "ResourceNotFoundException")
        );
        assert_eq!(
            (&error.members["resourceId"], &error.members["resourceType"]),
            (&room.arn.as_str().into(), &"ROOM".into())
        );
    }
    let elsewhere = "arn:aws:ivschat:eu-west-1:123456789012:room/AbCdEfGhIjKl";
    assert_eq!(stage.get(elsewhere).unwrap_err().status, 404);
    let theirs = "arn:aws:ivschat:us-west-2:210987654321:room/AbCdEfGhIjKl";
    assert_eq!(stage.get(theirs).unwrap_err().code, "AccessDeniedException");
    for malformed in ["", "lobby", "arn:aws:ivschat:us-west-2:123456789012:room/"] {
        assert_eq!(
            refused_field(&stage.get(malformed).unwrap_err()),
            "identifier"
        );
    }
}

#[test]
fn regions_and_accounts_do_not_see_each_other() {
    let mut stage = Stage::new();
    let room = stage.named("lobby");
    let here = stage.scope.clone();
    for scope in [
        Scope {
            region: "eu-west-1".to_owned(),
            ..here.clone()
        },
        Scope {
            account: "210987654321".to_owned(),
            ..here.clone()
        },
    ] {
        stage.scope = scope;
        assert_eq!(stage.list(ListRooms::default()), Ok((Vec::new(), None)));
        assert!(stage.get(&room.arn).is_err());
    }
    stage.scope = here;
    assert_eq!(stage.list(ListRooms::default()).unwrap().0, ["lobby"]);
}

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
fn a_page_token_serves_only_the_list_it_came_from() {
    let mut stage = Stage::new();
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

#[test]
fn past_the_room_limit_creating_is_refused_until_there_is_place() {
    let mut stage = Stage::with(Settings {
        room_limit: Some(1),
        ..Settings::default()
    });
    let room = stage.named("one");
    let error = stage
        .call(Call::CreateRoom(CreateRoom::default()))
        .unwrap_err();
    assert_eq!(
        (error.status, error.code.as_str()),
        (402, "ServiceQuotaExceededException")
    );
    assert_eq!(error.members["limit"], 1);
    stage
        .call(Call::DeleteRoom {
            identifier: room.arn,
        })
        .unwrap();
    stage.named("two");
}
