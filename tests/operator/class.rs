//! Several operators in one cluster, each with its own ChatRooms.

use ivschat_core::api::ChatRoom;
use ivschat_emulator::world::Operation;
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::release::release;
use crate::stage::{DEADLINE, Operator, Options, SERVING, Stage, arn_of};

const BLUE: &[&str] = &["--class", "blue", "--http-address", "127.0.0.1:0"];
const OTHER_LEASE: &[&str] = &["--lease-name", "other", "--http-address", "127.0.0.1:0"];

/// With a lease, and looking over the region all the time.
fn options(flags: &'static [&'static str]) -> Options {
    Options {
        index_interval: "200ms",
        lease: Some("15s"),
        flags,
        ..Options::default()
    }
}

/// Another operator over the same namespace.
fn join(stage: &Stage, flags: &'static [&'static str]) -> Operator {
    Operator::start(
        &stage.kubeconfig,
        &stage.namespace,
        &stage.emulator.endpoint(),
        options(flags),
    )
}

/// Gives an object this class; null takes it away.
async fn classify(stage: &Stage, name: &str, class: Value) {
    let patch = json!({"metadata": {"labels": {"ivschat-operator.io/class": class}}});
    stage.patch(name, patch).await;
}

/// Makes an object of this class.
async fn create(stage: &Stage, name: &str, class: &str) -> ChatRoom {
    let mut object = ChatRoom::new(name, serde_json::from_value(json!({})).unwrap());
    object
        .labels_mut()
        .insert("ivschat-operator.io/class".to_owned(), class.to_owned());
    let created = stage
        .chat_rooms
        .create(&PostParams::default(), &object)
        .await;
    created.unwrap()
}

/// Who has written to an object, of all operators: the leases' names.
async fn written_by(stage: &Stage, name: &str) -> Vec<String> {
    let object = stage.chat_rooms.get(name).await.unwrap();
    let prefix = format!("ivschat-operator/{}/", stage.namespace);
    let managers = object.managed_fields().iter();
    let mut leases: Vec<_> = managers
        .filter_map(|entry| entry.manager.as_deref()?.strip_prefix(&prefix))
        .map(ToOwned::to_owned)
        .collect();
    leases.sort();
    leases.dedup();
    leases
}

async fn reasons(stage: &Stage, name: &str) -> Vec<String> {
    let events = stage.events(name).await.into_iter();
    events.map(|(reason, _)| reason).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operator_works_on_the_objects_of_its_class_under_a_lease_of_its_own() {
    let stage = Stage::with(options(&[])).await;
    let _blue = join(&stage, BLUE);
    let green = create(&stage, "green", "green").await;
    create(&stage, "blue", "blue").await;
    stage.settle("plain", json!({})).await;
    stage.ready("blue").await;
    assert_eq!(written_by(&stage, "plain").await, ["ivschat-operator"]);
    assert_eq!(written_by(&stage, "blue").await, ["ivschat-operator-blue"]);
    stage.more_calls(Operation::ListRooms, 6).await;
    let object = stage.chat_rooms.get("green").await.unwrap();
    assert_eq!(object.resource_version(), green.resource_version());
    assert_eq!(stage.rooms_in(crate::stage::REGION).len(), 2);
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let leases = leases.list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = leases.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["ivschat-operator", "ivschat-operator-blue"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_its_class_keeps_its_room_and_is_missed_nowhere() {
    let mut stage = Stage::with(options(SERVING)).await;
    let mut blue = join(&stage, BLUE);
    let made = stage.settle("lobby", json!({})).await;
    for (length, class) in [(7, json!("blue")), (8, json!(null)), (9, json!("blue"))] {
        classify(&stage, "lobby", class.clone()).await;
        stage
            .edit("lobby", json!({"maximumMessageLength": length}))
            .await;
        let object = stage.ready("lobby").await;
        assert_eq!(arn_of(&object), arn_of(&made));
        let room = stage.room();
        assert_eq!(
            (room.arn, room.maximum_message_length),
            (arn_of(&made), length)
        );
        // The one that it left counts it no more.
        let series = "chat_rooms{condition=\"Ready\",status=\"True\",reason=\"Available\"}";
        let (here, there) = match class {
            Value::Null => (&mut stage.operator, &mut blue),
            _ => (&mut blue, &mut stage.operator),
        };
        here.metric(series, 1.0).await;
        there.metric(series, 0.0).await;
    }
    // Both have looked over all rooms more than twice.
    stage.more_calls(Operation::ListRooms, 12).await;
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
    assert_eq!(stage.calls(Operation::DeleteRoom), 0);
    let told = reasons(&stage, "lobby").await;
    assert_eq!(told, ["Created", "Updated", "Updated", "Updated"]);
    for operator in [&mut stage.operator, &mut blue] {
        operator.metric("orphans", 0.0).await;
    }
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    assert_eq!(stage.rooms_in(crate::stage::REGION), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_an_object_of_another_class_is_no_orphan_until_the_object_is_gone() {
    let mut stage = Stage::with(options(SERVING)).await;
    stage.settle("lobby", json!({})).await;
    classify(&stage, "lobby", json!("green")).await;
    stage.more_calls(Operation::ListRooms, 8).await;
    assert_eq!(reasons(&stage, "lobby").await, ["Created"]);
    stage.operator.metric("orphans", 0.0).await;
    // As somebody does it who takes the finalizer off by hand.
    let bare = json!({"metadata": {"finalizers": null}});
    stage.patch("lobby", bare).await;
    let params = DeleteParams::default();
    stage.chat_rooms.delete("lobby", &params).await.unwrap();
    let told = stage.event("lobby", "Orphan").await;
    assert!(told.contains(&stage.room().arn), "{told}");
    stage.operator.metric("orphans", 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_label_is_no_class_is_told_once_and_let_alone_until_it_is_corrected() {
    let stage = Stage::with(options(&[])).await;
    let _blue = join(&stage, BLUE);
    for (name, class) in [
        ("case", "Blue"),
        ("empty", ""),
        ("dots", "a.b"),
        ("green", "green"),
    ] {
        create(&stage, name, class).await;
    }
    for (name, class) in [("case", "Blue"), ("empty", ""), ("dots", "a.b")] {
        let told = stage.event(name, "InvalidClass").await;
        let start = format!(
            "No operator works on this ChatRoom: its label ivschat-operator.io/class has the value {class:?}, which is no class."
        );
        assert!(told.starts_with(&start), "{told}");
    }
    let touched = json!({"metadata": {"annotations": {"example.com/touched": "now"}}});
    stage.patch("case", touched).await;
    classify(&stage, "case", json!("blue")).await;
    classify(&stage, "empty", Value::Null).await;
    for corrected in ["case", "empty"] {
        stage.ready(corrected).await;
        stage.event(corrected, "Created").await;
    }
    assert_eq!(reasons(&stage, "case").await, ["InvalidClass", "Created"]);
    assert_eq!(reasons(&stage, "empty").await, ["InvalidClass", "Created"]);
    assert_eq!(reasons(&stage, "dots").await, ["InvalidClass"]);
    assert_eq!(reasons(&stage, "green").await, [""; 0]);
    assert_eq!(stage.rooms_in(crate::stage::REGION).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn releasing_one_class_leaves_the_rooms_of_the_others() {
    let stage = Stage::open().await;
    let plain = stage.settle("plain", json!({})).await;
    let mut blue = join(&stage, BLUE);
    create(&stage, "blue", "blue").await;
    stage.ready("blue").await;
    assert!(blue.stop().await);
    let (well, told) = release(&stage, options(BLUE)).await;
    assert!(well, "{told}");
    assert!(told.contains("1 ChatRooms let go, 0 left"), "{told}");
    let released = stage.chat_rooms.get("blue").await.unwrap();
    assert_eq!(released.finalizers(), [""; 0]);
    let object = stage.chat_rooms.get("plain").await.unwrap();
    assert_eq!(object.resource_version(), plain.resource_version());
    let rooms = stage.rooms_in(crate::stage::REGION);
    let room = rooms.iter().find(|room| room.arn == arn_of(&plain));
    assert_eq!(room.unwrap().tags, stage.own_tags(&plain));
}

// --- overlap ---------------------------------------------------------------------------------------------------------

/// Edits an object, waits until that is done, and gives whether anybody was told of an overlap.
async fn edit_and_look(stage: &Stage, length: u16) -> bool {
    let edit = json!({"maximumMessageLength": length});
    stage.edit("lobby", edit).await;
    stage.ready("lobby").await;
    reasons(stage, "lobby")
        .await
        .contains(&"Overlap".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_of_one_class_under_two_leases_are_told_of_and_harm_nothing() {
    let mut stage = Stage::with(options(SERVING)).await;
    let mut other = join(&stage, OTHER_LEASE);
    other.ready().await;
    stage.settle("lobby", json!({})).await;
    // Kubernetes keeps the times of writes to the second.
    let edits = async {
        let mut length = 1;
        while !edit_and_look(&stage, length).await {
            length = length % 500 + 1;
        }
    };
    tokio::time::timeout(DEADLINE, edits)
        .await
        .expect("it is told");
    let told = stage.event("lobby", "Overlap").await;
    let signature = format!("ivschat-operator/{}/", stage.namespace);
    assert!(
        told.contains(&signature) && told.contains("--class"),
        "{told}"
    );
    let counted = stage.operator.scrape().await.of("overlaps_total")
        + other.scrape().await.of("overlaps_total");
    assert!(counted >= 1.0);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
    stage.room();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handover_to_another_release_or_replica_is_no_overlap() {
    let mut stage = Stage::with(options(SERVING)).await;
    let mut replica = join(&stage, SERVING);
    replica.ready().await;
    stage.settle("lobby", json!({})).await;
    assert!(stage.operator.stop().await);
    assert!(!edit_and_look(&stage, 2).await);
    assert!(replica.stop().await);
    // Another release: another lease.
    let mut next = join(&stage, OTHER_LEASE);
    for length in 3..6 {
        assert!(!edit_and_look(&stage, length).await);
    }
    let last = written_by(&stage, "lobby").await;
    assert_eq!(last, ["ivschat-operator", "other"]);
    next.metric("overlaps_total", 0.0).await;
}
