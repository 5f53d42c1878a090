//! What ends a task of this crate without its answer.

use std::path::PathBuf;

use host::failure::{Failure, Kind};

/// What keeps the manual from being made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a program of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// `image.yaml`, which the book shows.
    #[error(transparent)]
    Config(#[from] image_config::Error),
    /// The address of `docs --serve`.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// A recording would tell others of this machine. Exit code 4.
    #[error(
        "refused: the recording {name} shows `{seen}`, a place of this machine; make it in a \
         checkout below your home, or say where that comes from"
    )]
    Private {
        /// Of the recording.
        name: String,
        /// The place.
        seen: String,
    },
    /// This account has no home that something could be installed in. Exit code 2.
    #[error("there is no home to install it in: set HOME")]
    NoHome,
    /// The person's shell is none that completions are made for. Exit code 2.
    #[error(
        "there are no completions for the shell `{0}` (of SHELL): `cargo xtask completions \
         --install` has them for bash, zsh and fish"
    )]
    NoShell(String),
    /// A folder that is not ours would be written over. Exit code 4.
    #[error(
        "refused: {} holds what is not of the book; name a new or an empty folder, or remove it",
        .0.display()
    )]
    NotOurs(PathBuf),
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Host(error) => error.exit_code(),
            Self::Config(error) => error.exit_code(),
            Self::Remote(error) => error.exit_code(),
            Self::NoHome | Self::NoShell(_) => 2,
            Self::Private { .. } | Self::NotOurs(_) => 4,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Host(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Remote(error) => error.kind(),
            Self::NoHome | Self::NoShell(_) | Self::Private { .. } | Self::NotOurs(_) => {
                Kind::Configuration
            }
        }
    }
}
