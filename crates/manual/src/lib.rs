//! What a person reads who uses the program: completions of the shell, man pages,
//! and the book below `docs/`.
//!
//! The grammar comes in as a [`clap::Command`], so that nothing here knows a task.
//! [`completions`] and [`man`] turn it into files, [`files`] says where each belongs, and
//! [`install`] puts them there or packs them; [`pages`] into pages of the book;
//! [`check`] says which links, command lines and generated pages of the book do not
//! hold; [`book`] has mdBook make it; [`recording`] makes its moving pictures. [`run`]
//! does what the tasks ask for.
//!
//! May import: `host`, `image-config`, and `remote` for the server of `docs --serve`.

mod args;
mod assembly;
pub mod book;
pub mod check;
pub mod completions;
mod error;
pub mod files;
pub mod install;
pub mod man;
mod markdown;
pub mod pages;
pub mod recording;
mod run;
mod typed;

pub use args::{CompletionsArgs, DistArgs, DocsArgs, ManArgs, Shell, Task};
pub use error::Error;
pub use run::run;
