//! The one error type of this crate, and what it makes of text from outside.

use std::path::PathBuf;

use host::failure::{Failure, Kind};
use registry_compat::{Trouble, Unknown};

/// What can go wrong at the network door.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing could be found out; nothing is known. Exit code 3.
    #[error("{0}")]
    Unknown(Unknown),
    /// A configuration file of the container tools cannot be used.
    #[error("{path}: {detail}")]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        detail: String,
    },
    /// The program could not set itself up to use the network at all.
    #[error("cannot set up the network client: {0}")]
    Setup(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The thing asked for does not exist, where it had to.
    #[error("{0}")]
    NotFound(String),
    /// Nothing could be found out, or done, for want of a token or of what it is
    /// allowed to; the text says what it needs. Exit code 3.
    #[error("could not find out: {0}")]
    Denied(String),
    /// The server understood, and will not: asking again changes nothing.
    #[error("{0}")]
    Rejected(String),
    /// The person stopped a wait.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    pub(crate) fn unknown(trouble: Trouble, detail: impl AsRef<str>) -> Self {
        Self::Unknown(Unknown {
            trouble,
            detail: host::one_line(detail.as_ref()),
        })
    }
}

impl From<Unknown> for Error {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Unknown(_) | Self::Denied(_) => 3,
            Self::ConfigFile { .. } => 2,
            Self::Interrupted => 130,
            _ => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Unknown(why) => Kind::Unanswered(why),
            Self::ConfigFile { .. } | Self::Denied(_) => Kind::Configuration,
            Self::NotFound(_) | Self::Rejected(_) => Kind::Registry,
            Self::Setup(_) => Kind::Network,
            Self::Interrupted => Kind::Interrupted,
            _ => Kind::Other,
        }
    }
}
