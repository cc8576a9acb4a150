//! The operator's own code on virtual time, one thread and one seed, against models of IVS Chat and of an API server.

pub mod campaign;
mod choices;
pub mod cluster;
pub mod coverage;
mod disturb;
mod exchange;
mod fault;
mod network;
mod operator;
pub mod oracle;
mod passes;
mod process;
pub mod protocol;
mod replica;
pub mod scheduler;
mod servers;
mod setting;
pub mod shrink;
mod simulation;
pub mod story;
mod time;
pub mod users;
