//! A repository of one's own, which uses this one as a dependency: the files that
//! `init` writes, and what `update` brings of later versions.
//!
//! [`templates`] are this repository's own files, embedded when the program is
//! compiled; [`answers`] are what a person says, and [`init`] writes them and the files
//! that are the person's from then on;
//! [`update`] compares a repository with the templates of this program.
//!
//! May import: `host`, `image-config`, `registry-compat`.

pub mod answers;
mod error;
mod host_name;
pub mod init;
mod record;
pub mod templates;
pub mod update;

pub use error::Error;
