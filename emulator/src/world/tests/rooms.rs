//! Rooms one by one.

use super::*;

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
            ..Settings::default()
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
fn logging_identifiers_and_tag_values_may_come_back_other_than_they_were_given() {
    for on in [false, true] {
        let mut stage = Stage::with(Settings {
            logging_identifiers_are_a_set: on,
            tag_values_are_trimmed: on,
            ..Settings::default()
        });
        let scope = stage.scope.clone();
        let configuration = |id: &str| scope.arn("logging-configuration", id);
        stage
            .world
            .put_logging_configuration(&scope, "ZbCdEfGhIjKl", stage.now);
        let (a, z) = (configuration("AbCdEfGhIjKl"), configuration("ZbCdEfGhIjKl"));
        let given = vec![z.clone(), a.clone(), z.clone()];
        let kept = if on { vec![a, z] } else { given.clone() };
        let tags = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);

        let created = stage.create(CreateRoom {
            logging_configuration_identifiers: Some(given.clone()),
            tags: Some(tags(" a b ", " live ")),
            ..CreateRoom::default()
        });
        assert_eq!(created.logging_configuration_identifiers, kept);
        let mut tagged = tags(" a b ", if on { "live" } else { " live " });
        assert_eq!(created.tags, tagged);

        let again = UpdateRoom {
            identifier: created.arn.clone(),
            logging_configuration_identifiers: Some(given),
            ..UpdateRoom::default()
        };
        assert_eq!(stage.update(again), Ok(created.clone()), "nothing new");
        stage.tag(&created.arn, tags("stage", "beta ")).unwrap();
        tagged.extend(tags("stage", if on { "beta" } else { "beta " }));
        assert_eq!(stage.get(&created.arn).unwrap().tags, tagged);

        let logging = CreateLoggingConfiguration {
            name: None,
            destination_configuration: DestinationConfiguration::S3 {
                bucket_name: "logs".to_owned(),
            },
            tags: Some(tags("team", " live")),
        };
        match stage.call(Call::CreateLoggingConfiguration(logging)) {
            Ok(Answer::LoggingConfiguration(made)) => {
                assert_eq!(made.tags, tags("team", if on { "live" } else { " live" }));
            }
            other => panic!("{other:?}"),
        }
    }
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
            (&room.id.as_str().into(), &"ROOM".into())
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
