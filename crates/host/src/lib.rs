//! The doors to this machine, other than the network: programs and signals,
//! environment and clock, whole files, the terminal and CI's files.
//!
//! `clippy.toml` closes all of them everywhere else. Main types: [`env::Env`] is
//! the environment, read once; [`process::Invocation`] is a program to run, and
//! [`process::run`] runs it; [`report::Report`] is the only printer; [`Done`] and
//! [`failure::Failure`] say how a task ended, and with which exit code;
//! [`Secret`] cannot be printed.
//!
//! May import: `registry-compat`, for [`registry_compat::Unknown`] alone. It
//! knows nothing of images: every crate above it may use it.

pub mod binfmt;
mod done;
pub mod env;
mod error;
pub mod failure;
pub mod files;
pub mod kvm;
pub mod process;
pub mod report;
mod secret;
mod text;

pub use done::Done;
pub use error::{Error, reason};
pub use secret::Secret;
pub use text::one_line;
