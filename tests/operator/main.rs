//! The operator as its users meet it: the real binary, a real kube-apiserver, the real SDK over HTTP to the emulator.
//!
//! `make test-oldest` runs what is marked `oldest` below, on an old version of Kubernetes.

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
mod adoption; // oldest
mod attacks;
mod bad_specs; // oldest
mod check; // oldest
mod class; // oldest
mod clock;
mod crd;
mod create; // oldest
mod delete; // oldest
#[cfg(feature = "desktop")]
mod desktop;
mod drift;
mod failures;
mod fairness;
mod gitops; // oldest
mod iam;
mod kubernetes; // oldest
mod leadership; // oldest
mod metrics;
mod ownership; // oldest
mod policies;
mod process;
mod quotas;
mod rbac;
mod regions;
mod release;
mod restart;
mod settled;
mod stage;
mod sweep;
mod tags; // oldest
#[cfg(feature = "otlp")]
mod traces;
mod update; // oldest
