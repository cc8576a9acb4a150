//! The chart's rules are the least that does: under them everything works, and without any verb of them something breaks, and
//! `ivschat-operator check` says so.

mod release;
mod scene;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use ivschat_core::api::{ChatRoom, ChatRoomStatus};
use ivschat_emulator::world::{Answer, Call, CreateRoom, Operation, Scope};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::stage::{REGION, arn_of, calls, status_of};
use release::{Grant, Release, words};
use scene::{Mode, Scene, control_plane, refusal, values};

fn ready(object: Option<&ChatRoom>) -> bool {
    object.is_some_and(|object| {
        let status = object.status.as_ref();
        status_of(object, "Ready").0 == "True"
            && status.and_then(|status| status.observed_generation) == object.metadata.generation
    })
}

fn settled(mode: Mode) -> Release {
    Release::render("release", &values(mode, "blue", ["one", "two"]))
}

#[test]
fn no_rule_of_the_chart_has_a_wildcard_or_shows_a_secret_or_a_config_map() {
    for mode in [Mode::Cluster, Mode::Namespaces] {
        let release = settled(mode);
        let kinds = ["ClusterRole", "Role"].map(|kind| release.of_kind(kind));
        let rules: Vec<_> = kinds
            .into_iter()
            .flatten()
            .flat_map(|role| role["rules"].as_array().unwrap())
            .collect();
        assert!(rules.len() >= 5, "{rules:?}");
        for rule in rules {
            for key in ["apiGroups", "resources", "verbs"] {
                assert!(!words(&rule[key]).any(|word| word.contains('*')), "{rule}");
            }
            assert_eq!(rule.get("nonResourceURLs"), None);
            let resources: Vec<_> = words(&rule["resources"]).collect();
            for hidden in ["secrets", "configmaps"] {
                assert!(!resources.contains(&hidden), "{rule}");
            }
        }
    }
}

#[test]
fn a_release_for_some_namespaces_has_a_role_in_each_of_them_and_nothing_cluster_wide() {
    let release = settled(Mode::Namespaces);
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        assert_eq!(release.of_kind(kind).count(), 0, "{kind}");
    }
    let place = |role: &serde_json::Value| {
        let (metadata, rule) = (&role["metadata"], &role["rules"][0]);
        let words = [&metadata["namespace"], &rule["resources"][0]];
        words.map(|word| word.as_str().unwrap().to_owned())
    };
    let roles: BTreeSet<_> = release.of_kind("Role").map(place).collect();
    let expected = [
        ["one", "chatrooms"],
        ["release", "leases"],
        ["two", "chatrooms"],
    ];
    assert_eq!(roles, expected.map(|it| it.map(ToOwned::to_owned)).into());
}

// --- with every verb -------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_role_is_enough_for_all_that_the_operator_does() {
    let mut scene = Scene::open(Mode::Cluster, None).await;
    works_through(&mut scene).await;
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    let cluster = namespaces.get("kube-system").await.unwrap().uid().unwrap();
    let owner = &scene.rooms()[0].tags["ivschat-operator.io/owner"];
    assert_eq!(*owner, format!("{cluster}/{}/lobby", scene.namespaces[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_two_namespaces_are_enough_there_and_no_third_one_is_touched() {
    let mut scene = Scene::open(Mode::Namespaces, None).await;
    let elsewhere = scene.elsewhere.clone();
    let untouched = scene.create(&elsewhere, "lobby").await;
    works_through(&mut scene).await;
    let object = scene.get(&elsewhere, "lobby").await;
    assert_eq!(object.resource_version(), untouched.resource_version());
    assert_eq!(scene.events(&elsewhere).await, [""; 0]);
}

/// What `helm test` prints, and whether it goes well.
async fn check(scene: &Scene) -> (bool, String) {
    let (client, release) = (&scene.client, &scene.release);
    let administrator = control_plane().await;
    let kubeconfig = release.kubeconfig(client, &administrator.kubeconfig).await;
    let endpoint = scene.emulator.endpoint();
    let namespaces = scene.namespaces.join(",");
    let flags = ["--write", "--namespace", &namespaces];
    let output = release.check(&kubeconfig, &endpoint, &flags).output().await;
    let output = output.unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_of_helm_test_finds_all_well_under_the_charts_own_roles() {
    for mode in [Mode::Cluster, Mode::Namespaces] {
        let scene = Scene::open(mode, None).await;
        let (well, told) = check(&scene).await;
        assert!(well, "{told}");
        let crd = told.lines().find(|line| line.starts_with("CRD"));
        let served = "served; its fields are this program's";
        assert!(crd.unwrap().ends_with(served), "{told}");
        assert_eq!(told.matches(" skipped ").count(), 0, "{told}");
    }
}

/// Creates, changes and deletes a room in one namespace, heals a twin, leaves a room in the other, and ends well.
async fn works_through(scene: &mut Scene) {
    let [one, two] = scene.namespaces.clone();
    scene.create(&one, "lobby").await;
    let object = scene.until(&one, "lobby", ready).await.unwrap();
    make_twin(scene, &object);
    scene.until_event(&one, "TwinDeleted").await;
    let longer = Patch::Merge(json!({"spec": {"maximumMessageLength": 100}}));
    let chat_rooms = scene.chat_rooms(&one);
    chat_rooms
        .patch("lobby", &PatchParams::default(), &longer)
        .await
        .unwrap();
    let object = scene.until(&one, "lobby", ready).await.unwrap();
    let rooms = scene.rooms();
    assert_eq!(rooms.len(), 1, "{rooms:?}");
    let held = (rooms[0].arn.clone(), rooms[0].maximum_message_length);
    assert_eq!(held, (arn_of(&object), 100));
    chat_rooms
        .delete("lobby", &DeleteParams::default())
        .await
        .unwrap();
    scene.until(&one, "lobby", |object| object.is_none()).await;
    scene.until_event(&one, "Deleted").await;
    let events = scene.events(&one).await;
    assert_eq!(events, ["Created", "Deleted", "TwinDeleted", "Updated"]);

    scene.create(&two, "lobby").await;
    scene.until(&two, "lobby", ready).await;
    assert_eq!(scene.rooms().len(), 1);
    scene.until_event(&two, "Created").await;

    let lease = scene.leases().await.pop().unwrap();
    let holder = |lease: Lease| lease.spec.unwrap().holder_identity.unwrap();
    assert!(holder(lease).starts_with("pod_"));
    assert!(scene.operator.stop().await, "it ends well");
    let lease = scene.leases().await.pop().unwrap();
    assert_eq!(holder(lease), "", "the lease is given back");
    assert_eq!(scene.refusals("forbidden"), 0);
}

/// Makes a second room for the object, as an operator leaves it that was frozen between its last check and the wire.
fn make_twin(scene: &Scene, object: &ChatRoom) -> String {
    make_room(scene, tags_of(scene, object))
}

/// A room of an object that does not exist, in the namespace of one that does.
fn make_orphan(scene: &Scene, object: &ChatRoom) -> String {
    let mut tags = tags_of(scene, object);
    tags.remove("ivschat-operator.io/creation");
    let owner = tags.get_mut("ivschat-operator.io/owner").unwrap();
    owner.push_str("-gone");
    make_room(scene, tags)
}

fn tags_of(scene: &Scene, object: &ChatRoom) -> BTreeMap<String, String> {
    let mut rooms = scene.rooms().into_iter();
    rooms.find(|room| room.arn == arn_of(object)).unwrap().tags
}

fn make_room(scene: &Scene, tags: BTreeMap<String, String>) -> String {
    let room = CreateRoom {
        tags: Some(tags),
        ..CreateRoom::default()
    };
    let scope = Scope::in_region(REGION);
    match scene.emulator.call(&scope, Call::CreateRoom(room)) {
        Ok(Answer::Room(room)) => room.arn,
        other => panic!("a room is made: {other:?}"),
    }
}

// --- with one verb less ----------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn without_any_verb_of_the_cluster_role_something_breaks() {
    each_verb_is_needed(Mode::Cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_verb_of_the_roles_in_namespaces_something_breaks() {
    each_verb_is_needed(Mode::Namespaces).await;
}

async fn each_verb_is_needed(mode: Mode) {
    const AT_ONCE: usize = 4;
    let grants = settled(mode).grants();
    assert!(grants.len() >= 9, "{grants:?}");
    stream::iter(grants)
        .for_each_concurrent(AT_ONCE, async |grant| breaks(mode, &grant).await)
        .await;
}

/// Shows what breaks without this verb. A verb that this table does not know is one that nothing was shown to need.
async fn breaks(mode: Mode, grant: &Grant) {
    let scene = &mut Scene::open(mode, Some(grant)).await;
    // A streamed list is a watch.
    let streams = control_plane().await.is_current().await;
    match (grant.resource.as_str(), grant.verb.as_str()) {
        ("chatrooms", "get") => twins_are_never_healed(scene, grant).await,
        ("chatrooms", "list") if streams => orphans_are_never_reported(scene, grant).await,
        ("chatrooms", "watch") if streams => it_never_gets_ready(scene, grant).await,
        ("chatrooms", "list") => it_never_gets_ready(scene, grant).await,
        ("chatrooms", "watch") => new_objects_are_never_seen(scene, grant).await,
        ("chatrooms", "patch") => no_finalizer_is_set_and_no_room_made(scene, grant).await,
        ("chatrooms/status", "patch") => no_condition_comes_and_no_room(scene, grant).await,
        ("events", "create") => no_event_comes(scene, grant).await,
        ("namespaces", "get") => it_does_not_start(scene, grant).await,
        ("leases", "create" | "get" | "update") => nobody_ever_leads(scene, grant).await,
        _ => panic!(
            "nothing is known to need {grant:?}: take it out of the chart, or show what needs it"
        ),
    }
    let (well, told) = check(scene).await;
    let lack = match grant.resource.as_str() {
        "namespaces" => "set --cluster-id".to_owned(),
        _ => format!("FAILED   may not {};", grant.verb),
    };
    assert!(!well && told.contains(&lack), "{grant:?}: {told}");
}

/// Before it deletes the second room of an object, the operator reads which one the object names now.
async fn twins_are_never_healed(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.create(&one, "lobby").await;
    let object = scene.until(&one, "lobby", ready).await.unwrap();
    let twin = make_twin(scene, &object);
    scene.refused(grant, 2).await;
    let rooms: Vec<_> = scene.rooms().into_iter().map(|room| room.arn).collect();
    assert!(rooms.contains(&twin), "{rooms:?}");
    assert_eq!(rooms.len(), 2);
}

/// Before it says that a room has no object, the operator lists the objects of every class.
async fn orphans_are_never_reported(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.create(&one, "lobby").await;
    let object = scene.until(&one, "lobby", ready).await.unwrap();
    make_orphan(scene, &object);
    scene.refused(grant, 2).await;
    scene.operator.metric("orphans", 0.0).await;
    assert!(!scene.events(&one).await.contains(&"Orphan".to_owned()));
}

async fn it_never_gets_ready(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.create(&one, "lobby").await;
    scene.refused(grant, 2).await;
    let (status, body) = scene.operator.get("/readyz").await;
    assert_eq!(status, 503, "{body}");
    untouched(scene, "lobby").await;
}

async fn new_objects_are_never_seen(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.operator.ready().await;
    scene.refused(grant, 1).await;
    scene.create(&one, "lobby").await;
    let before = scene.refusals(&refusal(grant));
    scene.refused(grant, before + 3).await;
    untouched(scene, "lobby").await;
}

async fn no_finalizer_is_set_and_no_room_made(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.create(&one, "lobby").await;
    scene.refused(grant, 2).await;
    untouched(scene, "lobby").await;
}

async fn no_condition_comes_and_no_room(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.create(&one, "lobby").await;
    scene.refused(grant, 2).await;
    let object = scene.get(&one, "lobby").await;
    assert_eq!(object.finalizers(), ["ivschat-operator.io/room"]);
    assert_eq!(reported(&object), None);
    assert_eq!(calls(&scene.emulator.journal(), Operation::CreateRoom), 0);
}

async fn no_event_comes(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.create(&one, "lobby").await;
    scene.refused(grant, 1).await;
    scene.until(&one, "lobby", ready).await;
    assert_eq!(scene.events(&one).await, [""; 0]);
    scene.operator.metric("events_unpublished_total", 1.0).await;
}

/// Nothing tells this cluster from others then.
async fn it_does_not_start(scene: &mut Scene, grant: &Grant) {
    scene.refused(grant, 1).await;
    assert!(!scene.operator.wait().await, "it fails");
}

async fn nobody_ever_leads(scene: &mut Scene, grant: &Grant) {
    let one = scene.namespaces[0].clone();
    scene.create(&one, "lobby").await;
    scene.operator.ready().await;
    scene.refused(grant, 1).await;
    let mut leases = scene.leases().await.into_iter();
    let acquired = leases.find(|lease| {
        lease
            .spec
            .as_ref()
            .is_some_and(|it| it.acquire_time.is_some())
    });
    assert_eq!(acquired, None);
    scene.operator.metric("leader", 0.0).await;
    untouched(scene, "lobby").await;
}

/// Nothing was written to the object, and no room was made.
async fn untouched(scene: &Scene, name: &str) {
    let object = scene.get(&scene.namespaces[0], name).await;
    assert_eq!(object.finalizers(), [""; 0]);
    assert_eq!(reported(&object), None);
    assert_eq!(scene.rooms(), []);
}

/// What the operator has written into a status.
fn reported(object: &ChatRoom) -> Option<&ChatRoomStatus> {
    let status = object.status.as_ref();
    status.filter(|status| status.observed_generation != Some(-1) || status.conditions.is_some())
}
