//! How fast the emulator answers with ten thousand rooms, as a process of its own, access log on, quotas off.
//!
//! `cargo bench -p ivschat-emulator` prints the figures and fails where they miss their goals.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const CALLERS: usize = 8;
const MANY: usize = 10_000;
const FEW: usize = 100;
const MANY_REGION: &str = "us-west-2";
const FEW_REGION: &str = "eu-west-1";
const RUNS: usize = 5;
const RUN: Duration = Duration::from_secs(2);
const PAGES_PER_RUN: u32 = 200;

/// GetRoom a second, at the least.
const GETS_GOAL: f64 = 5_000.0;
/// A page with many rooms against one with few, in time. Noise is some percent; a page that walked all rooms would take a
/// hundred times as long.
const PAGES_GOAL: f64 = 1.25;

/// The emulator, ended with the benchmark.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One connection, kept open.
struct Caller {
    stream: BufReader<TcpStream>,
    region: &'static str,
}

impl Caller {
    fn new(address: SocketAddr, region: &'static str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = BufReader::new(stream);
        Self { stream, region }
    }

    fn request(&self, operation: &str, body: &str) -> String {
        format!(
            "POST /{operation} HTTP/1.1\r\nhost: bench\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=AKID/20260102/{}/ivschat/aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n\
             content-length: {}\r\n\r\n{body}",
            self.region,
            body.len(),
        )
    }

    fn send(&mut self, request: &str) -> Vec<u8> {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    fn call(&mut self, operation: &str, body: &Value) -> Value {
        let request = self.request(operation, &body.to_string());
        serde_json::from_slice(&self.send(&request)).unwrap()
    }
}

fn start() -> (Server, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Command::new(env!("CARGO_BIN_EXE_ivschat-emulator"))
        .args(["--listen", &address.to_string()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(server);
    let since = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "it does not serve"
        );
        thread::yield_now();
    }
    (server, address)
}

fn create(address: SocketAddr, region: &'static str, count: usize) -> Vec<String> {
    let mut caller = Caller::new(address, region);
    let tags = json!({"team": "live", "stage": "bench"});
    let new = |n| json!({"name": format!("room-{n}"), "tags": tags});
    let arn = |room: Value| room["arn"].as_str().unwrap().to_owned();
    (0..count)
        .map(|n| arn(caller.call("CreateRoom", &new(n))))
        .collect()
}

/// GetRoom a second, of all callers together.
fn gets(address: SocketAddr, arns: &[String]) -> f64 {
    let since = Instant::now();
    let answered: u32 = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                scope.spawn(move || {
                    let mut caller = Caller::new(address, MANY_REGION);
                    let mut answered = 0;
                    // Each caller walks all rooms, in a stride of its own.
                    let arns = arns.iter().cycle().skip(number * 1237).step_by(7);
                    for arn in arns {
                        let request =
                            caller.request("GetRoom", &json!({"identifier": arn}).to_string());
                        let body = caller.send(&request);
                        assert!(body.len() > 200, "a room");
                        answered += 1;
                        if since.elapsed() >= RUN {
                            break;
                        }
                    }
                    answered
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    });
    f64::from(answered) / since.elapsed().as_secs_f64()
}

/// The request for the page after `skip` pages.
fn page(caller: &mut Caller, skip: usize) -> String {
    let mut body = json!({});
    for _ in 0..skip {
        let page = caller.call("ListRooms", &body);
        body["nextToken"] = page["nextToken"].clone();
    }
    caller.request("ListRooms", &body.to_string())
}

/// Microseconds a page takes.
fn page_time(caller: &mut Caller, request: &str) -> f64 {
    let since = Instant::now();
    for _ in 0..PAGES_PER_RUN {
        caller.send(request);
    }
    since.elapsed().as_secs_f64() * 1e6 / f64::from(PAGES_PER_RUN)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    // `cargo test --benches` only wants to know that it can be built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (_server, address) = start();
    let arns = create(address, MANY_REGION, MANY);
    create(address, FEW_REGION, FEW);

    let gets = median((0..RUNS).map(|_| gets(address, &arns)).collect());
    println!("GetRoom, {MANY} rooms, {CALLERS} connections: {gets:.0}/s (goal: {GETS_GOAL:.0})");

    let mut few = Caller::new(address, FEW_REGION);
    let mut many = Caller::new(address, MANY_REGION);
    // The first page, the last full one of few, and one far down among many.
    let requests = [
        ("first page", page(&mut few, 0), page(&mut many, 0)),
        (
            "last page",
            page(&mut few, 1),
            page(&mut many, MANY / 50 - 1),
        ),
    ];
    let mut worst: f64 = 0.0;
    for (which, of_few, of_many) in requests {
        // Turn by turn, so that both meet the same noise.
        let turns =
            (0..RUNS * 3).map(|_| (page_time(&mut few, &of_few), page_time(&mut many, &of_many)));
        let (of_few, of_many): (Vec<_>, Vec<_>) = turns.unzip();
        let (of_few, of_many) = (median(of_few), median(of_many));
        let ratio = of_many / of_few;
        worst = worst.max(ratio);
        println!(
            "ListRooms, {which}: {of_few:.0} µs of {FEW} rooms, {of_many:.0} µs of {MANY}: ratio {ratio:.2} (goal: {PAGES_GOAL})"
        );
    }
    assert!(gets >= GETS_GOAL, "GetRoom is too slow");
    assert!(worst <= PAGES_GOAL, "pages get slower with more rooms");
}
