//! What AWS refuses: each class with its reason in the conditions and its wait, and recovery without a trace.

use std::time::Duration;

use ivschat_emulator::fault::Fault;
use ivschat_emulator::journal::Entry;
use ivschat_emulator::world::{Operation, Scope, Settings};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::stage::{
    ControlPlane, DEADLINE, Operator, Options, REGION, Stage, arn_of, calls, message_of, status_of,
};

struct Case {
    status: u16,
    code: &'static str,
    message: &'static str,
    reason: &'static str,
    stalled: &'static str,
    first_wait: Duration,
}

const fn case(
    status: u16,
    code: &'static str,
    message: &'static str,
    reason: &'static str,
    stalled: &'static str,
    seconds: u64,
) -> Case {
    Case {
        status,
        code,
        message,
        reason,
        stalled,
        first_wait: Duration::from_secs(seconds),
    }
}

const CASES: [Case; 10] = [
    case(
        403,
        "AccessDeniedException",
        "User is not authorized",
        "Denied",
        "False",
        5,
    ),
    case(
        403,
        "ExpiredTokenException",
        "The security token has expired",
        "Denied",
        "False",
        5,
    ),
    case(
        403,
        "PendingVerification",
        "Your account is pending verification",
        "AccountUnverified",
        "True",
        60,
    ),
    case(
        402,
        "ServiceQuotaExceededException",
        "Too many rooms",
        "QuotaExceeded",
        "False",
        30,
    ),
    case(
        429,
        "ThrottlingException",
        "Rate exceeded",
        "Throttled",
        "False",
        2,
    ),
    case(
        500,
        "InternalServerException",
        "Internal error",
        "Unavailable",
        "False",
        1,
    ),
    case(
        503,
        "ServiceUnavailable",
        "Try later",
        "Unavailable",
        "False",
        1,
    ),
    case(
        400,
        "ValidationException",
        "1 validation error detected",
        "Invalid",
        "True",
        60,
    ),
    case(
        400,
        "ValidationException",
        "Invalid lambda permission",
        "HandlerNotPermitted",
        "False",
        5,
    ),
    case(409, "ConflictException", "Busy", "Conflict", "False", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_is_refused_says_why_waits_as_its_class_says_and_leaves_others_alone() {
    let mut stage = Stage::with(Options::patient()).await;
    for (index, case) in CASES.iter().enumerate() {
        let name = format!("room-{index}");
        stage.settle(&name, json!({})).await;
        let always = Fault::refuse(Operation::UpdateRoom, case.status, case.code, case.message);
        stage.emulator.inject(always);
        stage
            .edit(&name, json!({"maximumMessageLength": 400}))
            .await;

        let object = stage.condition(&name, "Synced", "False", case.reason).await;
        let context = format!("{} {}", case.status, case.code);
        assert_eq!(
            status_of(&object, "Ready"),
            ("False".into(), case.reason.into()),
            "{context}"
        );
        assert_eq!(
            status_of(&object, "Stalled"),
            (case.stalled.into(), case.reason.into()),
            "{context}"
        );
        let told = format!("UpdateRoom: {}: {}", case.code, case.message);
        assert!(
            message_of(&object, "Synced").starts_with(&told),
            "{context}: {}",
            message_of(&object, "Synced")
        );
        assert!(
            stage.event(&name, case.reason).await.starts_with(&told),
            "{context}"
        );
        let generation = object.metadata.generation.unwrap();
        let wait = stage
            .operator
            .wait_after(&stage.namespace.clone(), &name, generation)
            .await;
        assert_eq!(wait, case.first_wait, "{context}");

        stage.emulator.clear_faults();
        // Another object is served meanwhile; an edit starts a pass of this one at once.
        stage.settle(&format!("other-{index}"), json!({})).await;
        stage
            .edit(&name, json!({"maximumMessageLength": 300}))
            .await;
        let object = stage.ready(&name).await;
        assert_eq!(
            status_of(&object, "Stalled"),
            ("False".into(), "Available".into()),
            "{context}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_refused_leaves_no_attempt_behind_and_is_repeated_with_growing_waits() {
    for case in CASES.iter().filter(|case| case.status < 500) {
        let mut stage = Stage::with(Options::patient()).await;
        stage.emulator.inject(
            Fault::refuse(Operation::CreateRoom, case.status, case.code, case.message).times(1),
        );
        stage.create("lobby", json!({})).await;
        let object = stage
            .condition("lobby", "Ready", "False", case.reason)
            .await;
        let context = format!("{} {}", case.status, case.code);
        assert_eq!(object.status.as_ref().unwrap().creation, None, "{context}");
        let wait = stage
            .operator
            .wait_after(&stage.namespace.clone(), "lobby", 1)
            .await;
        assert_eq!(wait, case.first_wait, "{context}");
        assert_eq!(
            calls(&stage.emulator.journal(), Operation::CreateRoom),
            1,
            "{context}: CreateRoom is never retried by the SDK"
        );
        stage
            .edit("lobby", json!({"maximumMessageLength": 300}))
            .await;
        stage.ready("lobby").await;
        assert_eq!(stage.room().maximum_message_length, 300, "{context}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_failing_is_tried_again_by_itself_until_it_works() {
    let stage = Stage::open().await;
    for operation in [Operation::CreateRoom, Operation::UpdateRoom] {
        stage
            .emulator
            .inject(Fault::refuse(operation, 403, "AccessDeniedException", "not yet").times(4));
    }
    stage.settle("lobby", json!({})).await;
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage.ready("lobby").await;
    let refused: Vec<_> = stage
        .emulator
        .journal()
        .into_iter()
        .filter(|entry| entry.error.is_some())
        .collect();
    assert_eq!(refused.len(), 8);
    assert_eq!(stage.room().maximum_message_length, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_keeps_its_proven_value_while_aws_cannot_be_reached() {
    let stage = Stage::with(Options {
        drift_interval: "300ms",
        verify_interval: "300ms",
        ..Options::default()
    })
    .await;
    stage.settle("lobby", json!({})).await;
    stage.emulator.inject(Fault::refuse(
        Operation::GetRoom,
        503,
        "ServiceUnavailable",
        "down",
    ));
    let object = stage
        .condition("lobby", "Synced", "False", "Unavailable")
        .await;
    assert_eq!(
        status_of(&object, "Ready"),
        ("True".into(), "Available".into())
    );
    assert_eq!(status_of(&object, "Stalled").0, "False");
    stage.emulator.clear_faults();
    stage
        .condition("lobby", "Synced", "True", "Available")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_past_the_quota_is_made_once_there_is_place() {
    let settings = Settings {
        room_limit: Some(1),
        ..Settings::default()
    };
    let stage = Stage::on(
        ControlPlane::shared().await,
        Options {
            wait_factor: "0.01",
            ..Options::default()
        },
        settings,
    )
    .await;
    stage.settle("one", json!({})).await;
    stage.create("two", json!({})).await;
    let object = stage
        .condition("two", "Ready", "False", "QuotaExceeded")
        .await;
    assert!(
        message_of(&object, "Ready").contains("The limit of 1 rooms is reached"),
        "{}",
        message_of(&object, "Ready")
    );
    stage.delete("one").await;
    stage.ready("two").await;
    assert_eq!(stage.rooms_in(REGION).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_create_is_cleared_even_if_the_object_was_edited_meanwhile() {
    let stage = Stage::with(Options::patient()).await;
    let slow = Fault::refuse(
        Operation::CreateRoom,
        402,
        "ServiceQuotaExceededException",
        "full",
    );
    let slow = slow.times(1).delayed(Duration::from_millis(700));
    stage.emulator.inject(slow);
    stage.create("lobby", json!({})).await;
    stage
        .journal_until("the create", |entries| {
            calls(entries, Operation::CreateRoom) == 1
        })
        .await;
    let label = Patch::Merge(json!({"metadata": {"labels": {"team": "live"}}}));
    stage
        .chat_rooms
        .patch("lobby", &PatchParams::default(), &label)
        .await
        .unwrap();
    let object = stage
        .condition("lobby", "Ready", "False", "QuotaExceeded")
        .await;
    assert_eq!(object.status.unwrap().creation, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_keeps_otherwise_than_it_was_asked_is_corrected_once_and_told() {
    let settings = Settings {
        tag_values_are_trimmed: true,
        ..Settings::default()
    };
    let stage = Stage::on(ControlPlane::shared().await, Options::watchful(), settings).await;
    let spec = |team: &str| json!({"tags": {"team": team, "stage": "test"}});
    stage.create("lobby", spec(" live ")).await;
    let tagged = |entries: &[Entry]| calls(entries, Operation::TagResource) == 1;
    stage.journal_until("the correction", tagged).await;
    let object = stage.condition("lobby", "Stalled", "True", "Invalid").await;
    let told = "AWS keeps tags[team] as \"live\", where the spec says \" live \". If that stays after a correction, write into the \
                spec what AWS keeps";
    assert_eq!(message_of(&object, "Ready"), told);
    // It is looked at again, and left alone.
    stage.more_calls(Operation::GetRoom, 2).await;
    let writes = [
        Operation::CreateRoom,
        Operation::TagResource,
        Operation::UpdateRoom,
    ];
    assert_eq!(writes.map(|operation| stage.calls(operation)), [1, 1, 0]);
    stage.edit("lobby", spec("live")).await;
    stage.ready("lobby").await;
    assert_eq!(stage.room().tags["team"], "live");
    assert_eq!(writes.map(|operation| stage.calls(operation)), [1, 1, 0]);
    // An edit sets the tag, and is corrected once.
    stage.edit("lobby", spec(" late ")).await;
    stage.condition("lobby", "Stalled", "True", "Invalid").await;
    let tagged = |entries: &[Entry]| calls(entries, Operation::TagResource) == 3;
    stage
        .journal_until("the correction of the edit", tagged)
        .await;
    stage.more_calls(Operation::GetRoom, 2).await;
    assert_eq!(writes.map(|operation| stage.calls(operation)), [1, 3, 0]);
    assert_eq!(stage.room().tags["team"], "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logging_configuration_that_is_not_there_is_the_specs_fault_and_not_a_missing_room() {
    const MISSING: &str =
        "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/MissingMissi";
    let stage = Stage::with(Options::patient()).await;
    let spec = json!({"loggingConfigurationIdentifiers": [MISSING]});
    stage.create("lobby", spec.clone()).await;
    stage.settle("hall", json!({})).await;
    stage.edit("hall", spec).await;
    for (name, operation) in [("lobby", "CreateRoom"), ("hall", "UpdateRoom")] {
        let object = stage.condition(name, "Ready", "False", "Invalid").await;
        let told = format!(
            "{operation}: ResourceNotFoundException: Resource {MISSING} does not exist. Correct the spec"
        );
        assert_eq!(message_of(&object, "Ready"), told);
        assert_eq!(
            status_of(&object, "Stalled"),
            ("True".into(), "Invalid".into())
        );
    }
    assert_eq!(stage.rooms_in(REGION).len(), 1, "the hall's, unharmed");
    // Someone makes it after all.
    let scope = Scope::in_region(REGION);
    stage.emulator.world(|world| {
        world.put_logging_configuration(&scope, "MissingMissi", jiff::Timestamp::now());
    });
    for name in ["lobby", "hall"] {
        stage.edit(name, json!({"maximumMessageLength": 300})).await;
        stage.ready(name).await;
    }
    assert_eq!(stage.rooms_in(REGION).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_objects_than_aws_takes_calls_for_get_one_room_each() {
    let settings = Settings {
        quotas: "aws".parse().unwrap(),
        ..Settings::default()
    };
    // The operator of a stage keeps no quotas of its own: whatever it holds back, it holds back because AWS said so.
    let stage = Stage::on(ControlPlane::shared().await, Options::default(), settings).await;
    let names: Vec<_> = (0..15).map(|n| format!("room-{n}")).collect();
    for name in &names {
        stage.create(name, json!({})).await;
    }
    for name in &names {
        stage.ready(name).await;
    }
    let journal = stage.emulator.watch_journal();
    let creates = journal.borrow().counts()[&Operation::CreateRoom].clone();
    assert_eq!(creates["OK"], 15);
    assert!(
        creates.get("ThrottlingException").is_some_and(|n| *n > 0),
        "{creates:?}"
    );
    assert_eq!(stage.rooms_in(REGION).len(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_in_which_nothing_answers_is_named() {
    let mut stage = Stage::open().await;
    stage.operator.kill().await;
    let options = Options {
        account: Some("123456789012"),
        regions: "eu-north-1",
        ..Options::default()
    };
    // Nothing listens there.
    let endpoint = "http://127.0.0.1:1";
    stage.operator = Operator::start(&stage.kubeconfig, &stage.namespace, endpoint, options);
    stage.create("lobby", json!({"region": "eu-north-1"})).await;
    let object = stage
        .condition("lobby", "Synced", "False", "Unavailable")
        .await;
    let message = message_of(&object, "Synced");
    let advice = "Is IVS Chat offered in region eu-north-1, and within the operator's reach?";
    assert!(
        message.starts_with("ListRooms: AWS could not be reached: "),
        "{message}"
    );
    assert!(message.ends_with(advice), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_where_the_room_was_refused_can_still_be_corrected() {
    let stage = Stage::with(Options::abroad()).await;
    let refuse = Fault::refuse(Operation::CreateRoom, 403, "AccessDeniedException", "no");
    stage.emulator.inject(refuse.in_region("eu-west-1"));
    stage.create("lobby", json!({"region": "eu-west-1"})).await;
    let refused = stage.condition("lobby", "Synced", "False", "Denied").await;
    assert_eq!(refused.status.unwrap().region, None);
    // While an attempt is under way, the region is fixed.
    let corrected = Patch::Merge(json!({"spec": {"region": REGION}}));
    let edited = async {
        let parameters = PatchParams::default();
        while stage
            .chat_rooms
            .patch("lobby", &parameters, &corrected)
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, edited)
        .await
        .expect("it can be edited");
    let object = stage.ready("lobby").await;
    assert_eq!(stage.room().arn, arn_of(&object));
    assert_eq!(stage.rooms_in("eu-west-1"), []);
}
