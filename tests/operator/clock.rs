//! AWS's time counts, whatever the time of day is on this machine.

use ivschat_core::api::ChatRoom;
use ivschat_emulator::Emulator;
use ivschat_emulator::world::{Call, Operation, Scope, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::stage::{ControlPlane, Options, REGION, Stage, arn_of};

/// What the emulator's `Date` counts.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_gone_is_missed_by_aws_s_time_and_made_again_a_grace_later() {
    for ahead in [-1, 1].map(SignedDuration::from_hours) {
        let emulator = Emulator::start(Settings::default()).await.unwrap();
        emulator.set_clock_offset(ahead);
        let control_plane = ControlPlane::shared().await;
        let stage = Stage::before(emulator, control_plane, Options::watchful()).await;
        let aws_time = || Timestamp::now() + ahead;
        let lost = arn_of(&stage.settle("lobby", json!({})).await);

        let call = Call::DeleteRoom {
            identifier: lost.clone(),
        };
        let deleted = aws_time();
        let scope = Scope::in_region(REGION);
        stage.emulator.call(&scope, call).unwrap();

        let missing = |object: &ChatRoom| {
            let status = object.status.as_ref();
            status.is_some_and(|status| status.missing_since.is_some())
        };
        let object = stage.until("lobby", "missed", missing).await;
        let since = object.status.unwrap().missing_since.unwrap();
        let told = deleted - SECOND..=aws_time() + SECOND;
        assert!(told.contains(&since), "{since} is not in {told:?}");

        let made = |object: &ChatRoom| {
            let arn = object.status.as_ref().and_then(|it| it.arn.clone());
            arn.is_some_and(|arn| arn != lost)
        };
        stage.until("lobby", "made again", made).await;
        let created = stage.room().create_time;
        // The operation timeout is 2 s, and nothing lags.
        let grace = created.duration_since(since);
        assert!(
            grace >= SignedDuration::from_secs(2) - SECOND,
            "{grace:?} after it was missed"
        );
        assert_eq!(stage.calls(Operation::CreateRoom), 2);
    }
}
