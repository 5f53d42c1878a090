//! The nightly runs, and how people hear of them.
//!
//! [`workflow`] starts workflows and reads their runs; [`outcome`] is the file in
//! which a task leaves how it ended; [`alarm`] turns that into one issue, from
//! the first failure to the recovery; [`status`] is the whole state of things on
//! one screen.
//!
//! May import: `image-publish` and all below it.

pub mod alarm;
mod error;
pub mod outcome;
pub mod status;
pub mod workflow;
pub mod workflow_runs;

pub use error::Error;
