//! One direction: each layer knows only those below it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// A folder or file, and what must not be named there. What a crate must not know it does not depend on; here is the rest.
const RULES: [(&str, &[&str]); 10] = [
    (
        "crates/core/src",
        &["kube::Client", "kube::api", "async ", ".await"],
    ),
    ("crates/core/src/api", &["crate::room"]),
    (
        "crates/ivs/src",
        &["ChatRoom,", "ChatRoomSpec", "ChatRoomStatus"],
    ),
    (
        "src/chat_room",
        &["crate::check", "prometheus_client", "axum"],
    ),
    (
        "src/kit",
        &[
            "crate::chat_room",
            "crate::check",
            "ivschat_core::api::ChatRoom",
            "prometheus_client",
            "axum",
        ],
    ),
    ("src/check", &["prometheus_client", "axum"]),
    (
        "src/telemetry",
        &[
            "crate::chat_room",
            "crate::kit",
            "ivschat_core::api",
            "ivschat_core::room",
        ],
    ),
    ("src/main.rs", &["ivschat_core::room", "Verdict"]),
    ("crates/simulation/src/cluster", &PURE),
    ("emulator/src/world", &PURE),
];

/// Of a state machine `(state, call, now) -> answer`.
const PURE: [&str; 13] = [
    "crate::",
    "std::fs",
    "std::io",
    "std::net",
    "std::sync::Mutex",
    "tokio",
    "async ",
    ".await",
    "Timestamp::now",
    "Instant",
    "SystemTime",
    "fastrand",
    "uuid",
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found: Vec<_> = fs::read_dir(path)
        .unwrap()
        .flat_map(|entry| sources(&entry.unwrap().path()))
        .collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found
}

/// The code of a file, without comments and without the tests at its end.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.to_owned()));
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .collect()
}

#[test]
fn no_layer_names_what_it_must_not_know() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    for (layer, forbidden) in RULES {
        let files = sources(&root.join(layer));
        assert!(
            !files.is_empty(),
            "{layer} has no sources: the rule checks nothing"
        );
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            for (number, line) in code(file) {
                for name in forbidden.iter().filter(|name| line.contains(**name)) {
                    broken.push(format!(
                        "{}:{number} names {name}",
                        file.strip_prefix(root).unwrap().display()
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
