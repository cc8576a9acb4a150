//! Tags, in both directions.

use std::collections::BTreeMap;

use ivschat_emulator::world::{Call, Operation, Scope, Settings};
use serde_json::json;

use crate::stage::{ControlPlane, Options, REGION, Stage, arn_of};

fn scope() -> Scope {
    Scope::in_region(REGION)
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_added_changed_and_removed_with_the_spec() {
    let stage = Stage::open().await;
    let object = stage
        .settle("lobby", json!({"tags": {"team": "live", "stage": "test"}}))
        .await;
    let own = stage.own_tags(&object);
    let edits = [
        (
            json!({"cost": "42"}),
            vec![(Operation::TagResource, json!({"tags": {"cost": "42"}}))],
        ),
        (
            json!({"team": "chat"}),
            vec![(Operation::TagResource, json!({"tags": {"team": "chat"}}))],
        ),
        (
            json!({"stage": null}),
            vec![(Operation::UntagResource, json!({"tagKeys": ["stage"]}))],
        ),
        (
            json!({"cost": null, "owner": "me"}),
            vec![
                (Operation::TagResource, json!({"tags": {"owner": "me"}})),
                (Operation::UntagResource, json!({"tagKeys": ["cost"]})),
            ],
        ),
    ];
    for (tags, sent) in edits {
        let before = stage.writes().len();
        stage.edit("lobby", json!({"tags": tags})).await;
        stage.ready("lobby").await;
        assert_eq!(stage.writes()[before..], sent, "{tags}");
    }
    let mut expected = own;
    expected.extend(pairs(&[("team", "chat"), ("owner", "me")]));
    assert_eq!(stage.room().tags, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_drift_are_corrected_in_both_directions_and_those_of_aws_are_left_alone() {
    let stage = Stage::with(Options::verifying()).await;
    let object = stage
        .settle("lobby", json!({"tags": {"team": "live", "stage": "test"}}))
        .await;
    let settled = stage.room().tags;
    let resource_arn = arn_of(&object);
    let before = stage.calls(Operation::UntagResource);
    stage.emulator.world(|world| {
        assert!(world.set_system_tag(
            &scope(),
            &resource_arn,
            "aws:cloudformation:stack-id",
            "x",
            jiff::Timestamp::now()
        ));
        // All at once, so that one pass sees it all.
        let tags = pairs(&[("team", "other"), ("foreign", "1")]);
        let now = jiff::Timestamp::now();
        world
            .call(
                &scope(),
                Call::TagResource {
                    resource_arn: resource_arn.clone(),
                    tags,
                },
                now,
            )
            .unwrap();
        let tag_keys = vec!["stage".to_owned()];
        world
            .call(
                &scope(),
                Call::UntagResource {
                    resource_arn: resource_arn.clone(),
                    tag_keys,
                },
                now,
            )
            .unwrap();
    });
    stage.calls_since(before, Operation::UntagResource, 1).await;
    stage.more_calls(Operation::GetRoom, 3).await;
    let sent = [
        (
            Operation::TagResource,
            json!({"tags": {"team": "live", "stage": "test"}}),
        ),
        (Operation::UntagResource, json!({"tagKeys": ["foreign"]})),
    ];
    assert_eq!(stage.writes()[1..], sent);
    let mut expected = settled;
    expected.extend(pairs(&[("aws:cloudformation:stack-id", "x")]));
    assert_eq!(stage.room().tags, expected);
    assert_eq!(
        stage.event("lobby", "DriftCorrected").await,
        "tags[stage]: nothing → test; tags[team]: other → live; tags[foreign]: 1 → nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_eight_tags_of_the_user_fit_beside_ours_and_can_all_be_replaced() {
    let stage = Stage::open().await;
    let tags = |prefix: &str| {
        (0..48)
            .map(|n| (format!("{prefix}{n}"), "x".repeat(256)))
            .collect::<BTreeMap<_, _>>()
    };
    let object = stage.settle("lobby", json!({"tags": tags("old")})).await;
    assert_eq!(stage.room().tags.len(), 50);

    let replacement: serde_json::Map<_, _> = tags("old")
        .into_keys()
        .map(|key| (key, json!(null)))
        .chain(tags("new").into_iter().map(|(k, v)| (k, json!(v))))
        .collect();
    stage.edit("lobby", json!({"tags": replacement})).await;
    stage.ready("lobby").await;
    let operations: Vec<_> = stage.writes()[1..]
        .iter()
        .map(|(operation, _)| *operation)
        .collect();
    assert_eq!(
        operations,
        [Operation::UntagResource, Operation::TagResource],
        "a room never carries more than 50"
    );
    let mut expected = tags("new");
    expected.extend(stage.own_tags(&object));
    assert_eq!(stage.room().tags, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_change_brings_the_status_up_to_date_whether_or_not_it_moves_update_time() {
    for tagging_moves_update_time in [false, true] {
        let settings = Settings {
            tagging_moves_update_time,
            ..Settings::default()
        };
        let stage = Stage::on(ControlPlane::shared().await, Options::default(), settings).await;
        stage.settle("lobby", json!({})).await;
        stage.edit("lobby", json!({"tags": {"team": "live"}})).await;
        let object = stage.ready("lobby").await;
        assert_eq!(
            object.status.unwrap().update_time,
            Some(stage.room().update_time)
        );
    }
}
