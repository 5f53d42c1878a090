//! From upstream releases to a verified image on this machine.
//!
//! [`gather`] asks Fedora, OpenZFS, GitHub and the registries, and pins every answer by
//! digest: plain [`facts`]. [`resolve`] turns them into the [`lock`], the whole list of
//! a build's inputs, or says why nothing can be built yet. [`skip`] compares it with
//! what is published. [`engine`] writes the command lines of `podman`, `buildah` and
//! `docker`; [`contract`] reads the report of the checks that run in the built image.
//!
//! [`versions`], [`explanation`], [`forecast`] and [`decision`] gather, decide and print
//! the answer of a task; everything else but [`gather`], [`inputs`], [`verdict`] and
//! [`transfer`] is pure. May import: `host`,
//! `image-config`, `remote`, `signatures`, and the named crates but
//! `ignition-gen` and `retention`.

pub mod asking;
pub mod cache;
pub mod containerfile_lint;
pub mod content;
pub mod contract;
pub mod decided;
pub mod decision;
pub mod engine;
mod error;
pub mod explanation;
pub mod facts;
pub mod forecast;
pub mod gaps;
pub mod gather;
pub mod inputs;
mod kmods_labels;
pub mod kmods_recipe;
pub mod lock;
pub mod locks;
pub mod packages;
pub mod policy_key;
pub mod resolve;
pub mod skip;
#[doc(hidden)]
pub mod testing;
pub mod transfer;
pub mod verdict;
pub mod versions;

pub use error::Error;
