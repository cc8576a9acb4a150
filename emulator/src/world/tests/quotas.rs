//! Call quotas and limits on how much there may be.

use jiff::SignedDuration;

use super::*;

/// Calls that go through at `now` before the first one is throttled.
fn burst(world: &mut World, scope: &Scope, call: &Call, now: Timestamp) -> usize {
    let throttled = |error: &ApiError| error.code == "ThrottlingException";
    let answers = (0..10_000).map(|_| world.call(scope, call.clone(), now));
    answers
        .take_while(|answer| !matches!(answer, Err(error) if throttled(error)))
        .count()
}

/// Every operation's cheapest call, and how often AWS takes it in a second.
#[allow(clippy::too_many_lines, reason = "a table")]
fn granted() -> Vec<(Call, usize)> {
    let identifier = ARN.to_owned();
    let configuration = ARN.replace("room", "logging-configuration");
    let room_identifier = ARN.to_owned();
    vec![
        (Call::CreateRoom(CreateRoom::default()), 5),
        (
            Call::GetRoom {
                identifier: identifier.clone(),
            },
            5,
        ),
        (
            Call::UpdateRoom(UpdateRoom {
                identifier: identifier.clone(),
                ..UpdateRoom::default()
            }),
            5,
        ),
        (
            Call::DeleteRoom {
                identifier: identifier.clone(),
            },
            5,
        ),
        (Call::ListRooms(ListRooms::default()), 5),
        (
            Call::TagResource {
                resource_arn: identifier.clone(),
                tags: Tags::new(),
            },
            10,
        ),
        (
            Call::UntagResource {
                resource_arn: identifier.clone(),
                tag_keys: Vec::new(),
            },
            10,
        ),
        (
            Call::ListTagsForResource {
                resource_arn: identifier,
            },
            10,
        ),
        (
            Call::CreateChatToken(CreateChatToken {
                room_identifier: room_identifier.clone(),
                ..CreateChatToken::default()
            }),
            200,
        ),
        (
            Call::SendEvent(SendEvent {
                room_identifier: room_identifier.clone(),
                ..SendEvent::default()
            }),
            100,
        ),
        (
            Call::DeleteMessage(DeleteMessage {
                room_identifier: room_identifier.clone(),
                ..DeleteMessage::default()
            }),
            100,
        ),
        (
            Call::DisconnectUser(DisconnectUser {
                room_identifier,
                ..DisconnectUser::default()
            }),
            100,
        ),
        (
            Call::CreateLoggingConfiguration(CreateLoggingConfiguration {
                name: None,
                destination_configuration: DestinationConfiguration::S3 {
                    bucket_name: "logs".to_owned(),
                },
                tags: None,
            }),
            3,
        ),
        (
            Call::GetLoggingConfiguration {
                identifier: configuration.clone(),
            },
            3,
        ),
        (
            Call::UpdateLoggingConfiguration(UpdateLoggingConfiguration {
                identifier: configuration.clone(),
                ..UpdateLoggingConfiguration::default()
            }),
            3,
        ),
        (
            Call::DeleteLoggingConfiguration {
                identifier: configuration,
            },
            3,
        ),
        (
            Call::ListLoggingConfigurations(ListLoggingConfigurations::default()),
            3,
        ),
        (Call::GetCallerIdentity, 10_000),
    ]
}

#[test]
fn each_operation_has_its_own_bucket_per_account_and_region_at_the_figures_of_aws() {
    let quotas = "aws".parse().unwrap();
    let settings = Settings {
        quotas,
        ..Settings::default()
    };
    let calls = granted();
    let mut world = World::new(settings, 7);
    let here = Scope::in_region("us-west-2");
    let elsewhere = Scope::in_region("eu-west-1");
    let other = Scope {
        account: "210987654321".to_owned(),
        ..here.clone()
    };
    let begin = Timestamp::UNIX_EPOCH;
    let seen: Vec<_> = calls.iter().map(|(call, _)| call.operation()).collect();
    assert_eq!(seen, Operation::ALL, "each operation once");
    for (call, rate) in calls {
        let operation = call.operation();
        for scope in [&here, &elsewhere, &other] {
            assert_eq!(
                burst(&mut world, scope, &call, begin),
                rate,
                "{operation:?} {scope:?}"
            );
        }
        let second = begin + SignedDuration::from_secs(1);
        assert_eq!(
            burst(&mut world, &here, &call, second),
            rate,
            "{operation:?} a second later"
        );
        let tenth = second + SignedDuration::from_millis(400);
        let refilled = (rate * 2 / 5).max(1);
        if rate < 10_000 {
            assert_eq!(
                burst(&mut world, &here, &call, tenth),
                refilled,
                "{operation:?} 0.4 s later"
            );
        }
    }
}

#[test]
fn a_throttled_call_says_so_with_every_member_and_has_no_effect() {
    let quotas = Quotas::TimesAws(0.2);
    let settings = Settings {
        quotas,
        ..Settings::default()
    };
    let mut world = World::new(settings, 7);
    let scope = Scope::in_region("us-west-2");
    let create = || Call::CreateRoom(CreateRoom::default());
    world.call(&scope, create(), Timestamp::UNIX_EPOCH).unwrap();
    let error = world
        .call(&scope, create(), Timestamp::UNIX_EPOCH)
        .unwrap_err();
    assert_eq!(
        (error.status, error.code.as_str()),
        (429, "ThrottlingException")
    );
    let members = serde_json::json!({
        "message": "Rate exceeded for CreateRoom", "resourceId": "123456789012", "resourceType": "ROOM", "limit": 1,
    });
    assert_eq!(serde_json::Value::from(error.members), members);
    assert_eq!(world.rooms(&scope).len(), 1);
}

#[test]
fn quotas_are_written_aws_off_or_as_a_factor() {
    assert_eq!("off".parse(), Ok(Quotas::Off));
    assert_eq!("aws".parse(), Ok(Quotas::TimesAws(1.0)));
    assert_eq!("x20".parse(), Ok(Quotas::TimesAws(20.0)));
    assert_eq!("x0.5".parse(), Ok(Quotas::TimesAws(0.5)));
    for bad in ["", "x", "20", "x0", "x-1", "xinf", "xNaN", "AWS"] {
        assert_eq!(bad.parse::<Quotas>(), Err(NotQuotas), "{bad}");
    }
}

#[test]
fn more_rooms_and_logging_configurations_than_allowed_are_refused_with_402() {
    let mut stage = Stage::with(Settings {
        room_limit: Some(1),
        // The stage brings one.
        logging_configuration_limit: Some(1),
        ..Settings::default()
    });
    let room = stage.named("lobby");
    let members = |what: &str| {
        serde_json::json!({
            "message": format!("The limit of 1 {what} is reached"),
            "resourceId": "123456789012", "resourceType": "ROOM", "limit": 1,
        })
    };
    let destination_configuration = DestinationConfiguration::S3 {
        bucket_name: "logs".to_owned(),
    };
    let configuration = Call::CreateLoggingConfiguration(CreateLoggingConfiguration {
        name: None,
        destination_configuration,
        tags: None,
    });
    for (call, what) in [
        (Call::CreateRoom(CreateRoom::default()), "rooms"),
        (configuration, "logging configurations"),
    ] {
        let error = stage.call(call).unwrap_err();
        assert_eq!(
            (error.status, error.code.as_str()),
            (402, "ServiceQuotaExceededException")
        );
        assert_eq!(serde_json::Value::from(error.members), members(what));
    }
    stage.delete(&room.arn).unwrap();
    stage.named("hall");
}
