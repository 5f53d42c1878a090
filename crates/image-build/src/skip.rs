//! Finds out whether there is anything to build: compares today's inputs with those of
//! the published image. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use registry_compat::{Answer, Digest};
use remote::Inspected;
use serde::Serialize;

use crate::asking::is_young;
use crate::error::Error;
use crate::lock::{LOCK_LABEL, Lock};

/// A published image that has the same inputs as today's build would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UpToDate {
    /// The day on which it was built.
    pub since: Date,
    /// Its digest.
    pub digest: Digest,
    /// The fingerprint of its inputs, and of today's.
    pub fingerprint: Digest,
}

/// The published image compared with today's build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The same inputs, and recent enough.
    UpToDate(UpToDate),
    /// The same inputs, but built so many days ago that its packages need an update;
    /// `None` if the image has no build date.
    Old(Option<i64>),
    /// Other inputs, not built by this project, or nothing is published.
    Other,
}

/// Compares. `rebuild_after` is a number of days.
///
/// # Errors
/// As [`Lock::fingerprint`].
pub fn published(
    lock: &Lock,
    found: Option<&Answer<Inspected>>,
    rebuild_after: u32,
    now: Timestamp,
) -> Result<Published, Error> {
    let Some(Answer::Present(found)) = found else {
        return Ok(Published::Other);
    };
    let label = found.labels.get(LOCK_LABEL);
    // A lock of another schema counts as one with other inputs.
    let Some(theirs) = label.and_then(|text| Lock::parse(text, LOCK_LABEL).ok()) else {
        return Ok(Published::Other);
    };
    // Where the packages were not asked for, all else is compared.
    let known = lock.names_packages();
    let same = match known {
        true => theirs.fingerprint()? == lock.fingerprint()?,
        false => theirs.question()? == lock.question()?,
    };
    if !same {
        return Ok(Published::Other);
    }
    let Some(created) = found.created else {
        return Ok(Published::Old(None));
    };
    let (age, young) = is_young(created, rebuild_after, now);
    // With the packages among the inputs, the same is the same at any age: they were
    // asked for again if the image is old.
    if !young && !known {
        return Ok(Published::Old(Some(age)));
    }
    Ok(Published::UpToDate(UpToDate {
        since: jiff::tz::Offset::UTC.to_datetime(created).date(),
        digest: found.digest.clone(),
        fingerprint: theirs.fingerprint()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const CREATED: &str = "2026-07-28T06:00:00Z";

    fn judged(edit: impl FnOnce(&mut Lock, &mut Inspected), now: &str) -> Published {
        let (config, lock, _) = testing::locked();
        let image = testing::kmods_image(&config, "2.4.4", "7.1.4-200.fc44.x86_64");
        let Answer::Present(mut found) = image.answer else {
            panic!("it is there");
        };
        let mut theirs = lock.clone();
        found.created = Some(CREATED.parse().unwrap());
        edit(&mut theirs, &mut found);
        found
            .labels
            .entry(LOCK_LABEL.to_owned())
            .or_insert(theirs.to_line().unwrap());
        let found = Answer::Present(found);
        published(&lock, Some(&found), 7, now.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_same_inputs_are_not_built_again_for_a_week() {
        let Published::UpToDate(found) = judged(|_, _| {}, "2026-08-04T05:59:59Z") else {
            panic!("it is the same");
        };
        assert_eq!(found.since.to_string(), "2026-07-28");
        assert_eq!(
            judged(|_, _| {}, "2026-08-04T06:00:00Z"),
            Published::Old(Some(7))
        );
        assert_eq!(
            judged(|_, _| {}, "2026-07-27T06:00:00Z"),
            Published::Old(Some(-1))
        );
        let undated = judged(|_, found| found.created = None, CREATED);
        assert_eq!(undated, Published::Old(None));
    }

    #[test]
    fn other_inputs_are() {
        let other = judged(|theirs, _| theirs.zfs = "2.4.3".parse().unwrap(), CREATED);
        assert_eq!(other, Published::Other);
        let foreign = judged(
            |_, found| {
                found.labels.insert(LOCK_LABEL.to_owned(), "{}".to_owned());
            },
            CREATED,
        );
        assert_eq!(foreign, Published::Other);
        let (_, lock, _) = testing::locked();
        let now = CREATED.parse().unwrap();
        for none in [None, Some(&Answer::Absent)] {
            assert_eq!(published(&lock, none, 7, now).unwrap(), Published::Other);
        }
    }
}
