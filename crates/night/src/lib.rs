//! The nightly runs, and how people hear of them.
//!
//! [`lines`] are what a night types, wherever it runs; [`nightly`] types them on a
//! machine of one's own.
//! [`workflow`] starts workflows and reads their runs; [`outcome`] is the file in
//! which a task leaves how it ended; [`alarm`] turns that into one issue, from
//! the first failure to the recovery; [`status`] is the whole state of things on
//! one screen.
//!
//! May import: `image-publish` and all below it.

pub mod alarm;
mod error;
mod folder;
pub mod gitlab_ci;
pub mod lines;
pub mod nightly;
pub mod online;
pub mod outcome;
pub mod status;
pub mod workflow;
pub mod workflow_runs;

pub use error::Error;
