//! Profiles as people have them on their own machines, which the feature `desktop` reads.

use std::fs;

use axum::http::{HeaderMap, Uri};
use axum::{Json, Router};
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use tokio::net::TcpListener;

use crate::stage::{Operator, Options, Source, Stage, command};

/// A home with this profile in it, and the options of an operator that reads it.
fn home(config: &str) -> (tempfile::TempDir, Options) {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config"), config).unwrap();
    let directory: &str = home.path().to_string_lossy().into_owned().leak();
    let options = Options {
        credentials: Source::Files(directory),
        ..Options::default()
    };
    (home, options)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_may_name_a_process_that_prints_credentials() {
    let printed = json!({"Version": 1, "AccessKeyId": "printed", "SecretAccessKey": "secret"});
    let (home, options) = home("[default]\ncredential_process = /bin/cat ${HOME}/printed\n");
    fs::write(home.path().join("printed"), printed.to_string()).unwrap();
    let stage = Stage::with(options).await;
    stage.settle("lobby", json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_may_name_a_session_of_iam_identity_center() {
    // As `aws sso login` leaves it.
    let (home, options) = home(
        "[default]\nsso_session = people\nsso_account_id = 123456789012\nsso_role_name = chat\n\
         [sso-session people]\nsso_region = eu-west-1\nsso_start_url = https://example.com/start\n",
    );
    let cache = home.path().join(".aws/sso/cache");
    fs::create_dir_all(&cache).unwrap();
    let token =
        json!({"accessToken": "a token", "expiresAt": (Timestamp::now() + 1.hour()).to_string()});
    // The SHA-1 of `people`.
    fs::write(
        cache.join("ab3ccc8dba2a0cf7a1ce4d830bb8a6238ff03833.json"),
        token.to_string(),
    )
    .unwrap();
    let portal = async |uri: Uri, headers: HeaderMap| {
        assert_eq!(headers["x-amz-sso_bearer_token"], "a token");
        assert_eq!(
            uri.to_string(),
            "/federation/credentials?role_name=chat&account_id=123456789012"
        );
        Json(json!({"roleCredentials": {
            "accessKeyId": "handed out",
            "secretAccessKey": "secret",
            "sessionToken": "token",
            "expiration": (Timestamp::now() + 1.hour()).as_millisecond(),
        }}))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(portal)).await });
    let mut stage = Stage::with(options).await;
    stage.operator.kill().await;
    let endpoint = stage.emulator.endpoint();
    let mut command = command(
        "run",
        &stage.kubeconfig,
        &stage.namespace,
        &endpoint,
        options,
    );
    command.env("AWS_ENDPOINT_URL_SSO", url);
    stage.operator = Operator::spawn(command);
    stage.settle("lobby", json!({})).await;
}
