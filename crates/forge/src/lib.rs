//! The forges: where a repository, its issues, its runs and its packages are.
//!
//! A module for each: [`github`], [`gitlab`], [`forgejo`] (Gitea and Codeberg as
//! well). Each says which requests an intention needs and what the answers mean
//! ([`api::Api`]), and which variables its CI sets ([`ci::Ci`]). Data in, data out:
//! nothing is sent or read here, and no other crate names a forge's API or
//! variables. [`known`] finds out which forge it is.
//!
//! Does no input or output, and imports no other crate of this workspace.

pub mod api;
pub mod ci;
pub mod detect;
pub mod forgejo;
pub mod github;
pub mod gitlab;
pub mod kind;
pub mod local;
pub mod model;
mod url;

pub use api::{Api, FoundIssue, Method, Request, Trust, Unreadable};
pub use ci::Ci;
pub use detect::{Hints, Home, UnknownHome, api, ci, home, token_names};
pub use kind::Forge;
pub use model::{Access, Change, Dispatched, Issue, Run, RunFilter, Workflow};
