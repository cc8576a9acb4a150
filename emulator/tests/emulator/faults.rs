//! Each kind of fault as a client sees it, scripted over the control endpoint.

use std::io;
use std::time::{Duration, Instant};

use ivschat_emulator::Emulator;
use ivschat_emulator::fault::{Fault, Moment, Symptom};
use ivschat_emulator::world::{Operation, Scope, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::stage::{DEADLINE, Reply, SIGNED, exchange, parse, send};

const CREATE: &str = "POST /CreateRoom";

/// Scripts a fault as a test in any language would.
async fn inject(emulator: &Emulator, fault: Value) -> Reply {
    let reply = send(emulator, "POST /_emulator/faults", "", &fault.to_string()).await;
    reply.expect("an answer")
}

async fn create(emulator: &Emulator) -> (Option<Reply>, io::Result<()>) {
    let (answer, ended) = exchange(emulator.address(), CREATE, SIGNED, "{}").await;
    (parse(&answer), ended)
}

async fn statuses(emulator: &Emulator, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(create(emulator).await.0.expect("an answer").status);
    }
    statuses
}

fn rooms(emulator: &Emulator) -> usize {
    emulator.world(|world| world.rooms(&Scope::in_region("us-west-2")).len())
}

fn down() -> Value {
    json!({"error": {"status": 503, "code": "ServiceUnavailable", "message": "down"}})
}

#[tokio::test]
async fn an_error_of_any_status_and_code_comes_before_or_after_the_effect() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let full = json!({"error": {
        "status": 402, "code": "ServiceQuotaExceededException", "message": "full", "limit": 7,
        "resourceId": "x", "resourceType": "ROOM",
    }});
    for (symptom, moment, made) in [
        (down(), "beforeEffect", 0),
        (down(), "afterEffect", 1),
        (full.clone(), "beforeEffect", 0),
        (full, "afterEffect", 1),
    ] {
        let before = rooms(&emulator);
        let fault =
            json!({"operation": "CreateRoom", "times": 1, "moment": moment, "symptom": symptom});
        assert_eq!(inject(&emulator, fault.clone()).await.status, 201);
        let reply = create(&emulator).await.0.unwrap();
        let mut error = symptom["error"].clone();
        let members = error.as_object_mut().unwrap();
        let (status, code) = (members.remove("status"), members.remove("code"));
        assert_eq!(Some(Value::from(reply.status)), status, "{fault}");
        assert_eq!(
            Some(Value::from(reply.headers["x-amzn-errortype"].as_str())),
            code
        );
        assert_eq!(reply.json(), error);
        assert_eq!(rooms(&emulator) - before, made, "{fault}");
    }
}

#[tokio::test]
async fn a_reset_resets_the_connection_before_or_after_the_effect() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (moment, made) in [("beforeEffect", 0), ("afterEffect", 1)] {
        let before = rooms(&emulator);
        let fault =
            json!({"operation": "CreateRoom", "times": 1, "moment": moment, "symptom": "reset"});
        inject(&emulator, fault).await;
        let (reply, ended) = create(&emulator).await;
        assert!(reply.is_none(), "{reply:?}");
        assert_eq!(
            ended.unwrap_err().kind(),
            io::ErrorKind::ConnectionReset,
            "{moment}"
        );
        assert_eq!(rooms(&emulator) - before, made, "{moment}");
    }
}

#[tokio::test]
async fn a_timeout_says_nothing_before_or_after_the_effect_and_ends_with_its_delay_if_it_has_one() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (moment, made) in [("beforeEffect", 0), ("afterEffect", 1)] {
        let before = rooms(&emulator);
        let mut fault =
            json!({"operation": "CreateRoom", "times": 1, "moment": moment, "symptom": "timeout"});
        fault["delay"] = json!("300ms");
        inject(&emulator, fault).await;
        let since = Instant::now();
        let (reply, ended) = create(&emulator).await;
        assert!(reply.is_none(), "{reply:?}");
        ended.unwrap();
        assert!(since.elapsed() >= Duration::from_millis(300));
        assert_eq!(rooms(&emulator) - before, made, "{moment}");
    }
    // Without a delay it lasts as long as the client has patience.
    inject(&emulator, json!({"symptom": "timeout"})).await;
    let patience = tokio::time::timeout(Duration::from_millis(300), create(&emulator));
    assert!(patience.await.is_err());
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_sends() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (moment, made) in [("beforeEffect", 0), ("afterEffect", 1)] {
        let before = rooms(&emulator);
        let fault = json!({"operation": "CreateRoom", "times": 1, "moment": moment, "symptom": "truncated"});
        inject(&emulator, fault).await;
        let reply = create(&emulator).await.0.expect("a head");
        assert_eq!(reply.status, 200, "{moment}");
        let announced: usize = reply.headers["content-length"].parse().unwrap();
        assert_eq!(reply.body.len(), announced / 2, "{moment}: {reply:?}");
        assert!(announced > 0 && serde_json::from_str::<Value>(&reply.body).is_err());
        assert_eq!(rooms(&emulator) - before, made, "{moment}");
    }
    // The answer of DeleteRoom has no body to break off.
    let arn = emulator.world(|world| world.rooms(&Scope::in_region("us-west-2"))[0].arn.clone());
    let fault = json!({"operation": "DeleteRoom", "moment": "afterEffect", "symptom": "truncated"});
    inject(&emulator, fault).await;
    let body = json!({"identifier": arn}).to_string();
    let reply = send(&emulator, "POST /DeleteRoom", SIGNED, &body)
        .await
        .unwrap();
    let announced: usize = reply.headers["content-length"].parse().unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, announced / 2));
    assert_eq!(rooms(&emulator), 0);
}

#[tokio::test]
async fn a_call_takes_its_course_when_its_caller_has_gone_away() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let fault =
        json!({"operation": "CreateRoom", "times": 1, "delay": "300ms", "symptom": "delay"});
    inject(&emulator, fault).await;
    let patience = tokio::time::timeout(Duration::from_millis(50), create(&emulator));
    assert!(patience.await.is_err());
    assert_eq!(rooms(&emulator), 0);
    let mut journal = emulator.watch_journal();
    let written = journal.wait_for(|journal| !journal.calls().is_empty());
    let written = tokio::time::timeout(DEADLINE, written).await.unwrap();
    assert_eq!(written.unwrap().calls()[0].status, Some(200));
    assert_eq!(rooms(&emulator), 1);
}

#[tokio::test]
async fn a_call_that_is_held_back_happens_when_it_takes_effect_not_when_it_came_in() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let fault =
        json!({"operation": "CreateRoom", "times": 1, "delay": "300ms", "symptom": "delay"});
    inject(&emulator, fault).await;
    let came_in = Timestamp::now();
    let reply = create(&emulator).await.0.unwrap().json();
    let created: Timestamp = reply["createTime"].as_str().unwrap().parse().unwrap();
    assert!(
        created.duration_since(came_in) >= SignedDuration::from_millis(290),
        "{created}"
    );
}

#[tokio::test]
async fn a_malformed_answer_is_no_json() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (moment, made) in [("beforeEffect", 0), ("afterEffect", 1)] {
        let before = rooms(&emulator);
        let fault = json!({"operation": "CreateRoom", "times": 1, "moment": moment, "symptom": "malformed"});
        inject(&emulator, fault).await;
        let reply = create(&emulator).await.0.unwrap();
        assert_eq!(reply.status, 200, "{moment}");
        let announced: usize = reply.headers["content-length"].parse().unwrap();
        assert_eq!(reply.body.len(), announced);
        assert!(
            serde_json::from_str::<Value>(&reply.body).is_err(),
            "{}",
            reply.body
        );
        assert_eq!(rooms(&emulator) - before, made, "{moment}");
    }
    // The answer of DeleteRoom has no body to spoil.
    let arn = emulator.world(|world| world.rooms(&Scope::in_region("us-west-2"))[0].arn.clone());
    let fault = json!({"operation": "DeleteRoom", "moment": "afterEffect", "symptom": "malformed"});
    inject(&emulator, fault).await;
    let body = json!({"identifier": arn}).to_string();
    let reply = send(&emulator, "POST /DeleteRoom", SIGNED, &body)
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_str::<Value>(&reply.body).is_err());
    assert_eq!(rooms(&emulator), 0);
}

#[tokio::test]
async fn a_delay_holds_back_the_effect_or_only_the_answer() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let delay = Duration::from_millis(400);
    for (moment, made_at_once) in [(Moment::BeforeEffect, 0), (Moment::AfterEffect, 1)] {
        let before = rooms(&emulator);
        let fault = Fault::new(Operation::CreateRoom, Symptom::Delay);
        emulator.inject(Fault {
            moment,
            ..fault.times(1).delayed(delay)
        });
        let since = Instant::now();
        let early = async {
            // Either it is seen to happen early, or it is not done until the answer comes.
            while rooms(&emulator) == before && since.elapsed() < delay / 2 {
                tokio::task::yield_now().await;
            }
            rooms(&emulator) - before
        };
        let ((reply, _), early) = tokio::join!(create(&emulator), early);
        assert_eq!(reply.unwrap().status, 200, "{moment:?}");
        assert!(since.elapsed() >= delay, "{moment:?}");
        assert_eq!(early, made_at_once, "{moment:?}");
        assert_eq!(rooms(&emulator) - before, 1, "{moment:?}");
    }
}

#[tokio::test]
async fn a_skewed_clock_shows_in_times_and_in_the_date_header() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (skew, hours) in [("2h", 2), ("-2h", -2)] {
        let fault = json!({"operation": "CreateRoom", "times": 1, "symptom": {"clockSkew": skew}});
        inject(&emulator, fault).await;
        let reply = create(&emulator).await.0.unwrap();
        let expected = Timestamp::now() + SignedDuration::from_hours(hours);
        let near =
            |time: Timestamp| time.duration_since(expected).abs() < SignedDuration::from_secs(60);
        let created: Timestamp = reply.json()["createTime"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(near(created), "{created}");
        let date = jiff::fmt::rfc2822::parse(&reply.headers["date"]).unwrap();
        assert!(near(date.timestamp()), "{date}");
    }
    let reply = create(&emulator).await.0.unwrap();
    let date = jiff::fmt::rfc2822::parse(&reply.headers["date"]).unwrap();
    let off = date.timestamp().duration_since(Timestamp::now()).abs();
    assert!(off < SignedDuration::from_secs(60), "it is over");
}

#[tokio::test]
async fn a_fault_hits_the_nth_call_so_many_times_or_for_so_long_or_always() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let fault = |more: Value| {
        let mut fault = json!({"operation": "CreateRoom", "symptom": down()});
        fault
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        fault
    };
    inject(&emulator, fault(json!({"skip": 2, "times": 1}))).await;
    assert_eq!(statuses(&emulator, 5).await, [200, 200, 503, 200, 200]);
    inject(&emulator, fault(json!({"times": 2}))).await;
    assert_eq!(statuses(&emulator, 4).await, [503, 503, 200, 200]);

    // Another operation is not concerned, unless none is named.
    inject(&emulator, fault(json!({}))).await;
    let list = send(&emulator, "POST /ListRooms", SIGNED, "{}")
        .await
        .unwrap();
    assert_eq!(list.status, 200);
    assert_eq!(statuses(&emulator, 20).await, [503; 20], "always");
    let cleared = send(&emulator, "DELETE /_emulator/faults", "", "")
        .await
        .unwrap();
    assert_eq!(cleared.status, 204);
    assert_eq!(statuses(&emulator, 1).await, [200]);
    inject(&emulator, json!({"times": 1, "symptom": down()})).await;
    let list = send(&emulator, "POST /ListRooms", SIGNED, "{}")
        .await
        .unwrap();
    assert_eq!(list.status, 503);

    // Nor is another region.
    inject(&emulator, fault(json!({"region": "us-east-1"}))).await;
    assert_eq!(statuses(&emulator, 1).await, [200]);
    inject(&emulator, fault(json!({"region": "us-west-2", "times": 1}))).await;
    assert_eq!(statuses(&emulator, 2).await, [503, 200]);

    let since = Instant::now();
    inject(&emulator, fault(json!({"lasting": "400ms"}))).await;
    let mut struck = 0;
    while statuses(&emulator, 1).await == [503] {
        struck += 1;
    }
    assert!(
        struck > 0 && since.elapsed() >= Duration::from_millis(400),
        "{struck}"
    );
}

#[tokio::test]
async fn a_fault_of_some_probability_hits_about_that_share() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let fault = json!({"operation": "CreateRoom", "probability": 0.5, "symptom": down()});
    inject(&emulator, fault).await;
    let struck = statuses(&emulator, 400).await;
    let struck = struck.iter().filter(|status| **status == 503).count();
    // Six standard deviations to each side.
    assert!((140..=260).contains(&struck), "{struck} of 400");
}

#[tokio::test]
async fn faults_can_be_read_back_with_what_is_left_of_them() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    inject(
        &emulator,
        json!({"operation": "GetRoom", "symptom": {"clockSkew": "-1h"}}),
    )
    .await;
    let fault = json!({
        "operation": "CreateRoom", "region": "us-west-2", "skip": 1, "times": 3, "delay": "1ms", "symptom": down(),
    });
    inject(&emulator, fault).await;
    statuses(&emulator, 2).await;
    let pending = send(&emulator, "GET /_emulator/faults", "", "")
        .await
        .unwrap();
    let expected = json!([
        {
            "operation": "GetRoom", "region": null, "skip": 0, "probability": 1.0, "times": null, "lasting": null,
            "moment": "beforeEffect", "delay": "0s", "symptom": {"clockSkew": "1h ago"},
        },
        {
            "operation": "CreateRoom", "region": "us-west-2", "skip": 0, "probability": 1.0, "times": 2, "lasting": null,
            "moment": "beforeEffect", "delay": "1ms", "symptom": down(),
        },
    ]);
    assert_eq!(pending.json(), expected);

    send(&emulator, "DELETE /_emulator/faults", "", "")
        .await
        .unwrap();
    inject(&emulator, json!({"lasting": "1h", "symptom": "reset"})).await;
    let pending = send(&emulator, "GET /_emulator/faults", "", "")
        .await
        .unwrap();
    let left = pending.json()[0]["lasting"].as_str().unwrap().to_owned();
    assert!(left.starts_with("59m"), "{left}");
}

#[tokio::test]
async fn what_is_no_fault_is_refused_with_the_reason() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (fault, reason) in [
        (json!({}), "missing field `symptom`"),
        (json!({"symptom": "explode"}), "unknown variant `explode`"),
        (
            json!({"symptom": "reset", "operation": "DropRoom"}),
            "unknown variant `DropRoom`",
        ),
        (
            json!({"symptom": "reset", "count": 1}),
            "unknown field `count`",
        ),
        (json!({"symptom": "reset", "delay": "soon"}), "duration"),
        (
            json!({"symptom": {"error": {"status": 1000, "code": "X"}}}),
            "status",
        ),
        (
            json!({"symptom": {"error": {"status": 204, "code": "X"}}}),
            "status",
        ),
        (
            json!({"symptom": {"error": {"status": 503, "code": "a\nb"}}}),
            "code",
        ),
        (
            json!({"symptom": "reset", "probability": 1.5}),
            "probability",
        ),
    ] {
        let reply = inject(&emulator, fault.clone()).await;
        assert_eq!(reply.status, 400, "{fault}");
        assert!(reply.body.contains(reason), "{fault}: {}", reply.body);
    }
    assert_eq!(
        send(&emulator, "GET /_emulator/faults", "", "")
            .await
            .unwrap()
            .json(),
        json!([])
    );
}
