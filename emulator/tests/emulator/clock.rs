//! The emulator's own clock: where it shows, and what takes no notice of it.

use std::time::Duration;

use ivschat_emulator::credentials::Credentials;
use ivschat_emulator::world::{Answer, Call, CreateRoom, Quotas, Scope, Settings};
use ivschat_emulator::{Emulator, Options};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::stage::{Reply, SIGNED, call, client, refused, send};

/// The Date header, which has the one form that RFC 9110 lets servers send.
fn date(reply: &Reply) -> Timestamp {
    let date = &reply.headers["date"];
    let time = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    let form = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert_eq!(*date, form);
    time
}

fn is_ahead_by(time: Timestamp, hours: i64) -> bool {
    let expected = Timestamp::now() + SignedDuration::from_hours(hours);
    time.duration_since(expected).abs() < SignedDuration::from_mins(1)
}

#[tokio::test]
async fn every_answer_bears_the_date_of_the_emulators_clock() {
    let options = Options {
        clock_offset: SignedDuration::from_hours(-3),
        ..Options::default()
    };
    let emulator = Emulator::serve(options).await.unwrap();
    let room = call(&emulator, "POST /CreateRoom", &json!({})).await;
    assert!(is_ahead_by(date(&room), -3));
    let room = json!({"identifier": room.json()["arn"]}).to_string();
    let down = json!({
        "operation": "ListRooms", "times": 1,
        "symptom": {"error": {"status": 503, "code": "ServiceUnavailable", "message": "down"}},
    })
    .to_string();
    let (room, down) = (room.as_str(), down.as_str());
    let sts = SIGNED.replace("/ivschat/", "/sts/");
    for (line, headers, body, status) in [
        ("POST /_emulator/faults", "", down, 201),
        ("POST /ListRooms", SIGNED, "{}", 503),
        ("POST /ListRooms", SIGNED, "{}", 200),
        ("POST /DeleteRoom", SIGNED, room, 204),
        ("POST /GetRoom", SIGNED, room, 404),
        ("POST /GetRoom", SIGNED, "{}", 400),
        ("POST /GetRoom", "", "{}", 403),
        ("POST /DropRoom", SIGNED, "{}", 400),
        ("POST /", sts.as_str(), "Action=GetCallerIdentity", 200),
        ("GET /healthz", "", "", 200),
        ("GET /_emulator/calls", "", "", 200),
        ("DELETE /_emulator/calls", "", "", 204),
        ("GET /_emulator/nothing", "", "", 404),
    ] {
        let reply = send(&emulator, line, headers, body).await.unwrap();
        assert_eq!(reply.status, status, "{line} {body}");
        assert!(is_ahead_by(date(&reply), -3), "{line} {body}: {reply:?}");
    }
}

#[tokio::test]
async fn a_step_of_the_clock_shows_in_times_and_dates_and_disturbs_neither_quotas_nor_lag() {
    let settings = Settings {
        // A call of each kind, and the next one after a quarter of an hour.
        quotas: Quotas::TimesAws(0.0002),
        get_lag: Duration::from_hours(1),
        ..Settings::default()
    };
    let emulator = Emulator::start(settings).await.unwrap();
    let elsewhere = |region: &str| SIGNED.replace("us-west-2", region);
    let here = call(&emulator, "POST /CreateRoom", &json!({})).await;
    assert!(is_ahead_by(date(&here), 0));
    let here = json!({"identifier": here.json()["arn"]}).to_string();
    for (offset, shown, hours, region) in [
        ("2h", "2h", 2, "eu-west-1"),
        ("-2h", "2h ago", -2, "us-east-1"),
    ] {
        let body = json!({"offset": offset}).to_string();
        let stepped = send(&emulator, "POST /_emulator/clock", "", &body)
            .await
            .unwrap();
        assert_eq!(stepped.status, 200);
        for clock in [
            stepped,
            send(&emulator, "GET /_emulator/clock", "", "")
                .await
                .unwrap(),
        ] {
            assert_eq!(clock.json()["offset"], shown);
            assert!(is_ahead_by(date(&clock), hours), "{clock:?}");
            let time = clock.json()["time"].as_str().unwrap().parse().unwrap();
            assert!(is_ahead_by(time, hours), "{clock:?}");
        }

        let made = send(&emulator, "POST /CreateRoom", &elsewhere(region), "{}")
            .await
            .unwrap();
        for member in ["createTime", "updateTime"] {
            let time = made.json()[member].as_str().unwrap().parse().unwrap();
            assert!(is_ahead_by(time, hours), "{made:?}");
        }
        let over = call(&emulator, "POST /CreateRoom", &json!({})).await;
        assert_eq!(over.status, 429, "after {offset}");
        assert!(is_ahead_by(date(&over), hours), "{over:?}");
    }
    let missing = send(&emulator, "POST /GetRoom", SIGNED, &here)
        .await
        .unwrap();
    assert_eq!(missing.status, 404, "not an hour has passed");
    let scope = Scope::in_region("ap-south-1");
    match emulator.call(&scope, Call::CreateRoom(CreateRoom::default())) {
        Ok(Answer::Room(room)) => assert!(is_ahead_by(room.create_time, -2), "{room:?}"),
        other => panic!("{other:?}"),
    }

    emulator.set_clock_offset(SignedDuration::ZERO);
    let last = call(&emulator, "POST /ListRooms", &json!({})).await;
    assert!(is_ahead_by(date(&last), 0), "{last:?}");
    for entry in emulator.journal() {
        assert!(
            is_ahead_by(entry.at, 0),
            "the journal keeps the machine's time: {entry:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_held_against_the_emulators_clock() {
    let credentials = json!({"AKID": {"secretAccessKey": "secret", "accountId": "111122223333"}});
    let options = Options {
        credentials: Some(Credentials::parse(&credentials.to_string()).unwrap()),
        ..Options::default()
    };
    let emulator = Emulator::serve(options).await.unwrap();
    for minutes in [-10, -2, 0, 2, 10] {
        emulator.set_clock_offset(SignedDuration::from_mins(minutes));
        let listed = client(&emulator.endpoint()).list_rooms().send().await;
        if minutes.abs() < 5 {
            listed.unwrap();
        } else {
            let expected = (403, "InvalidSignatureException".to_owned());
            assert_eq!(refused(listed), expected, "{minutes} min");
        }
    }
}

#[tokio::test]
async fn what_is_no_clock_is_refused_with_the_reason_and_changes_nothing() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (body, reason) in [
        ("{}", "missing field `offset`"),
        (r#"{"offset": "soon"}"#, "duration"),
        (
            r#"{"offset": "1h", "drift": "1s"}"#,
            "unknown field `drift`",
        ),
        ("1h", "expected"),
    ] {
        let reply = send(&emulator, "POST /_emulator/clock", "", body)
            .await
            .unwrap();
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.body.contains(reason), "{body}: {}", reply.body);
    }
    let clock = send(&emulator, "GET /_emulator/clock", "", "")
        .await
        .unwrap();
    assert_eq!(clock.json()["offset"], "0s");
}
