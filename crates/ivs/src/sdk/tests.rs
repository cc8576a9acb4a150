use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use ivschat_core::room::FailureClass;
use ivschat_emulator::Emulator;
use ivschat_emulator::Options;
use ivschat_emulator::fault::{Fault, Symptom};
use ivschat_emulator::world;
use jiff::SignedDuration;

use super::*;
use crate::call::tests::{caller, new_room};
use crate::meter::{Turn, Unmetered};
use crate::port::{Unknown, Unsent};
use crate::{Clock, Rooms};

const REGION: &str = "us-west-2";

/// Notes what was called, and what was answered.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<(&'static str, &'static str)>>);

impl Meter for Noted {
    fn expect_calls(&self, _: &'static str) {}
    fn called(&self, operation: &'static str, code: &'static str, _: Duration) {
        self.0.lock().unwrap().push((operation, code));
    }
    fn throttled(&self, _: &'static str) {}
    fn waited(&self, _: &Turn, _: Duration) {}
    fn listed(&self, _: SystemTime) {}
}

/// Credentials that are found nowhere, because their account is unknown.
#[derive(Debug)]
struct Nowhere;

fn unknown_account() -> Failure {
    Failure::new(FailureClass::Throttled, "GetCallerIdentity: Throttling")
}

impl ProvideCredentials for Nowhere {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error(unknown_account())))
    }
}

fn settings() -> Settings {
    Settings {
        region: None,
        endpoint: None,
        operation_timeout: Duration::from_secs(2),
        quota_factor: 1000.0,
        concurrency: 8,
        wait_factor: 0.01,
    }
}

async fn sdk_of(
    endpoint: String,
    credentials: impl ProvideCredentials + 'static,
    meter: Arc<dyn Meter>,
) -> Sdk {
    let clock = AwsClock::new(&Clock::system(), Duration::from_secs(10));
    sdk_with(endpoint, credentials, meter, &clock).await
}

async fn sdk_with(
    endpoint: String,
    credentials: impl ProvideCredentials + 'static,
    meter: Arc<dyn Meter>,
    clock: &AwsClock,
) -> Sdk {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(credentials)
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .load()
        .await;
    Sdk::unwatched(&config, &settings(), &meter, clock)
}

fn credentials() -> Credentials {
    Credentials::new("key", "secret", None, None, "test")
}

fn list() -> Request {
    let region = REGION.to_owned();
    Request::List {
        region,
        token: None,
    }
}

#[tokio::test]
async fn regions_that_users_invent_do_not_pile_up() {
    let endpoint = "http://127.0.0.1:1".to_owned();
    let sdk = sdk_of(endpoint, credentials(), Arc::new(Unmetered)).await;
    for region in 0..1000 {
        sdk.client(&format!("aa-bb-{region}"));
    }
    assert!(sdk.clients.lock().unwrap().len() <= MAX_CLIENTS);
}

#[tokio::test]
async fn an_attempt_is_one_request_and_its_error_says_what_is_known_of_it() {
    let emulator = Emulator::start(world::Settings::default()).await.unwrap();
    let sdk = sdk_of(emulator.endpoint(), credentials(), Arc::new(Unmetered)).await;
    let error = async |symptom| {
        emulator.clear_faults();
        emulator.inject(Fault::new(world::Operation::ListRooms, symptom));
        let before = emulator.journal().len();
        let error = sdk.send(&list()).await.unwrap_err();
        assert_eq!(emulator.journal().len(), before + 1, "{error:?}");
        error
    };
    let down = world::ApiError::new(503, "ServiceUnavailable", "down");
    let AttemptError::Answered(refusal) = error(Symptom::Error(down)).await else {
        panic!("AWS has answered");
    };
    assert_eq!(
        (
            refusal.status,
            refusal.code.as_deref(),
            refusal.message.as_deref()
        ),
        (503, Some("ServiceUnavailable"), Some("down"))
    );
    assert!(refusal.body.contains("down"), "{refusal:?}");
    assert_eq!((refusal.retry_after, refusal.clock_off), (None, false));
    assert_eq!(
        error(Symptom::Timeout).await,
        AttemptError::Unknown(Unknown::Timeout)
    );
    assert_eq!(
        error(Symptom::Truncated).await,
        AttemptError::Unknown(Unknown::Unreadable(200))
    );
    let broken = error(Symptom::Reset).await;
    assert!(
        matches!(broken, AttemptError::Unknown(Unknown::Broken(_))),
        "{broken:?}"
    );
}

#[tokio::test]
async fn what_is_not_sent_is_told_from_what_may_have_been() {
    let emulator = Emulator::start(world::Settings::default()).await.unwrap();
    let sdk = sdk_of(emulator.endpoint(), Nowhere, Arc::new(Unmetered)).await;
    assert_eq!(
        sdk.send(&list()).await,
        Err(AttemptError::Unsent(Unsent::NoCredentials(
            unknown_account()
        )))
    );
    assert_eq!(emulator.journal(), []);
    let sdk = sdk_of(emulator.endpoint(), credentials(), Arc::new(Unmetered)).await;
    emulator.stop().await;
    let gone = sdk.send(&list()).await.unwrap_err();
    assert!(
        matches!(gone, AttemptError::Unsent(Unsent::Unreachable(_))),
        "{gone:?}"
    );
}

#[tokio::test]
async fn every_attempt_of_a_call_is_counted() {
    let emulator = Emulator::start(world::Settings::default()).await.unwrap();
    let noted = Arc::new(Noted::default());
    let sdk = sdk_of(emulator.endpoint(), credentials(), noted.clone()).await;
    let rooms = Rooms::over(Arc::new(sdk), &settings(), Arc::new(Unmetered));
    let list = world::Operation::ListRooms;
    emulator.inject(Fault::refuse(list, 503, "ServiceUnavailable", "down").times(1));
    emulator.inject(Fault::new(list, Symptom::Timeout).times(1));
    assert_eq!(rooms.first_page(REGION, &caller()).await, Ok(Vec::new()));
    let calls = [
        ("ListRooms", "Unavailable"),
        ("ListRooms", "Unavailable"),
        ("ListRooms", "OK"),
    ];
    assert_eq!(*noted.0.lock().unwrap(), calls);
    assert_eq!(emulator.journal().len(), 3);
}

#[tokio::test]
async fn a_call_that_is_refused_because_this_clock_is_off_is_repeated_with_the_time_of_aws() {
    let known =
        serde_json::json!({"key": {"secretAccessKey": "secret", "accountId": "123456789012"}});
    let options = Options {
        credentials: Some(serde_json::from_value(known).unwrap()),
        clock_offset: SignedDuration::from_mins(20),
        ..Options::default()
    };
    let emulator = Emulator::serve(options).await.unwrap();
    let noted = Arc::new(Noted::default());
    let sdk = sdk_of(emulator.endpoint(), credentials(), noted.clone()).await;
    let rooms = Rooms::over(Arc::new(sdk), &settings(), Arc::new(Unmetered));
    assert_eq!(rooms.first_page(REGION, &caller()).await, Ok(Vec::new()));
    let calls = [("ListRooms", "Denied"), ("ListRooms", "OK")];
    assert_eq!(*noted.0.lock().unwrap(), calls);
}

#[tokio::test]
async fn every_answer_tells_the_time_of_aws_also_one_that_refuses() {
    let known =
        serde_json::json!({"another": {"secretAccessKey": "secret", "accountId": "123456789012"}});
    for credentials_file in [None, Some(serde_json::from_value(known).unwrap())] {
        let offset = SignedDuration::from_hours(-1);
        let options = Options {
            credentials: credentials_file,
            clock_offset: offset,
            ..Options::default()
        };
        let emulator = Emulator::serve(options).await.unwrap();
        let machine = Clock::system();
        let clock = AwsClock::new(&machine, Duration::from_secs(10));
        let noted = Arc::new(Noted::default());
        let sdk = sdk_with(emulator.endpoint(), credentials(), noted, &clock).await;
        assert!(!clock.is_heard());
        let _ = sdk.send(&list()).await;
        let off = clock.now().duration_since(machine.now()) - offset;
        // The header counts seconds.
        assert!(off.abs() <= SignedDuration::from_secs(1), "{off:?}");
        assert!(clock.is_heard());
    }
}

#[tokio::test]
async fn create_room_is_signed_with_credentials_of_its_account_alone_whenever_they_have_changed() {
    let emulator = Emulator::start(world::Settings::default()).await.unwrap();
    let meter: Arc<dyn Meter> = Arc::new(Unmetered);
    let clock = AwsClock::new(&Clock::system(), Duration::from_secs(10));
    let config = aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(credentials())
        .region(Region::new(REGION))
        .endpoint_url(emulator.endpoint())
        .load()
        .await;
    let sdk = Sdk::new(&config, &settings(), &meter, &clock);
    let own = "123456789012";
    sdk.keeper.hold(credentials(), own).await;
    let create = |account: &str| Request::Create(new_room(), account.to_owned());
    let refused = sdk.send(&create("999999999999")).await.unwrap_err();
    let AttemptError::Unsent(Unsent::NoCredentials(failure)) = refused else {
        panic!("{refused:?}");
    };
    let told = "the operator's AWS credentials changed to another account meanwhile";
    assert_eq!(failure, Failure::new(FailureClass::Unavailable, told));
    assert!(emulator.journal().is_empty());
    sdk.send(&create(own)).await.unwrap();
    assert_eq!(emulator.journal().len(), 1);
}
