//! The clean-up: which versions of a package go, and letting them go.
//!
//! [`gather`] reads every version and manifest, `retention::plan` decides,
//! [`plan`] puts the decision into effects, [`apply`] performs them one by one,
//! and [`restore`] undoes what [`log`] says was done. [`source`] is one package
//! at either back end, GitHub's package API or a registry.
//!
//! May import: `host`, `image-config`, `remote`, `retention`, `registry-compat`.
//! It knows nothing of how an image is built or published.

pub mod apply;
pub mod cache;
mod error;
pub mod gather;
pub mod log;
pub mod parallel;
pub mod plan;
pub mod restore;
pub mod source;

pub use error::Error;
