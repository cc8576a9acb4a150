//! Copies of an object: under another name, in another namespace, in another cluster, after its end.

use ivschat_core::api::{ChatRoom, chat_room_crd};
use ivschat_emulator::world::Operation;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{CONSENT, FINALIZER, Scene, THIEF, VICTIM, finalizers, find, ready};
use crate::iam;
use crate::stage::{
    ControlPlane, Operator, Options, REGION, Stage, arn_of, new_namespace, status_of,
};

/// `kubectl get -o yaml`, another name, `kubectl apply`, and the status as well.
async fn copy(to: &Api<ChatRoom>, original: &ChatRoom, name: &str) -> ChatRoom {
    let mut copied = ChatRoom::new(name, original.spec.clone());
    copied.metadata.finalizers = original.metadata.finalizers.clone();
    copied.metadata.labels = original.metadata.labels.clone();
    copied.metadata.annotations = original.metadata.annotations.clone();
    copied.status.clone_from(&original.status);
    to.create(&PostParams::default(), &copied).await.unwrap();
    let status = Patch::Merge(json!({"status": original.status}));
    to.patch_status(name, &PatchParams::default(), &status)
        .await
        .unwrap()
}

async fn own_room(objects: &Api<ChatRoom>, name: &str, not: &str) -> ChatRoom {
    let settled = |object: Option<&ChatRoom>| {
        object.is_some_and(|object| arn_of(object) != not && ready(object).0 == "True")
    };
    let waiting = kube::runtime::wait::await_condition(objects.clone(), name, settled);
    let object = tokio::time::timeout(crate::stage::DEADLINE, waiting).await;
    object.expect("it gets a room").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_with_the_originals_status_never_gets_the_originals_room() {
    let scene = Scene::open().await;
    let original = scene.stage.chat_rooms.get(VICTIM).await.unwrap();
    copy(&scene.stage.chat_rooms, &original, THIEF).await;
    let decided = |object: &ChatRoom| {
        (ready(object).0 == "True" && arn_of(object) != scene.room.arn)
            || status_of(object, "Stalled") == ("True".into(), "Foreign".into())
    };
    scene.stage.until(THIEF, "decided", decided).await;
    scene.pass(THIEF).await;
    scene.unharmed().await;
    scene.thief_goes().await;
    assert_eq!(scene.stage.rooms_in(REGION).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_another_namespace_never_gets_the_originals_room() {
    let scene = Scene::open().await;
    let (stage, client) = (&scene.stage, scene.stage.client.clone());
    let elsewhere = new_namespace(&client, "test").await;
    let endpoint = stage.emulator.endpoint();
    let _operator = Operator::start(&stage.kubeconfig, &elsewhere, &endpoint, Options::default());
    let objects: Api<ChatRoom> = Api::namespaced(client, &elsewhere);
    let original = stage.chat_rooms.get(VICTIM).await.unwrap();
    copy(&objects, &original, VICTIM).await;
    let stalled = |object: Option<&ChatRoom>| {
        object.is_some_and(|object| status_of(object, "Ready").1 == "Foreign")
            || object.is_some_and(|object| arn_of(object) != scene.room.arn)
    };
    let waiting = kube::runtime::wait::await_condition(objects.clone(), VICTIM, stalled);
    tokio::time::timeout(crate::stage::DEADLINE, waiting)
        .await
        .expect("it is decided")
        .unwrap();
    scene.unharmed().await;
    objects
        .delete(VICTIM, &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let gone = |object: Option<&ChatRoom>| object.is_none();
    let waiting = kube::runtime::wait::await_condition(objects, VICTIM, gone);
    tokio::time::timeout(crate::stage::DEADLINE, waiting)
        .await
        .expect("it goes")
        .unwrap();
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_the_same_name_in_another_cluster_on_the_same_account_gets_a_room_of_its_own()
{
    let scene = Scene::open().await;
    let cluster = ControlPlane::start(chat_room_crd().unwrap()).await;
    let client = cluster.client().await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = json!({"metadata": {"name": scene.stage.namespace}});
    let namespace = serde_json::from_value(namespace).unwrap();
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    let options = Options {
        cluster: "other-cluster",
        index_interval: "200ms",
        ..Options::default()
    };
    iam::enforce(&scene.stage.emulator, &[Options::default(), options]);
    let endpoint = scene.stage.emulator.endpoint();
    let _operator = Operator::start(
        &cluster.kubeconfig,
        &scene.stage.namespace,
        &endpoint,
        options,
    );
    let objects: Api<ChatRoom> = Api::namespaced(client, &scene.stage.namespace);
    let spec = serde_json::from_value(json!({})).unwrap();
    objects
        .create(&PostParams::default(), &ChatRoom::new(VICTIM, spec))
        .await
        .unwrap();
    let object = own_room(&objects, VICTIM, &scene.room.arn).await;
    assert_eq!(scene.stage.rooms_in(REGION).len(), 4);
    let owner = format!("other-cluster/{}/{VICTIM}", scene.stage.namespace);
    let room = find(&scene.stage, &arn_of(&object)).unwrap();
    assert_eq!(room.tags[super::OWNER], owner);
    // With the ARN of the first forged into it, it finds its way back.
    let forged = Patch::Merge(json!({"status": {"arn": scene.room.arn}}));
    objects
        .patch_status(VICTIM, &PatchParams::default(), &forged)
        .await
        .unwrap();
    own_room(&objects, VICTIM, &scene.room.arn).await;
    objects
        .delete(VICTIM, &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let gone = |object: Option<&ChatRoom>| object.is_none();
    let waiting = kube::runtime::wait::await_condition(objects, VICTIM, gone);
    tokio::time::timeout(crate::stage::DEADLINE, waiting)
        .await
        .expect("it goes")
        .unwrap();
    assert_eq!(scene.stage.rooms_in(REGION).len(), 3);
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_taken_off_by_hand_is_put_back_and_an_object_gone_without_it_leaves_its_room_to_its_name()
 {
    let scene = Scene::open().await;
    let own = arn_of(&scene.stage.settle(THIEF, json!({})).await);
    finalizers(&scene.stage, THIEF, json!(null)).await;
    let back = |object: &ChatRoom| object.finalizers() == [FINALIZER];
    scene.stage.until(THIEF, "held again", back).await;
    // While it is paused nobody puts it back.
    super::annotate(&scene.stage, THIEF, json!({super::PAUSED: "true"})).await;
    scene
        .stage
        .condition(THIEF, "Synced", "False", "Paused")
        .await;
    finalizers(&scene.stage, THIEF, json!(null)).await;
    scene.stage.delete(THIEF).await;
    scene.stage.gone(THIEF).await;
    scene.unharmed().await;
    assert!(find(&scene.stage, &own).is_some());
    let other = scene.stage.settle("another", json!({})).await;
    assert_ne!(arn_of(&other), own, "another name does not get it");
    let again = scene.stage.settle(THIEF, json!({})).await;
    assert_eq!(arn_of(&again), own);
    scene.thief_goes().await;
    assert_eq!(find(&scene.stage, &own), None);
}

async fn retained(stage: &Stage, name: &str) -> ivschat_emulator::world::Room {
    let spec = json!({"deletionPolicy": "Retain", "tags": {"team": "live"}});
    let object = stage.settle(name, spec).await;
    stage.delete(name).await;
    stage.gone(name).await;
    let room = find(stage, &arn_of(&object)).unwrap();
    let owner = format!("{}/{}/{name}", crate::stage::CLUSTER, stage.namespace);
    assert_eq!(room.tags[CONSENT], owner);
    room
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_let_go_is_taken_back_by_exactly_its_own_name() {
    let scene = Scene::open().await;
    let room = retained(&scene.stage, "hall").await;
    for name in ["hal", "hall2", "hall.a", "a-hall", "hall-hall"] {
        let spec = json!({"deletionPolicy": "Delete", "name": "mine"});
        let object = scene.stage.settle(name, spec).await;
        assert_ne!(arn_of(&object), room.arn, "{name}");
        scene.stage.delete(name).await;
        scene.stage.gone(name).await;
        let spec: Value = super::adopting(&room.arn);
        scene.stage.create(name, spec).await;
        scene
            .stage
            .condition(name, "Stalled", "True", "ConsentMissing")
            .await;
        scene.stage.delete(name).await;
        scene.stage.gone(name).await;
        assert_eq!(find(&scene.stage, &room.arn).as_ref(), Some(&room));
    }
    scene.unharmed().await;
    let again = scene
        .stage
        .settle("hall", json!({"deletionPolicy": "Retain"}))
        .await;
    assert_eq!(arn_of(&again), room.arn);
    let expected = scene.stage.calls(Operation::CreateRoom);
    assert_eq!(expected, 7, "victim, hall, and one for each other name");
}
