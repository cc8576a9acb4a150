//! The IAM policy of `deploy/aws`: enough for all that the operator does, and no more than it needs.
//!
//! Every test of this suite runs its operator under it; here is what else there is to say about it.

mod guard;
mod policy;

use std::collections::BTreeSet;

use ivschat_emulator::world::{Call, Operation, Room, Scope, Tags};

use serde_json::json;

use crate::ownership::someone_elses_room;
use crate::stage::{CLUSTER, Options, REGION, Stage, arn_of};

pub use guard::enforce;
use guard::{request, room_arn};
use policy::{Policy, Request, filled};

const OWNER: &str = "ivschat-operator.io/owner";
const CREATION: &str = "ivschat-operator.io/creation";
const CONSENT: &str = "ivschat-operator.io/adoptable-by";

fn scope() -> Scope {
    Scope::in_region(REGION)
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn the_policy_names_the_operations_that_the_operator_calls_and_no_other() {
    let policy = filled(CLUSTER, &scope());
    let statements = policy.statement.iter();
    let named: BTreeSet<_> = statements.flat_map(|it| it.action.clone()).collect();
    let called = ivschat_aws::Operation::ALL.map(|it| format!("ivschat:{}", it.name()));
    assert_eq!(named, BTreeSet::from(called));
}

/// Whitespace does not count.
const MANAGED_POLICY_MAX: usize = 6144;

#[test]
fn the_policy_fits_a_managed_policy_with_the_longest_cluster_id() {
    let text = policy::TEMPLATE
        .replace("${CLUSTER_ID}", &"c".repeat(63))
        .replace("${REGION}", "ap-northeast-1")
        .replace("${ACCOUNT}", "123456789012");
    let size = text.chars().filter(|it| !it.is_whitespace()).count();
    assert!(size <= MANAGED_POLICY_MAX, "{size} characters");
}

/// Everything that the operator does to rooms, one after the other.
async fn workload(stage: &mut Stage) {
    let untag = |room: &str, keys: &[&str]| {
        let tag_keys = keys.iter().map(ToString::to_string).collect();
        let resource_arn = room.to_owned();
        let call = Call::UntagResource {
            resource_arn,
            tag_keys,
        };
        stage.emulator.call(&scope(), call).unwrap();
    };
    // Made, changed, healed, deleted.
    let lobby = arn_of(
        &stage
            .settle("lobby", json!({"tags": {"team": "live"}}))
            .await,
    );
    stage
        .edit(
            "lobby",
            json!({"maximumMessageLength": 7, "tags": {"stage": "test", "team": null}}),
        )
        .await;
    stage.ready("lobby").await;
    let before = stage.calls(Operation::TagResource);
    untag(&lobby, &[OWNER]);
    stage.calls_since(before, Operation::TagResource, 1).await;
    stage.delete("lobby").await;
    stage.gone("lobby").await;
    // Adopted, and let go again.
    let consent = format!("{CLUSTER}/{}/", stage.namespace);
    let room = someone_elses_room(stage, &[(CONSENT, &consent)]);
    let spec = json!({"adopt": {"arn": room.arn}, "deletionPolicy": "Retain"});
    stage.settle("hall", spec).await;
    stage.delete("hall").await;
    stage.gone("hall").await;
    // Deleted, and let go, without an owner tag.
    stage.settle("bare", json!({})).await;
    let full: Tags = (0..48).map(|n| (format!("k{n}"), String::new())).collect();
    stage
        .settle("full", json!({"deletionPolicy": "Retain", "tags": full}))
        .await;
    stage.operator.kill().await;
    for room in stage.rooms_in(REGION) {
        let owner = room.tags.get(OWNER).cloned().unwrap_or_default();
        if owner.ends_with("/bare") {
            untag(&room.arn, &[OWNER]);
        } else if owner.ends_with("/full") {
            untag(&room.arn, &[CREATION]);
            let tags = tags(&[("k48", "")]);
            let call = Call::TagResource {
                resource_arn: room.arn,
                tags,
            };
            stage.emulator.call(&scope(), call).unwrap();
        }
    }
    for name in ["bare", "full"] {
        stage.delete(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_works_under_the_policy_and_every_statement_is_needed() {
    let mut stage = Stage::with(Options::watchful()).await;
    let first = enforce(&stage.emulator, &[Options::default()]);
    workload(&mut stage).await;
    // With the operator comes a guard of its own.
    stage.restart(Options::watchful()).await;
    let second = enforce(&stage.emulator, &[Options::default()]);
    stage.gone("bare").await;
    stage.gone("full").await;
    let left = stage.rooms_in(REGION);
    let released = |room: &Room| !room.tags.contains_key(OWNER) && room.tags.contains_key(CONSENT);
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(left.iter().all(released), "{left:#?}");
    let denied = stage.emulator.journal();
    let denied = denied
        .iter()
        .filter(|entry| entry.error.as_deref() == Some("AccessDeniedException"));
    assert_eq!(denied.count(), 0);

    let asked: Vec<_> = [first, second]
        .iter()
        .flat_map(|asked| asked.lock().unwrap().clone())
        .collect();
    let whole = filled(CLUSTER, &scope());
    for (number, statement) in whole.statement.iter().enumerate() {
        let mut less = whole.clone();
        less.statement.remove(number);
        let missed = asked.iter().any(|(_, request)| !less.allows(request));
        assert!(missed, "nothing misses the statement {}", statement.sid);
    }
}

/// What a stolen credential of the operator must not be able to do, as (action, tags of the room, tags of the request).
fn forbidden() -> Vec<Request> {
    const OURS: (&str, &str) = (OWNER, "test-cluster/live/lobby");
    const THEIRS: (&str, &str) = (OWNER, "other/live/lobby");
    const MADE: (&str, &str) = (CREATION, "a-uid");
    const TO_US: (&str, &str) = (CONSENT, "test-cluster/live/");
    const TO_THEM: (&str, &str) = (CONSENT, "other/");
    const TEAM: (&str, &str) = ("team", "live");
    let ask = |operation, found: &[(&str, &str)], given: &[(&str, &str)]| {
        let arn = room_arn(&scope(), "AbCdEfGhIjKl");
        let removed: &[_] = if operation == Operation::UntagResource {
            &[OWNER.to_owned()]
        } else {
            &[]
        };
        request(
            &scope(),
            operation,
            arn,
            &tags(found),
            &tags(given),
            removed,
        )
    };
    let mut rows = Vec::new();
    // Change rooms of nobody, of another cluster, or that only consent.
    let strange: [&[_]; 6] = [
        &[],
        &[TEAM],
        &[THEIRS],
        &[THEIRS, MADE],
        &[TO_US],
        &[TO_THEM],
    ];
    for found in strange {
        for operation in [
            Operation::UpdateRoom,
            Operation::DeleteRoom,
            Operation::UntagResource,
        ] {
            rows.push(ask(operation, found, &[]));
        }
        rows.push(ask(Operation::TagResource, found, &[TEAM]));
    }
    rows.push(ask(Operation::UpdateRoom, &[MADE], &[]));
    let tagging: [(&[_], &[_]); 16] = [
        // Take rooms that have an owner, or consent to another.
        (&[THEIRS], &[OURS, MADE]),
        (&[THEIRS, MADE], &[OURS, MADE]),
        (&[THEIRS, TO_US], &[OURS, MADE]),
        (&[TO_THEM], &[OURS, MADE]),
        // Give rooms to others.
        (&[], &[THEIRS, MADE]),
        (&[TO_US], &[THEIRS, MADE]),
        (&[MADE], &[THEIRS]),
        (&[OURS], &[THEIRS]),
        // Consent in the name of others, or to others.
        (&[], &[TO_THEM]),
        (&[MADE], &[TO_THEM]),
        (&[OURS], &[TO_THEM]),
        (&[THEIRS], &[TO_US]),
        (&[TO_THEM], &[TO_US]),
        (&[], &[TO_US, TEAM]),
        // Half a proof.
        (&[], &[OURS]),
        (&[TO_US], &[OURS]),
    ];
    rows.extend(tagging.map(|(found, given)| ask(Operation::TagResource, found, given)));
    // Make rooms that are not ours.
    let making: [&[_]; 4] = [&[], &[MADE], &[OURS], &[THEIRS, MADE]];
    rows.extend(making.map(|given| {
        let none = Tags::new();
        request(
            &scope(),
            Operation::CreateRoom,
            "*".into(),
            &none,
            &tags(given),
            &[],
        )
    }));
    rows.extend(elsewhere(&tags(&[OURS, MADE])));
    rows
}

/// The same as is allowed, in another region or account.
fn elsewhere(ours: &Tags) -> Vec<Request> {
    let none = Tags::new();
    let region = Scope::in_region("eu-west-1");
    let account = Scope {
        account: "999999999999".to_owned(),
        ..scope()
    };
    let ask = |scope: &Scope, operation, found: &Tags, given: &Tags| {
        request(
            scope,
            operation,
            room_arn(scope, "AbCdEfGhIjKl"),
            found,
            given,
            &[],
        )
    };
    let mut rows = vec![
        ask(&region, Operation::ListRooms, &none, &none),
        ask(&region, Operation::CreateRoom, &none, ours),
        ask(&region, Operation::TagResource, &none, ours),
    ];
    for scope in [&region, &account] {
        rows.extend([
            ask(scope, Operation::GetRoom, ours, &none),
            ask(scope, Operation::UpdateRoom, ours, &none),
            ask(scope, Operation::DeleteRoom, ours, &none),
        ]);
    }
    rows
}

#[test]
fn rooms_of_others_are_out_of_reach_and_every_condition_is_needed_for_that() {
    let whole = filled(CLUSTER, &scope());
    let forbidden = forbidden();
    let allowed = |policy: &Policy| forbidden.iter().find(|it| policy.allows(it)).cloned();
    assert!(allowed(&whole).is_none(), "{:#?}", allowed(&whole));
    for (number, statement) in whole.statement.iter().enumerate() {
        for (operator, keys) in &statement.condition {
            for key in keys.keys() {
                let mut less = whole.clone();
                let condition = &mut less.statement[number].condition;
                condition.get_mut(operator).unwrap().remove(key);
                let sid = &statement.sid;
                assert!(
                    allowed(&less).is_some(),
                    "{sid}: {operator:?} {key} changes nothing"
                );
            }
        }
    }
}

#[test]
fn what_iam_cannot_tell_apart_is_as_the_page_says() {
    let whole = filled(CLUSTER, &scope());
    let arn = room_arn(&scope(), "AbCdEfGhIjKl");
    let ours = tags(&[(OWNER, "test-cluster/live/lobby"), (CREATION, "a-uid")]);
    let tag = |found: &[(&str, &str)], given: &Tags| {
        let found = tags(found);
        request(
            &scope(),
            Operation::TagResource,
            arn.clone(),
            &found,
            given,
            &[],
        )
    };
    // Tagging a room that is being made, and one that belongs to nobody.
    assert!(whole.allows(&tag(&[], &ours)));
    // A room that another cluster made and that has lost its owner tag.
    let found = [(CREATION, "another-uid")];
    assert!(whole.allows(&tag(&found, &ours)));
    // An owner tag of any kind keeps a room of nobody out of reach.
    assert!(!whole.allows(&tag(&[(OWNER, "not-managed")], &ours)));
}
