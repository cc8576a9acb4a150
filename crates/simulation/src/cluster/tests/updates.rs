//! Patches and replacements.

use super::*;

/// What a write does to generation, to the version and to the object.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn each_part_changes_its_own_and_a_write_that_changes_nothing_makes_no_version() {
    for (what, uri, patch, generations, versions, wanted) in [
        (
            "a spec",
            "",
            json!({"spec": {"name": "a"}}),
            1,
            1,
            json!({"spec": {"name": "a"}}),
        ),
        (
            "a label",
            "",
            json!({"metadata": {"labels": {"a": "b"}}}),
            0,
            1,
            json!({"spec": {}}),
        ),
        (
            "a status on main",
            "",
            json!({"status": {"arn": "a"}}),
            0,
            0,
            json!({"status": {"observedGeneration": 0}}),
        ),
        (
            "a status",
            "/status",
            json!({"status": {"arn": "a"}}),
            0,
            1,
            json!({"status": {"observedGeneration": 0, "arn": "a"}}),
        ),
        (
            "a spec on the status",
            "/status",
            json!({"spec": {"name": "a"}}),
            0,
            0,
            json!({"spec": {}}),
        ),
        (
            "a label on the status",
            "/status",
            json!({"metadata": {"labels": {"a": "b"}}}),
            0,
            0,
            json!({"spec": {}}),
        ),
        (
            "another uid on the status",
            "/status",
            json!({"metadata": {"uid": "a"}}),
            0,
            0,
            json!({"spec": {}}),
        ),
        ("nothing", "", json!({}), 0, 0, json!({"spec": {}})),
        (
            "junk",
            "",
            json!({"spec": {"junk": 1}, "junk": 2}),
            0,
            0,
            json!({"spec": {}}),
        ),
        (
            "no status",
            "/status",
            json!({"status": null}),
            0,
            1,
            json!({"status": {"observedGeneration": -1}}),
        ),
        (
            "an empty status",
            "/status",
            json!({"status": {"observedGeneration": null}}),
            0,
            1,
            json!({"status": {}}),
        ),
        (
            "what the server sets",
            "",
            json!({"metadata": {"generation": 7, "creationTimestamp": null, "managedFields": null}}),
            0,
            0,
            json!({"spec": {}}),
        ),
    ] {
        let mut stage = Stage::with_room();
        let before = stage.done(
            "PATCH",
            &format!("{ROOMS}/lobby/status"),
            &json!({"status": {"observedGeneration": 0}}),
        );
        let after = stage.done("PATCH", &format!("{ROOMS}/lobby{uri}"), &patch);
        let generation = |object: &Value| object["metadata"]["generation"].as_i64().unwrap();
        assert_eq!(
            generation(&after) - generation(&before),
            generations,
            "{what}"
        );
        assert_eq!(version(&after) - version(&before), versions, "{what}");
        assert_eq!(stage.lobby(), after, "{what}");
        for (member, wanted) in wanted.as_object().unwrap() {
            assert_eq!(&after[member], wanted, "{what}");
        }
    }
}

#[test]
fn the_first_write_is_one_even_if_it_changes_nothing_as_it_stores_the_default_status() {
    let mut stage = Stage::with_room();
    let created = version(&stage.lobby());
    for wanted in [created + 1, created + 1] {
        let written = stage.done("PATCH", &format!("{ROOMS}/lobby"), &json!({}));
        assert_eq!(version(&written), wanted);
    }
}

#[test]
fn an_update_that_is_not_allowed_is_refused_for_its_reason() {
    let mut stage = Stage::with_room();
    stage.done(
        "PATCH",
        &format!("{ROOMS}/lobby/status"),
        &json!({"status": {"region": "us-west-2"}}),
    );
    let test = |path: &str, value: &str| json!([{"op": "test", "path": path, "value": value}]);
    for (name, patch, wanted) in [
        (
            "lobby",
            json!({"metadata": {"resourceVersion": "1"}}),
            (409, "Conflict"),
        ),
        (
            "lobby",
            json!({"metadata": {"resourceVersion": "1", "uid": "a"}}),
            (409, "Conflict"),
        ),
        (
            "lobby",
            json!({"metadata": {"resourceVersion": null}}),
            (422, "Invalid"),
        ),
        (
            "lobby",
            json!({"metadata": {"resourceVersion": "a"}}),
            (500, ""),
        ),
        ("lobby", json!({"metadata": {"uid": "a"}}), (422, "Invalid")),
        (
            "lobby",
            json!({"metadata": {"name": "a"}}),
            (422, "Invalid"),
        ),
        (
            "lobby",
            json!({"metadata": {"labels": {"a": 1}}}),
            (422, "Invalid"),
        ),
        (
            "lobby",
            json!({"spec": {"region": "us-east-1"}}),
            (422, "Invalid"),
        ),
        ("lobby", json!({"spec": {"name": 3}}), (422, "Invalid")),
        ("lobby", json!({"spec": null}), (422, "Invalid")),
        ("lobby", test("/metadata/uid", "a"), (422, "Invalid")),
        (
            "lobby/status",
            test("/status/creation/startedAt", "a"),
            (422, "Invalid"),
        ),
        (
            "lobby/status",
            json!({"metadata": {"resourceVersion": "1"}}),
            (409, "Conflict"),
        ),
        (
            "lobby/status",
            json!({"status": {"conditions": "a"}}),
            (422, "Invalid"),
        ),
        ("other", json!({}), (404, "NotFound")),
        ("other/status", json!({}), (404, "NotFound")),
    ] {
        let before = stage.lobby();
        let answer = stage.patch(&format!("{ROOMS}/{name}"), &patch);
        assert_eq!(
            refusal(&answer),
            (wanted.0, wanted.1.to_owned()),
            "{name} {patch}"
        );
        assert_eq!(stage.lobby(), before);
    }
    let answer = stage.call(
        "PATCH",
        &format!("{ROOMS}/lobby"),
        "application/json",
        &json!({}),
    );
    assert_eq!(refusal(&answer), (415, "UnsupportedMediaType".to_owned()));
}

#[test]
fn a_json_patch_whose_tests_hold_is_applied() {
    let mut stage = Stage::with_room();
    let uid = stage.lobby()["metadata"]["uid"].clone();
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": {"arn": "a"}},
    ]);
    let (code, patched) = stage.patch(&format!("{ROOMS}/lobby/status"), &patch);
    assert_eq!((code, &patched["status"]), (200, &json!({"arn": "a"})));
}

/// Leases are what is replaced.
#[test]
fn a_replacement_needs_the_version_it_saw() {
    let mut stage = Stage::new();
    let lease = |metadata: Value| json!({"metadata": metadata, "spec": {"holderIdentity": "a"}});
    let (code, first) = stage.call(
        "PUT",
        &format!("{LEASES}/x"),
        "",
        &lease(json!({"name": "x"})),
    );
    assert_eq!(code, 201);
    let mut second = first.clone();
    second["spec"]["holderIdentity"] = json!("b");
    let second = stage.done("PUT", &format!("{LEASES}/x"), &second);
    assert_eq!(second["spec"]["holderIdentity"], "b");
    assert_eq!(second["metadata"].get("generation"), None);
    let same = stage.done("PUT", &format!("{LEASES}/x"), &second);
    assert_eq!(same, second);
    for (name, metadata, wanted) in [
        ("x", first["metadata"].clone(), (409, "Conflict")),
        ("x", json!({"name": "x"}), (422, "Invalid")),
        ("x", json!({"name": "x", "uid": "a"}), (409, "Conflict")),
        ("x", json!({"name": "y"}), (400, "BadRequest")),
        ("y", json!({"name": "y", "uid": "a"}), (409, "Conflict")),
    ] {
        let answer = stage.call(
            "PUT",
            &format!("{LEASES}/{name}"),
            "",
            &lease(metadata.clone()),
        );
        assert_eq!(
            refusal(&answer),
            (wanted.0, wanted.1.to_owned()),
            "{metadata}"
        );
    }
    let room = json!({"metadata": {"name": "nobody"}, "spec": {}});
    let answer = stage.call("PUT", &format!("{ROOMS}/nobody"), "", &room);
    assert_eq!(refusal(&answer), (404, "NotFound".to_owned()));
}

#[test]
fn users_edit_wipe_and_restore_without_a_request() {
    let mut stage = Stage::with_room();
    let now = stage.now;
    let cluster = &mut stage.cluster;
    cluster
        .edit(Kind::ChatRoom, "live", "lobby", now, |it| {
            it["spec"]["name"] = json!("a");
        })
        .unwrap();
    let status = json!({"arn": "a"});
    cluster
        .put_status("live", "lobby", status.clone(), now)
        .unwrap();
    let lobby = cluster.get(Kind::ChatRoom, "live", "lobby").unwrap();
    assert_eq!(
        (&lobby["spec"]["name"], &lobby["status"]),
        (&json!("a"), &status)
    );
    cluster
        .put_status("live", "lobby", Value::Null, now)
        .unwrap();
    let lobby = cluster.get(Kind::ChatRoom, "live", "lobby").unwrap();
    assert_eq!(lobby["status"], json!({"observedGeneration": -1}));
    let gone = cluster
        .put_status("live", "nobody", Value::Null, now)
        .unwrap_err();
    assert_eq!(gone.code, 404);
}
