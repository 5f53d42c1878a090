//! The clean-up: which versions of a package go, and letting them go.
//!
//! [`run`] is a whole clean-up: [`gather`] reads every version and manifest,
//! `retention::plan` decides, [`plan`] puts the decision into effects, and [`apply`]
//! performs them one by one. [`restore_log`] undoes what [`log`] says was done.
//! [`source`] is one package at either back end, GitHub's package API or a registry.
//!
//! May import: `host`, `image-config`, `remote`, `retention`, `registry-compat`.
//! It knows nothing of how an image is built or published.

pub mod apply;
mod audit;
pub mod cache;
mod clock;
mod error;
pub mod gather;
pub mod log;
pub mod packages;
mod parallel;
pub mod plan;
pub mod restore;
pub mod restore_log;
pub mod run;
pub mod source;

pub use error::Error;
