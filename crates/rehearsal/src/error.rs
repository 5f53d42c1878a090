//! What ends a task of this crate without its answer.

use host::failure::{Failure, Kind};

/// What keeps a rehearsal from its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of publishing, or of what it stands on.
    #[error(transparent)]
    Publish(#[from] image_publish::Error),
    /// A machine that was to boot.
    #[error(transparent)]
    Machine(#[from] machine::Error),
    /// The stand-ins could not be made.
    #[error(transparent)]
    StandIns(#[from] crate::standins::Error),
    /// The command line asks for something impossible. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Another rehearsal has this checkout's folder. Exit code 4.
    #[error(
        "refused: another rehearsal or playground is up in this checkout; wait for its end, or \
         leave its shell"
    )]
    Busy,
    /// A step of a plan did not hold.
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
            Self::Publish(error) => error.exit_code(),
            Self::Machine(error) => error.exit_code(),
            Self::StandIns(_) => 1,
            Self::Usage(_) => 2,
            Self::Busy => 4,
            Self::Step { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Publish(error) => error.kind(),
            Self::Machine(error) => error.kind(),
            Self::StandIns(_) => Kind::Other,
            Self::Usage(_) | Self::Busy => Kind::Configuration,
            Self::Step { step, .. } => Kind::Step(step),
        }
    }
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        Self::Publish(error.into())
    }
}

impl From<image_config::Error> for Error {
    fn from(error: image_config::Error) -> Self {
        Self::Publish(error.into())
    }
}

impl From<signatures::Error> for Error {
    fn from(error: signatures::Error) -> Self {
        Self::Publish(error.into())
    }
}

impl From<registry_compat::Error> for Error {
    fn from(error: registry_compat::Error) -> Self {
        Self::Publish(error.into())
    }
}

impl From<version_discovery::Error> for Error {
    fn from(error: version_discovery::Error) -> Self {
        Self::Publish(error.into())
    }
}

impl From<remote::Error> for Error {
    fn from(error: remote::Error) -> Self {
        Self::Publish(error.into())
    }
}

impl From<image_build::Error> for Error {
    fn from(error: image_build::Error) -> Self {
        Self::Publish(error.into())
    }
}
