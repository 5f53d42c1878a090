//! What is wrong with `image.yaml`.

use std::fmt;
use std::path::{Path, PathBuf};

use host::failure::{Failure, Kind};

use crate::excerpt::{Problem, WIDTH};

/// Below this nothing of a line could be seen beside its number.
const NARROWEST: usize = 20;

/// Why `image.yaml` cannot be used. Exit code 2, but for a file that cannot be
/// read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Values in it are wrong.
    #[error(fmt = all)]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All of them, in its order.
        problems: Vec<Problem>,
    },
    /// `--image` names none of its images.
    #[error("image.yaml has no image `{name}`; {}", match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there is {known}"),
    })]
    NoImage {
        /// What was asked for.
        name: String,
        /// The nearest, if one is near.
        meant: Option<String>,
        /// All that there are.
        known: String,
    },
    /// A value that is composed of several others is invalid.
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
            Self::Invalid { .. } | Self::NoImage { .. } => 2,
            Self::Malformed(_) | Self::NoFedora { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            // The kernel's version cannot be part of a kmods tag.
            Self::NoFedora { .. } => Kind::Step("kmods"),
            Self::Invalid { .. } | Self::NoImage { .. } => Kind::Configuration,
            Self::Malformed(_) => Kind::Other,
        }
    }
}

/// All problems. The width of the format is that of the terminal, for the lines of the
/// file: `{:100}`.
fn all(path: &Path, problems: &[Problem], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let path = path.display().to_string();
    let width = f.width().unwrap_or(WIDTH).max(NARROWEST);
    for (at, problem) in problems.iter().enumerate() {
        if at > 0 {
            f.write_str("\n")?;
        }
        problem.write(&path, width, f)?;
    }
    Ok(())
}
