//! What can go wrong with this machine.

use std::path::PathBuf;

use crate::failure::{Failure, Kind};

/// A door to this machine that did not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment is not one in which a task can run. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("cannot {verb} {}: {}", path.display(), reason(source))]
    File {
        /// `read`, `write`, `remove`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program is not installed, or cannot be started.
    #[error("cannot run `{program}`: {detail}; `cargo xtask doctor` says what is missing")]
    Program {
        /// Its name.
        program: String,
        /// Why.
        detail: String,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({status}){}", tail_text(tail))]
    Command {
        /// The command line, shortened.
        command: String,
        /// Its exit status.
        status: String,
        /// Its exit code; none if a signal ended it.
        code: Option<i32>,
        /// The last lines that it wrote.
        tail: Vec<String>,
    },
    /// A transfer did not come to its end, and was ended.
    #[error(
        "`{command}` was not done after {} minutes, and was ended: the other side takes the \
         connection and says nothing, or it is slow; `retries.transfer-minutes` in image.yaml \
         gives it longer",
        limit.as_secs() / 60
    )]
    Stalled {
        /// The command line, shortened.
        command: String,
        /// How long it had.
        limit: std::time::Duration,
    },
    /// Ctrl-C, or SIGTERM. Exit code 130.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// For `map_err` where a file could not be read.
    pub fn read(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File {
            verb: "read",
            path,
            source,
        }
    }

    /// For `map_err` where a file could not be written.
    pub fn write(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File {
            verb: "write",
            path,
            source,
        }
    }
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Interrupted => 130,
            Self::File { .. }
            | Self::Program { .. }
            | Self::Command { .. }
            | Self::Stalled { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Usage(_) | Self::Program { .. } => Kind::Configuration,
            Self::Interrupted => Kind::Interrupted,
            Self::Stalled { .. } => Kind::Registry,
            Self::Command { command, .. } => Kind::Command(command),
            Self::File { .. } => Kind::Other,
        }
    }
}

/// Why a file could not be used, without the number that the system has for it:
/// `No such file or directory`.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn tail_text(tail: &[String]) -> String {
    if tail.is_empty() {
        return String::new();
    }
    format!("; its last lines:\n  {}", tail.join("\n  "))
}
