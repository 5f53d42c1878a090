//! The clean-up: which versions of a package go, and letting them go.
//!
//! `gather` reads every version and manifest, `retention::plan` decides, `plan`
//! puts the decision into effects, `apply` performs them one by one, and
//! `restore` undoes what `log` says was done.

pub mod apply;
pub mod cache;
pub mod gather;
pub mod log;
pub mod parallel;
pub mod plan;
pub mod restore;
pub mod source;
