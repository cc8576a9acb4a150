//! What processes talk to: models of IVS Chat and of a Kubernetes API server.

pub(crate) mod ivschat;
