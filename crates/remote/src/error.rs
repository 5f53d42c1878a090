//! The one error type of this crate, and what it makes of text from outside.

use std::path::PathBuf;

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
            detail: one_line(detail.as_ref()),
        })
    }
}

impl From<Unknown> for Error {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

/// Longest piece of foreign text that goes into a message, in characters.
const SHOWN: usize = 200;

/// Text from the network as one short line: control characters become spaces,
/// so that it can neither move a cursor nor begin a line with `::`, which CI
/// runners take for a command.
pub fn one_line(text: &str) -> String {
    let calm = text.replace(|c: char| c.is_control(), " ");
    let words: Vec<&str> = calm.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(one_line("a\n::error::b\r\n\u{1b}[2Jc"), "a ::error::b [2Jc");
        assert!(one_line(&"x".repeat(5000)).chars().count() <= 201);
    }
}
