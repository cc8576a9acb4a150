//! What the emulator was called with, read back.

use ivschat_emulator::world::{Operation, Scope, Settings};
use ivschat_emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::stage::{Process, SIGNED, client, exchange, send};

#[tokio::test]
async fn the_journal_keeps_every_call_with_its_input_answer_invocation_and_attempt() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let headers = format!(
        "{SIGNED}amz-sdk-invocation-id: 11-22\r\nuser-agent: sdk\r\nx-amz-user-agent: sdk app/x\r\namz-sdk-request: attempt=2; max=3\r\n"
    );
    let body = r#"{"name": "lobby"}"#;
    let created = send(&emulator, "POST /CreateRoom", &headers, body)
        .await
        .unwrap();
    send(&emulator, "POST /CreateRoom", SIGNED, r#"{"name": "a b"}"#)
        .await
        .unwrap();
    send(&emulator, "POST /CreateRoom", SIGNED, "{")
        .await
        .unwrap();
    send(&emulator, "POST /CreateRoom", "", "{}").await.unwrap();
    let reset = r#"{"operation": "CreateRoom", "times": 1, "symptom": "reset"}"#;
    send(&emulator, "POST /_emulator/faults", "", reset)
        .await
        .unwrap();
    let (_, ended) = exchange(emulator.address(), "POST /CreateRoom", SIGNED, "{}").await;
    ended.unwrap_err();
    send(&emulator, "POST /DropRoom", SIGNED, "{}")
        .await
        .unwrap();

    let journal = send(&emulator, "GET /_emulator/calls", "", "")
        .await
        .unwrap()
        .json();
    let calls = journal["calls"].as_array().unwrap();
    let entry = |more: Value| {
        let mut entry = json!({
            "operation": "CreateRoom", "account": "123456789012", "region": "us-west-2", "input": {}, "status": null,
            "error": null, "answer": null, "invocation": null, "userAgent": null, "attempt": null,
            "faulted": false,
        });
        entry
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        entry
    };
    let refused = |code: &str, status: u16| json!({"status": status, "error": code});
    let merged = |mut one: Value, two: Value| {
        one.as_object_mut()
            .unwrap()
            .extend(two.as_object().unwrap().clone());
        one
    };
    let expected = [
        entry(json!({
            "input": {"name": "lobby"}, "status": 200, "answer": created.json(), "invocation": "11-22", "userAgent": "sdk app/x",
            "attempt": 2,
        })),
        entry(merged(
            refused("ValidationException", 400),
            json!({"input": {"name": "a b"}}),
        )),
        entry(merged(
            refused("SerializationException", 400),
            json!({"input": null}),
        )),
        entry(merged(
            refused("MissingAuthenticationTokenException", 403),
            json!({"account": null, "region": null}),
        )),
        entry(json!({"faulted": true})),
    ];
    assert_eq!(
        calls.len(),
        expected.len(),
        "a path that names no operation is no call"
    );
    for (call, expected) in calls.iter().zip(expected) {
        let mut call = call.clone();
        let at = call.as_object_mut().unwrap().remove("at").unwrap();
        at.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        if call["error"].is_string() {
            assert!(call["answer"]["message"].is_string(), "{call}");
            call["answer"] = Value::Null;
        }
        assert_eq!(call, expected);
    }
    let counts = json!({"CreateRoom": {
        "OK": 1, "ValidationException": 1, "SerializationException": 1,
        "MissingAuthenticationTokenException": 1, "no answer": 1,
    }});
    assert_eq!(journal["counts"], counts);

    let last = send(&emulator, "GET /_emulator/calls?last=2", "", "")
        .await
        .unwrap()
        .json();
    assert_eq!(last["calls"].as_array().unwrap()[..], calls[3..]);
    assert_eq!(last["counts"], journal["counts"]);

    let forgotten = send(&emulator, "DELETE /_emulator/calls", "", "")
        .await
        .unwrap();
    assert_eq!(forgotten.status, 204);
    let journal = send(&emulator, "GET /_emulator/calls", "", "")
        .await
        .unwrap()
        .json();
    assert_eq!(journal, json!({"calls": [], "counts": {}}));
}

#[tokio::test]
async fn every_attempt_of_an_sdk_call_bears_the_same_invocation_id() {
    use aws_sdk_ivschat::config::retry::RetryConfig;
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let twice = r#"{"operation": "ListRooms", "times": 2, "symptom": {"error": {"status": 503, "code": "ServiceUnavailable"}}}"#;
    send(&emulator, "POST /_emulator/faults", "", twice)
        .await
        .unwrap();
    let retrying = client(&emulator.endpoint()).config().to_builder();
    let retries = RetryConfig::standard().with_initial_backoff(std::time::Duration::from_millis(1));
    let retrying = aws_sdk_ivschat::Client::from_conf(retrying.retry_config(retries).build());
    retrying.list_rooms().send().await.unwrap();
    let journal = emulator.journal();
    let attempts: Vec<_> = journal
        .iter()
        .map(|entry| (entry.status, entry.attempt))
        .collect();
    assert_eq!(
        attempts,
        [
            (Some(503), Some(1)),
            (Some(503), Some(2)),
            (Some(200), Some(3))
        ]
    );
    assert!(journal[0].invocation.is_some());
    assert!(
        journal
            .iter()
            .all(|entry| entry.invocation == journal[0].invocation),
        "{journal:#?}"
    );
}

#[tokio::test]
async fn after_very_many_calls_the_older_half_goes_and_the_counts_stay() {
    let options = Options {
        journal: 4,
        ..Options::default()
    };
    let emulator = Emulator::serve(options).await.unwrap();
    for n in 0..5 {
        let body = json!({"name": format!("room-{n}")}).to_string();
        send(&emulator, "POST /CreateRoom", SIGNED, &body)
            .await
            .unwrap();
    }
    let kept: Vec<_> = emulator
        .journal()
        .iter()
        .map(|entry| entry.member("name").clone())
        .collect();
    assert_eq!(kept, ["room-2", "room-3", "room-4"]);
    let journal = emulator.watch_journal();
    assert_eq!(journal.borrow().counts()[&Operation::CreateRoom]["OK"], 5);
}

#[tokio::test]
async fn the_calls_of_a_running_emulator_are_printed_as_a_table() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let room = client(&emulator.endpoint())
        .create_room()
        .name("lobby")
        .send()
        .await
        .unwrap();
    let sdk = client(&emulator.endpoint());
    sdk.get_room()
        .identifier(room.arn().unwrap())
        .send()
        .await
        .unwrap();
    sdk.get_room().identifier("lobby").send().await.unwrap_err();
    let run = async |more: &[&str]| {
        let endpoint = emulator.endpoint();
        let printed = tokio::process::Command::new(env!("CARGO_BIN_EXE_ivschat-emulator"))
            .args(["calls", "--endpoint", &endpoint])
            .args(more)
            .output()
            .await
            .unwrap();
        assert!(printed.status.success(), "{printed:?}");
        String::from_utf8(printed.stdout).unwrap()
    };
    let journal = emulator.journal();
    let arn = room.arn().unwrap();
    let rows = [
        ["CreateRoom", "200", "OK", "lobby"],
        ["GetRoom", "200", "OK", arn],
        ["GetRoom", "400", "ValidationException", "lobby"],
    ];
    let mut expected: Vec<Vec<String>> = vec![
        [
            "TIME",
            "OPERATION",
            "ACCOUNT",
            "REGION",
            "STATUS",
            "OUTCOME",
            "ATTEMPT",
            "OF",
        ]
        .map(ToOwned::to_owned)
        .into(),
    ];
    for (entry, [operation, status, outcome, of]) in journal.iter().zip(rows) {
        let at = entry.at.to_string();
        let row = [
            &at,
            operation,
            "123456789012",
            "us-west-2",
            status,
            outcome,
            "1",
            of,
        ];
        expected.push(row.map(ToOwned::to_owned).into());
    }
    let words = |text: &str| -> Vec<Vec<String>> {
        let lines = text.lines();
        lines
            .map(|line| line.split_whitespace().map(ToOwned::to_owned).collect())
            .collect()
    };
    let counts = "OPERATION   CALLS  OUTCOMES\nCreateRoom  1      OK 1\nGetRoom     2      OK 1, ValidationException 1\n";
    let all = run(&[]).await;
    let (calls, counted) = all.split_once("\n\n").unwrap();
    assert_eq!(words(calls), expected);
    assert_eq!(counted, counts);
    let last = run(&["--last", "1"]).await;
    assert_eq!(words(&last)[1], expected[3]);
    assert_eq!(run(&["--last", "0"]).await, counts);
    let json: Value = serde_json::from_str(&run(&["--json"]).await).unwrap();
    assert_eq!(json["calls"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_calls_of_no_emulator_are_an_error_that_says_so() {
    let gone = Process::start(&[]).await;
    let endpoint = gone.endpoint();
    gone.kill().await;
    let printed = tokio::process::Command::new(env!("CARGO_BIN_EXE_ivschat-emulator"))
        .args(["calls", "--endpoint", &endpoint])
        .output()
        .await
        .unwrap();
    assert_eq!(printed.status.code(), Some(1));
    let told = String::from_utf8(printed.stderr).unwrap();
    assert!(
        told.contains(&format!("no emulator answers at {endpoint}")),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_no_emulator_is_told_apart() {
    let said = async |endpoint: &str, more: &[&str]| {
        let printed = tokio::process::Command::new(env!("CARGO_BIN_EXE_ivschat-emulator"))
            .args(["calls", "--endpoint", endpoint])
            .args(more)
            .output()
            .await
            .unwrap();
        assert_eq!(printed.status.code(), Some(1), "{printed:?}");
        assert!(printed.stdout.is_empty(), "{printed:?}");
        String::from_utf8(printed.stderr).unwrap()
    };
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    // Answers, but not there.
    let elsewhere = format!("{}/CreateRoom", emulator.endpoint());
    for more in [&[][..], &["--json"]] {
        let told = said(&elsewhere, more).await;
        assert!(told.contains("is no ivschat-emulator"), "{told}");
    }
    let told = said(&emulator.address().to_string(), &[]).await;
    assert!(told.contains("must begin with http://"), "{told}");
}

#[tokio::test]
async fn what_was_sent_to_clients_can_be_read_back() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let sdk = client(&emulator.endpoint());
    let room = sdk.create_room().send().await.unwrap();
    let event = sdk
        .send_event()
        .room_identifier(room.arn().unwrap())
        .event_name("goal")
        .attributes("team", "home")
        .send()
        .await
        .unwrap();
    let sent = emulator.journal().pop().unwrap();
    assert_eq!(sent.operation, Operation::SendEvent);
    assert_eq!(sent.scope, Some(Scope::in_region("us-west-2")));
    let input =
        json!({"roomIdentifier": room.arn(), "eventName": "goal", "attributes": {"team": "home"}});
    assert_eq!(sent.input, input);
    assert_eq!(sent.answer(), json!({"id": event.id()}));
}
