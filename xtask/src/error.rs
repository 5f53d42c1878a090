//! What ends a task without its answer.

use host::failure::{Failure, Kind};
use registry_compat::Unknown;

/// The errors of the libraries that the tasks call, and those of tasks of one's
/// own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Publishing, building, or what they stand on.
    #[error(transparent)]
    Publish(#[from] image_publish::Error),
    /// Kernel modules of our own.
    #[error(transparent)]
    Kmods(#[from] kmods::Error),
    /// The machine.
    #[error(transparent)]
    Machine(#[from] machine::Error),
    /// Workflows, alarm, status.
    #[error(transparent)]
    Night(#[from] night::Error),
    /// A repository of one's own.
    #[error(transparent)]
    Scaffold(#[from] scaffold::Error),
    /// The clean-up.
    #[error(transparent)]
    Cleanup(#[from] cleanup::Error),
    /// The rehearsal.
    #[error(transparent)]
    Rehearsal(#[from] rehearsal::Error),
    /// Completions, man pages, the book.
    #[error(transparent)]
    Manual(#[from] manual::Error),
    /// The command line asks for something impossible. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Nothing could be found out. Exit code 3.
    #[error("could not find out: {0}")]
    Unknown(Unknown),
    /// Going on could lose something. Exit code 4.
    #[error("refused: {0}")]
    Refused(String),
    /// A step of a plan did not hold.
    #[error("{step}: {detail}")]
    Step {
        /// Which one.
        step: String,
        /// What was found.
        detail: String,
    },
    /// A task failed for one of several images, and has said so.
    #[error("{image}: {source}")]
    Told {
        /// What `image.yaml` calls it.
        image: String,
        /// How.
        source: Box<Error>,
    },
    /// A task of another repository ended with an error of its own. Exit code 1.
    #[error(transparent)]
    Own(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error of a task of one's own.
    pub fn own(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Own(error.into())
    }
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Publish(error) => error.exit_code(),
            Self::Kmods(error) => error.exit_code(),
            Self::Machine(error) => error.exit_code(),
            Self::Night(error) => error.exit_code(),
            Self::Scaffold(error) => error.exit_code(),
            Self::Cleanup(error) => error.exit_code(),
            Self::Rehearsal(error) => error.exit_code(),
            Self::Manual(error) => error.exit_code(),
            Self::Told { source, .. } => source.exit_code(),
            Self::Usage(_) => 2,
            Self::Unknown(_) => 3,
            Self::Refused(_) => 4,
            Self::Step { .. } | Self::Own(_) => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Publish(error) => error.kind(),
            Self::Kmods(error) => error.kind(),
            Self::Machine(error) => error.kind(),
            Self::Night(error) => error.kind(),
            Self::Scaffold(error) => error.kind(),
            Self::Cleanup(error) => error.kind(),
            Self::Rehearsal(error) => error.kind(),
            Self::Manual(error) => error.kind(),
            Self::Told { source, .. } => source.kind(),
            Self::Usage(_) | Self::Refused(_) => Kind::Configuration,
            Self::Unknown(why) => Kind::Unanswered(why),
            Self::Step { step, .. } => Kind::Step(step),
            Self::Own(_) => Kind::Other,
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
