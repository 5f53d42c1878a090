//! Which versions there are: Fedora CoreOS releases, their kernels, OpenZFS
//! releases; how they are written, how they compare, and which one to take.
//!
//! Data in, data out: nothing here opens a socket, starts a process or reads a
//! clock. Strings are parsed once, at the border, into the types below, and are
//! never checked again.

mod error;
mod fcos;
mod kernel;
mod text;
mod zfs;

pub use error::Error;
pub use fcos::{FcosVersion, Stream};
pub use kernel::{Arch, KernelSource, KernelVersion};
pub use zfs::{Series, ZfsRelease, ZfsVersion, newest_in_series};
