//! The domain, pure: no clock, no client, nothing asynchronous.
//!
//! A pass goes through these in turn:
//!
//! - [`seen`] reads the object part by part, and [`case`](mod@case) says what is wanted of its room;
//! - [`search`](mod@search) says what to read of AWS next, or what is there, and [`census`] how surely a list shows it;
//! - [`decide`](mod@decide) gives the steps, with what [`correction`] finds to differ;
//! - [`course`], [`record`], [`recall`], [`news`], [`status`] and [`when`] say what follows of what was done.

pub mod absence;
mod actual;
mod arn;
pub mod case;
pub mod census;
pub mod correction;
pub mod course;
pub mod decide;
pub mod delta;
mod desired;
mod failure;
pub mod news;
pub mod orphans;
mod owner;
mod pause;
pub mod plan;
pub mod recall;
pub mod record;
#[cfg(test)]
mod sample;
pub mod search;
pub mod seen;
pub mod status;
pub mod step;
mod tagging;
pub mod twins;
pub mod urgency;
pub mod verification;
pub mod when;

use std::collections::BTreeMap;

pub use actual::{ActualRoom, Summary};
pub use arn::{InvalidArn, RoomArn};
pub use desired::{
    DesiredRoom, Handler, Origin, Violation, Violations, check_default_tags, is_region,
};
pub use failure::{Cause, Failure, FailureClass};
pub use owner::{ClusterId, Identity, InvalidClusterId, Owner, Proof};
pub use pause::Pause;
pub use tagging::{InvalidKeyPattern, KeyPattern, TagScope};

/// Tag keys and values.
pub type Tags = BTreeMap<String, String>;
