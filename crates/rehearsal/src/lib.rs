//! The main job against throw-away stand-ins: for `rehearse`, and for the tests.
//!
//! [`standins`] makes a base image and kmods images that the unchanged
//! Containerfile can be built of; [`checkout`] lays a checkout that points to
//! them; [`rehearsal`] runs the commands of CI in it, night by night.
//!
//! [`requirements`] knows what the tasks need on a machine, and what brings it;
//! [`doctor`] prints it.
//!
//! May import: `image-publish`, `machine` and all below them.

mod absent_parts;
mod boot_nights;
pub mod checkout;
pub mod doctor;
mod error;
mod github;
mod heal;
mod metadata;
mod own_kmods;
pub mod playground;
pub mod rehearsal;
pub mod requirements;
mod scenarios;
mod several;
pub mod standins;
mod testbed;

pub use error::Error;
