//! Lists and their pages.

use super::*;

#[test]
fn a_list_shows_what_its_scope_and_selectors_say() {
    let mut stage = Stage::new();
    stage.create("b", json!({"labels": {"team": "live"}}));
    stage.create("a", json!({}));
    let room = json!({"metadata": {"name": "c"}, "spec": {}});
    stage.done("POST", &ROOMS.replace("live", "other"), &room);
    for (uri, wanted) in [
        (ROOMS.to_owned(), vec!["a", "b"]),
        (ALL_ROOMS.to_owned(), vec!["a", "b", "c"]),
        (format!("{ALL_ROOMS}?labelSelector=team%3Dlive"), vec!["b"]),
        (format!("{ALL_ROOMS}?labelSelector=%21team"), vec!["a", "c"]),
        (
            format!("{ALL_ROOMS}?fieldSelector=metadata.name%3Dc"),
            vec!["c"],
        ),
    ] {
        let (code, list) = stage.get(&uri);
        assert_eq!((code, names(&list)), (200, wanted), "{uri}");
        assert_eq!(list["kind"], "ChatRoomList");
        assert_eq!(
            list["metadata"],
            json!({"continue": "", "resourceVersion": stage.cluster.version().to_string()})
        );
    }
    let answer = stage.get(&format!("{ROOMS}?labelSelector=a%3D%3D%3Db"));
    assert_eq!(refusal(&answer), (400, "BadRequest".to_owned()));
}

#[test]
fn the_pages_of_a_list_show_what_there_was_when_it_began() {
    let mut stage = Stage::new();
    for name in ["a", "b", "c", "d", "e"] {
        stage.create(name, json!({}));
    }
    let (_, first) = stage.get(&format!("{ROOMS}?limit=2"));
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["a", "b"], &json!(3))
    );
    let begun = version(&first);
    stage.done("DELETE", &format!("{ROOMS}/c"), &Value::Null);
    stage.create("bb", json!({}));
    stage.done(
        "PATCH",
        &format!("{ROOMS}/d"),
        &json!({"spec": {"name": "x"}}),
    );
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = stage.get(&format!("{ROOMS}?limit=2&continue={token}"));
    assert_eq!((names(&second), version(&second)), (vec!["c", "d"], begun));
    assert_eq!(second["items"][1]["spec"], json!({}));
    let token = second["metadata"]["continue"].as_str().unwrap().to_owned();
    let (_, third) = stage.get(&format!("{ROOMS}?limit=2&continue={token}"));
    assert_eq!(
        (names(&third), &third["metadata"]["continue"]),
        (vec!["e"], &json!(""))
    );
    stage.cluster.forget(stage.cluster.version());
    let answer = stage.get(&format!("{ROOMS}?limit=2&continue={token}"));
    assert_eq!(refusal(&answer), (410, "Expired".to_owned()));
    let answer = stage.get(&format!("{ROOMS}?limit=2&continue=junk"));
    assert_eq!(refusal(&answer), (400, "BadRequest".to_owned()));
}

#[test]
fn metadata_alone_is_shown_to_who_asks_for_it() {
    let mut stage = Stage::with_room();
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let ask = |uri: &str| {
        Request::builder()
            .uri(uri)
            .header("accept", accept)
            .body(Vec::new())
            .unwrap()
    };
    let metadata = stage.lobby()["metadata"].clone();
    let shown = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
    let (code, list) = read(&stage.cluster.call(&ask(ROOMS), stage.now));
    assert_eq!(
        (code, &list["kind"]),
        (200, &json!("PartialObjectMetadataList"))
    );
    assert_eq!(list["items"], json!([shown]));
    let none = ROOMS.replace("live", "other");
    let (_, list) = read(&stage.cluster.call(&ask(&none), stage.now));
    assert_eq!(list["items"], Value::Null);
    let one = format!("{ROOMS}/lobby");
    assert_eq!(
        read(&stage.cluster.call(&ask(&one), stage.now)),
        (200, shown)
    );
    let missing = format!("{ROOMS}/nobody");
    let answer = read(&stage.cluster.call(&ask(&missing), stage.now));
    assert_eq!(refusal(&answer), (404, "NotFound".to_owned()));
}

#[test]
fn the_objects_of_built_in_kinds_do_not_repeat_their_kind_in_a_list() {
    let mut stage = Stage::new();
    stage.done("POST", LEASES, &json!({"metadata": {"name": "x"}}));
    let (_, list) = stage.get(LEASES);
    assert_eq!(
        (&list["kind"], names(&list)),
        (&json!("LeaseList"), vec!["x"])
    );
    assert_eq!(
        (
            list["items"][0].get("kind"),
            list["metadata"].get("continue")
        ),
        (None, None)
    );
}
