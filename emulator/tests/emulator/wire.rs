//! The wire form, byte by byte, as a client without any SDK sees it.

use ivschat_emulator::Emulator;
use ivschat_emulator::world::Settings;
use serde_json::{Value, json};

use crate::stage::{SIGNED, call, send};

async fn create(emulator: &Emulator, body: &Value) -> Value {
    let reply = call(emulator, "POST /CreateRoom", body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn encoded(arn: &str) -> String {
    arn.replace(':', "%3A").replace('/', "%2F")
}

#[tokio::test]
async fn a_room_comes_back_with_aws_own_member_names_and_iso_8601_times() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let room = create(
        &emulator,
        &json!({"name": "lobby", "tags": {"team": "live"}, "unknownMember": 1}),
    )
    .await;
    let (arn, id) = (room["arn"].as_str().unwrap(), room["id"].as_str().unwrap());
    assert_eq!(
        arn,
        format!("arn:aws:ivschat:us-west-2:123456789012:room/{id}")
    );
    let time = room["createTime"].as_str().unwrap();
    assert!(
        time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(),
        "{time}"
    );
    let expected = json!({
        "arn": arn, "id": id, "name": "lobby", "createTime": time, "updateTime": time,
        "maximumMessageLength": 500, "maximumMessageRatePerSecond": 10,
        "tags": {"team": "live"}, "loggingConfigurationIdentifiers": [],
    });
    assert_eq!(room, expected);
    assert_eq!(
        call(&emulator, "POST /GetRoom", &json!({"identifier": arn}))
            .await
            .json(),
        expected
    );

    let page = call(&emulator, "POST /ListRooms", &json!({})).await.json();
    let mut summary = expected;
    for member in ["maximumMessageLength", "maximumMessageRatePerSecond"] {
        summary.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(
        page,
        json!({"rooms": [summary]}),
        "a summary has neither maximum"
    );
}

#[tokio::test]
async fn tags_go_through_the_path_and_the_query_percent_encoded() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let arn = create(&emulator, &json!({})).await["arn"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/tags/{}", encoded(&arn));
    let tagged = call(
        &emulator,
        &format!("POST {path}"),
        &json!({"tags": {"a b": "1", "c/d": "2", "ü": "3"}}),
    )
    .await;
    assert_eq!((tagged.status, tagged.json()), (200, json!({})));
    let removed = call(
        &emulator,
        &format!("DELETE {path}?tagKeys=a%20b&tagKeys=c%2Fd"),
        &json!({}),
    )
    .await;
    assert_eq!((removed.status, removed.json()), (200, json!({})));
    let listed = call(&emulator, &format!("GET {path}"), &json!({})).await;
    assert_eq!(
        (listed.status, listed.json()),
        (200, json!({"tags": {"ü": "3"}}))
    );
}

#[tokio::test]
async fn a_deleted_room_answers_204_without_a_body_and_then_404_with_its_members() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let arn = create(&emulator, &json!({})).await["arn"]
        .as_str()
        .unwrap()
        .to_owned();
    let deleted = call(&emulator, "POST /DeleteRoom", &json!({"identifier": arn})).await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    let (_, id) = arn.rsplit_once('/').unwrap();
    let missing = call(&emulator, "POST /GetRoom", &json!({"identifier": arn})).await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.headers["x-amzn-errortype"],
        "ResourceNotFoundException"
    );
    assert!(missing.headers.contains_key("x-amzn-requestid"));
    assert_eq!(
        missing.json(),
        json!({"message": format!("Resource {arn} does not exist"), "resourceId": id, "resourceType": "ROOM"})
    );
}

#[tokio::test]
async fn what_is_no_call_is_refused_with_the_error_that_says_so() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let other_service = SIGNED.replace("/ivschat/", "/s3/");
    for (line, headers, body, status, code) in [
        (
            "POST /GetRoom",
            "",
            "{}",
            403,
            "MissingAuthenticationTokenException",
        ),
        (
            "POST /GetRoom",
            "authorization: Bearer x\r\n",
            "{}",
            403,
            "IncompleteSignatureException",
        ),
        (
            "POST /GetRoom",
            other_service.as_str(),
            "{}",
            403,
            "InvalidSignatureException",
        ),
        ("POST /GetRoom", SIGNED, "{", 400, "SerializationException"),
        ("POST /GetRoom", SIGNED, "[]", 400, "SerializationException"),
        (
            "POST /CreateRoom",
            SIGNED,
            r#"{"maximumMessageLength": "7"}"#,
            400,
            "SerializationException",
        ),
        ("POST /GetRoom", SIGNED, "", 400, "ValidationException"),
        ("GET /GetRoom", SIGNED, "", 400, "ValidationException"),
        ("POST /DropRoom", SIGNED, "{}", 400, "ValidationException"),
        (
            "POST /tags/%ff",
            SIGNED,
            "{}",
            400,
            "SerializationException",
        ),
        (
            "POST /tags/lobby",
            SIGNED,
            r#"{"tags": {}}"#,
            400,
            "ValidationException",
        ),
        ("PUT /tags/lobby", SIGNED, "{}", 400, "ValidationException"),
    ] {
        let reply = send(&emulator, line, headers, body)
            .await
            .expect("an answer");
        assert_eq!(
            (reply.status, reply.headers["x-amzn-errortype"].as_str()),
            (status, code),
            "{line} {body}"
        );
        assert!(reply.json()["message"].is_string(), "{line} {body}");
    }
    let large = format!(r#"{{"name": "{}"}}"#, "n".repeat(1024 * 1024));
    let refused = send(&emulator, "POST /CreateRoom", SIGNED, &large).await;
    assert_eq!(refused.map(|reply| reply.status), Some(400));
    assert_eq!(
        send(&emulator, "GET /healthz", "", "").await.unwrap().body,
        "ok\n"
    );
}

#[tokio::test]
async fn the_region_comes_from_the_signature_and_sts_tells_the_account() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    let elsewhere = SIGNED.replace("us-west-2", "eu-west-1");
    let room = send(&emulator, "POST /CreateRoom", &elsewhere, "{}")
        .await
        .unwrap()
        .json();
    assert!(
        room["arn"]
            .as_str()
            .unwrap()
            .starts_with("arn:aws:ivschat:eu-west-1:123456789012:room/"),
        "{room}"
    );
    assert_eq!(
        call(&emulator, "POST /ListRooms", &json!({})).await.json(),
        json!({"rooms": []})
    );

    let sts = SIGNED.replace("/ivschat/", "/sts/");
    let identity = send(
        &emulator,
        "POST /",
        &sts,
        "Action=GetCallerIdentity&Version=2011-06-15",
    )
    .await
    .unwrap();
    assert_eq!(identity.status, 200);
    assert!(
        identity.body.contains("<Account>123456789012</Account>"),
        "{}",
        identity.body
    );
}

#[tokio::test]
async fn json_is_read_as_aws_reads_it() {
    let emulator = Emulator::start(Settings::default()).await.unwrap();
    for (line, body, status) in [
        // A null is not there; what is not known is passed over.
        (
            "POST /CreateRoom",
            json!({"name": null, "tags": null, "messageReviewHandler": null}),
            200,
        ),
        ("POST /CreateRoom", json!({"capabilities": ["X"]}), 200),
        (
            "POST /CreateLoggingConfiguration",
            json!({"destinationConfiguration": {"s3": {"bucketName": "logs", "x": 1}, "firehose": null, "x": 1}}),
            200,
        ),
        // A list is no structure.
        (
            "POST /CreateRoom",
            json!({"messageReviewHandler": ["", "DENY"]}),
            400,
        ),
        (
            "POST /CreateLoggingConfiguration",
            json!({"destinationConfiguration": {"s3": ["logs"]}}),
            400,
        ),
        (
            "POST /CreateLoggingConfiguration",
            json!({"destinationConfiguration": ["s3"]}),
            400,
        ),
        // A map holds no nulls.
        ("POST /CreateRoom", json!({"tags": {"team": null}}), 400),
    ] {
        let reply = call(&emulator, line, &body).await;
        assert_eq!(reply.status, status, "{line} {body}: {reply:?}");
    }
}
