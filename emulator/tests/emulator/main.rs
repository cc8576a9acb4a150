//! The emulator as its clients see it: over HTTP, through a real SDK, as a process.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod clock;
mod faults;
mod journal;
mod lists;
mod permissions;
mod process;
mod sdk;
mod stage;
mod state;
mod wire;
