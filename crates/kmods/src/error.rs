//! What ends a build of kernel modules without its result.

use host::failure::{Failure, Kind};

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What a publication stands on.
    #[error(transparent)]
    Publish(#[from] image_publish::Error),
    /// A step did not hold.
    #[error("modules: {0}")]
    Step(String),
    /// The build itself failed, and why, as the compiler said it.
    #[error("modules: building ZFS {zfs} for kernel {kernel} failed in `{section}`: {why}")]
    Build {
        /// The release.
        zfs: version_discovery::ZfsVersion,
        /// The kernel.
        kernel: version_discovery::KernelVersion,
        /// The part of the script.
        section: String,
        /// One line.
        why: String,
        /// The engine's own words.
        source: Box<image_publish::Error>,
    },
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Publish(error) => error.exit_code(),
            Self::Step(_) | Self::Build { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Publish(error) => error.kind(),
            Self::Step(_) | Self::Build { .. } => Kind::Step("modules"),
        }
    }
}

/// Errors of the crates below, by the way that `image-publish` takes them.
macro_rules! from {
    ($($type:ty),*) => {
        $(impl From<$type> for Error {
            fn from(error: $type) -> Self {
                Self::Publish(error.into())
            }
        })*
    };
}

from!(
    host::Error,
    image_build::Error,
    remote::Error,
    registry_compat::Error,
    signatures::Error,
    version_discovery::Error
);
