//! The network: the only crate that opens sockets.
//!
//! Main items: [`Agent`] is the HTTP client, with [`Limits`] and [`Retries`];
//! [`Registries`] reads and writes images; [`RepositoryClient`] and [`Packages`]
//! list and delete versions at a [`Pace`]; [`github`], [`fcos`] and [`Project`]
//! ask the forge, GitHub and Fedora; [`serve`] and [`loopback`] are small servers.
//!
//! Everything is read over `ureq`; manifests are pushed over `oci-client`; both
//! use one TLS stack (`rustls` with `ring`) that trusts what the system trusts.
//! Answers come back as values of the crates below; wire types stay private.
//! May import `forge`, `version-discovery`, `registry-compat`, `retention` and `host`.

mod agent;
mod artefact;
mod auth;
mod authorization;
mod blobs;
mod distribution;
pub mod download;
mod error;
pub mod fcos;
pub mod fetch;
mod forge_packages;
pub mod github;
mod inspect;
mod layer;
pub mod loopback;
mod manifest;
mod oci;
mod packages;
mod project;
mod rate_limit;
mod registries_conf;
mod retries;
mod rights;
pub mod serve;
mod session;
mod site;
mod tags;
mod wait;
pub mod webhook;

pub use agent::{Agent, Limits, passes_by};
pub use artefact::Artefact;
pub use auth::{AuthFiles, Credential, HelperCall};
pub use blobs::{Blob, Origin, Sent};
pub use distribution::{ManifestFacts, RepositoryClient};
pub use error::Error;
pub use forge_packages::ForgePackages;
pub use inspect::Inspected;
pub use oci::Registries;
pub use packages::{Deletion, Packages, Restoration};
pub use project::Project;
pub use rate_limit::Pace;
pub use registries_conf::{Endpoint, RegistriesConf};
pub use retries::{Allowance, Failed, Pause, Retries, Tries, Waiter, sleeping};
pub use rights::RightFound;
pub use wait::Polls;
