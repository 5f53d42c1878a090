//! The machine that runs the image: its configuration, and its first boot.
//!
//! [`ignition`] goes from the Butane sources of the checkout to the Ignition
//! files, the lints and the site that an installation reads. [`vm`] tries an
//! installation in a virtual machine: [`vm::expect`] reads from the config what
//! must hold, [`vm::probe`] asks the guest, [`vm::judge`] compares. [`boot`] boots
//! an image itself, without an installation.
//!
//! May import: `image-build` and all below it, and `ignition-gen`.

pub mod boot;
mod error;
pub mod fcos_disk;
pub mod ignition;
pub mod vm;

pub use error::Error;
