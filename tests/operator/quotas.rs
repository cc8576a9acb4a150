//! At AWS's own quotas: 5 calls a second for each operation on rooms.

use std::time::Instant;

use futures::future::join_all;
use ivschat_emulator::fault::Fault;
use ivschat_emulator::world::{Operation, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::stage::{ControlPlane, Options, REGION, Stage};

/// AWS's quotas on both sides, and waits as in production.
fn at_quota() -> Options {
    Options {
        quota_factor: "1",
        ..Options::patient()
    }
}

/// Calls that AWS has answered, and how many of them it refused as too many.
fn throttled(stage: &Stage, since: usize) -> (usize, usize) {
    let journal = stage.emulator.journal();
    let answered = journal[since..].iter();
    let refused = answered.clone().filter(|it| it.status == Some(429));
    (answered.count(), refused.count())
}

/// The floor is 40 s: 200 calls of CreateRoom at 5 a second. The restart takes a list of four pages.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_rooms_are_made_as_fast_as_aws_lets_anybody_and_a_restart_reads_one_list() {
    const ROOMS: usize = 200;
    let settings = Settings {
        quotas: "aws".parse().unwrap(),
        ..Settings::default()
    };
    let mut stage = Stage::on(ControlPlane::shared().await, at_quota(), settings).await;
    let slower = Fault::refuse(Operation::CreateRoom, 429, "ThrottlingException", "slower");
    stage.emulator.inject(slower.times(1));
    let begun = Instant::now();
    let names: Vec<_> = (0..ROOMS).map(|room| format!("room-{room}")).collect();
    join_all(names.iter().map(|name| stage.create(name, json!({})))).await;
    for name in &names {
        stage.ready(name).await;
    }
    let took = begun.elapsed();
    let journal = stage.emulator.journal();
    let mut creates = journal.iter();
    let first = creates.find(|it| it.operation == Operation::CreateRoom);
    let working = Timestamp::now().duration_since(first.unwrap().at);
    assert_eq!(stage.rooms_in(REGION).len(), ROOMS);
    let (calls, refused) = throttled(&stage, 0);
    println!(
        "{ROOMS} rooms in {took:.1?}, {working:.1?} of it since the first CreateRoom; {refused} of {calls} calls refused"
    );
    // The one that was asked for is not ours.
    assert!(refused <= 1 + calls / 200, "{refused} of {calls}");
    // Before that, the API server is busy with 200 objects that are applied at once.
    assert!(working <= SignedDuration::from_secs(42), "{working:?}");

    let before = stage.emulator.journal().len();
    stage.restart(at_quota()).await;
    stage.settle("one-more", json!({})).await;
    let (calls, refused) = throttled(&stage, before);
    println!("a restart: {refused} of {calls} calls refused");
    assert_eq!(refused, 0);
    let journal = stage.emulator.journal();
    let looks = journal[before..].iter();
    let looks = looks.filter(|it| it.operation == Operation::GetRoom);
    assert_eq!(looks.count(), 0);
    // Five pages of the list, the same once more for the new object, and what that one takes.
    assert!(calls <= 12, "{calls}");
}
