//! The operator as its users meet it: the real binary, a real kube-apiserver, the real SDK over HTTP to the emulator.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::manual_assert,
    clippy::match_wild_err_arm,
    reason = "tests"
)]

mod accounts;
mod adoption;
mod attacks;
mod bad_specs;
mod check;
mod class;
mod crd;
mod create;
mod delete;
mod failures;
mod gitops;
mod iam;
mod kubernetes;
mod leadership;
mod metrics;
mod ownership;
mod policies;
mod process;
mod rbac;
mod release;
mod restart;
mod settled;
mod stage;
mod sweep;
mod tags;
#[cfg(feature = "otlp")]
mod traces;
mod update;
