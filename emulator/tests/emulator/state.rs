//! The state file: what was answered is there again, however the process ended.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ivschat::Client;
use tokio::task::JoinSet;

use crate::stage::{DEADLINE, Process, client};

/// The names of all rooms.
async fn names(sdk: &Client) -> Vec<String> {
    let mut names = Vec::new();
    let mut pages = sdk.list_rooms().into_paginator().send();
    while let Some(page) = pages.next().await {
        names.extend(page.unwrap().rooms.into_iter().filter_map(|room| room.name));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_writes_loses_at_most_calls_that_were_not_answered() {
    const CALLERS: usize = 4;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    let arguments = ["--state", file.to_str().unwrap()];
    let (mut answered, mut asked) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..5 {
        let process = Process::start(&arguments).await;
        let (answers, mut answer) = tokio::sync::mpsc::unbounded_channel();
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let sdk = client(&process.endpoint());
            let answers = answers.clone();
            callers.spawn(async move {
                let mut asked = Vec::new();
                for n in 0.. {
                    let name = format!("room-{round}-{caller}-{n}");
                    asked.push(name.clone());
                    if sdk.create_room().name(&name).send().await.is_err() {
                        break;
                    }
                    let _ = answers.send(name);
                }
                asked
            });
        }
        // Not luck: so many answers, then the end, with all callers in the midst of a call.
        for _ in 0..40 {
            let name = tokio::time::timeout(DEADLINE, answer.recv())
                .await
                .unwrap()
                .unwrap();
            answered.insert(name);
        }
        process.kill().await;
        drop(answers);
        while let Some(name) = answer.recv().await {
            answered.insert(name);
        }
        for names in callers.join_all().await {
            asked.extend(names);
        }
        assert_eq!(
            asked.len() - answered.len(),
            CALLERS * (round + 1),
            "one in hand each"
        );
    }
    let process = Process::start(&arguments).await;
    let listed = names(&client(&process.endpoint())).await;
    let there: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(there.len(), listed.len(), "no room twice");
    let lost: Vec<_> = answered.difference(&there).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    assert!(there.is_subset(&asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_tags_and_logging_configurations_come_back_as_they_were_and_what_was_deleted_does_not()
 {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    let arguments = [
        "--state",
        file.to_str().unwrap(),
        "--logging-transition",
        "0s",
    ];
    let process = Process::start(&arguments).await;
    let sdk = client(&process.endpoint());
    let logs = aws_sdk_ivschat::types::S3DestinationConfiguration::builder().bucket_name("logs");
    let destination = aws_sdk_ivschat::types::DestinationConfiguration::S3(logs.build().unwrap());
    let logging = sdk
        .create_logging_configuration()
        .destination_configuration(destination);
    let logging = logging
        .tags("kind", "logs")
        .send()
        .await
        .unwrap()
        .arn
        .unwrap();
    let room = sdk
        .create_room()
        .name("lobby")
        .logging_configuration_identifiers(&logging)
        .send()
        .await
        .unwrap();
    let arn = room.arn.unwrap();
    sdk.tag_resource()
        .resource_arn(&arn)
        .tags("team", "live")
        .send()
        .await
        .unwrap();
    sdk.update_room()
        .identifier(&arn)
        .maximum_message_length(7)
        .send()
        .await
        .unwrap();
    let gone = sdk
        .create_room()
        .name("gone")
        .send()
        .await
        .unwrap()
        .arn
        .unwrap();
    sdk.delete_room().identifier(gone).send().await.unwrap();
    let room = sdk.get_room().identifier(&arn).send().await.unwrap();
    let configuration = sdk
        .get_logging_configuration()
        .identifier(&logging)
        .send()
        .await
        .unwrap();
    process.terminate().await;
    assert!(process.ended().await.success());

    let process = Process::start(&arguments).await;
    let sdk = client(&process.endpoint());
    assert_eq!(names(&sdk).await, ["lobby"]);
    let again = sdk.get_room().identifier(&arn).send().await.unwrap();
    assert_eq!(again.tags.as_ref().unwrap()["team"], "live");
    // All but the request id.
    assert_eq!(
        format!(
            "{:?}",
            (
                &again.arn,
                &again.name,
                &again.create_time,
                &again.update_time,
                &again.tags
            )
        ),
        format!(
            "{:?}",
            (
                &room.arn,
                &room.name,
                &room.create_time,
                &room.update_time,
                &room.tags
            )
        )
    );
    assert_eq!(again.maximum_message_length, Some(7));
    assert_eq!(
        again.logging_configuration_identifiers,
        Some(vec![logging.clone()])
    );
    let again = sdk
        .get_logging_configuration()
        .identifier(&logging)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            again.destination_configuration,
            again.state,
            again.tags,
            again.create_time
        ),
        (
            configuration.destination_configuration,
            configuration.state,
            configuration.tags,
            configuration.create_time
        )
    );
    let new = sdk.create_room().send().await.unwrap().arn.unwrap();
    assert_ne!(new, arn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_keeps_the_seed_that_it_was_made_with() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    let state = ["--state", file.to_str().unwrap(), "--seed"];
    let process = Process::start(&[&state[..], &["7"]].concat()).await;
    let sdk = client(&process.endpoint());
    for name in ["a", "b"] {
        sdk.create_room().name(name).send().await.unwrap();
    }
    let one = sdk.list_rooms().max_results(1).send().await.unwrap();
    let token = one.next_token.unwrap();
    process.kill().await;

    let process = Process::start(&[&state[..], &["8"]].concat()).await;
    // The seal on it is made with the seed.
    let rest = client(&process.endpoint()).list_rooms().next_token(token);
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.rooms[0].name(), Some("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_serves_one_emulator_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    let arguments = ["--state", file.to_str().unwrap()];
    let first = Process::start(&arguments).await;
    let said = Process::try_start(&arguments).await.err().expect("refused");
    assert!(
        said.contains("state file") && said.contains("already open"),
        "{said}"
    );
    first.kill().await;
    let again = tokio::time::timeout(Duration::from_secs(10), Process::start(&arguments)).await;
    again.expect("a killed one holds nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_read_showed_to_be_over_is_over_after_a_restart_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state");
    let state = ["--state", file.to_str().unwrap(), "--logging-transition"];
    let process = Process::start(&[&state[..], &["100ms"]].concat()).await;
    let sdk = client(&process.endpoint());
    let logs = aws_sdk_ivschat::types::S3DestinationConfiguration::builder().bucket_name("logs");
    let destination = aws_sdk_ivschat::types::DestinationConfiguration::S3(logs.build().unwrap());
    let create = sdk.create_logging_configuration();
    let create = create.destination_configuration(destination);
    let arn = create.send().await.unwrap().arn.unwrap();
    let get = || sdk.get_logging_configuration().identifier(&arn).send();
    let settled = async { while get().await.unwrap().state.unwrap().as_str() != "ACTIVE" {} };
    tokio::time::timeout(DEADLINE, settled).await.unwrap();
    let delete = sdk.delete_logging_configuration().identifier(&arn);
    delete.send().await.unwrap();
    let gone = async { while get().await.is_ok() {} };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
    // The next write carries it along.
    sdk.create_room().send().await.unwrap();
    process.kill().await;

    let process = Process::start(&[&state[..], &["1h"]].concat()).await;
    let sdk = client(&process.endpoint());
    let again = sdk
        .get_logging_configuration()
        .identifier(&arn)
        .send()
        .await;
    assert!(again.is_err(), "{again:?}");
}
