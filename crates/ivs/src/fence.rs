//! Keeps a replica that no longer leads from writing.

use std::future::Future;
use std::task::Poll;

use ivschat_core::room::{Cause, Failure, FailureClass};
use tokio::time::Instant;

use super::operation::Operation;

/// Decides whether a call that writes may be sent. It is asked right before each such call.
pub trait Fence: Send + Sync {
    /// The time after which nothing is sent and no answer awaited. `None`: closed already.
    fn until(&self) -> Option<Instant>;
}

/// Why a call was not sent.
pub(crate) fn closed(operation: Operation) -> Failure {
    let why = "not sent, because this replica no longer leads".to_owned();
    Failure::of_call(
        FailureClass::Unavailable,
        operation.name(),
        Cause::Told(why),
    )
}

/// The outcome of an attempt, which is given up at `end`, or once the fence closes. `None`: it was given up.
pub(crate) async fn within<T>(
    fence: Option<&dyn Fence>,
    end: Instant,
    attempt: impl Future<Output = T> + Send,
) -> Option<T> {
    let closed = |fence: &dyn Fence| fence.until().is_none() || Instant::now() >= end;
    let mut attempt = std::pin::pin!(attempt);
    // Checked before every step of an attempt: a process that was frozen resumes here.
    let guarded = std::future::poll_fn(|context| {
        if fence.is_some_and(closed) {
            return Poll::Ready(None);
        }
        attempt.as_mut().poll(context).map(Some)
    });
    tokio::time::timeout_at(end, guarded).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use ivschat_emulator::Emulator;
    use ivschat_emulator::fault::Fault;
    use ivschat_emulator::world;

    use super::*;
    use crate::aws_clock::AwsClock;
    use crate::call::tests::caller;
    use crate::clock::Clock;
    use crate::meter::{Meter, Unmetered};
    use crate::sdk::Sdk;
    use crate::settings::Settings;
    use crate::{CreateError, Rooms, Writes};
    use ivschat_core::room::correction::{NewRoom, RoomUpdate};
    use ivschat_core::room::step::Deletion;
    use ivschat_core::room::{DesiredRoom, RoomArn, Tags};

    const REGION: &str = "us-west-2";

    /// A fence that is open while the function returns true.
    struct While<F>(F);

    impl<F: Fn() -> bool + Send + Sync> Fence for While<F> {
        fn until(&self) -> Option<Instant> {
            (self.0)().then(|| Instant::now() + Duration::from_secs(30))
        }
    }

    async fn scene() -> (Emulator, Rooms) {
        let emulator = Emulator::start(world::Settings::default()).await.unwrap();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .region(Region::new(REGION))
            .endpoint_url(emulator.endpoint())
            .load()
            .await;
        let settings = Settings {
            region: None,
            endpoint: None,
            operation_timeout: Duration::from_secs(30),
            quota_factor: 1000.0,
            concurrency: 8,
            wait_factor: 0.01,
        };
        let meter: Arc<dyn Meter> = Arc::new(Unmetered);
        let clock = AwsClock::new(&Clock::system(), Duration::from_secs(10));
        let sdk = Arc::new(Sdk::unwatched(&config, &settings, &meter, &clock));
        let rooms = Rooms::over(sdk, &settings, meter);
        (emulator, rooms)
    }

    async fn delete(writes: Writes<'_>) -> Result<Deletion, Failure> {
        let admission = writes.admit(REGION, Operation::DeleteRoom).await;
        writes.delete(&arn(), admission).await
    }

    fn arn() -> RoomArn {
        let arn = format!("arn:aws:ivschat:{REGION}:123456789012:room/abcdefghijkl");
        arn.parse().unwrap()
    }

    fn new_room() -> NewRoom {
        let room = DesiredRoom {
            region: REGION.to_owned(),
            name: "lobby".to_owned(),
            maximum_message_length: 500,
            maximum_message_rate_per_second: 10,
            message_review_handler: None,
            logging_configuration_identifiers: Vec::new(),
            tags: Tags::new(),
        };
        let tags = Tags::new();
        NewRoom { room, tags }
    }

    #[tokio::test]
    async fn behind_a_closed_fence_no_call_that_writes_is_sent() {
        let (emulator, rooms) = scene().await;
        let (closed, caller) = (While(|| false), caller());
        let (writes, arn, soon) = (
            rooms.writes(&closed, &caller),
            arn(),
            Instant::now() + Duration::from_secs(30),
        );
        let admission = writes.admit(REGION, Operation::CreateRoom).await;
        let created = writes
            .create(&new_room(), "123456789012", admission, soon)
            .await;
        let Err(CreateError::Refused(refused)) = created else {
            panic!("it is certain that no room was made: {created:?}");
        };
        let admitted = || writes.admit(REGION, Operation::UpdateRoom);
        let failures = [
            refused,
            writes
                .update(&arn, &RoomUpdate::default(), admitted().await)
                .await
                .unwrap_err(),
            writes.delete(&arn, admitted().await).await.unwrap_err(),
            writes
                .tag(&arn, &Tags::new(), admitted().await)
                .await
                .unwrap_err(),
            writes.untag(&arn, &[], admitted().await).await.unwrap_err(),
        ];
        for failure in failures {
            let why = "not sent, because this replica no longer leads";
            assert!(failure.message().ends_with(why), "{failure}");
        }
        assert_eq!(emulator.journal(), []);
    }

    #[tokio::test]
    async fn once_the_fence_closes_a_call_that_writes_is_not_repeated() {
        let (emulator, rooms) = scene().await;
        let down = Fault::refuse(
            world::Operation::DeleteRoom,
            503,
            "ServiceUnavailable",
            "down",
        );
        emulator.inject(down);
        let (always, caller) = (While(|| true), caller());
        assert!(delete(rooms.writes(&always, &caller)).await.is_err());
        let attempts = emulator.journal().len();
        assert!(attempts > 1, "the call is repeated");
        let until_answered = While(|| emulator.journal().len() == attempts);
        assert!(
            delete(rooms.writes(&until_answered, &caller))
                .await
                .is_err()
        );
        assert_eq!(emulator.journal().len(), attempts + 1);
    }
}
