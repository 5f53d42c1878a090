//! What ends a task of this crate without its answer.

use host::failure::{Failure, Kind};
use registry_compat::{Repository, Unknown};

/// What keeps a clean-up from its plan, or from its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// `image.yaml`.
    #[error(transparent)]
    Config(#[from] image_config::Error),
    /// A value from outside is not what it must be.
    #[error(transparent)]
    Malformed(#[from] registry_compat::Error),
    /// The network door.
    #[error(transparent)]
    Remote(remote::Error),
    /// The command line asks for something impossible. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Nothing could be found out. Exit code 3.
    #[error("could not find out: {0}")]
    Unknown(Unknown),
    /// The registry says itself that it has no such repository. What that means is for
    /// the one who asked to say.
    #[error("{said}")]
    NoRepository {
        /// Which one.
        repository: Repository,
        /// In whose words.
        said: String,
    },
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
            Self::Host(error) => error.exit_code(),
            Self::Config(error) => error.exit_code(),
            Self::Remote(error) => error.exit_code(),
            Self::Usage(_) => 2,
            Self::Unknown(_) => 3,
            Self::Malformed(_) | Self::NoRepository { .. } | Self::Step { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Host(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Remote(error) => error.kind(),
            Self::Usage(_) => Kind::Configuration,
            Self::Unknown(why) => Kind::Unanswered(why),
            Self::Step { step, .. } => Kind::Step(step),
            Self::NoRepository { .. } => Kind::Registry,
            Self::Malformed(_) => Kind::Other,
        }
    }
}

impl Error {
    /// Whether somebody would not answer, or not to this token: nothing was changed
    /// by the request, and the next one would end in the same way.
    pub fn is_no_answer(&self) -> bool {
        matches!(
            self,
            Self::Unknown(_) | Self::Remote(remote::Error::Denied(_))
        )
    }
}

impl From<remote::Error> for Error {
    fn from(error: remote::Error) -> Self {
        match error {
            remote::Error::Unknown(why) => Self::Unknown(why),
            remote::Error::Interrupted => Self::Host(host::Error::Interrupted),
            other => Self::Remote(other),
        }
    }
}
