//! Two versions of the operator read what the other has written: during an upgrade, and after a rollback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeMap;

use ivschat_core::api::{ChatRoomStatus, Creation};
use ivschat_core::room::record::Record;
use serde_json::{Value, json};

/// By what the object was like.
fn written_before() -> BTreeMap<String, Value> {
    serde_yaml::from_str(include_str!("versions/before-attempt-ids.yaml")).unwrap()
}

fn read(status: &Value) -> ChatRoomStatus {
    serde_json::from_value(status.clone()).unwrap()
}

#[test]
fn a_status_of_the_version_before_is_read_whole_and_written_as_it_was() {
    for (object, status) in written_before() {
        let again = serde_json::to_value(read(&status)).unwrap();
        assert_eq!(again, status, "{object}");
    }
}

#[test]
fn room_attempt_and_wait_of_the_version_before_are_known() {
    let of = |object: &str| Record::from(&read(&written_before()[object]));
    let arn = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6";
    let created = "2026-11-30T09:12:31.104Z".parse().unwrap();
    let settled = Record {
        arn: Some(arn.parse().unwrap()),
        region: Some("us-west-2".to_owned()),
        create_time: Some(created),
        update_time: Some(created),
        applied_tag_keys: vec!["team".to_owned()],
        ..Record::default()
    };
    assert_eq!(of("settled"), settled);
    let attempted = Record {
        region: Some("us-west-2".to_owned()),
        creation: Some(attempt("")),
        ..Record::default()
    };
    assert_eq!(of("attempted"), attempted);
    let missing = Record {
        missing_since: Some("2026-11-30T09:14:00.5Z".parse().unwrap()),
        applied_tag_keys: Vec::new(),
        ..settled
    };
    assert_eq!(of("missing"), missing);
}

fn attempt(id: &str) -> Creation {
    Creation {
        id: id.to_owned(),
        started_at: "2026-11-30T09:12:30.998012345Z".parse().unwrap(),
        region: "us-west-2".to_owned(),
        account: "123456789012".to_owned(),
    }
}

/// What an operator reads that knows these members of an attempt alone, and what a CRD of its version keeps.
#[test]
fn the_version_before_knows_every_member_of_an_attempt_but_its_id() {
    let mut written = serde_json::to_value(attempt("aB3dE6gH9jK2")).unwrap();
    assert_eq!(written["id"].take(), json!("aB3dE6gH9jK2"));
    written.as_object_mut().unwrap().remove("id");
    assert_eq!(written, written_before()["attempted"]["creation"]);
}

#[test]
fn an_attempt_is_known_again_though_a_crd_of_the_version_before_has_dropped_its_id() {
    let (sent, pruned, other) = (attempt("one"), attempt(""), attempt("two"));
    assert!(sent.is(&sent) && pruned.is(&sent));
    assert!(!other.is(&sent) && !sent.is(&other));
    let later = Creation {
        started_at: "2026-11-30T09:12:31Z".parse().unwrap(),
        ..pruned
    };
    assert!(!later.is(&sent));
}
