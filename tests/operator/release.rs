//! `ivschat-operator release --all`: before the operator is uninstalled.

use std::collections::BTreeMap;

use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world::{Call, Operation, Scope};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::stage::{Options, REGION, Stage, arn_of, command, message_of, status_of};

/// Runs it, and gives whether it went well and what it printed.
pub async fn release(stage: &Stage, options: Options) -> (bool, String) {
    let (kubeconfig, namespace) = (&stage.kubeconfig, &stage.namespace);
    let endpoint = stage.emulator.endpoint();
    let output = command("release", kubeconfig, namespace, &endpoint, options)
        .arg("--all")
        .output()
        .await
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

fn consent(stage: &Stage, name: &str) -> BTreeMap<String, String> {
    let owner = format!("{}/{}/{name}", crate::stage::CLUSTER, stage.namespace);
    BTreeMap::from([("ivschat-operator.io/adoptable-by".to_owned(), owner)])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_room_stays_without_our_tags_every_finalizer_goes_and_a_new_operator_takes_the_rooms_back()
 {
    let mut stage = Stage::open().await;
    let kept = json!({"deletionPolicy": "Retain", "maximumMessageLength": 7});
    let kept = stage.settle("kept", kept).await;
    let undecided = stage.settle("undecided", json!({})).await;
    let paused = json!({"metadata": {"annotations": {"ivschat-operator.io/paused": "true"}}});
    stage.patch("kept", paused).await;
    stage.operator.kill().await;
    let before = stage.rooms_in(REGION);

    let (ok, told) = release(&stage, Options::default()).await;
    assert!(ok, "{told}");
    assert!(told.contains("2 ChatRooms let go, 0 left"), "{told}");
    let undecided_name = format!("{}/undecided", stage.namespace);
    assert!(told.contains(&undecided_name), "{told}");
    let after = stage.rooms_in(REGION);
    assert_eq!(after.len(), before.len());
    for (name, object) in [("kept", &kept), ("undecided", &undecided)] {
        let arn = arn_of(object);
        let room = after.iter().find(|room| room.arn == arn).unwrap();
        assert_eq!(room.tags, consent(&stage, name));
        let object = stage.chat_rooms.get(name).await.unwrap();
        assert_eq!(object.finalizers(), [] as [String; 0]);
        assert_eq!(arn_of(&object), arn);
        assert_eq!(
            status_of(&object, "Ready"),
            ("Unknown".into(), "Released".into())
        );
    }

    // Again, there is nothing left to do.
    let writes = stage.writes();
    let (ok, told) = release(&stage, Options::default()).await;
    assert!(ok && told.contains("0 ChatRooms let go"), "{told}");
    assert_eq!(stage.writes(), writes);

    let resumed = json!({"metadata": {"annotations": {"ivschat-operator.io/paused": null}}});
    stage.patch("kept", resumed).await;
    stage.restart(Options::default()).await;
    assert_eq!(arn_of(&stage.ready("kept").await), arn_of(&kept));
    let object = stage
        .condition("undecided", "Stalled", "True", "ConsentMissing")
        .await;
    let told = message_of(&object, "Ready");
    assert!(told.contains("set spec.deletionPolicy"), "{told}");
    stage
        .edit("undecided", json!({"deletionPolicy": "Delete"}))
        .await;
    assert_eq!(arn_of(&stage.ready("undecided").await), arn_of(&undecided));
    assert_eq!(stage.calls(Operation::CreateRoom), 2, "none was made twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_let_go_while_an_operator_runs() {
    let lease = Options {
        lease: Some("2s"),
        operation_timeout: "1s",
        flags: &["--kubernetes-timeout", "1s"],
        ..Options::default()
    };
    let mut stage = Stage::with(lease).await;
    stage.settle("lobby", json!({})).await;
    let writes = stage.writes();
    let (ok, told) = release(&stage, lease).await;
    assert!(!ok);
    assert!(
        told.contains("scale the operator down to 0 replicas first"),
        "{told}"
    );
    assert_eq!(stage.writes(), writes);
    assert!(stage.operator.stop().await);
    let (ok, told) = release(&stage, lease).await;
    assert!(ok && told.contains("1 ChatRooms let go, 0 left"), "{told}");
    assert_eq!(stage.room().tags, consent(&stage, "lobby"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_let_go_is_named_with_the_reason_and_keeps_its_finalizer_and_what_is_being_deleted_is_deleted()
 {
    let mut stage = Stage::open().await;
    let free = arn_of(&stage.settle("free", json!({})).await);
    let held = stage.settle("held", json!({})).await;
    stage.settle("going", json!({})).await;
    stage.operator.kill().await;
    stage.delete("going").await;
    // The room of `held` is in an account that these credentials do not reach.
    let elsewhere = arn_of(&held).replace("123456789012", "999999999999");
    stage.forge("held", json!({"arn": elsewhere})).await;
    let tags = [("ivschat-operator.io/owner", "else/where/held")];
    let theirs = Call::TagResource {
        resource_arn: arn_of(&held),
        tags: tags.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    };
    let scope = Scope::in_region(REGION);
    stage.emulator.call(&scope, theirs).unwrap();
    let lost = Fault::lose_answer(Operation::TagResource, Symptom::Reset);
    stage.emulator.inject(lost);

    let (ok, told) = release(&stage, Options::default()).await;
    assert!(!ok, "{told}");
    assert!(told.contains("2 ChatRooms let go, 1 left"), "{told}");
    let left = format!("left {}/held: AccountMismatch", stage.namespace);
    assert!(told.contains(&left), "{told}");
    stage.gone("going").await;
    assert_eq!(
        stage.chat_rooms.get("held").await.unwrap().finalizers(),
        ["ivschat-operator.io/room"]
    );
    let rooms = stage.rooms_in(REGION);
    assert_eq!(rooms.len(), 2, "the room of `going` is deleted: {rooms:#?}");
    let room = rooms.iter().find(|room| room.arn == free).unwrap();
    assert_eq!(room.tags, consent(&stage, "free"));
}

#[tokio::test(flavor = "multi_thread")]
async fn under_another_cluster_id_nothing_is_said_to_be_let_go() {
    let mut stage = Stage::open().await;
    stage.settle("lobby", json!({})).await;
    stage.operator.kill().await;
    let before = stage.rooms_in(REGION);
    let mistaken = Options {
        cluster: "mistaken",
        ..Options::default()
    };
    let (ok, told) = release(&stage, mistaken).await;
    assert!(!ok, "{told}");
    assert!(told.contains("0 ChatRooms let go, 1 left"), "{told}");
    let left = format!("left {}/lobby: Foreign", stage.namespace);
    assert!(told.contains(&left), "{told}");
    assert_eq!(stage.rooms_in(REGION), before);
    let object = stage.chat_rooms.get("lobby").await.unwrap();
    assert_eq!(object.finalizers(), ["ivschat-operator.io/room"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_let_go_and_still_named_though_lists_fail_in_between_and_the_finalizer_was_taken_off()
 {
    let mut stage = Stage::open().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    stage.operator.kill().await;
    let unfinalized = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage
        .chat_rooms
        .patch("lobby", &PatchParams::default(), &unfinalized)
        .await
        .unwrap();
    let down = Fault::refuse(Operation::ListRooms, 503, "ServiceUnavailable", "down");
    stage.emulator.inject(down.times(4));
    let (ok, told) = release(&stage, Options::default()).await;
    assert!(ok && told.contains("1 ChatRooms let go, 0 left"), "{told}");
    assert_eq!(stage.room().tags, consent(&stage, "lobby"));
    let object = stage.chat_rooms.get("lobby").await.unwrap();
    assert_eq!(arn_of(&object), arn);
    assert_eq!(status_of(&object, "Ready").1, "Released");
    let (ok, told) = release(&stage, Options::default()).await;
    assert!(ok && told.contains("0 ChatRooms let go, 0 left"), "{told}");
}
