//! What the model answers: what each write changes, what it refuses, and what watchers are told of it. That the real API server
//! does the same, the fault matrix shows.

mod deletion;
mod lists;
mod updates;
mod watches;

use jiff::ToSpan;

use super::*;

const ROOMS: &str = "/apis/ivschat-operator.io/v1alpha1/namespaces/live/chatrooms";
const ALL_ROOMS: &str = "/apis/ivschat-operator.io/v1alpha1/chatrooms";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/live/leases";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";

struct Stage {
    cluster: Cluster,
    now: Timestamp,
}

impl Stage {
    fn new() -> Self {
        let settings = Settings {
            namespaces: vec!["live".to_owned(), "other".to_owned()],
            shows_fields: true,
            ..Settings::default()
        };
        let now = Timestamp::UNIX_EPOCH;
        let cluster = Cluster::new(&settings, now);
        Self { cluster, now }
    }

    /// With a ChatRoom `lobby`.
    fn with_room() -> Self {
        let mut stage = Self::new();
        stage.create("lobby", json!({}));
        stage
    }

    #[allow(clippy::needless_pass_by_value, reason = "so that tests read well")]
    fn create(&mut self, name: &str, metadata: Value) -> Value {
        let mut object = json!({"metadata": metadata, "spec": {}});
        object["metadata"]["name"] = json!(name);
        self.done("POST", ROOMS, &object)
    }

    /// Each call comes a second after the one before.
    fn call(&mut self, method: &str, uri: &str, format: &str, body: &Value) -> (u16, Value) {
        self.now += 1.second();
        let request = request(method, uri, format, body);
        read(&self.cluster.call(&request, self.now))
    }

    fn patch(&mut self, uri: &str, patch: &Value) -> (u16, Value) {
        self.call(
            "PATCH",
            uri,
            if patch.is_array() { JSON } else { MERGE },
            patch,
        )
    }

    /// What is answered to a call that succeeds.
    fn done(&mut self, method: &str, uri: &str, body: &Value) -> Value {
        let (code, answer) = self.call(
            method,
            uri,
            if method == "PATCH" { MERGE } else { "" },
            body,
        );
        assert!(code < 300, "{method} {uri} {body}: {answer}");
        answer
    }

    fn get(&mut self, uri: &str) -> (u16, Value) {
        self.call("GET", uri, "", &Value::Null)
    }

    fn lobby(&self) -> Value {
        let lobby = self.cluster.get(Kind::ChatRoom, "live", "lobby");
        lobby.map(|it| Value::clone(it)).unwrap_or_default()
    }

    fn watch(&self, uri: &str) -> Result<Watch, u16> {
        let request = request("GET", uri, "", &Value::Null);
        let watch = self.cluster.watch(&request);
        watch.map_err(|response| response.status().as_u16())
    }
}

fn request(method: &str, uri: &str, format: &str, body: &Value) -> Request<Vec<u8>> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder().method(method).uri(uri);
    let request = request
        .header("content-type", format)
        .header("user-agent", "test/1");
    request.body(body.into_bytes()).unwrap()
}

fn read(response: &Response<Vec<u8>>) -> (u16, Value) {
    let body = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body)
}

/// Code and reason of a refusal.
fn refusal((code, status): &(u16, Value)) -> (u16, String) {
    assert_eq!(status["kind"], "Status", "{status}");
    let reason = status["reason"].as_str().unwrap_or_default();
    (*code, reason.to_owned())
}

fn version(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str();
    version.unwrap().parse().unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_new_object_has_everything_that_the_server_sets_and_nothing_that_it_does_not_know() {
    let mut stage = Stage::new();
    let (code, answer) = stage.call(
        "POST",
        &format!("{ROOMS}?fieldManager=me"),
        "",
        &json!({
            "metadata": {"name": "lobby", "uid": "mine", "labels": {}, "deletionTimestamp": "2026-01-02T03:04:05Z"},
            "spec": {"name": "a", "junk": 1},
            "status": {"arn": "forged"},
        }),
    );
    let uid = answer["metadata"]["uid"].as_str().unwrap();
    assert_ne!(uid, "mine");
    let wanted = json!({
        "apiVersion": "ivschat-operator.io/v1alpha1",
        "kind": "ChatRoom",
        "metadata": {
            "creationTimestamp": "1970-01-01T00:00:01Z",
            "generation": 1,
            "managedFields": [{
                "apiVersion": "ivschat-operator.io/v1alpha1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {".": {}, "f:name": {}}},
                "manager": "me",
                "operation": "Update",
                "time": "1970-01-01T00:00:01Z",
            }],
            "name": "lobby",
            "namespace": "live",
            "resourceVersion": "6",
            "uid": uid,
        },
        "spec": {"name": "a"},
        "status": {"observedGeneration": -1},
    });
    assert_eq!((code, &answer), (201, &wanted));
    assert_eq!(stage.get(&format!("{ROOMS}/lobby")), (200, wanted));
}

#[test]
fn an_object_that_cannot_be_created_is_refused_for_its_reason() {
    let mut stage = Stage::with_room();
    let elsewhere = ROOMS.replace("live", "nowhere");
    for (uri, metadata, spec, wanted) in [
        (
            ROOMS,
            json!({"name": "lobby"}),
            json!({}),
            (409, "AlreadyExists"),
        ),
        (
            &elsewhere,
            json!({"name": "a"}),
            json!({}),
            (404, "NotFound"),
        ),
        (
            ALL_ROOMS,
            json!({"name": "a"}),
            json!({}),
            (405, "MethodNotAllowed"),
        ),
        (ROOMS, json!({}), json!({}), (422, "Invalid")),
        (ROOMS, json!({"name": "A_b"}), json!({}), (422, "Invalid")),
        (ROOMS, json!({"name": "a"}), Value::Null, (422, "Invalid")),
        (
            ROOMS,
            json!({"name": "a"}),
            json!({"maximumMessageLength": 501}),
            (422, "Invalid"),
        ),
        (ROOMS, json!({"name": "a.b"}), json!({}), (422, "Invalid")),
        (
            ROOMS,
            json!({"name": "a", "namespace": "other"}),
            json!({}),
            (400, "BadRequest"),
        ),
        (
            ROOMS,
            json!({"name": "a", "labels": {"a": 1}}),
            json!({}),
            (400, "BadRequest"),
        ),
        (
            ROOMS,
            json!({"name": "a", "resourceVersion": "1"}),
            json!({}),
            (500, ""),
        ),
    ] {
        let before = stage.cluster.version();
        let answer = stage.call(
            "POST",
            uri,
            "",
            &json!({"metadata": metadata, "spec": spec}),
        );
        assert_eq!(
            refusal(&answer),
            (wanted.0, wanted.1.to_owned()),
            "{metadata}"
        );
        assert_eq!(stage.cluster.version(), before);
    }
    let answer = stage.call("POST", "/apis/x/v1/ys", "", &json!({}));
    assert_eq!(refusal(&answer), (404, "NotFound".to_owned()));
}

#[test]
fn a_dry_run_answers_as_if_and_leaves_everything_as_it_is() {
    let mut stage = Stage::with_room();
    let (before, version) = (stage.lobby(), stage.cluster.version());
    let object = json!({"metadata": {"name": "other"}, "spec": {}});
    let created = stage.done("POST", &format!("{ROOMS}?dryRun=All"), &object);
    assert_eq!(created["metadata"].get("resourceVersion"), None);
    let patch = json!({"spec": {"name": "a"}});
    let patched = stage.done("PATCH", &format!("{ROOMS}/lobby?dryRun=All"), &patch);
    assert_eq!(
        (&patched["spec"]["name"], &patched["metadata"]["generation"]),
        (&json!("a"), &json!(2))
    );
    let deleted = stage.done("DELETE", &format!("{ROOMS}/lobby?dryRun=All"), &Value::Null);
    assert_eq!(deleted["status"], "Success");
    assert_eq!((stage.lobby(), stage.cluster.version()), (before, version));
    let answer = stage.call("POST", &format!("{ROOMS}?dryRun=Some"), "", &object);
    assert_eq!(refusal(&answer), (400, "BadRequest".to_owned()));
}

#[test]
fn a_generated_name_begins_as_asked_and_no_two_are_the_same() {
    let mut stage = Stage::new();
    let object = json!({"metadata": {"generateName": "room-"}, "spec": {}});
    let one = stage.done("POST", ROOMS, &object);
    let two = stage.done("POST", ROOMS, &object);
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name(&one).starts_with("room-"));
    assert_ne!(name(&one), name(&two));
}

#[test]
fn the_server_tells_its_version_and_the_uid_of_a_namespace() {
    let mut stage = Stage::new();
    let (code, version) = stage.get("/version");
    assert_eq!((code, &version["minor"]), (200, &json!("37")));
    let (code, namespace) = stage.get("/api/v1/namespaces/kube-system");
    assert_eq!(
        (code, &namespace["status"]["phase"]),
        (200, &json!("Active"))
    );
    assert_eq!(namespace["metadata"]["uid"].as_str().unwrap().len(), 36);
}
