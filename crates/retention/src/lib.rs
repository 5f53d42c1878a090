//! Which versions of a container package may go, so that no pull can break.
//!
//! A version is not an image: an image is a group of versions that need each
//! other, an index and its platforms, a signature, an attestation. A clean-up by
//! age alone takes one out of the middle. Here [`plan`] is a pure function from
//! the versions, what their manifests refer to, and a policy, to one [`Fate`]
//! with its reason for every version, or to a [`Refusal`]. [`Run`] carries a
//! plan out step by step, [`restore`] says what of it can be undone, [`audit`]
//! names what is broken already.
//!
//! Nothing here opens a socket or reads a clock or an environment; reading
//! registries and deleting are the caller's.

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
