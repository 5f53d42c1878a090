//! Restores the versions that a clean-up's log names.

use std::fmt;

use host::report::Report;
use remote::{Packages, Restoration};
use retention::{RESTORE_DAYS, Restore, Timestamp, Version, restore};
use serde::Serialize;

use crate::error::Error;
use crate::log::Entry;
use crate::plan::Effect;

/// What a person can do where a registry cannot restore.
pub const NOT_OFFERED: &str = "The distribution API cannot restore. Push the image again from a \
     machine that has it (`skopeo copy --all --preserve-digests`); or, until its garbage \
     collection runs, whoever runs the registry can bring the manifest back from its storage.";

/// What came of one line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restored {
    /// It is back.
    Done,
    /// It was there already.
    AlreadyThere,
    /// It is not back: why.
    Not(String),
}

impl Restored {
    /// Whether it is there now.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Not(_))
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("restored"),
            Self::AlreadyThere => f.write_str("was there already"),
            Self::Not(why) => f.write_str(why),
        }
    }
}

/// One line of a log and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The version's digest.
    pub version: String,
    /// What came of it.
    pub outcome: Restored,
}

/// Restores what one entry of a log names, the last deleted first. `packages`
/// is GitHub's side of the package; without it nothing can be restored.
/// `active` is what is there.
///
/// # Errors
/// If the token may not restore, or the limits are reached: then nothing further
/// is tried.
pub fn restore_entry(
    entry: &Entry,
    packages: Option<&Packages>,
    active: &[Version],
    now: Timestamp,
    report: &Report,
) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for (at, answer) in restore(&entry.deleted, active, now) {
        let deleted = &entry.deleted[at];
        let outcome = match (answer, packages) {
            (Restore::AlreadyThere, _) => Restored::AlreadyThere,
            (Restore::TooLate, _) => Restored::Not(format!(
                "too late: GitHub keeps it for {RESTORE_DAYS} days, and it was deleted on {}",
                deleted.deleted_at
            )),
            (Restore::Possible { id }, Some(packages)) => {
                let effect = Effect::Restore {
                    package: entry.package.clone(),
                    id,
                    deleted: deleted.clone(),
                };
                report.planned(&effect.to_string());
                match packages.restore(id)? {
                    Restoration::Done => Restored::Done,
                    Restoration::NotFound => Restored::Not(
                        "GitHub has it no more, or the token may not restore (write:packages)"
                            .to_owned(),
                    ),
                    Restoration::Never(why) => Restored::Not(why),
                }
            }
            (Restore::NotOffered, _) | (Restore::Possible { .. }, None) => {
                Restored::Not("a registry cannot restore".to_owned())
            }
        };
        lines.push(Line {
            version: deleted.name.to_string(),
            outcome,
        });
    }
    Ok(lines)
}
