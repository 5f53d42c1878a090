//! The network door: the only crate that opens sockets.
//!
//! Everything is read over `ureq`; manifests are pushed over `oci-client`.
//! Answers come back as plain domain values; the wire types stay private here.
//! One TLS stack (`rustls` with `ring`) that trusts what the system trusts.

mod agent;
mod artefact;
mod auth;
mod distribution;
mod error;
pub mod fcos;
pub mod fetch;
pub mod github;
mod inspect;
mod layer;
pub mod loopback;
mod manifest;
mod oci;
mod packages;
mod patience;
mod registries_conf;
mod retries;
mod secret;
pub mod serve;
mod session;
mod tags;

pub use agent::{Agent, Limits, passes_by};
pub use artefact::Artefact;
pub use auth::{AuthFiles, Credential, HelperCall};
pub use distribution::{Read, RepositoryClient};
pub use error::{Error, one_line};
pub use inspect::Inspected;
pub use oci::Registries;
pub use packages::{Deletion, Packages, Restoration};
pub use patience::Pace;
pub use registries_conf::{Endpoint, RegistriesConf};
pub use retries::{Allowance, Failed, Pause, Retries, Tries, Waiter, sleeping};
pub use secret::Secret;
