//! A room that is not provably ours is never touched.

use ivschat_emulator::world::{Call, CreateRoom, Operation, Room, Scope};
use serde_json::json;
use std::collections::BTreeMap;

use crate::stage::{CLUSTER, Options, REGION, Stage, arn_of, message_of};

fn scope() -> Scope {
    Scope::in_region(REGION)
}

pub fn someone_elses_room(stage: &Stage, tags: &[(&str, &str)]) -> Room {
    let tags: BTreeMap<_, _> = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let request = CreateRoom {
        name: Some("theirs".to_owned()),
        tags: Some(tags),
        ..CreateRoom::default()
    };
    match stage
        .emulator
        .call(&scope(), Call::CreateRoom(request))
        .unwrap()
    {
        ivschat_emulator::world::Answer::Room(room) => room,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_owner_tag_is_put_back_and_with_both_tags_lost_nothing_is_touched() {
    let stage = Stage::with(Options::watchful()).await;
    let object = stage.settle("lobby", json!({})).await;
    let resource_arn = arn_of(&object);
    let untag = |keys: &[&str]| Call::UntagResource {
        resource_arn: resource_arn.clone(),
        tag_keys: keys.iter().map(ToString::to_string).collect(),
    };
    let before = stage.calls(Operation::TagResource);
    stage
        .emulator
        .call(&scope(), untag(&["ivschat-operator.io/owner"]))
        .unwrap();
    stage.calls_since(before, Operation::TagResource, 1).await;
    assert_eq!(stage.room().tags, stage.own_tags(&object));

    stage
        .emulator
        .call(
            &scope(),
            untag(&["ivschat-operator.io/owner", "ivschat-operator.io/creation"]),
        )
        .unwrap();
    let lost = stage
        .condition("lobby", "Stalled", "True", "OwnershipLost")
        .await;
    let message = message_of(&lost, "Stalled");
    let line = format!(
        "aws ivschat tag-resource --region {REGION} --resource-arn {resource_arn} --tags ivschat-operator.io/owner={}",
        stage.own_tags(&object)["ivschat-operator.io/owner"]
    );
    assert!(message.ends_with(&line), "{message}");
    assert_eq!(stage.room().tags, BTreeMap::new());

    // What the message says heals it.
    let tags = BTreeMap::from([(
        "ivschat-operator.io/owner".to_owned(),
        stage.own_tags(&object)["ivschat-operator.io/owner"].clone(),
    )]);
    stage
        .emulator
        .call(&scope(), Call::TagResource { resource_arn, tags })
        .unwrap();
    stage.ready("lobby").await;
    assert_eq!(stage.room().tags, stage.own_tags(&object));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_of_another_account_nothing_is_done_and_no_second_room_made() {
    let mut stage = Stage::open().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    let before = stage.writes();
    stage
        .restart(Options {
            account: Some("999999999999"),
            ..Options::default()
        })
        .await;
    let object = stage
        .condition("lobby", "Stalled", "True", "AccountMismatch")
        .await;
    assert!(
        message_of(&object, "Stalled").contains("999999999999"),
        "{}",
        message_of(&object, "Stalled")
    );
    assert_eq!(stage.writes(), before);
    stage.restart(Options::default()).await;
    assert_eq!(arn_of(&stage.ready("lobby").await), arn);
    stage.room();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_a_new_id_takes_the_rooms_of_its_former_one_and_gives_them_the_new() {
    let mut stage = Stage::open().await;
    let object = stage.settle("lobby", json!({})).await;
    let before = stage.room();
    stage
        .restart(Options {
            flags: &["--former-cluster-id", "attic,test-cluster"],
            cluster: "rebuilt",
            ..Options::default()
        })
        .await;
    stage.more_calls(Operation::TagResource, 1).await;
    stage.ready("lobby").await;
    let after = stage.room();
    assert_eq!(after.arn, before.arn);
    let mut tags = stage.own_tags(&object);
    let owner = format!("rebuilt/{}/lobby", stage.namespace);
    tags.insert("ivschat-operator.io/owner".to_owned(), owner);
    assert_eq!(after.tags, tags);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_an_earlier_object_of_the_same_name_is_taken_over_and_that_is_told() {
    let stage = Stage::open().await;
    let owner = format!("{CLUSTER}/{}/lobby", stage.namespace);
    let theirs = someone_elses_room(
        &stage,
        &[
            ("ivschat-operator.io/owner", owner.as_str()),
            ("ivschat-operator.io/creation", "an-earlier-uid"),
        ],
    );
    let object = stage.settle("lobby", json!({})).await;
    assert_eq!(arn_of(&object), theirs.arn);
    assert_eq!(stage.room().tags, stage.own_tags(&object));
    let told = stage.event("lobby", "Rebound").await;
    assert!(told.contains("an-earlier-uid"), "{told}");
    assert_eq!(stage.calls(Operation::CreateRoom), 0);
}
