//! x
pub mod api;
pub mod room;
