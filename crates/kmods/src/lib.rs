//! Kernel modules of our own: when nobody has built them, they are built here.
//!
//! [`wanted`] asks the choice which modules can be built; a
//! [`Recipe`](image_build::kmods_recipe::Recipe) pins what they are made of.
//! [`plan::Plan`] is data: its effects are printed by a dry run, and performed by
//! [`run::perform`]. [`source`] judges the release's tarball by its signatures,
//! [`failure`] says what of a failed build is remembered.
//!
//! The result has the layout, the tag and the labels of any source of kmods, and is
//! taken like those. May import: `image-publish` and all below it but `machine` and
//! `retention`.

pub mod certificate;
mod effect;
mod error;
pub mod failure;
mod fetch;
pub mod plan;
pub mod published;
pub mod retention;
pub mod run;
pub mod source;
pub mod wanted;

pub use effect::Effect;
pub use error::Error;
