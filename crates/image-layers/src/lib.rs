//! The layers of an image by how often they change, so that an update costs a host only
//! what changed.
//!
//! An engine commits a build as one layer. [`entry`] reads that layer, [`owners`] the
//! list of which package owns which file; [`split`] puts every entry into a part (kernel
//! modules, one part for each large package, small packages by their vendor, package
//! database, configuration); [`layer`] writes a part so that the same content always
//! gives the same bytes; [`image`] makes manifest and config of it. The layers of the
//! base stay as they are, byte for byte, and a part that did not change keeps the layer
//! of the image before. [`download`] says what a host has to fetch, [`compare`]
//! which files differ between two layers.
//!
//! It reads and writes files, and opens no other door. May import: `registry-compat`.

pub mod compare;
pub mod download;
pub mod entry;
mod error;
pub mod export;
pub mod image;
pub mod layer;
pub mod owners;
mod parts;
pub mod reassemble;
pub mod split;

pub use error::Error;
