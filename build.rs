//! Finds out which commit this is built from: `GIT_COMMIT` says so, else git, where this is a clone; else it is unknown.

#![allow(clippy::unwrap_used, reason = "a build that cannot tell must stop")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=GIT_COMMIT");
    let given = std::env::var("GIT_COMMIT").ok().filter(|it| !it.is_empty());
    let commit = given.or_else(from_git);
    println!(
        "cargo:rustc-env=BUILD_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    );
}

/// The commit of this very folder: a tarball unpacked in somebody's repository is not of that one's.
fn from_git() -> Option<String> {
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    // What changes with a commit or another branch, and nothing else, makes this run again.
    let branch = git(&["rev-parse", "--symbolic-full-name", "HEAD"]);
    for name in ["HEAD", "packed-refs"]
        .into_iter()
        .chain(branch.as_deref().filter(|it| *it != "HEAD"))
    {
        let path = git(&["rev-parse", "--git-path", name]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
