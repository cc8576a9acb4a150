//! The operator's own code on virtual time, one thread and one seed, against models of IVS Chat and of an API server.

pub mod cluster;
pub mod protocol;
