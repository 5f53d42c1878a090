//! Bringing back what a run deleted: what of it is possible.

use std::collections::BTreeSet;

use registry_compat::Tag;
use serde::{Deserialize, Serialize};

use crate::{Name, Timestamp, Version};

/// GitHub keeps a deleted version for so many days (GitHub documentation,
/// "Deleting and restoring a package").
pub const RESTORE_DAYS: u32 = 30;

/// One line of the log that a run writes: a version that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// GitHub's number, by which it is restored.
    pub id: Option<u64>,
    /// Its digest.
    pub name: Name,
    /// The tags that it had.
    pub tags: Vec<Tag>,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

impl Deleted {
    /// The record of a version that was deleted just now.
    pub fn new(version: &Version, deleted_at: Timestamp) -> Self {
        Self {
            id: version.id,
            name: version.name.clone(),
            tags: version.known_tags().to_vec(),
            deleted_at,
        }
    }
}

/// What can be done for one line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restore {
    /// It can be restored by its number.
    Possible {
        /// GitHub's number.
        id: u64,
    },
    /// It is there again, pushed or restored since.
    AlreadyThere,
    /// The days in which it could be restored are over.
    TooLate,
    /// The registry cannot restore: the distribution API has no such request.
    NotOffered,
}

/// What to do for each line of a log, with its place in the log, in the order
/// to do it: the last deleted first, so that no image is back before what it
/// needs. `active` is what the registry lists now.
pub fn restore(log: &[Deleted], active: &[Version], now: Timestamp) -> Vec<(usize, Restore)> {
    let there: BTreeSet<&Name> = active.iter().map(|version| &version.name).collect();
    let too_late = now.minus_days(RESTORE_DAYS);
    let mut answers: Vec<(usize, Restore)> = log
        .iter()
        .enumerate()
        .map(|(at, deleted)| {
            let answer = match deleted.id {
                _ if there.contains(&deleted.name) => Restore::AlreadyThere,
                None => Restore::NotOffered,
                Some(_) if deleted.deleted_at < too_late => Restore::TooLate,
                Some(id) => Restore::Possible { id },
            };
            (at, answer)
        })
        .collect();
    answers.reverse();
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_answer_last_deleted_first() {
        let now: Timestamp = "2026-05-31T00:00:00Z".parse().unwrap();
        let deleted = |id: Option<u64>, name: &str, at: &str| Deleted {
            id,
            name: name.into(),
            tags: vec!["v1".parse().unwrap()],
            deleted_at: at.parse().unwrap(),
        };
        let log = [
            deleted(Some(1), "a", "2026-05-01T00:00:00Z"),
            deleted(Some(2), "b", "2026-04-30T23:59:59Z"),
            deleted(Some(3), "c", "2026-05-30T00:00:00Z"),
            deleted(None, "d", "2026-05-30T00:00:00Z"),
        ];
        let again = Version::from_github(9, "c", None, None, Some(&["v1"]));
        let answers = restore(&log, &[again], now);
        assert_eq!(
            answers,
            [
                (3, Restore::NotOffered),
                (2, Restore::AlreadyThere),
                (1, Restore::TooLate),
                (0, Restore::Possible { id: 1 }),
            ]
        );
        let line = serde_json::to_string(&log[0]).unwrap();
        assert_eq!(serde_json::from_str::<Deleted>(&line).unwrap(), log[0]);
    }
}
