//! The errors that end a task of this crate without a result.

use host::failure::{Failure, Kind};
use registry_compat::Unknown;

/// What keeps an image from being published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the build, or of what it stands on.
    #[error(transparent)]
    Build(#[from] image_build::Error),
    /// An error of the virtual machine that was to boot the image.
    #[error(transparent)]
    Machine(#[from] machine::Error),
    /// The command line asks for something impossible. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Refused because going on could destroy or overwrite something. Exit code 4.
    #[error("refused: {0}")]
    Refused(String),
    /// The information that is needed could not be obtained. Exit code 3.
    #[error("could not find out: {0}")]
    Unknown(Unknown),
    /// An image could not be split into layers.
    #[error(transparent)]
    Layers(#[from] image_layers::Error),
    /// `attestation: required`, and the forge could not be asked. The exit code is that
    /// of the source.
    #[error(
        "could not ask for attestations of {image}, and image.yaml has `attestation: required`, \
         so no tag moves: {source}"
    )]
    Unattested {
        /// By digest.
        image: String,
        /// Why not.
        source: Box<Error>,
    },
    /// A step of a plan failed.
    #[error("{step}: {detail}")]
    Step {
        /// Which one.
        step: String,
        /// What was found.
        detail: String,
    },
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Build(error) => error.exit_code(),
            Self::Machine(error) => error.exit_code(),
            Self::Usage(_) => 2,
            Self::Unknown(_) => 3,
            Self::Refused(_) => 4,
            Self::Unattested { source, .. } => source.exit_code(),
            Self::Layers(_) | Self::Step { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Build(error) => error.kind(),
            Self::Machine(error) => error.kind(),
            Self::Usage(_) | Self::Refused(_) => Kind::Configuration,
            Self::Unknown(why) => Kind::Unanswered(why),
            Self::Unattested { source, .. } => source.kind(),
            Self::Layers(_) => Kind::Step("push"),
            Self::Step { step, .. } => Kind::Step(step),
        }
    }
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        Self::Build(error.into())
    }
}

impl From<image_config::Error> for Error {
    fn from(error: image_config::Error) -> Self {
        Self::Build(error.into())
    }
}

impl From<signatures::Error> for Error {
    fn from(error: signatures::Error) -> Self {
        Self::Build(error.into())
    }
}

impl From<registry_compat::Error> for Error {
    fn from(error: registry_compat::Error) -> Self {
        Self::Build(error.into())
    }
}

impl From<version_discovery::Error> for Error {
    fn from(error: version_discovery::Error) -> Self {
        Self::Build(error.into())
    }
}

impl From<remote::Error> for Error {
    fn from(error: remote::Error) -> Self {
        Self::Build(error.into())
    }
}
