//! Names chosen so that one object might pass for another.

use std::collections::HashSet;

use ivschat_core::api::ChatRoom;
use ivschat_core::room::{ClusterId, Identity, Owner, Proof};
use kube::api::PostParams;
use serde_json::json;

use super::{CONSENT, CREATION, OWNER, Scene, find};
use crate::stage::{arn_of, message_of};

fn identity(cluster: &str, namespace: &str, name: &str) -> Identity {
    Identity {
        owner: Owner {
            cluster: cluster.parse().unwrap(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        },
        uid: format!("{cluster} {namespace} {name}"),
        former: Vec::new(),
    }
}

/// Every combination of parts that a cluster, a namespace or a name can have, made to be mistaken for each other.
#[test]
fn no_two_objects_share_an_owner_tag_and_none_proves_anothers_room() {
    let clusters = ["c", "c.live", "c-live", "c:live", "C", "c=", "cc"];
    let namespaces = ["live", "live-lobby", "l", "live-too", "c"];
    let names = [
        "lobby",
        "live.lobby",
        "lobby.live",
        "lob",
        "lobby-",
        "live",
        "c",
    ];
    let mut all = Vec::new();
    for cluster in clusters {
        for namespace in namespaces {
            all.extend(names.map(|name| identity(cluster, namespace, name)));
        }
    }
    let owners: HashSet<_> = all.iter().map(|it| it.owner.to_string()).collect();
    assert_eq!(owners.len(), all.len());
    for one in &all {
        assert_eq!(
            Owner::parse(&one.owner.to_string()).as_ref(),
            Some(&one.owner)
        );
        for other in &all {
            let (same, proof) = (one == other, one.prove(&other.tags()));
            assert_eq!(proof == Proof::Ours, same, "{} {}", one.owner, other.owner);
            let consent = [(CONSENT.to_owned(), other.owner.to_string())].into();
            assert_eq!(
                one.may_adopt(&consent),
                same,
                "{} {}",
                one.owner,
                other.owner
            );
            assert_eq!(
                one.retained(&consent),
                same,
                "{} {}",
                one.owner,
                other.owner
            );
        }
    }
}

/// The separator of an owner tag stands in none of its parts: neither Kubernetes nor the operator lets it in.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_cluster_id_nor_a_name_holds_the_separator_of_an_owner_tag() {
    for id in ["c/live", "/", "c/", "/c", "c/live/victim"] {
        id.parse::<ClusterId>().expect_err(id);
    }
    let scene = Scene::open().await;
    for name in [
        "a/b",
        "../victim",
        "victim/",
        "victim%2F",
        "VICTIM",
        "victim ",
        "victim\n",
        "víctim",
        "",
    ] {
        let spec = serde_json::from_value(json!({"name": "mine"})).unwrap();
        let object = ChatRoom::new(name, spec);
        let parameters = PostParams::default();
        let created = scene.stage.chat_rooms.create(&parameters, &object).await;
        created.expect_err(name);
    }
    scene.unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_whose_names_begin_or_end_like_the_victims_get_rooms_of_their_own() {
    let scene = Scene::open().await;
    let long = "v".repeat(128);
    let mut arns = HashSet::from([scene.room.arn.clone()]);
    let names = [
        "victim.a",
        "victim-",
        "v",
        "victi",
        "victim.victim",
        "a.victim",
        &long,
    ];
    for name in names.map(|name| name.trim_end_matches('-')) {
        let spec = json!({"name": "victim"});
        let object = match scene.stage.chat_rooms.get_opt(name).await.unwrap() {
            Some(object) => object,
            None => scene.stage.settle(name, spec).await,
        };
        arns.insert(arn_of(&object));
        let room = find(&scene.stage, &arn_of(&object)).unwrap();
        assert_eq!(
            room.tags[OWNER],
            scene.filled(&format!("CLUSTER/NAMESPACE/{name}"))
        );
    }
    assert_eq!(arns.len(), 7, "one each, the victim's included");
    for name in ["victim.a", "v", "victi", "victim.victim", "a.victim", &long] {
        scene.stage.delete(name).await;
        scene.stage.gone(name).await;
    }
    scene.unharmed().await;
}

/// Cut to what a tag holds, the owner would be another's.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_too_long_for_an_owner_tag_gets_no_room() {
    let mut scene = Scene::without_cel().await;
    let (fits, long) = ("v".repeat(128), "v".repeat(129));
    let owner = format!("CLUSTER/NAMESPACE/{fits}");
    let room = scene.bystander(&[(OWNER, &owner), (CREATION, "made-up")]);
    let spec = json!({"name": "mine", "adopt": {"arn": room.arn}, "deletionPolicy": "Delete"});
    scene.stage.create(&long, spec).await;
    let object = scene
        .stage
        .condition(&long, "Stalled", "True", "InvalidSpec")
        .await;
    assert!(message_of(&object, "Stalled").contains("at most 128 characters"));
    scene.stage.delete(&long).await;
    scene.stage.gone(&long).await;
    scene.unharmed().await;
}
