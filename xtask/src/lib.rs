//! The tasks of `cargo xtask`, for this repository and for others.
//!
//! A task is one file in `tasks/`: it parses its arguments, calls a library, and
//! prints the answer. [`tasks()`] are all of them; another repository adds its
//! own by [`Tasks::with`], and gets help, `--json`, exit codes and the read
//! `image.yaml` for them. `examples/own-task` is such a repository.
//!
//! May import: every other crate. Nothing imports it but programs.

pub mod cli;
pub mod error;
mod grammar;
mod registry;
mod selected;
pub mod tasks;
mod usage;

pub use registry::{OwnTask, Tasks};
pub use selected::Selected;

/// The tasks that there are here.
pub fn tasks() -> Tasks {
    Tasks::default()
}
