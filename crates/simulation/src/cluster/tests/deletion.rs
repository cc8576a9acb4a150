//! Deletions, and the finalizers that hold them up.

use super::*;

#[test]
fn an_object_with_finalizers_stays_until_the_last_is_taken_off() {
    let mut stage = Stage::new();
    stage.create("lobby", json!({"finalizers": ["a.b/c", "d.e/f"]}));
    let before = stage.lobby();
    let lobby = format!("{ROOMS}/lobby");
    let dying = stage.done("DELETE", &lobby, &Value::Null);
    assert_eq!(
        dying["metadata"]["deletionTimestamp"],
        "1970-01-01T00:00:02Z"
    );
    assert_eq!(dying["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(dying["metadata"]["generation"], 2);
    assert_eq!(version(&dying), version(&before) + 1);
    assert_eq!(stage.done("DELETE", &lobby, &Value::Null), dying);
    let more = json!({"metadata": {"finalizers": ["a.b/c", "d.e/f", "g.h/i"]}});
    let answer = stage.patch(&lobby, &more);
    assert_eq!(refusal(&answer), (422, "Invalid".to_owned()));
    let revived = stage.done(
        "PATCH",
        &lobby,
        &json!({"metadata": {"deletionTimestamp": null}, "spec": {"name": "a"}}),
    );
    assert_eq!(
        revived["metadata"]["deletionTimestamp"],
        dying["metadata"]["deletionTimestamp"]
    );
    let fewer = stage.done(
        "PATCH",
        &lobby,
        &json!({"metadata": {"finalizers": ["d.e/f"]}}),
    );
    assert_eq!(stage.lobby(), fewer);
    let last = stage.done("PATCH", &lobby, &json!({"metadata": {"finalizers": []}}));
    assert_eq!(last["metadata"].get("finalizers"), None);
    // The answer shows the version before the deletion, which has one of its own.
    assert_eq!(version(&last), version(&fewer));
    assert_eq!(stage.cluster.version(), version(&fewer) + 1);
    assert_eq!(stage.get(&lobby).0, 404);
}

#[test]
fn an_object_without_finalizers_is_gone_at_once() {
    let mut stage = Stage::with_room();
    let (lobby, uid) = (
        format!("{ROOMS}/lobby"),
        stage.lobby()["metadata"]["uid"].clone(),
    );
    let deleted = stage.done("DELETE", &lobby, &Value::Null);
    let details =
        json!({"name": "lobby", "group": "ivschat-operator.io", "kind": "chatrooms", "uid": uid});
    let wanted = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    assert_eq!(deleted, wanted);
    for method in ["GET", "DELETE"] {
        let answer = stage.call(method, &lobby, "", &Value::Null);
        assert_eq!(refusal(&answer), (404, "NotFound".to_owned()));
    }
    let again = stage.create("lobby", json!({}));
    assert_ne!(again["metadata"]["uid"], uid);
}

#[test]
fn a_deletion_of_another_object_than_was_meant_is_refused() {
    let mut stage = Stage::with_room();
    let lobby = format!("{ROOMS}/lobby");
    for preconditions in [json!({"uid": "a"}), json!({"resourceVersion": "1"})] {
        let answer = stage.call(
            "DELETE",
            &lobby,
            "",
            &json!({"preconditions": preconditions}),
        );
        assert_eq!(
            refusal(&answer),
            (409, "Conflict".to_owned()),
            "{preconditions}"
        );
    }
    let metadata = stage.lobby()["metadata"].clone();
    let right = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
    stage.done("DELETE", &lobby, &json!({"preconditions": right}));
}

#[test]
fn nothing_new_comes_into_a_namespace_that_is_being_deleted() {
    let mut stage = Stage::with_room();
    let namespace = stage.done("DELETE", "/api/v1/namespaces/live", &Value::Null);
    assert_eq!(namespace["status"]["phase"], "Terminating");
    let room = json!({"metadata": {"name": "a"}, "spec": {}});
    let answer = stage.call("POST", ROOMS, "", &room);
    assert_eq!(refusal(&answer), (403, "Forbidden".to_owned()));
    assert_eq!(
        answer.1["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
    stage.done(
        "PATCH",
        &format!("{ROOMS}/lobby"),
        &json!({"spec": {"name": "a"}}),
    );
    stage.done("POST", &ROOMS.replace("live", "other"), &room);
}

#[test]
fn users_delete_and_strip_finalizers_without_a_request() {
    let mut stage = Stage::new();
    stage.create("lobby", json!({"finalizers": ["a.b/c"]}));
    let (kind, now) = (Kind::ChatRoom, stage.now);
    stage.cluster.remove(kind, "live", "lobby", now).unwrap();
    assert!(stage.cluster.get(kind, "live", "lobby").is_some());
    stage
        .cluster
        .strip_finalizers(kind, "live", "lobby", now)
        .unwrap();
    assert!(stage.cluster.get(kind, "live", "lobby").is_none());
    assert_eq!(stage.cluster.all(kind).count(), 0);
}
