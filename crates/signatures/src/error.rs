//! What ends a task of this crate without its answer.

use host::failure::{Failure, Kind};

/// What is wrong with a key, a signature or a policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// A value from outside is not what it must be.
    #[error(transparent)]
    Malformed(#[from] registry_compat::Error),
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
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Host(error) => error.exit_code(),
            Self::Refused(_) => 4,
            Self::Malformed(_) | Self::Step { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Host(error) => error.kind(),
            Self::Step { step, .. } => Kind::Step(step),
            Self::Refused(_) => Kind::Configuration,
            Self::Malformed(_) => Kind::Other,
        }
    }
}
