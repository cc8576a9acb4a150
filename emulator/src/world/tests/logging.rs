//! Logging configurations: their states, and rooms that use them.

use super::*;

use LoggingConfigurationState::{Active, CreateFailed, Creating, Deleting, UpdateFailed, Updating};

fn bucket(name: &str) -> DestinationConfiguration {
    DestinationConfiguration::S3 {
        bucket_name: name.to_owned(),
    }
}

/// Transitions take three seconds; each call of a stage comes a second after the one before.
fn stage() -> Stage {
    Stage::with(Settings {
        logging_transition: Duration::from_secs(3),
        failing_destinations: vec!["broken".to_owned()],
        ..Settings::default()
    })
}

impl Stage {
    fn configure(&mut self, destination: &str) -> LoggingConfiguration {
        let call = Call::CreateLoggingConfiguration(CreateLoggingConfiguration {
            name: Some("chat-logs".to_owned()),
            destination_configuration: bucket(destination),
            tags: Some(tags(1)),
        });
        match self.call(call) {
            Ok(Answer::LoggingConfiguration(configuration)) => configuration,
            other => panic!("{other:?}"),
        }
    }

    fn configuration(&mut self, arn: &str) -> Result<LoggingConfiguration, ApiError> {
        let identifier = arn.to_owned();
        match self.call(Call::GetLoggingConfiguration { identifier })? {
            Answer::LoggingConfiguration(configuration) => Ok(configuration),
            other => panic!("{other:?}"),
        }
    }

    fn redirect(&mut self, arn: &str, destination: &str) -> Result<Answer, ApiError> {
        self.call(Call::UpdateLoggingConfiguration(
            UpdateLoggingConfiguration {
                identifier: arn.to_owned(),
                name: None,
                destination_configuration: Some(bucket(destination)),
            },
        ))
    }

    fn drop_configuration(&mut self, arn: &str) -> Result<Answer, ApiError> {
        let identifier = arn.to_owned();
        self.call(Call::DeleteLoggingConfiguration { identifier })
    }

    fn pass(&mut self, seconds: i64) {
        self.now += seconds.seconds();
    }

    fn states(&mut self) -> Vec<LoggingConfigurationState> {
        let list = ListLoggingConfigurations::default();
        match self.call(Call::ListLoggingConfigurations(list)) {
            Ok(Answer::LoggingConfigurations {
                logging_configurations,
                next_token: None,
            }) => logging_configurations.iter().map(|it| it.state).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn conflict() -> (u16, String) {
    (409, "ConflictException".to_owned())
}

fn not_found() -> (u16, String) {
    (404, "ResourceNotFoundException".to_owned())
}

#[test]
fn a_logging_configuration_is_created_updated_and_deleted_each_through_its_transition() {
    let mut stage = stage();
    let created = stage.configure("logs");
    let expected = LoggingConfiguration {
        arn: format!(
            "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/{}",
            created.id
        ),
        id: created.id.clone(),
        name: "chat-logs".to_owned(),
        create_time: stage.now,
        update_time: stage.now,
        destination_configuration: bucket("logs"),
        // AWS documents no other state for this answer.
        state: Active,
        tags: tags(1),
    };
    assert_eq!(created, expected);
    let arn = created.arn.clone();
    let in_state = |state| LoggingConfiguration {
        state,
        ..expected.clone()
    };
    assert_eq!(stage.configuration(&arn), Ok(in_state(Creating)), "1 s");
    assert_eq!(stage.states(), [Creating, Active], "2 s");
    assert_eq!(stage.configuration(&arn), Ok(in_state(Active)), "3 s");

    let updated = stage.redirect(&arn, "others").unwrap();
    let expected = LoggingConfiguration {
        destination_configuration: bucket("others"),
        update_time: stage.now,
        ..expected.clone()
    };
    assert_eq!(updated, Answer::LoggingConfiguration(expected.clone()));
    assert_eq!(stage.configuration(&arn).unwrap().state, Updating);
    stage.pass(3);
    assert_eq!(stage.configuration(&arn), Ok(expected));

    assert_eq!(stage.drop_configuration(&arn), Ok(Answer::NoContent));
    assert_eq!(stage.configuration(&arn).unwrap().state, Deleting);
    stage.pass(3);
    assert_eq!(refused(stage.configuration(&arn).unwrap_err()), not_found());
    assert_eq!(stage.states(), [Active], "the stage's own");
}

#[test]
fn in_transition_every_other_change_conflicts() {
    let mut stage = stage();
    let arn = stage.configure("logs").arn;
    assert_eq!(
        refused(stage.redirect(&arn, "others").unwrap_err()),
        conflict()
    );
    assert_eq!(
        refused(stage.drop_configuration(&arn).unwrap_err()),
        conflict()
    );
    stage.pass(3);
    stage.redirect(&arn, "others").unwrap();
    let error = stage.redirect(&arn, "logs").unwrap_err();
    let id = arn.rsplit_once('/').unwrap().1;
    assert_eq!(
        serde_json::Value::from(error.members),
        serde_json::json!({
            "message": format!("Another change of logging configuration {arn} is in progress"),
            "resourceId": id, "resourceType": "ROOM",
        })
    );
    stage.pass(3);
    stage.drop_configuration(&arn).unwrap();
    assert_eq!(
        refused(stage.drop_configuration(&arn).unwrap_err()),
        conflict()
    );
}

#[test]
fn a_destination_that_cannot_be_written_to_ends_in_failure_and_can_be_mended() {
    let mut stage = stage();
    let arn = stage.configure("broken").arn;
    stage.pass(3);
    assert_eq!(stage.configuration(&arn).unwrap().state, CreateFailed);
    stage.redirect(&arn, "logs").unwrap();
    stage.pass(3);
    assert_eq!(stage.configuration(&arn).unwrap().state, Active);
    stage.redirect(&arn, "broken").unwrap();
    stage.pass(3);
    assert_eq!(stage.configuration(&arn).unwrap().state, UpdateFailed);
    stage.drop_configuration(&arn).unwrap();
    stage.pass(3);
    assert_eq!(refused(stage.configuration(&arn).unwrap_err()), not_found());
}

#[test]
fn rooms_attach_what_is_there_and_hold_it() {
    for can_be_deleted in [false, true] {
        let mut stage = stage();
        stage
            .world
            .settings
            .attached_logging_configuration_can_be_deleted = can_be_deleted;
        let arn = stage.configure("logs").arn;
        let attached = CreateRoom {
            logging_configuration_identifiers: Some(vec![arn.clone()]),
            ..CreateRoom::default()
        };
        let room = stage.create(attached.clone());
        stage.pass(3);
        match stage.drop_configuration(&arn) {
            Ok(answer) => assert!(can_be_deleted && answer == Answer::NoContent),
            Err(error) => {
                assert!(!can_be_deleted);
                assert_eq!(refused(error), conflict());
                let detached = UpdateRoom {
                    identifier: room.arn.clone(),
                    logging_configuration_identifiers: Some(Vec::new()),
                    ..UpdateRoom::default()
                };
                stage.update(detached).unwrap();
                stage.drop_configuration(&arn).unwrap();
            }
        }
        // On its way out it is no longer there to attach.
        for _ in 0..2 {
            let error = stage.call(Call::CreateRoom(attached.clone())).unwrap_err();
            assert_eq!(refused(error), not_found());
            stage.pass(3);
        }
        let keeps = stage
            .get(&room.arn)
            .unwrap()
            .logging_configuration_identifiers;
        assert_eq!(
            keeps,
            if can_be_deleted {
                vec![arn]
            } else {
                Vec::new()
            }
        );
    }
}

#[test]
fn logging_configurations_carry_tags_and_come_in_pages_as_rooms_do() {
    let mut stage = stage();
    stage.world.settings.tagging_moves_update_time = true;
    let arns: Vec<_> = (0..3).map(|_| stage.configure("logs").arn).collect();
    stage.pass(3);
    stage
        .tag(
            &arns[0],
            Tags::from([("team".to_owned(), "live".to_owned())]),
        )
        .unwrap();
    let mut expected = tags(1);
    expected.insert("team".to_owned(), "live".to_owned());
    assert_eq!(stage.configuration(&arns[0]).unwrap().tags, expected);
    let untag = Call::UntagResource {
        resource_arn: arns[0].clone(),
        tag_keys: vec!["team".to_owned()],
    };
    stage.call(untag).unwrap();
    assert_eq!(stage.configuration(&arns[0]).unwrap().tags, tags(1));

    let page = |stage: &mut Stage, next_token| {
        let list = ListLoggingConfigurations {
            max_results: Some(2),
            next_token,
        };
        match stage.call(Call::ListLoggingConfigurations(list)).unwrap() {
            Answer::LoggingConfigurations {
                logging_configurations,
                next_token,
            } => {
                let arns = logging_configurations.into_iter().map(|it| it.arn);
                (arns.collect::<Vec<_>>(), next_token)
            }
            other => panic!("{other:?}"),
        }
    };
    let (first, token) = page(&mut stage, None);
    assert_eq!(
        first,
        [arns[0].clone(), arns[2].clone()],
        "the retagged one first"
    );
    let (second, end) = page(&mut stage, token.clone());
    assert_eq!(second[0], arns[1]);
    assert_eq!(end, None);
    // A token of one list opens no other.
    let rooms = ListRooms {
        next_token: token,
        ..ListRooms::default()
    };
    assert_eq!(refused_field(&stage.list(rooms).unwrap_err()), "nextToken");
}
