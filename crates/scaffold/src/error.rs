//! What keeps a repository from being written or brought up to date.

use host::failure::{Failure, Kind};

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or the terminal.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// An answer that cannot be in `image.yaml`. Exit code 2.
    #[error(transparent)]
    Config(#[from] image_config::Error),
    /// The file of `--key` cannot be read. Exit code 2.
    #[error("{0}; `ssh-keygen -t ed25519` makes a key, and --key names its .pub file")]
    NoKey(#[source] host::Error),
    /// Something is missing on the command line. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A file would be overwritten. Exit code 4.
    #[error("refused: {0}")]
    Refused(String),
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Host(error) => error.exit_code(),
            Self::Config(error) => error.exit_code(),
            Self::NoKey(_) | Self::Usage(_) => 2,
            Self::Refused(_) => 4,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Host(error) => error.kind(),
            Self::Config(_) | Self::NoKey(_) | Self::Usage(_) | Self::Refused(_) => {
                Kind::Configuration
            }
        }
    }
}
