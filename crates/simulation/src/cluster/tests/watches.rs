//! What watchers are due.

use super::*;

/// The events as words: type and name, or the reason of an error.
fn words(events: &[Event]) -> Vec<String> {
    let word = |event: &Event| {
        let what = &event.object["metadata"]["name"];
        let what = if event.type_ == "ERROR" {
            &event.object["reason"]
        } else {
            what
        };
        format!("{} {}", event.type_, what.as_str().unwrap_or_default())
    };
    events.iter().map(word).collect()
}

/// A cluster in which much has happened, and the version before it did.
fn eventful() -> (Stage, u64) {
    let mut stage = Stage::new();
    let before = stage.cluster.version();
    stage.create("a", json!({"labels": {"team": "live"}}));
    stage.create("b", json!({}));
    let label = |value: Value| json!({"metadata": {"labels": {"team": value}}});
    stage.done("PATCH", &format!("{ROOMS}/b"), &label(json!("live")));
    stage.done("PATCH", &format!("{ROOMS}/a"), &label(Value::Null));
    stage.done("POST", LEASES, &json!({"metadata": {"name": "x"}}));
    stage.done("DELETE", &format!("{ROOMS}/b"), &Value::Null);
    (stage, before)
}

#[test]
fn a_watcher_is_due_every_change_of_what_it_watches_in_order() {
    let (stage, before) = eventful();
    for (uri, wanted) in [
        (
            ROOMS.to_owned(),
            vec![
                "ADDED a",
                "ADDED b",
                "MODIFIED b",
                "MODIFIED a",
                "DELETED b",
            ],
        ),
        (ROOMS.replace("live", "other"), vec![]),
        (LEASES.to_owned(), vec!["ADDED x"]),
        (
            format!("{ALL_ROOMS}?labelSelector=team"),
            vec!["ADDED a", "ADDED b", "DELETED a", "DELETED b"],
        ),
        (
            format!("{ALL_ROOMS}?labelSelector=%21team"),
            vec!["ADDED b", "DELETED b", "ADDED a"],
        ),
    ] {
        let join = if uri.contains('?') { '&' } else { '?' };
        let watch = stage
            .watch(&format!("{uri}{join}watch=true&resourceVersion={before}"))
            .unwrap();
        assert_eq!(
            (watch.version, words(&watch.initial)),
            (before, vec![]),
            "{uri}"
        );
        let events = stage.cluster.events_since(&watch, watch.version);
        assert_eq!(words(&events), wanted, "{uri}");
        let versions: Vec<_> = events.iter().map(|event| event.version).collect();
        assert!(versions.is_sorted(), "{uri}");
        for event in &events {
            assert_eq!(version(&event.object), event.version, "{uri}");
        }
        if let Some(first) = events.first() {
            let rest = stage.cluster.events_since(&watch, first.version);
            assert_eq!(rest, events[1..], "{uri}");
        }
    }
}

#[test]
fn a_watch_begins_with_the_objects_there_are_if_it_asks_for_them() {
    let (stage, before) = eventful();
    let version = stage.cluster.version();
    let streamed = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    for (query, wanted) in [
        (String::new(), Ok(vec!["ADDED a"])),
        ("&resourceVersion=0".to_owned(), Ok(vec!["ADDED a"])),
        (streamed.to_owned(), Ok(vec!["ADDED a"])),
        (
            format!("{streamed}&allowWatchBookmarks=true"),
            Ok(vec!["ADDED a", "BOOKMARK "]),
        ),
        (
            format!("{streamed}&labelSelector=team&allowWatchBookmarks=true"),
            Ok(vec!["BOOKMARK "]),
        ),
        ("&sendInitialEvents=true".to_owned(), Err(422)),
        ("&resourceVersion=junk".to_owned(), Err(500)),
        (format!("&resourceVersion={before}"), Ok(vec![])),
    ] {
        let watch = stage.watch(&format!("{ROOMS}?watch=true{query}"));
        let words = watch
            .as_ref()
            .map(|watch| words(&watch.initial))
            .map_err(|code| *code);
        let wanted = wanted.map(|it| it.into_iter().map(ToOwned::to_owned).collect());
        assert_eq!(words, wanted, "{query}");
        if let Ok(last) = watch.map(|watch| watch.initial)
            && let Some(event) = last.last().filter(|event| event.type_ == "BOOKMARK")
        {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            let wanted =
                json!({"resourceVersion": version.to_string(), "annotations": annotations});
            assert_eq!(event.object["metadata"], wanted);
        }
    }
    assert_eq!(
        stage.watch(&format!("{ROOMS}/a?watch=true")).map(drop),
        Err(405)
    );
}

#[test]
fn a_watcher_that_knows_too_little_is_told_to_begin_anew() {
    let (mut stage, before) = eventful();
    let uri = |version| format!("{ROOMS}?watch=true&resourceVersion={version}");
    let early = stage.watch(&uri(before)).unwrap();
    let cut = before + 2;
    stage.cluster.forget(cut);
    assert_eq!(
        words(&stage.cluster.events_since(&early, before)),
        ["ERROR Expired"]
    );
    assert_eq!(
        words(&stage.watch(&uri(before)).unwrap().initial),
        ["ERROR Expired"]
    );
    let late = stage.watch(&uri(cut)).unwrap();
    assert_eq!(words(&late.initial), Vec::<String>::new());
    assert_eq!(
        words(&stage.cluster.events_since(&late, cut)),
        ["MODIFIED b", "MODIFIED a", "DELETED b"]
    );
    let bookmark = stage.cluster.bookmark(&late);
    assert_eq!(bookmark.version, stage.cluster.version());
}

#[test]
fn only_so_many_changes_are_remembered() {
    let settings = Settings {
        namespaces: vec!["live".to_owned()],
        memory: 2,
        ..Settings::default()
    };
    let mut stage = Stage {
        cluster: Cluster::new(&settings, Timestamp::UNIX_EPOCH),
        now: Timestamp::UNIX_EPOCH,
    };
    let before = stage.cluster.version();
    for name in ["a", "b", "c"] {
        stage.create(name, json!({}));
    }
    let watch = stage
        .watch(&format!("{ROOMS}?watch=true&resourceVersion={before}"))
        .unwrap();
    assert_eq!(words(&watch.initial), ["ERROR Expired"]);
    assert_eq!(
        words(&stage.cluster.events_since(&watch, before + 1)),
        ["ADDED b", "ADDED c"]
    );
}

#[test]
fn an_event_is_a_line_and_shows_metadata_alone_to_who_asks_for_it() {
    let mut stage = Stage::with_room();
    let uri = format!("{ROOMS}?watch=true");
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let request = Request::builder()
        .uri(&uri)
        .header("accept", accept)
        .body(Vec::new())
        .unwrap();
    let watch = stage.cluster.watch(&request).unwrap();
    let metadata = |stage: &Stage| stage.lobby()["metadata"].clone();
    let shown = |metadata: Value| json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
    let line: Value = serde_json::from_slice(&watch.initial[0].line()).unwrap();
    assert_eq!(
        line,
        json!({"type": "ADDED", "object": shown(metadata(&stage))})
    );
    stage.done(
        "PATCH",
        &format!("{ROOMS}/lobby"),
        &json!({"spec": {"name": "a"}}),
    );
    let events = stage.cluster.events_since(&watch, watch.version);
    assert_eq!(*events[0].object, shown(metadata(&stage)));
    assert!(events[0].line().ends_with(b"}\n"));
}
