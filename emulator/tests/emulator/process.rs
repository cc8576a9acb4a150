//! The binary: how it ends, and what it says when it cannot begin.

use std::io::Write;

use aws_sdk_ivschat::error::ProvideErrorMetadata;
use aws_sdk_ivschat::operation::list_rooms::ListRoomsError;
use aws_sdk_ivschat::types::{DestinationConfiguration, S3DestinationConfiguration};

use crate::stage::{DEADLINE, Process, SIGNED, client, exchange, parse};

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_it_answers_what_it_has_in_hand_and_takes_nothing_new() {
    let process = Process::start(&[]).await;
    let address = process.address;
    let slow = r#"{"operation": "CreateRoom", "moment": "afterEffect", "delay": "2s", "symptom": "delay"}"#;
    let (scripted, _) = exchange(address, "POST /_emulator/faults", "", slow).await;
    assert_eq!(parse(&scripted).unwrap().status, 201);
    let in_hand = tokio::spawn(exchange(address, "POST /CreateRoom", SIGNED, "{}"));
    // It has taken effect: only the answer is still to come.
    let taken = async {
        loop {
            let (calls, _) = exchange(address, "GET /_emulator/calls", "", "").await;
            if parse(&calls).unwrap().json()["counts"]["CreateRoom"]["OK"] == 1 {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, taken).await.unwrap();
    process.terminate().await;
    // While it still has that one in hand, nobody else gets in.
    let closed = async { while tokio::net::TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
    assert!(!in_hand.is_finished());
    let status = process.ended();
    let (answer, ended) = in_hand.await.unwrap();
    ended.unwrap();
    assert_eq!(parse(&answer).unwrap().status, 200);
    assert!(status.await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_any_more_is_no_reason_to_stop() {
    let process = Process::start_unheard().await;
    for _ in 0..3 {
        let (answer, ended) = exchange(process.address, "POST /CreateRoom", SIGNED, "{}").await;
        ended.unwrap();
        assert_eq!(parse(&answer).unwrap().status, 200);
    }
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_starting_is_told_in_a_line() {
    let file = |text: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    };
    let (no_json, no_key) = (file("AKIA=secret"), file("{}"));
    let no_secret = file(r#"{"AKIA": {"accountId": "111122223333"}}"#);
    let bad_account = file(r#"{"AKIA": {"secretAccessKey": "s", "accountId": "1111"}}"#);
    let allowing = |action: &str| {
        file(&format!(
            r#"{{"AKIA": {{"secretAccessKey": "s", "accountId": "111122223333", "allow": ["ivschat:GetRoom", "{action}"]}}}}"#
        ))
    };
    let (no_action, no_wildcard) = (allowing("ivschat:GetRom"), allowing("ivschat:*Room"));
    let no_state = file("this is no database, and it is long enough to see that at once");
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    for (arguments, reason) in [
        (
            vec!["--credentials".to_owned(), "/does/not/exist".to_owned()],
            "No such file",
        ),
        (
            vec!["--credentials".to_owned(), path(&no_json)],
            "not a credentials file",
        ),
        (
            vec!["--credentials".to_owned(), path(&no_key)],
            "names no access key",
        ),
        (
            vec!["--credentials".to_owned(), path(&no_secret)],
            "missing field `secretAccessKey`",
        ),
        (
            vec!["--credentials".to_owned(), path(&bad_account)],
            "the accountId must be 12 digits, found \"1111\"",
        ),
        (
            vec!["--credentials".to_owned(), path(&no_action)],
            "access key AKIA: allow names the unknown action \"ivschat:GetRom\"",
        ),
        (
            vec!["--credentials".to_owned(), path(&no_wildcard)],
            "unknown action \"ivschat:*Room\"",
        ),
        (
            vec!["--state".to_owned(), "/does/not/exist".to_owned()],
            "No such file",
        ),
        (vec!["--state".to_owned(), path(&no_state)], "state file"),
        (
            vec!["--quotas".to_owned(), "many".to_owned()],
            "must be `aws`, `off`, or a factor",
        ),
        (vec!["--get-lag=-1s".to_owned()], "must not be negative"),
        (
            vec!["--list-lag".to_owned(), "soon".to_owned()],
            "must be a time like 500ms, 90s or 10m",
        ),
        (
            vec!["--clock-offset".to_owned(), "soon".to_owned()],
            "must be a time like 500ms, 90s or 10m",
        ),
        (
            vec!["--page-token-life=-1s".to_owned()],
            "must not be negative",
        ),
        (
            vec![
                "--pages-are-a-snapshot".to_owned(),
                "--page-tokens-are-offsets".to_owned(),
            ],
            "cannot be used with",
        ),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = Process::try_start(&arguments)
            .await
            .err()
            .expect("no start");
        assert!(said.contains(reason), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_leaves_open_is_switched_on_the_command_line() {
    let process = Process::start(&[
        "--clock-offset",
        "-10m",
        "--tag-values-are-trimmed",
        "--logging-identifiers-are-a-set",
        "--page-tokens-are-offsets",
        "--page-token-life",
        "1h",
    ])
    .await;
    let sdk = client(&process.endpoint());
    let bucket = S3DestinationConfiguration::builder().bucket_name("logs");
    let destination = DestinationConfiguration::S3(bucket.build().unwrap());
    let logs = sdk
        .create_logging_configuration()
        .destination_configuration(destination)
        .send()
        .await
        .unwrap()
        .arn
        .unwrap();
    let mut arns = Vec::new();
    for name in ["a", "b", "c"] {
        let room = sdk
            .create_room()
            .name(name)
            .tags("team", " live ")
            .logging_configuration_identifiers(&logs)
            .logging_configuration_identifiers(&logs)
            .send()
            .await
            .unwrap();
        assert_eq!(room.tags.unwrap()["team"], "live");
        assert_eq!(
            room.logging_configuration_identifiers,
            Some(vec![logs.clone()])
        );
        let late = jiff::Timestamp::now().as_second() - room.create_time.unwrap().secs();
        assert!((570..=660).contains(&late), "{late}");
        arns.push(room.arn.unwrap());
    }
    let one = sdk.list_rooms().max_results(1);
    let token = one.clone().send().await.unwrap().next_token;
    sdk.delete_room().identifier(&arns[2]).send().await.unwrap();
    let next = one.set_next_token(token).send().await.unwrap();
    assert_eq!(next.rooms[0].name(), Some("a"), "b moved up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_without_any_life_is_never_taken() {
    let process = Process::start(&["--page-token-life", "0s"]).await;
    let sdk = client(&process.endpoint());
    for _ in 0..2 {
        sdk.create_room().send().await.unwrap();
    }
    let one = sdk.list_rooms().max_results(1);
    let token = one.clone().send().await.unwrap().next_token.unwrap();
    let error = one.next_token(token).send().await.unwrap_err();
    match error.into_service_error() {
        ListRoomsError::ValidationException(error) => {
            assert_eq!(error.reason().as_str(), "FIELD_VALIDATION_FAILED");
            assert_eq!(error.field_list()[0].name(), "nextToken");
            assert_eq!(error.field_list()[0].message(), "The token has expired");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_drawn_lag_a_room_that_was_there_may_be_missing_again() {
    let process = Process::start(&["--get-lag", "2s", "--lag-is-drawn"]).await;
    let sdk = client(&process.endpoint());
    let arn = sdk.create_room().send().await.unwrap().arn.unwrap();
    let there = async || {
        let got = sdk.get_room().identifier(&arn).send().await;
        got.inspect_err(|error| {
            assert_eq!(error.code(), Some("ResourceNotFoundException"));
        })
        .is_ok()
    };
    let missing_again = async {
        while !there().await {}
        while there().await {}
    };
    tokio::time::timeout(DEADLINE, missing_again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_ids() {
    let ids = async |seed: &str| {
        let process = Process::start(&["--seed", seed]).await;
        let sdk = client(&process.endpoint());
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(sdk.create_room().send().await.unwrap().id.unwrap());
        }
        ids
    };
    let seven = ids("7").await;
    assert_eq!(ids("7").await, seven);
    assert_ne!(ids("8").await, seven);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_told() {
    let first = Process::start(&[]).await;
    let listen = first.address.to_string();
    let second = tokio::process::Command::new(env!("CARGO_BIN_EXE_ivschat-emulator"))
        .args(["--listen", &listen])
        .output()
        .await
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains(&format!(
            "cannot listen on {listen}: Address already in use"
        )),
        "{said}"
    );
}
