//! No input breaks the emulator: whatever comes over the wire, nothing panics and nothing is answered with a 500.
//!
//! `FUZZ_INPUTS` says how many requests are tried (CI: a million, in a release build).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ivschat_emulator::world::{Answer, Call, CreateRoom, Operation, Scope};
use ivschat_emulator::{Emulator, Options};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Requests that share a connection: it costs more than they do.
const BATCH: usize = 50;
const DEFAULT_INPUTS: usize = 20_000;

/// Signed in form, which is all that is looked at without a credentials file.
const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKID/20260102/us-west-2/ivschat/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=00\r\n";

static PANICS: AtomicUsize = AtomicUsize::new(0);
/// ARNs of what is there, at least to begin with.
static THERE: OnceLock<Vec<String>> = OnceLock::new();

/// A member's name, from the model or not.
fn any_member() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "identifier",
        "name",
        "maximumMessageLength",
        "maximumMessageRatePerSecond",
        "messageReviewHandler",
        "uri",
        "fallbackResult",
        "loggingConfigurationIdentifiers",
        "tags",
        "maxResults",
        "nextToken",
        "messageReviewHandlerUri",
        "loggingConfigurationIdentifier",
        "roomIdentifier",
        "userId",
        "capabilities",
        "sessionDurationInMinutes",
        "attributes",
        "eventName",
        "id",
        "reason",
        "destinationConfiguration",
        "s3",
        "bucketName",
        "cloudWatchLogs",
        "logGroupName",
        "firehose",
        "deliveryStreamName",
        "symptom",
        "error",
    ];
    prop_oneof![9 => select(KNOWN).prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn any_arn() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(THERE.get().unwrap().as_slice()),
        1 => "arn:aws:ivschat:us-west-2:(123456789012|210987654321):(room|logging-configuration)/[A-C]{12}",
        1 => "arn:aws:ivschat:[a-z0-9-]{0,9}:[0-9]{0,12}:[a-z/-]{0,12}/.{0,5}",
        1 => "arn(:.{0,4}){0,8}",
    ]
}

fn any_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..600_i64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[a-zA-Z0-9-_]{0,130}".prop_map(Value::from),
        any_arn().prop_map(Value::from),
        select(&["ALLOW", "SEND_MESSAGE", "logs", "AbCdEfGhIjKl"][..]).prop_map(Value::from),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    any_leaf().prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((any_member(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Bodies that many operations take whole, so that what lies behind their limits is reached too.
fn sound_body() -> impl Strategy<Value = Value> {
    (any_arn(), "[a-z]{0,3}", 1..50_i32).prop_map(|(arn, name, number)| {
        json!({
            "identifier": arn, "roomIdentifier": arn, "name": name, "maximumMessageLength": number, "tags": {name.clone(): name},
            "userId": "ada", "eventName": "goal", "id": "AbCdEfGhIjKl", "maxResults": number,
            "destinationConfiguration": {"s3": {"bucketName": "logs"}},
        })
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any_value().prop_map(|value| value.to_string().into_bytes()),
        4 => sound_body().prop_map(|value| value.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..200),
        1 => "(Action|Version|&|=|GetCallerIdentity|%[0-9a-f]{2}){0,6}".prop_map(String::into_bytes),
        // Deeper than any parser should follow.
        1 => (1..3000_usize).prop_map(|depth| "[".repeat(depth).into_bytes()),
        1 => Just(Vec::new()),
    ]
}

fn any_target() -> impl Strategy<Value = String> {
    let encoded = |arn: String| {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        arn.bytes().map(byte).collect::<String>()
    };
    let operations = Operation::ALL.map(Operation::name);
    prop_oneof![
        8 => select(operations.to_vec()).prop_map(|name| format!("/{name}")),
        2 => any_arn().prop_map(move |arn| format!("/tags/{}", encoded(arn))),
        2 => (any_arn(), "[a-z%+&=0-9]{0,20}")
            .prop_map(move |(arn, query)| format!("/tags/{}?tagKeys={query}", encoded(arn))),
        1 => "/[a-zA-Z0-9/._~%:@!$&'()*+,;=-]{0,30}(\\?[a-zA-Z0-9/._~%:@!$&'()*+,;=-]{0,30})?",
        1 => select(&["/", "/healthz", "/_emulator/calls", "/_emulator/", "/tags/", "/tags/%ff", "*"][..])
            .prop_map(str::to_owned),
    ]
}

fn any_headers() -> impl Strategy<Value = String> {
    let signed = "authorization: AWS4-HMAC-SHA256 \
                  Credential=(AKID|[a-zA-Z0-9/]{0,8})/[0-9]{0,8}/(us-west-2|[a-z0-9-]{0,9})/(ivschat|sts|s3)/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=00
";
    prop_oneof![
        8 => Just(SIGNED.to_owned()),
        2 => proptest::string::string_regex(signed).unwrap(),
        1 => "authorization: [ -~]{0,80}\r\n",
        1 => "amz-sdk-request: [ -~]{0,30}\r\nx-amz-date: [ -~]{0,20}\r\n",
        1 => Just(String::new()),
    ]
}

/// A request that HTTP can frame, so that others may follow it on the connection.
fn framed() -> impl Strategy<Value = Vec<u8>> {
    let methods = select(&["POST", "POST", "POST", "GET", "DELETE", "PUT", "BREW"][..]);
    let any = (methods, any_target(), any_headers(), any_body());
    let identity = "(Version=[!-~]{0,9}&|x&|){3}Action=GetCallerIdentity(&[!-~]{0,9}){0,2}"
        .prop_map(|body| {
            let headers = SIGNED.replace("/ivschat/", "/sts/");
            ("POST", "/".to_owned(), headers, body.into_bytes())
        });
    prop_oneof![40 => any, 1 => identity].prop_map(|(method, target, headers, body)| {
        // Neither forgets the calls, which are counted in the end, nor scripts faults: those would be asked for.
        let target = match method {
            "GET" => target,
            _ => target.replace("/_emulator/", "/_other/"),
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: test\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    })
}

/// Bytes that may be no HTTP at all; the last thing on their connection.
fn unframed() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..300),
        "(POST|GET) /[!-~]{0,40} HTTP/1.[01]\r\n([!-~]{0,10}: [ -~]{0,10}\r\n){0,4}\r\n"
            .prop_map(String::into_bytes),
        (framed(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(mut request, at, byte)| {
                let at = at.index(request.len());
                request[at] = byte;
                request
            }
        ),
        (framed(), any::<prop::sample::Index>()).prop_map(|(mut request, at)| {
            request.truncate(at.index(request.len()));
            request
        }),
    ]
}

/// Sends the framed requests and reads an answer to each, then sends the rest and reads what comes.
fn exchange(address: SocketAddr, framed: &[Vec<u8>], unframed: &[u8]) -> Vec<u16> {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut statuses = Vec::new();
    std::thread::scope(|scope| {
        // Beside reading, lest both sides wait for the other to read.
        scope.spawn(|| (&stream).write_all(&framed.concat()));
        statuses.extend((0..framed.len()).map_while(|_| status(&mut answers).ok()));
    });
    // Only now: garbage ends a connection with a reset, which may take answers with it that were not read yet.
    let _ = (&stream).write_all(unframed);
    let _ = stream.shutdown(Shutdown::Write);
    loop {
        match status(&mut answers) {
            Ok(status) => statuses.push(status),
            Err(error) => {
                let ended = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
                assert!(ended.contains(&error.kind()), "no end: {error}");
                return statuses;
            }
        }
    }
}

/// Reads one answer.
fn status(answers: &mut BufReader<TcpStream>) -> io::Result<u16> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if answers.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_lowercase();
    let length = |line: &str| line.strip_prefix("content-length: ")?.parse().ok();
    let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
    answers.read_exact(&mut body)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(status.unwrap_or_else(|| panic!("{head}")))
}

#[test]
fn nothing_that_comes_over_the_wire_panics_or_is_answered_with_a_500() {
    let inputs = std::env::var("FUZZ_INPUTS").ok();
    let inputs: usize = inputs.map_or(DEFAULT_INPUTS, |inputs| {
        inputs.parse().expect("FUZZ_INPUTS")
    });
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        default(panic);
    }));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let emulator = runtime
        .block_on(Emulator::serve(Options {
            // Among the inputs are requests for all of it, and hyper 1.12 sometimes forgets the requests that a client has
            // pipelined behind an answer of megabytes. No AWS client pipelines.
            journal: 100,
            ..Options::default()
        }))
        .unwrap();
    THERE.set(furnish(&emulator)).unwrap();
    let address = emulator.address();
    let cases = inputs.div_ceil(BATCH + 1);
    let config = ProptestConfig {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let answered = AtomicUsize::new(0);
    let strategy = (vec(framed(), BATCH), unframed());
    let outcome = TestRunner::new(config).run(&strategy, |(framed, unframed)| {
        let statuses = exchange(address, &framed, &unframed);
        answered.fetch_add(statuses.len(), Ordering::Relaxed);
        prop_assert!(
            statuses.len() >= BATCH,
            "{} answers to {BATCH} requests",
            statuses.len()
        );
        prop_assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
        prop_assert_eq!(PANICS.load(Ordering::SeqCst), 0);
        Ok(())
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
    let journal = emulator.watch_journal();
    let counts = journal.borrow().counts().clone();
    let tried = cases * (BATCH + 1);
    println!("{tried} inputs tried, {} answered", answered.into_inner());
    for (operation, outcomes) in &counts {
        println!("{operation:?}: {outcomes:?}");
    }
    // It reached them all, and what lies behind their limits.
    for operation in Operation::ALL {
        let outcomes = counts.get(&operation).cloned().unwrap_or_default();
        assert!(outcomes.contains_key("OK"), "{operation:?}: {outcomes:?}");
    }
}

/// Rooms and logging configurations for the well-formed requests to name.
fn furnish(emulator: &Emulator) -> Vec<String> {
    let scope = Scope::in_region("us-west-2");
    let now = Timestamp::now();
    let mut there = Vec::new();
    for n in 0..200 {
        let room = emulator.call(&scope, Call::CreateRoom(CreateRoom::default()));
        match room.unwrap() {
            Answer::Room(room) => there.push(room.arn),
            other => panic!("{other:?}"),
        }
        let id = format!("AAAAAAAAA{n:03}");
        emulator.world(|world| world.put_logging_configuration(&scope, &id, now));
        let arn = format!("arn:aws:ivschat:us-west-2:123456789012:logging-configuration/{id}");
        there.push(arn);
    }
    there
}
