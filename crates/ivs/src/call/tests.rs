use std::collections::VecDeque;
use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;
use ivschat_core::lanes::Lane;
use ivschat_core::room::correction::NewRoom;
use ivschat_core::room::{Cause, DesiredRoom, FailureClass, RoomArn, Tags};

use super::*;
use crate::meter::Unmetered;
use crate::writes::{CreateError, Writes};

const ANSWER: Result<Answer, AttemptError> = Ok(Answer::Done);

/// Gives these answers one after the other, each after its time, and then none. Notes when each was asked for.
#[derive(Debug)]
struct Scripted {
    start: Instant,
    script: Mutex<VecDeque<(Duration, Result<Answer, AttemptError>)>>,
    sent: Mutex<Vec<Duration>>,
}

impl Scripted {
    fn new(
        script: impl IntoIterator<Item = (Duration, Result<Answer, AttemptError>)>,
    ) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            script: Mutex::new(script.into_iter().collect()),
            sent: Mutex::default(),
        })
    }

    /// Answers at once.
    fn prompt(script: impl IntoIterator<Item = Result<Answer, AttemptError>>) -> Arc<Self> {
        Self::new(script.into_iter().map(|answer| (Duration::ZERO, answer)))
    }

    fn sent(&self) -> Vec<Duration> {
        self.sent.lock().unwrap().clone()
    }
}

impl Aws for Scripted {
    fn account(&self) -> BoxFuture<'_, Result<String, Failure>> {
        std::future::pending().boxed()
    }

    fn send<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Answer, AttemptError>> {
        self.sent.lock().unwrap().push(self.start.elapsed());
        let step = self.script.lock().unwrap().pop_front();
        async move {
            match step {
                Some((took, answer)) => {
                    sleep(took).await;
                    answer
                }
                None => std::future::pending().await,
            }
        }
        .boxed()
    }
}

/// Open until this long after it was made.
struct OpenFor(Instant, Duration);

impl OpenFor {
    fn new(time: Duration) -> Self {
        Self(Instant::now(), time)
    }
}

impl Fence for OpenFor {
    fn until(&self) -> Option<Instant> {
        Some(self.0 + self.1).filter(|end| Instant::now() < *end)
    }
}

/// Calls have 10 s.
fn calls(aws: &Arc<Scripted>, wait_factor: f64) -> Calls {
    let settings = Settings {
        region: None,
        endpoint: None,
        operation_timeout: Duration::from_secs(10),
        quota_factor: 1000.0,
        concurrency: 8,
        wait_factor,
    };
    let aws: Arc<dyn Aws> = aws.clone();
    Calls::new(aws, &settings, Arc::new(Unmetered))
}

fn refused(status: u16, code: &str) -> AttemptError {
    AttemptError::Answered(Refusal {
        status,
        code: Some(code.to_owned()),
        message: None,
        body: String::new(),
        retry_after: None,
        clock_off: false,
    })
}

fn refused_for(seconds: u64) -> AttemptError {
    let AttemptError::Answered(refusal) = refused(429, "ThrottlingException") else {
        unreachable!()
    };
    AttemptError::Answered(Refusal {
        retry_after: Some(Duration::from_secs(seconds)),
        ..refusal
    })
}

fn down() -> AttemptError {
    refused(503, "ServiceUnavailable")
}

fn unavailable(operation: Operation, what: &str) -> Failure {
    Failure::of_call(
        FailureClass::Unavailable,
        operation.name(),
        Cause::Told(what.to_owned()),
    )
}

/// As [`refused_for`] is told.
fn throttled(operation: Operation) -> Failure {
    let cause = Cause::Refused {
        status: 429,
        code: Some("ThrottlingException".to_owned()),
        message: None,
    };
    Failure::of_call(FailureClass::Throttled, operation.name(), cause)
}

fn arn() -> RoomArn {
    let arn = "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl";
    arn.parse().unwrap()
}

fn get() -> Request {
    Request::Get(arn())
}

fn delete() -> Request {
    Request::Delete(arn())
}

/// What comes of DeleteRoom.
async fn deleted(aws: &Arc<Scripted>, fence: &OpenFor) -> Result<Answer, Failure> {
    let (calls, caller) = (calls(aws, 1.0), caller());
    let permit = calls.admit(&delete(), &caller).await;
    let answered = calls.write(&delete(), &caller, permit, fence).await;
    answered.map(|(answer, _)| answer)
}

/// Somebody who asks.
pub(crate) fn caller() -> Caller {
    Caller::operator(Lane::Asked, "test")
}

pub(crate) fn new_room() -> NewRoom {
    let room = DesiredRoom {
        region: "us-west-2".to_owned(),
        name: "lobby".to_owned(),
        maximum_message_length: 500,
        maximum_message_rate_per_second: 10,
        message_review_handler: None,
        logging_configuration_identifiers: Vec::new(),
        tags: Tags::new(),
    };
    NewRoom {
        room,
        tags: Tags::new(),
    }
}

fn seconds(times: &[f64]) -> Vec<Duration> {
    let times = times.iter().copied();
    times.map(Duration::from_secs_f64).collect()
}

#[tokio::test(start_paused = true)]
async fn waits_are_random_up_to_a_second_and_twice_as_long_before_the_third_and_last_attempt() {
    let aws = Scripted::prompt([Err(down()), Err(down()), Err(down()), ANSWER]);
    fastrand::seed(7);
    let first = fastrand::f64();
    let second = first + 2.0 * fastrand::f64();
    fastrand::seed(7);
    let failed = calls(&aws, 1.0).read(&get(), &caller()).await;
    let cause = Cause::Refused {
        status: 503,
        code: Some("ServiceUnavailable".to_owned()),
        message: None,
    };
    let told = Failure::of_call(FailureClass::Unavailable, "GetRoom", cause);
    assert_eq!(failed, Err(told));
    let sent = aws.sent();
    assert_eq!(sent.len(), 3);
    for (sent, planned) in sent.into_iter().zip(seconds(&[0.0, first, second])) {
        // tokio's timer counts whole milliseconds.
        let late = sent.checked_sub(planned).expect("none comes too early");
        assert!(late < Duration::from_millis(3), "{late:?} late");
    }
}

#[test]
fn waits_double_up_to_twenty_seconds_and_a_factor_scales_them() {
    let longest = |attempt, wait_factor| {
        let calls = calls(&Scripted::prompt([]), wait_factor);
        let waits = (0..2000).map(|_| calls.wait(attempt, &down()).as_secs_f64());
        waits.fold(0.0, f64::max)
    };
    fastrand::seed(7);
    for (attempt, factor, bound) in [
        (1, 1.0, 1.0),
        (2, 1.0, 2.0),
        (5, 1.0, 16.0),
        (6, 1.0, 20.0),
        (u32::MAX, 1.0, 20.0),
        (2, 0.01, 0.02),
        (2, 0.0, 0.0),
    ] {
        let longest = longest(attempt, factor);
        assert!(
            (0.98 * bound..=bound).contains(&longest),
            "attempt {attempt}, factor {factor}: {longest}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_ends_the_call() {
    let aws = Scripted::prompt([Err(down()), ANSWER, ANSWER]);
    assert_eq!(
        calls(&aws, 0.0).read(&get(), &caller()).await,
        Ok(Answer::Done)
    );
    // The second attempt counts for the quota, too: 5000 a second here, and timers tell milliseconds.
    assert_eq!(aws.sent(), seconds(&[0.0, 0.001]));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_an_answer_leaves_time_for_another_and_all_end_within_the_timeout() {
    let aws = Scripted::prompt([]);
    let failed = calls(&aws, 0.0).read(&get(), &caller()).await;
    assert_eq!(
        failed,
        Err(unavailable(
            Operation::GetRoom,
            "AWS did not answer in time"
        ))
    );
    assert_eq!(aws.sent(), seconds(&[0.0, 4.5, 9.0]));
    assert_eq!(aws.start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn only_what_may_pass_by_itself_is_repeated() {
    let clock_off = |code| {
        let AttemptError::Answered(refusal) = refused(403, code) else {
            unreachable!()
        };
        AttemptError::Answered(Refusal {
            clock_off: true,
            ..refusal
        })
    };
    let broken = || "reset".to_owned();
    let denied = Failure::new(FailureClass::Denied, "no credentials");
    let repeated = [
        refused(429, "ThrottlingException"),
        refused(400, "TooManyRequestsException"),
        refused(400, "RequestTimeout"),
        refused(500, "InternalServerException"),
        refused(502, "BadGateway"),
        refused(503, "SomethingNew"),
        refused(504, "GatewayTimeout"),
        clock_off("InvalidSignatureException"),
        AttemptError::Unsent(Unsent::Unreachable(broken())),
        AttemptError::Unknown(Unknown::Timeout),
        AttemptError::Unknown(Unknown::Broken(broken())),
        AttemptError::Unknown(Unknown::Unreadable(200)),
    ];
    let final_ones = [
        refused(400, "ValidationException"),
        refused(402, "ServiceQuotaExceededException"),
        refused(403, "AccessDeniedException"),
        refused(403, "InvalidSignatureException"),
        refused(404, "ResourceNotFoundException"),
        refused(409, "ConflictException"),
        refused(501, "NotImplemented"),
        clock_off("ExpiredTokenException"),
        AttemptError::Unsent(Unsent::NoCredentials(denied)),
        AttemptError::Unsent(Unsent::Unbuilt(broken())),
        AttemptError::Unknown(Unknown::Unusable(broken())),
        AttemptError::Unknown(Unknown::Other(broken())),
    ];
    let repeated = repeated.into_iter().map(|error| (error, 3));
    for (error, attempts) in repeated.chain(final_ones.into_iter().map(|error| (error, 1))) {
        let aws = Scripted::prompt([Err(error.clone()), Err(error.clone()), Err(error.clone())]);
        assert!(calls(&aws, 0.0).read(&delete(), &caller()).await.is_err());
        assert_eq!(aws.sent().len(), attempts, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_comes_no_sooner_than_aws_asks_for() {
    let aws = Scripted::prompt([Err(refused_for(3)), ANSWER]);
    assert_eq!(
        calls(&aws, 1.0).read(&get(), &caller()).await,
        Ok(Answer::Done)
    );
    assert_eq!(aws.sent(), seconds(&[0.0, 3.0]));
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_timeout_ends_the_call_at_once_with_what_aws_said() {
    let aws = Scripted::prompt([Err(refused_for(60)), ANSWER]);
    let failed = calls(&aws, 1.0).read(&get(), &caller()).await;
    assert_eq!(failed, Err(throttled(Operation::GetRoom)));
    assert_eq!(aws.sent(), seconds(&[0.0]));
    assert_eq!(aws.start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn once_the_fence_closes_between_attempts_a_call_that_writes_is_not_repeated() {
    let (first, later) = (refused_for(3), ANSWER);
    let aws = Scripted::prompt([Err(first), later]);
    let fence = OpenFor::new(Duration::from_secs(2));
    let failed = deleted(&aws, &fence).await;
    assert_eq!(failed, Err(throttled(Operation::DeleteRoom)));
    assert_eq!(aws.sent(), seconds(&[0.0]));
}

#[tokio::test(start_paused = true)]
async fn once_the_fence_closes_during_an_attempt_a_call_that_writes_is_given_up() {
    let aws = Scripted::new([(Duration::from_secs(3), ANSWER)]);
    let fence = OpenFor::new(Duration::from_secs(2));
    let failed = deleted(&aws, &fence).await;
    let told = unavailable(Operation::DeleteRoom, "AWS did not answer in time");
    assert_eq!(failed, Err(told));
    assert_eq!(aws.sent(), seconds(&[0.0]));
    assert_eq!(aws.start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_stays_open_lets_a_call_that_writes_be_repeated() {
    let aws = Scripted::prompt([Err(refused_for(3)), ANSWER]);
    let fence = OpenFor::new(Duration::from_secs(20));
    let answer = deleted(&aws, &fence).await;
    assert_eq!(answer, Ok(Answer::Done));
    assert_eq!(aws.sent(), seconds(&[0.0, 3.0]));
}

#[tokio::test(start_paused = true)]
async fn create_room_is_sent_once_whatever_comes_of_it() {
    let why = || "refused".to_owned();
    for (error, certain) in [
        (down(), false),
        (refused(429, "ThrottlingException"), true),
        (refused(408, "RequestTimeout"), false),
        (AttemptError::Unsent(Unsent::Unreachable(why())), true),
        (AttemptError::Unknown(Unknown::Timeout), false),
        (AttemptError::Unknown(Unknown::Broken(why())), false),
        (AttemptError::Unknown(Unknown::Unreadable(200)), false),
    ] {
        let aws = Scripted::prompt([Err(error.clone()), ANSWER]);
        let calls = calls(&aws, 0.0);
        let (fence, caller) = (OpenFor::new(Duration::from_secs(20)), caller());
        let writes = Writes {
            calls: &calls,
            fence: &fence,
            caller: &caller,
        };
        let admission = writes.admit("us-west-2", Operation::CreateRoom).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        let created = writes
            .create(&new_room(), "123456789012", admission, deadline)
            .await;
        match created {
            Err(CreateError::Refused(_)) => assert!(certain, "{error:?}"),
            Err(CreateError::Unknown(_)) => assert!(!certain, "{error:?}"),
            Ok(room) => panic!("{error:?} is no {room:?}"),
        }
        assert_eq!(aws.sent(), seconds(&[0.0]), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_create_room_is_awaited_beyond_its_deadline() {
    let aws = Scripted::prompt([]);
    let calls = calls(&aws, 0.0);
    let (fence, caller) = (OpenFor::new(Duration::from_secs(20)), caller());
    let writes = Writes {
        calls: &calls,
        fence: &fence,
        caller: &caller,
    };
    let admission = writes.admit("us-west-2", Operation::CreateRoom).await;
    let deadline = Instant::now() + Duration::from_secs(2);
    let told = unavailable(Operation::CreateRoom, "AWS did not answer in time");
    let created = writes
        .create(&new_room(), "123456789012", admission, deadline)
        .await;
    assert_eq!(created, Err(CreateError::Unknown(told)));
    assert_eq!(aws.start.elapsed(), Duration::from_secs(2));
    let late = "not sent, because writing the attempt down took too long";
    let told = unavailable(Operation::CreateRoom, late);
    let admission = writes.admit("us-west-2", Operation::CreateRoom).await;
    let created = writes
        .create(&new_room(), "123456789012", admission, deadline)
        .await;
    assert_eq!(created, Err(CreateError::Refused(told)));
    assert_eq!(aws.sent(), seconds(&[0.0]));
}
