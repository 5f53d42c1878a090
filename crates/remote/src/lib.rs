//! The network door: the only crate that opens sockets.
//!
//! Everything is read over `ureq`; manifests are pushed over `oci-client`.
//! Answers come back as plain domain values; the wire types stay private here.
//! One TLS stack (`rustls` with `ring`) that trusts what the system trusts.

mod actions;
mod agent;
mod artefact;
mod auth;
mod distribution;
pub mod download;
mod error;
pub mod fcos;
pub mod fetch;
pub mod github;
mod inspect;
mod issues;
mod layer;
pub mod loopback;
mod manifest;
mod oci;
mod packages;
mod patience;
mod registries_conf;
mod rest;
mod retries;
mod secret;
pub mod serve;
mod session;
mod tags;
mod wait;
pub mod webhook;

pub use actions::{Dispatched, Run, Wanted, Workflow};
pub use agent::{Agent, Limits, passes_by};
pub use artefact::Artefact;
pub use auth::{AuthFiles, Credential, HelperCall};
pub use distribution::{Read, RepositoryClient};
pub use error::{Error, one_line};
pub use inspect::Inspected;
pub use issues::{Change, Issue};
pub use oci::Registries;
pub use packages::{Deletion, Packages, Restoration};
pub use patience::Pace;
pub use registries_conf::{Endpoint, RegistriesConf};
pub use rest::{Access, Project};
pub use retries::{Allowance, Failed, Pause, Retries, Tries, Waiter, sleeping};
pub use secret::Secret;
pub use wait::Polls;
