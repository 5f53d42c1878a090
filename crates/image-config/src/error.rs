//! What is wrong with `image.yaml`.

use std::path::PathBuf;

use host::failure::{Failure, Kind};

/// Why `image.yaml` cannot be used. Exit code 2, but for a file that cannot be
/// read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value in it is wrong.
    #[error("{}{}: {detail}", path.display(), place_text(*place))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1.
        place: Option<(usize, usize)>,
        /// What is wrong.
        detail: String,
    },
    /// A value made of several others is not what it must be.
    #[error(transparent)]
    Malformed(#[from] registry_compat::Error),
    /// A kmods image cannot be named for this kernel.
    #[error("kmods image of {image}: kernel {kernel} does not say which Fedora it is of")]
    NoFedora {
        /// The repository.
        image: Box<registry_compat::Repository>,
        /// The kernel.
        kernel: String,
    },
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid { .. } => 2,
            Self::Malformed(_) | Self::NoFedora { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            // A kernel that no source of kmods can name.
            Self::NoFedora { .. } => Kind::Step("kmods"),
            Self::Invalid { .. } => Kind::Configuration,
            Self::Malformed(_) => Kind::Other,
        }
    }
}

fn place_text(place: Option<(usize, usize)>) -> String {
    place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"))
}
