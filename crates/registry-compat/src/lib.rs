//! Finds out from a registry's answers whether ZFS kernel modules (kmods) exist
//! for a kernel, and which are nearest if not.
//!
//! Main items: [`ImageRef`], [`Repository`], [`Digest`] and [`Tag`] are
//! references to images; [`KmodTag`] and [`TagForm`] read and write the tags of
//! kmods; [`Answer`] is what a registry said, where *absent* and *could not ask*
//! are never the same; [`judge`] compares a wanted pair of kernel and ZFS with
//! what exists; [`source_by_form`] and [`source_by_flavor`] make the sources
//! that `version_discovery::choose` looks at.
//!
//! Pure: no network, process, environment, clock or terminal; the caller asks
//! the registry. May import `version-discovery`.

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
