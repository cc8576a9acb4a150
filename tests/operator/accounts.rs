//! Credentials that change while the operator runs.

use std::time::Duration;

use ivschat_core::api::names::PAUSED_ANNOTATION;
use ivschat_emulator::Emulator;
use ivschat_emulator::credentials::Credentials;
use ivschat_emulator::fault::{Fault, Moment, Symptom};
use ivschat_emulator::world::{Operation, Room, Scope};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::stage::{
    ControlPlane, DEADLINE, Options, REGION, SERVING, Source, Stage, arn_of, command, message_of,
};

const OURS: &str = "111111111111";
const OTHER: &str = "222222222222";

/// The credentials of two accounts, as a container's endpoint hands them out. They expire so soon that each call fetches them.
struct Handout {
    account: watch::Sender<&'static str>,
    url: &'static str,
}

impl Handout {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (account, now) = watch::channel(OURS);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.read(&mut [0; 4096]).await;
                let body = credentials(*now.borrow()).to_string();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        let url: &str = url.leak();
        Self { account, url }
    }

    fn switch(&self, account: &'static str) {
        self.account.send_replace(account);
    }
}

fn credentials(account: &str) -> Value {
    json!({
        "AccessKeyId": format!("AKIA{account}"),
        "SecretAccessKey": "secret",
        "Token": "token",
        "Expiration": (Timestamp::now() + 5.seconds()).to_string(),
    })
}

/// An operator that fetches its credentials there.
fn options(handout: &Handout) -> Options {
    Options {
        credentials: Source::Container(handout.url),
        flags: SERVING,
        ..Options::verifying()
    }
}

/// A stage on which every signature counts, and whose operator fetches its credentials.
async fn stage() -> (Stage, Handout) {
    let handout = Handout::start().await;
    (strict_stage(options(&handout)).await, handout)
}

/// A stage on which every signature counts.
async fn strict_stage(options: Options) -> Stage {
    let keys: serde_json::Map<String, Value> = [OURS, OTHER]
        .map(|account| {
            let key =
                json!({"secretAccessKey": "secret", "accountId": account, "sessionToken": "token"});
            (format!("AKIA{account}"), key)
        })
        .into_iter()
        .collect();
    let emulator = Emulator::serve(ivschat_emulator::Options {
        credentials: Some(Credentials::parse(&Value::Object(keys).to_string()).unwrap()),
        ..ivschat_emulator::Options::default()
    });
    let control_plane = ControlPlane::shared().await;
    Stage::before(emulator.await.unwrap(), control_plane, options).await
}

/// A credentials file with this account's key.
struct KeyFile(&'static str);

impl KeyFile {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap().keep();
        Self(directory.to_string_lossy().into_owned().leak())
    }

    fn options(&self) -> Options {
        Options {
            credentials: Source::Files(self.0),
            ..Options::verifying()
        }
    }

    fn write(&self, account: &str, secret: &str) {
        let text = format!(
            "[default]\naws_access_key_id = AKIA{account}\naws_secret_access_key = {secret}\naws_session_token = token\n"
        );
        std::fs::write(format!("{}/credentials", self.0), text).unwrap();
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0);
    }
}

fn rooms(stage: &Stage, account: &str) -> Vec<Room> {
    let scope = Scope {
        account: account.to_owned(),
        region: REGION.to_owned(),
    };
    stage.emulator.world(|world| world.rooms(&scope))
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_change_to_another_account_make_no_second_room_and_lose_none() {
    let (stage, handout) = stage().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    assert!(arn.contains(OURS), "{arn}");
    let before = rooms(&stage, OURS);

    handout.switch(OTHER);
    let object = stage
        .condition("lobby", "Synced", "False", "AccountMismatch")
        .await;
    assert!(message_of(&object, "Synced").contains(OTHER));
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    stage
        .until("lobby", "seen again", |object| {
            object.status.as_ref().unwrap().observed_generation == object.metadata.generation
        })
        .await;
    stage.create("hall", json!({})).await;
    let hall = arn_of(&stage.ready("hall").await);
    assert!(
        hall.contains(OTHER),
        "a new room is made where the credentials are: {hall}"
    );
    assert_eq!(rooms(&stage, OURS), before);
    assert_eq!(rooms(&stage, OTHER).len(), 1);

    handout.switch(OURS);
    stage
        .condition("hall", "Synced", "False", "AccountMismatch")
        .await;
    stage
        .edit("lobby", json!({"maximumMessageLength": 200}))
        .await;
    assert_eq!(arn_of(&stage.ready("lobby").await), arn);
    let now = rooms(&stage, OURS);
    assert_eq!((now.len(), now[0].maximum_message_length), (1, 200));
    assert_eq!(rooms(&stage, OTHER).len(), 1);
    assert_eq!(stage.calls(Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_cannot_be_had_for_a_while_lose_nothing() {
    let (mut stage, handout) = stage().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    // AWS knows no such key.
    handout.switch("333333333333");
    stage.condition("lobby", "Synced", "False", "Denied").await;
    let scrape = stage.operator.scrape().await;
    let looks = ["Denied", "Unavailable"].map(|code| {
        scrape.of(&format!(
            "aws_calls_total{{operation=\"GetRoom\",code=\"{code}\"}}"
        ))
    });
    // It is the credentials that an alert speaks of, not the way to AWS.
    assert!(looks[0] >= 1.0, "{}", scrape.text);
    assert_eq!(looks[1].to_bits(), 0f64.to_bits(), "{}", scrape.text);
    handout.switch(OURS);
    stage
        .edit("lobby", json!({"maximumMessageLength": 300}))
        .await;
    assert_eq!(arn_of(&stage.ready("lobby").await), arn);
    assert_eq!(rooms(&stage, OURS).len(), 1);
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

/// CloudTrail shows it, and so an audit can tell the operator's calls from others'.
#[tokio::test]
async fn every_call_says_that_it_is_the_operators_unless_the_environment_names_it_otherwise() {
    let named: &[_] = &[("AWS_SDK_UA_APP_ID", "live-team")];
    for (environment, expected) in [(&[][..], "app/ivschat-operator"), (named, "app/live-team")] {
        let options = Options {
            environment,
            ..Options::default()
        };
        let stage = Stage::with(options).await;
        stage.settle("lobby", json!({})).await;
        let calls = stage.emulator.journal();
        assert_eq!(stage.calls(Operation::CreateRoom), 1);
        for call in calls {
            let agent = call.user_agent.unwrap_or_default();
            let apps: Vec<_> = agent
                .split(' ')
                .filter(|it| it.starts_with("app/"))
                .collect();
            assert_eq!(apps, [expected], "{:?}: {agent}", call.operation);
        }
    }
}

/// Credentials are fetched when a call is signed: this list is another account's, though the pass took it for its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_made_with_other_credentials_than_it_was_asked_with_proves_nothing() {
    let (mut stage, handout) = stage().await;
    let arn = arn_of(&stage.settle("lobby", json!({})).await);
    stage.settle("lounge", json!({})).await;
    let paused = |value: Value| json!({"metadata": {"annotations": {PAUSED_ANNOTATION: value}}});
    // Otherwise the operator would know its room, and need no list.
    stage.patch("lobby", paused(json!("true"))).await;
    let slow = Fault {
        moment: Moment::AfterEffect,
        ..Fault::new(Operation::ListRooms, Symptom::Delay).delayed(Duration::from_millis(500))
    };
    let settled = Options {
        drift_interval: "1h",
        ..options(&handout)
    };
    stage.restart(settled).await;
    stage.more_calls(Operation::GetRoom, 1).await;
    handout.switch(OTHER);
    stage.emulator.inject(slow.times(1));
    let listed = stage.calls(Operation::ListRooms);
    stage.forge("lobby", json!(null)).await;
    stage.patch("lobby", paused(Value::Null)).await;
    stage.calls_since(listed, Operation::ListRooms, 1).await;
    handout.switch(OURS);
    assert_eq!(arn_of(&stage.ready("lobby").await), arn);
    assert_eq!(stage.calls(Operation::CreateRoom), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_corrected_in_its_file_is_used_without_a_restart() {
    let file = KeyFile::new();
    file.write(OURS, "mistyped");
    let stage = strict_stage(file.options()).await;
    stage.create("lobby", json!({})).await;
    let object = stage.condition("lobby", "Synced", "False", "Denied").await;
    let told = message_of(&object, "Synced");
    assert!(
        told.starts_with("GetCallerIdentity: SignatureDoesNotMatch: ")
            && told.ends_with("details. Check the operator's AWS credentials and IAM policy"),
        "{told}"
    );
    file.write(OURS, "secret");
    assert!(arn_of(&stage.ready("lobby").await).contains(OURS));
    assert_eq!(stage.calls(Operation::CreateRoom), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_missing_or_unreadable_at_the_start_are_found_once_they_are_there() {
    let file = KeyFile::new();
    std::fs::write(format!("{}/credentials", file.0), "[default\n").unwrap();
    let stage = strict_stage(file.options()).await;
    stage.create("lobby", json!({})).await;
    let object = stage.condition("lobby", "Synced", "False", "Denied").await;
    let told = message_of(&object, "Synced");
    assert!(told.contains("no usable AWS credentials: "), "{told}");
    file.write(OURS, "secret");
    stage.ready("lobby").await;
}

/// Keys are rotated in the file that a Secret is mounted as; one that is revoked is denied from then on.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_says_is_read_again_once_a_call_is_denied() {
    let file = KeyFile::new();
    file.write(OURS, "secret");
    let stage = strict_stage(file.options()).await;
    stage.settle("lobby", json!({})).await;
    let revoked = Fault::refuse(
        Operation::GetRoom,
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    );
    file.write(OTHER, "secret");
    stage.emulator.inject(revoked.times(3));
    // Another account is what can be told from outside.
    let object = stage
        .condition("lobby", "Synced", "False", "AccountMismatch")
        .await;
    assert!(message_of(&object, "Synced").contains(OTHER));
}

#[cfg(not(feature = "desktop"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_this_build_cannot_read_is_told_with_what_to_do() {
    let file = KeyFile::new();
    let profile = "[default]\ncredential_process = /bin/true\n";
    std::fs::write(format!("{}/config", file.0), profile).unwrap();
    let stage = Stage::with(file.options()).await;
    stage.create("lobby", json!({})).await;
    let object = stage.condition("lobby", "Synced", "False", "Denied").await;
    let told = message_of(&object, "Synced");
    for part in [
        "credentials-process",
        "the cargo feature `desktop`",
        "aws configure export-credentials",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_in_the_profile_that_cannot_be_called_ends_the_process_at_once() {
    let file = KeyFile::new();
    let profile = "[default]\nendpoint_url = emulator:4680\n";
    std::fs::write(format!("{}/config", file.0), profile).unwrap();
    let stage = Stage::open().await;
    let options = file.options();
    let mut run = command("run", &stage.kubeconfig, &stage.namespace, "", options);
    let ended = run.env_remove("AWS_ENDPOINT_URL").output();
    let output = tokio::time::timeout(DEADLINE, ended)
        .await
        .unwrap()
        .unwrap();
    assert!(!output.status.success());
    let told = "\"emulator:4680\" is not an endpoint: endpoint_url in the AWS profile takes http:// or https:// and a host";
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(told), "{stderr}");
}
