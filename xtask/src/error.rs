//! The one error type of `xtask`, and what each error means for the exit code.

use std::path::PathBuf;

use jiff::Timestamp;
use registry_compat::{ImageRef, Unknown};
use version_discovery::NotKnown;

/// Everything that ends a task without its answer. Negative verdicts ("no kmods
/// yet") are answers, not errors; they have exit codes of their own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `image.yaml` cannot be used. Exit code 2.
    #[error("{}{}: {detail}", path.display(), place_text(*place))]
    Config {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1.
        place: Option<(usize, usize)>,
        /// What is wrong.
        detail: String,
    },
    /// The command line asks for something impossible. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Nothing could be found out. Exit code 3.
    #[error("could not find out: {0}")]
    Unknown(Unknown),
    /// The choice depends on something that could not be asked. Exit code 3.
    #[error("could not find out: {}", gaps_text(.0))]
    Undecided(Box<NotKnown>),
    /// Going on could lose something. Exit code 4.
    #[error("refused: {0}")]
    Refused(String),
    /// A value from outside is not what it must be.
    #[error(transparent)]
    Malformed(#[from] registry_compat::Error),
    /// The same, of versions.
    #[error(transparent)]
    Version(#[from] version_discovery::Error),
    /// The network door.
    #[error(transparent)]
    Remote(remote::Error),
    /// A file could not be read or written.
    #[error("cannot {verb} {}: {source}", path.display())]
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
    /// A transfer failed for a reason that passes, but has not passed.
    #[error(
        "{last}\ngave up after {attempts} attempts: {trouble}{}",
        if *spent { "; this run has waited enough" } else { "" }
    )]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// Of what kind the trouble was.
        trouble: &'static str,
        /// The run's budget is used up.
        spent: bool,
        /// What was said the last time.
        last: Box<Error>,
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
    /// A step of a plan did not hold.
    #[error("{step}: {detail}")]
    Step {
        /// Which one.
        step: String,
        /// What was found.
        detail: String,
    },
    /// An input of a lock is not there any more. Nothing brings it back, and
    /// there may be a newer one: exit code 1.
    #[error(
        "the {what} {image} is no longer in its registry{}; sources of kmods delete old images \
         (ublue's after 90 days), Fedora its releases later; `cargo xtask build` takes what \
         there is today",
        seen_text(*seen)
    )]
    Gone {
        /// `base image` or `kmods image`.
        what: &'static str,
        /// Which.
        image: Box<ImageRef>,
        /// When it was certainly there.
        seen: Option<Timestamp>,
    },
    /// The stand-ins of a rehearsal could not be made.
    #[error("stand-ins: {0}")]
    StandIns(#[from] crate::rehearse::standins::Error),
    /// Ctrl-C, or SIGTERM. Exit code 130.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The exit code, as README's table has it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config { .. } | Self::Usage(_) => 2,
            Self::Unknown(_) | Self::Undecided(_) => 3,
            Self::Remote(remote::Error::Unknown(_) | remote::Error::Denied(_)) => 3,
            Self::Remote(remote::Error::ConfigFile { .. }) => 2,
            Self::Refused(_) => 4,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

impl From<remote::Error> for Error {
    fn from(error: remote::Error) -> Self {
        match error {
            remote::Error::Unknown(why) => Self::Unknown(why),
            remote::Error::Interrupted => Self::Interrupted,
            other => Self::Remote(other),
        }
    }
}

fn gaps_text(unknown: &NotKnown) -> String {
    let gaps: Vec<String> = unknown.gaps.iter().map(ToString::to_string).collect();
    let mut text = gaps.join("; ");
    if let Some(pick) = &unknown.otherwise {
        text.push_str(&format!(
            "\n{} with ZFS {} could be built whatever the answer is; it is not, \
             since a newer one may be possible",
            pick.base, pick.zfs
        ));
    }
    text
}

fn seen_text(seen: Option<Timestamp>) -> String {
    seen.map_or_else(String::new, |seen| {
        let date = jiff::tz::Offset::UTC.to_datetime(seen).date();
        format!(", where it still was on {date}, when this was built of it")
    })
}

fn place_text(place: Option<(usize, usize)>) -> String {
    place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"))
}

fn tail_text(tail: &[String]) -> String {
    if tail.is_empty() {
        return String::new();
    }
    format!("; its last lines:\n  {}", tail.join("\n  "))
}
