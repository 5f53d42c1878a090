//! Whether ZFS kernel modules exist for a kernel: image references, kmods tags,
//! and the judgement over what a registry answered.
//!
//! Data in, data out: the answers come from whoever asked the registry. They
//! are three-valued ([`Answer`]): *absent* and *could not ask* are never the
//! same thing here.

mod answer;
mod error;
mod judge;
mod kmods;
mod reference;
mod source;

pub use answer::{Answer, Trouble, Unknown};
pub use error::Error;
pub use judge::{Judgement, Missing, judge};
pub use kmods::{KmodTag, TagForm};
pub use reference::{Digest, ImageRef, Repository, Tag};
pub use source::{AkmodsFlavor, source_by_flavor, source_by_form, zfs_of_rpms};
