//! Decides which versions of a container package may be deleted, so that no pull
//! can break.
//!
//! A version is not an image: an image is a group of versions that need each
//! other (an index, its platforms, a signature, an attestation), and a clean-up
//! by age alone would take one out of the middle of a group.
//!
//! Main items: [`plan`] makes a [`Plan`], which has a [`Fate`] with its reason
//! for every [`Version`], or a [`Refusal`], of the versions, their
//! [`Manifests`] and a [`Policy`]. [`Run`] goes through the deletions of a plan
//! in their order, [`restore`] says what of it can be undone, [`audit`] names
//! what is broken already.
//!
//! Pure: no network, process, environment, clock or terminal; the caller reads
//! registries and deletes. May import `registry-compat` and `version-discovery`.

mod audit;
mod edges;
mod error;
mod fate;
mod graph;
mod keep;
mod manifest;
mod name;
mod names;
mod order;
mod plan;
mod policy;
mod refusal;
mod restore;
mod run;
mod tags;
mod time;
mod version;

pub use audit::{Finding, audit};
pub use error::Error;
pub use fate::{DeleteReason, Fate, KeepReason, Part, Unknown};
pub use manifest::{HISTORY, Kind, Manifest, ManifestRead, Manifests};
pub use name::Name;
pub use plan::{Plan, Totals, plan};
pub use policy::Policy;
pub use refusal::Refusal;
pub use restore::{Deleted, RESTORE_DAYS, Restore, restore};
pub use run::Run;
pub use tags::{Glob, artefact_of};
pub use time::Timestamp;
pub use version::{Dates, Version, merged};
