//! A client without any SDK, one with, and the emulator as a process.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::config::retry::RetryConfig;
use aws_sdk_ivschat::config::{BehaviorVersion, Region};
use aws_sdk_ivschat::error::{ProvideErrorMetadata, SdkError};
use ivschat_emulator::Emulator;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// No test waits longer for one thing.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// Signed in form: enough where no credentials file is given.
pub const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKID/20260102/us-west-2/ivschat/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=0000\r\n";

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request as it stands and reads until the connection ends, however it ends.
pub async fn exchange(
    address: SocketAddr,
    line: &str,
    headers: &str,
    body: &str,
) -> (Vec<u8>, io::Result<()>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    (answer, read.expect("an end in time").map(drop))
}

pub fn parse(answer: &[u8]) -> Option<Reply> {
    let answer = std::str::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Reply {
        status: status.parse().unwrap(),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}

/// Sends a request as it stands; `None` where the connection was closed without an answer.
pub async fn send(emulator: &Emulator, line: &str, headers: &str, body: &str) -> Option<Reply> {
    let (answer, ended) = exchange(emulator.address(), line, headers, body).await;
    ended.unwrap();
    parse(&answer)
}

pub async fn call(emulator: &Emulator, line: &str, body: &Value) -> Reply {
    send(emulator, line, SIGNED, &body.to_string())
        .await
        .expect("an answer")
}

/// The real SDK, without retries.
pub fn client(endpoint: &str) -> Client {
    client_of(endpoint, "AKID")
}

/// The real SDK with this access key, whose secret is `secret`.
pub fn client_of(endpoint: &str, access_key: &str) -> Client {
    let config = aws_sdk_ivschat::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Status and code of what an operation refused.
pub fn refused<T, E>(answer: Result<T, SdkError<E>>) -> (u16, String)
where
    T: std::fmt::Debug,
    E: ProvideErrorMetadata,
{
    match answer {
        Ok(answer) => panic!("{answer:?}"),
        Err(error) => {
            let status = error.raw_response().expect("an answer").status().as_u16();
            (status, error.code().expect("a code").to_owned())
        }
    }
}

/// The binary, running.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

impl Process {
    /// Starts it on a free port and waits until it serves.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::try_start(arguments)
            .await
            .unwrap_or_else(|said| panic!("it ended: {said}"))
    }

    /// Starts it and closes the other end of its log.
    pub async fn start_unheard() -> Self {
        Self::launch(&[], false)
            .await
            .unwrap_or_else(|said| panic!("it ended: {said}"))
    }

    /// What it said where it ended instead.
    pub async fn try_start(arguments: &[&str]) -> Result<Self, String> {
        Self::launch(arguments, true).await
    }

    async fn launch(arguments: &[&str], heard: bool) -> Result<Self, String> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ivschat-emulator"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let served = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once("endpoint=\"http://") {
                    return Some(address.trim_end_matches('"').parse().unwrap());
                }
                said += &line;
                said += "\n";
            }
            None
        };
        let address = tokio::time::timeout(DEADLINE, served).await.unwrap();
        if heard {
            // Read on, lest a full pipe should stop it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        }
        match address {
            Some(address) => Ok(Self { child, address }),
            None => Err(said),
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop, as `kill` does.
    pub async fn terminate(&self) {
        let pid = self.child.id().unwrap().to_string();
        let kill = Command::new("kill").arg(pid).status().await.unwrap();
        assert!(kill.success());
    }

    pub async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
    }
}
