//! All 17 operations through aws-sdk-ivschat, and every answer held against AWS's own model.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_ivschat::primitives::DateTime;
use aws_sdk_ivschat::types::{
    ChatTokenCapability, CloudWatchLogsDestinationConfiguration, DestinationConfiguration,
    FallbackResult, FirehoseDestinationConfiguration, LoggingConfigurationState,
    MessageReviewHandler, S3DestinationConfiguration,
};
use ivschat_emulator::Emulator;
use ivschat_emulator::world::Settings;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::stage::{DEADLINE, client, refused};

const LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:review";
const NOWHERE: &str = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl";
const NO_LOGS: &str = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl";
const OTHERS: &str = "arn:aws:ivschat:us-west-2:210987654321:room/AbCdEfGhIjKl";

fn not_found() -> (u16, String) {
    (404, "ResourceNotFoundException".to_owned())
}

fn denied() -> (u16, String) {
    (403, "AccessDeniedException".to_owned())
}

fn invalid() -> (u16, String) {
    (400, "ValidationException".to_owned())
}

fn s3(bucket: &str) -> DestinationConfiguration {
    let destination = S3DestinationConfiguration::builder().bucket_name(bucket);
    DestinationConfiguration::S3(destination.build().unwrap())
}

/// Every answer so far, checked by the model that botocore ships.
async fn hold_against_the_model(emulator: &Emulator) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clients = tokio::process::Command::new(root.join("../hack/clients"))
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    assert!(clients.status.success(), "hack/clients failed");
    let clients = String::from_utf8(clients.stdout).unwrap();
    let mut model = tokio::process::Command::new(Path::new(clients.trim()).join("bin/python"))
        .arg("-B")
        .arg(root.join("tests/clients/model.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let journal = emulator.journal();
    let document = json!({"calls": journal}).to_string();
    let mut input = model.stdin.take().unwrap();
    input.write_all(document.as_bytes()).await.unwrap();
    drop(input);
    let checked = model.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
    assert_eq!(said.trim(), format!("{} answers checked", journal.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let sdk = client(&emulator.endpoint());
    let handler = MessageReviewHandler::builder()
        .uri(LAMBDA)
        .fallback_result(FallbackResult::Deny);
    let handler = handler.build();
    let created = sdk
        .create_room()
        .name("lobby")
        .maximum_message_length(300)
        .maximum_message_rate_per_second(25)
        .message_review_handler(handler.clone())
        .tags("team", "live")
        .send()
        .await
        .unwrap();
    let arn = created.arn.clone().unwrap();
    let id = created.id.clone().unwrap();
    assert_eq!(
        arn,
        format!("arn:aws:ivschat:us-west-2:123456789012:room/{id}")
    );
    let got = sdk.get_room().identifier(&arn).send().await.unwrap();
    assert_eq!(got.name.as_deref(), Some("lobby"));
    assert_eq!(
        (
            got.maximum_message_length,
            got.maximum_message_rate_per_second
        ),
        (Some(300), Some(25))
    );
    assert_eq!(got.message_review_handler, Some(handler));
    assert_eq!(
        (got.create_time, got.update_time),
        (created.create_time, created.update_time)
    );
    assert!(got.create_time.unwrap().as_nanos() > 0);

    let detach = MessageReviewHandler::builder().uri("").build();
    let updated = sdk
        .update_room()
        .identifier(&arn)
        .name("hall")
        .message_review_handler(detach)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (updated.name.as_deref(), updated.maximum_message_length),
        (Some("hall"), Some(300))
    );
    assert_eq!(updated.message_review_handler, None);

    for n in 0..3 {
        sdk.create_room()
            .name(format!("room-{n}"))
            .send()
            .await
            .unwrap();
    }
    let mut pages = sdk.list_rooms().max_results(3).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.push(
            page.unwrap()
                .rooms
                .into_iter()
                .filter_map(|it| it.name)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(names, [vec!["room-2", "room-1", "room-0"], vec!["hall"]]);

    sdk.delete_room().identifier(&arn).send().await.unwrap();
    assert_eq!(
        refused(sdk.get_room().identifier(&arn).send().await),
        not_found()
    );
    assert_eq!(
        refused(sdk.delete_room().identifier(&arn).send().await),
        not_found()
    );
    assert_eq!(
        refused(sdk.update_room().identifier(&arn).send().await),
        not_found()
    );
    assert_eq!(
        refused(sdk.get_room().identifier(OTHERS).send().await),
        denied()
    );
    assert_eq!(
        refused(sdk.create_room().maximum_message_length(501).send().await),
        invalid()
    );
    assert_eq!(
        refused(sdk.list_rooms().next_token("forged").send().await),
        invalid()
    );
    let error = sdk
        .create_room()
        .name("a b")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let fields = match error {
        aws_sdk_ivschat::operation::create_room::CreateRoomError::ValidationException(error) => {
            error.field_list.unwrap()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(fields[0].name(), "name");
    hold_against_the_model(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let sdk = client(&emulator.endpoint());
    let arn = sdk
        .create_room()
        .tags("a b/c", "d")
        .send()
        .await
        .unwrap()
        .arn
        .unwrap();
    let tag = sdk.tag_resource().resource_arn(&arn);
    tag.tags("ü+x", "@").tags("k", "").send().await.unwrap();
    let untag = sdk.untag_resource().resource_arn(&arn);
    untag
        .tag_keys("a b/c")
        .tag_keys("missing")
        .send()
        .await
        .unwrap();
    let listed = sdk
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .unwrap();
    let mut listed: Vec<_> = listed.tags.into_iter().collect();
    listed.sort();
    assert_eq!(
        listed,
        [
            ("k".to_owned(), String::new()),
            ("ü+x".to_owned(), "@".to_owned())
        ]
    );
    let missing = sdk
        .tag_resource()
        .resource_arn(NOWHERE)
        .tags("k", "v")
        .send();
    assert_eq!(refused(missing.await), not_found());
    let missing = sdk
        .untag_resource()
        .resource_arn(NOWHERE)
        .tag_keys("k")
        .send();
    assert_eq!(refused(missing.await), not_found());
    let missing = sdk.list_tags_for_resource().resource_arn(NOWHERE).send();
    assert_eq!(refused(missing.await), not_found());
    let system = sdk
        .tag_resource()
        .resource_arn(&arn)
        .tags("aws:k", "v")
        .send();
    assert_eq!(refused(system.await), invalid());
    hold_against_the_model(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messaging() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let sdk = client(&emulator.endpoint());
    let arn = sdk.create_room().send().await.unwrap().arn.unwrap();
    let token = sdk
        .create_chat_token()
        .room_identifier(&arn)
        .user_id("ada")
        .capabilities(ChatTokenCapability::SendMessage)
        .session_duration_in_minutes(90)
        .attributes("name", "Ada")
        .send()
        .await
        .unwrap();
    let seconds = |time: Option<DateTime>| time.unwrap().secs();
    let session = seconds(token.session_expiration_time) - seconds(token.token_expiration_time);
    assert_eq!(session, 89 * 60, "the token itself lives a minute");
    let now = jiff::Timestamp::now();
    let held = emulator.world(|world| world.chat_token(token.token().unwrap(), now).cloned());
    assert_eq!(held.unwrap().user_id, "ada");

    let event = sdk
        .send_event()
        .room_identifier(&arn)
        .event_name("goal")
        .send()
        .await
        .unwrap();
    let deleted = sdk
        .delete_message()
        .room_identifier(&arn)
        .id("AbCdEfGhIjKl")
        .reason("rude");
    let deleted = deleted.send().await.unwrap();
    for id in [event.id(), deleted.id()] {
        assert_eq!(id.map(str::len), Some(12));
    }
    let user = sdk
        .disconnect_user()
        .room_identifier(&arn)
        .user_id("ada")
        .reason("rude");
    user.send().await.unwrap();

    let token = sdk.create_chat_token().user_id("ada");
    assert_eq!(
        refused(token.clone().room_identifier(NOWHERE).send().await),
        not_found()
    );
    assert_eq!(
        refused(token.clone().room_identifier(OTHERS).send().await),
        denied()
    );
    let long = token.room_identifier(&arn).session_duration_in_minutes(181);
    assert_eq!(refused(long.send().await), invalid());
    let event = sdk.send_event().room_identifier(NOWHERE).event_name("goal");
    assert_eq!(refused(event.send().await), not_found());
    let big = sdk
        .send_event()
        .room_identifier(&arn)
        .event_name("goal")
        .attributes("k", "v".repeat(1024));
    assert_eq!(refused(big.send().await), invalid());
    let message = sdk.delete_message().room_identifier(&arn).id("short");
    assert_eq!(refused(message.send().await), invalid());
    let user = sdk
        .disconnect_user()
        .room_identifier(NOWHERE)
        .user_id("ada");
    assert_eq!(refused(user.send().await), not_found());
    hold_against_the_model(&emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_configurations() {
    let settings = Settings {
        logging_transition: Duration::from_millis(300),
        ..Settings::default()
    };
    let emulator = Emulator::start(settings).await.unwrap();
    let sdk = client(&emulator.endpoint());
    let group = CloudWatchLogsDestinationConfiguration::builder().log_group_name("/chat#1");
    let stream = FirehoseDestinationConfiguration::builder().delivery_stream_name("chat");
    let destinations = [
        s3("chat-logs"),
        DestinationConfiguration::CloudWatchLogs(group.build().unwrap()),
        DestinationConfiguration::Firehose(stream.build().unwrap()),
    ];
    let mut arns = Vec::new();
    for destination in &destinations {
        let create = sdk
            .create_logging_configuration()
            .name("logs")
            .tags("team", "live");
        let created = create
            .destination_configuration(destination.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(
            created.destination_configuration.as_ref(),
            Some(destination)
        );
        arns.push(created.arn.unwrap());
    }
    let arn = &arns[2];
    let update = sdk
        .update_logging_configuration()
        .identifier(arn)
        .name("others");
    let early = update.clone().send().await;
    assert_eq!(refused(early), (409, "ConflictException".to_owned()));
    let active = async || loop {
        let got = sdk
            .get_logging_configuration()
            .identifier(arn)
            .send()
            .await
            .unwrap();
        if got.state == Some(LoggingConfigurationState::Active) {
            break got;
        }
    };
    let got = tokio::time::timeout(DEADLINE, active()).await.unwrap();
    assert_eq!(got.name.as_deref(), Some("logs"));
    let updated = update
        .destination_configuration(s3("others"))
        .send()
        .await
        .unwrap();
    assert_eq!(updated.name.as_deref(), Some("others"));
    assert_eq!(updated.destination_configuration, Some(s3("others")));
    tokio::time::timeout(DEADLINE, active()).await.unwrap();

    let mut pages = sdk
        .list_logging_configurations()
        .max_results(2)
        .into_paginator()
        .send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        listed.extend(
            page.unwrap()
                .logging_configurations
                .into_iter()
                .filter_map(|it| it.arn),
        );
    }
    assert_eq!(listed, [arns[2].clone(), arns[1].clone(), arns[0].clone()]);

    let room = sdk
        .create_room()
        .logging_configuration_identifiers(arn)
        .send()
        .await
        .unwrap();
    assert_eq!(
        room.logging_configuration_identifiers,
        Some(vec![arn.clone()])
    );
    let delete = sdk.delete_logging_configuration().identifier(arn);
    let held = delete.clone().send().await;
    assert_eq!(refused(held), (409, "ConflictException".to_owned()));
    sdk.delete_room()
        .identifier(room.arn.unwrap())
        .send()
        .await
        .unwrap();
    delete.clone().send().await.unwrap();
    let gone = async {
        while sdk
            .get_logging_configuration()
            .identifier(arn)
            .send()
            .await
            .is_ok()
        {}
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();

    assert_eq!(refused(delete.send().await), not_found());
    let get = sdk.get_logging_configuration();
    assert_eq!(
        refused(get.clone().identifier(NO_LOGS).send().await),
        not_found()
    );
    assert_eq!(refused(get.identifier(NOWHERE).send().await), invalid());
    let update = sdk.update_logging_configuration().identifier(NO_LOGS);
    assert_eq!(refused(update.send().await), not_found());
    let create = sdk
        .create_logging_configuration()
        .destination_configuration(s3("A"));
    assert_eq!(refused(create.send().await), invalid());
    let list = sdk.list_logging_configurations().max_results(51);
    assert_eq!(refused(list.send().await), invalid());
    let room = sdk.create_room().logging_configuration_identifiers(NO_LOGS);
    assert_eq!(refused(room.send().await), not_found());
    hold_against_the_model(&emulator).await;
}
