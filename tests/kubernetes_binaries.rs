//! `hack/kubernetes/get`: where Kubernetes' binaries come from, and what it does where they do not come as they should.
//!
//! What it would build is kept away: its `go` is too old, and the versions asked for are not those of the last resort.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const GET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hack/kubernetes/get");

/// A machine with an empty cache, and a host that has the envtest archive of Kubernetes 1.36.2.
struct Machine {
    home: TempDir,
    /// What the host sends, of how many bytes it announces.
    sent: Arc<Mutex<(Vec<u8>, usize)>>,
    requests: Arc<AtomicUsize>,
    releases: String,
}

struct Outcome {
    well: bool,
    printed: String,
    told: String,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        script(&home.path().join("bin/go"), "echo go1.19.8");
        let archive = archive(home.path());
        let sent = Arc::new(Mutex::new((archive.clone(), archive.len())));
        let requests = Arc::new(AtomicUsize::new(0));
        let releases = format!("http://{}", serve(Arc::clone(&sent), Arc::clone(&requests)));
        let machine = Self {
            home,
            sent,
            requests,
            releases,
        };
        machine.pin(&sha512(machine.home.path(), &archive));
        machine
    }

    fn pin(&self, sum: &str) {
        let lines =
            ["amd64", "arm64"].map(|it| format!("{sum}  envtest-v1.36.2-linux-{it}.tar.gz\n"));
        fs::write(self.home.path().join("envtest.sha512"), lines.concat()).unwrap();
    }

    fn get(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
        let path = |name: &str| self.home.path().join(name);
        let output = Command::new(GET)
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", path("bin").display()))
            .env("HOME", self.home.path())
            .env("ENVTEST_RELEASES", &self.releases)
            .env("ENVTEST_SHA512", path("envtest.sha512"))
            .env("K8S_VERSION", "1.36")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        Outcome {
            well: output.status.success(),
            printed: String::from_utf8(output.stdout).unwrap(),
            told: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn cached(&self) -> PathBuf {
        let cache = ".cache/ivschat-operator/kubernetes/v1.36.2-envtest";
        self.home.path().join(cache)
    }

    /// Asserts that nothing was given out, that the reason was told, and that nothing is left in the cache.
    fn refused(&self, outcome: &Outcome, reason: &str) {
        assert!(!outcome.well, "{}", outcome.printed);
        assert_eq!(outcome.printed, "");
        assert!(outcome.told.contains(reason), "{}", outcome.told);
        let end = "no Kubernetes 1.36 with etcd kube-apiserver can be had here";
        assert!(outcome.told.contains(end), "{}", outcome.told);
        let cache = self.cached().parent().unwrap().to_owned();
        let left = fs::read_dir(cache).unwrap().map(|it| it.unwrap().path());
        let files: Vec<_> = left.filter(|it| holds_files(it)).collect();
        assert_eq!(files, Vec::<PathBuf>::new());
    }
}

fn holds_files(path: &Path) -> bool {
    path.is_dir() && fs::read_dir(path).unwrap().next().is_some()
}

fn script(path: &Path, line: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Scripts that stand for Kubernetes' binaries in a version.
fn binaries(directory: &Path, version: &str) {
    script(&directory.join("etcd"), "echo etcd");
    let version = format!("echo Kubernetes {version}");
    script(&directory.join("kube-apiserver"), &version);
}

/// An archive as the Kubernetes project lays it out.
fn archive(work: &Path) -> Vec<u8> {
    let tree = work.join("tree");
    binaries(&tree.join("controller-tools/envtest"), "v1.36.2");
    let made = Command::new("tar")
        .args(["czf", "archive.tar.gz", "-C"])
        .arg(&tree)
        .arg("controller-tools")
        .current_dir(work)
        .status();
    assert!(made.unwrap().success());
    fs::read(work.join("archive.tar.gz")).unwrap()
}

fn sha512(work: &Path, bytes: &[u8]) -> String {
    let file = work.join("to-be-summed");
    fs::write(&file, bytes).unwrap();
    let output = Command::new("sha512sum").arg(&file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..128].to_owned()
}

fn serve(sent: Arc<Mutex<(Vec<u8>, usize)>>, requests: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            requests.fetch_add(1, Ordering::Relaxed);
            let (body, announced) = sent.lock().unwrap().clone();
            answer(connection.unwrap(), &body, announced);
        }
    });
    address
}

fn answer(mut connection: TcpStream, body: &[u8], announced: usize) {
    let mut request = [0; 4096];
    let length = connection.read(&mut request).unwrap();
    let request = String::from_utf8_lossy(&request[..length]);
    let wanted = request.starts_with("GET /envtest-v1.36.2/envtest-v1.36.2-linux-");
    let status = if wanted { "200 OK" } else { "404 Not Found" };
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {announced}\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body).unwrap();
}

#[test]
fn the_archive_is_fetched_once_and_then_comes_from_the_cache() {
    let machine = Machine::new();
    let first = machine.get(&[], &[]);
    assert_eq!(
        first.printed.trim_end(),
        machine.cached().to_str().unwrap(),
        "{}",
        first.told
    );
    for binary in ["etcd", "kube-apiserver"] {
        assert!(machine.cached().join(binary).is_file(), "{binary}");
    }
    let second = machine.get(&[], &[]);
    assert_eq!(
        (second.printed, second.told),
        (first.printed, String::new())
    );
    assert_eq!(machine.requests.load(Ordering::Relaxed), 1);
}

#[test]
fn an_archive_with_another_checksum_is_not_used() {
    let machine = Machine::new();
    machine.pin(&"0".repeat(128));
    machine.refused(&machine.get(&[], &[]), "is not the one that was pinned");
}

#[test]
fn a_download_that_is_cut_leaves_nothing_behind_and_the_next_one_works() {
    let machine = Machine::new();
    let whole = machine.sent.lock().unwrap().0.clone();
    *machine.sent.lock().unwrap() = (whole[..whole.len() / 2].to_vec(), whole.len());
    machine.refused(&machine.get(&[], &[]), "could not be fetched: curl: (18)");
    *machine.sent.lock().unwrap() = (whole.clone(), whole.len());
    let again = machine.get(&[], &[]);
    assert!(again.well, "{}", again.told);
}

#[test]
fn an_archive_that_is_not_there_is_told() {
    let machine = Machine::new();
    let releases = format!("{}/elsewhere", machine.releases);
    let outcome = machine.get(&[], &[("ENVTEST_RELEASES", &releases)]);
    machine.refused(&outcome, "404");
}

/// Its backlog is full, so that no connection comes about, as behind a firewall that drops what it does not let through.
#[tokio::test]
async fn a_host_that_cannot_be_reached_is_given_up_within_three_seconds() {
    let machine = Machine::new();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = socket.listen(1).unwrap();
    let address = silent.local_addr().unwrap();
    let waiting = Duration::from_millis(200);
    let mut filling = Vec::new();
    while let Ok(connection) = TcpStream::connect_timeout(&address, waiting) {
        filling.push(connection);
    }
    let releases = format!("http://{address}");
    let begun = Instant::now();
    let outcome = machine.get(&[], &[("ENVTEST_RELEASES", &releases)]);
    let took = begun.elapsed();
    machine.refused(&outcome, "could not be fetched: curl: (28)");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn where_nothing_else_is_left_it_says_which_go_is_needed() {
    let machine = Machine::new();
    machine.pin(&"0".repeat(128));
    let told = "Go 1.26.0 or later is needed to build Kubernetes 1.36; this machine has 1.19.8";
    machine.refused(&machine.get(&[], &[]), told);
}

#[test]
fn the_directory_that_is_named_comes_first_then_path_then_the_cache() {
    let machine = Machine::new();
    assert!(machine.get(&[], &[]).well);
    let on_path = machine.home.path().join("bin");
    binaries(&on_path, "v1.36.0");
    let path = machine.get(&[], &[]);
    assert!(
        path.printed.trim_end().ends_with("/kubernetes/path"),
        "{}",
        path.printed
    );
    let link = fs::read_link(Path::new(path.printed.trim_end()).join("etcd")).unwrap();
    assert_eq!(link, on_path.join("etcd"));
    let named = machine.home.path().join("named");
    binaries(&named, "v1.36.1");
    let named = named.to_str().unwrap();
    let assets = machine.get(&[], &[("KUBEBUILDER_ASSETS", named)]);
    assert_eq!(assets.printed.trim_end(), named);
    assert_eq!(machine.requests.load(Ordering::Relaxed), 1);
}

#[test]
fn what_is_at_hand_in_another_version_than_the_one_asked_for_is_passed_over() {
    let machine = Machine::new();
    binaries(&machine.home.path().join("bin"), "v1.34.0");
    let named = machine.home.path().join("named");
    binaries(&named, "v1.35.0");
    let assets = ("KUBEBUILDER_ASSETS", named.to_str().unwrap());
    let outcome = machine.get(&[], &[assets]);
    assert_eq!(
        outcome.printed.trim_end(),
        machine.cached().to_str().unwrap()
    );
    let told = "KUBEBUILDER_ASSETS holds Kubernetes 1.35, not 1.36: not used";
    assert!(outcome.told.contains(told), "{}", outcome.told);
    let without_wish = machine.get(&[], &[assets, ("K8S_VERSION", "")]);
    assert_eq!(without_wish.printed.trim_end(), named.to_str().unwrap());
}

#[test]
fn a_directory_that_is_named_and_holds_nothing_is_an_error_rather_than_a_download() {
    let machine = Machine::new();
    let empty = machine.home.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let assets = [
        ("KUBEBUILDER_ASSETS", empty.to_str().unwrap()),
        ("K8S_VERSION", ""),
    ];
    let outcome = machine.get(&[], &assets);
    assert_eq!((outcome.well, outcome.printed.as_str()), (false, ""));
    let told = format!(
        "KUBEBUILDER_ASSETS={} does not hold etcd kube-apiserver",
        empty.display()
    );
    assert!(outcome.told.contains(&told), "{}", outcome.told);
    assert_eq!(machine.requests.load(Ordering::Relaxed), 0);
}

#[test]
fn a_version_that_is_not_known_is_refused_with_those_that_are() {
    let machine = Machine::new();
    let outcome = machine.get(&[], &[("K8S_VERSION", "1.12")]);
    assert!(!outcome.well);
    let told = "kubernetes: K8S_VERSION=1.12 is none of: 1.37 1.36 1.35 1.34 1.20\n";
    assert_eq!(outcome.told, told);
}

#[test]
fn versions_lists_what_is_there_and_what_could_be() {
    let machine = Machine::new();
    assert!(machine.get(&[], &[]).well);
    let outcome = machine.get(&["versions"], &[]);
    let patch = regex::Regex::new(r"^(v1\.\d+)\.\d+ ").unwrap();
    let rows = outcome.printed.lines();
    let rows: Vec<_> = rows
        .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    // Which patch releases are pinned is not for here.
    let minors: Vec<_> = rows.iter().map(|row| patch.replace(row, "$1 ")).collect();
    let wanted = [
        "VERSION FROM STATE",
        "v1.37 Go module to be built",
        "v1.36 Go module to be built",
        "v1.35 Go module to be built",
        "v1.34 Go module to be built",
        "v1.36 envtest archive in the cache",
        "v1.20 Debian's source package to be built, the last resort",
    ];
    assert_eq!(minors, wanted, "{}", outcome.told);
}
