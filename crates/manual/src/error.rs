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
            Self::Private { .. } | Self::NotOurs(_) => 4,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Host(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Remote(error) => error.kind(),
            Self::Private { .. } | Self::NotOurs(_) => Kind::Configuration,
        }
    }
}
