//! What keeps an image from being resolved or built.

use host::failure::{Failure, Kind};
use jiff::Timestamp;
use registry_compat::{ImageRef, Unknown};
use version_discovery::{NotKnown, Question};

use crate::gaps;

/// Everything that ends a build without a result. Negative verdicts ("no kmods yet")
/// are answers, not errors; they have exit codes of their own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of this machine: a file, a program, the environment, Ctrl-C.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// `image.yaml` cannot be used.
    #[error(transparent)]
    Config(#[from] image_config::Error),
    /// A key, a signature or a policy is not what it must be.
    #[error(transparent)]
    Signatures(#[from] signatures::Error),
    /// A value from outside is not what it must be.
    #[error(transparent)]
    Malformed(#[from] registry_compat::Error),
    /// The same, of versions.
    #[error(transparent)]
    Version(#[from] version_discovery::Error),
    /// An error of a network request.
    #[error(transparent)]
    Remote(remote::Error),
    /// The command line asks for something impossible. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The information that is needed could not be obtained. Exit code 3.
    #[error("could not find out: {0}")]
    Unknown(Unknown),
    /// The choice depends on something that could not be asked. Exit code 3.
    #[error("could not find out: {}", gaps_text(.0))]
    Undecided(Box<NotKnown>),
    /// Refused because going on could destroy or overwrite something. Exit code 4.
    #[error("refused: {0}")]
    Refused(String),
    /// A transfer failed for a temporary reason, and still failed at the last attempt.
    #[error(
        "{last}\ngave up after {attempts} attempts: {trouble}{}",
        if *spent { "; this run has waited enough" } else { "" }
    )]
    GaveUp {
        /// How often it was tried.
        attempts: u32,
        /// The kind of the error.
        trouble: &'static str,
        /// The run's budget is used up.
        spent: bool,
        /// The message of the last attempt.
        last: Box<host::Error>,
    },
    /// A step of a plan failed.
    #[error("{step}: {detail}")]
    Step {
        /// Which one.
        step: String,
        /// What was found.
        detail: String,
    },
    /// An input of a lock does not exist any more. It cannot be restored, but there may
    /// be a newer one: exit code 1.
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
        /// When it certainly existed.
        seen: Option<Timestamp>,
    },
    /// Packages of a lock do not exist any more. As above: exit code 1.
    #[error(
        "no longer in the repositories of packages: {}{}; most repositories keep only the newest \
         of each; `cargo xtask build` takes what there is today",
        packages.join(", "),
        locked_text(*seen)
    )]
    PackagesGone {
        /// Each with its version and repository.
        packages: Vec<String>,
        /// When the lock was made, and they certainly existed.
        seen: Option<Timestamp>,
    },
    /// The repositories of packages could not be asked.
    #[error("{0}")]
    Asking(Box<dyn Failure + Send + Sync>),
}

impl Failure for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Host(error) => error.exit_code(),
            Self::Config(error) => error.exit_code(),
            Self::Asking(error) => error.exit_code(),
            Self::Signatures(error) => error.exit_code(),
            Self::Remote(error) => error.exit_code(),
            Self::Usage(_) => 2,
            Self::Unknown(_) | Self::Undecided(_) => 3,
            Self::Refused(_) => 4,
            Self::Malformed(_)
            | Self::Version(_)
            | Self::GaveUp { .. }
            | Self::Step { .. }
            | Self::Gone { .. }
            | Self::PackagesGone { .. } => 1,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Host(error) => error.kind(),
            Self::Config(error) => error.kind(),
            Self::Asking(error) => error.kind(),
            Self::Signatures(error) => error.kind(),
            Self::Usage(_) | Self::Refused(_) => Kind::Configuration,
            Self::Unknown(why) => Kind::Unanswered(why),
            Self::Undecided(unknown) => {
                let registry = unknown
                    .gaps
                    .iter()
                    .any(|gap| matches!(gap.question, Question::Kmods(_) | Question::ZfsOf { .. }));
                match registry {
                    true => Kind::Registry,
                    false => Kind::Network,
                }
            }
            Self::Remote(error) => error.kind(),
            Self::GaveUp { .. } | Self::Gone { .. } | Self::PackagesGone { .. } => Kind::Registry,
            Self::Step { step, .. } => Kind::Step(step),
            Self::Malformed(_) | Self::Version(_) => Kind::Other,
        }
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

fn gaps_text(unknown: &NotKnown) -> String {
    let mut text = gaps::text(&unknown.gaps);
    if let Some(pick) = &unknown.otherwise {
        text.push_str(&format!(
            "\n{} with ZFS {} could be built whatever the answer is; it is not, \
             since a newer one may be possible",
            pick.base, pick.zfs
        ));
    }
    text
}

fn locked_text(seen: Option<Timestamp>) -> String {
    seen.map_or_else(String::new, |seen| {
        let date = jiff::tz::Offset::UTC.to_datetime(seen).date();
        format!(" (they were there on {date}, the day of the lock)")
    })
}

fn seen_text(seen: Option<Timestamp>) -> String {
    seen.map_or_else(String::new, |seen| {
        let date = jiff::tz::Offset::UTC.to_datetime(seen).date();
        format!(", where it still was on {date}, when this was built of it")
    })
}
