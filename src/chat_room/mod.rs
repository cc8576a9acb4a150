//! Keeps each ChatRoom's room as the ChatRoom says: one pass at a time for each object.
//!
//! Start reading at [`reconcile`]: it is the table of contents. What a pass decides stands in [`ivschat_core::room`].

mod act;
mod brake;
mod cache;
mod changes;
mod claims;
mod context;
mod deletions;
mod kept;
mod kubernetes;
mod listed;
mod look;
mod measure;
mod measured;
mod memory;
mod object;
mod operator_class;
mod overlap;
mod passes;
mod places;
mod reconcile;
mod regions;
mod release;
mod report;
mod run;
mod signature;
mod sweep;
mod term;
mod unclassed;

use ivschat_core::api::ChatRoom;
use kube::api::ApiResource;

pub use cache::Cache;
pub use context::{Context, Parts, Settings};
pub use kubernetes::Kubernetes;
pub use operator_class::{InvalidOperatorClass, OperatorClass};
pub use passes::{Feed, MOST, Passed, Shutdown, passes};
pub use reconcile::reconcile;
pub use release::{ReleaseError, Released, release_all};
pub use run::run;
pub use signature::Signature;

/// The kind, as the watch knows it.
fn resource() -> ApiResource {
    ApiResource::erase::<ChatRoom>(&())
}
