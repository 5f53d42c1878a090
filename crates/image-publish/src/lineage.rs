//! The history of a repository, read from its tags: each published image has a tag with
//! its day, and that tag never moves. Pure.

use registry_compat::{Digest, Tag};
use serde::Serialize;

use crate::RETRACTED;

/// An image that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The tag with its day.
    pub tag: Tag,
    /// The digest that the tag names.
    pub digest: Digest,
}

/// The day and the number within it, of `20260721` and `20260721-2`.
fn day(tag: &str) -> Option<(u32, u32)> {
    let (day, number) = tag.split_once('-').unwrap_or((tag, "0"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if day.len() != 8 || !digits(day) || number.is_empty() || !digits(number) {
        return None;
    }
    Some((day.parse().ok()?, number.parse().ok()?))
}

/// Those tags that name a day, the newest first.
pub fn days<'a>(tags: impl IntoIterator<Item = &'a String>) -> Vec<Tag> {
    let mut days: Vec<((u32, u32), Tag)> = tags
        .into_iter()
        .filter_map(|tag| Some((day(tag)?, tag.parse().ok()?)))
        .collect();
    days.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
    days.into_iter().map(|(_, tag)| tag).collect()
}

/// Whether the tags mark a digest as bad.
pub fn is_retracted(tags: &std::collections::BTreeSet<String>, digest: &Digest) -> bool {
    tags.contains(&format!("{RETRACTED}{}", digest.short()))
}

/// Where to roll back to: the newest good image that was published before the
/// one that is followed now, or the newest of all others if that one was never
/// published. `entries` are newest first.
pub fn before<'a>(
    entries: &'a [Entry],
    current: &Digest,
    good: impl Fn(&Digest) -> bool,
) -> Option<&'a Entry> {
    let now = entries.iter().position(|entry| entry.digest == *current);
    let older = now.map_or(0, |at| at + 1);
    entries[older..]
        .iter()
        .find(|entry| entry.digest != *current && good(&entry.digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    #[test]
    fn days_are_sorted_by_day_and_number() {
        let tags = [
            "20260721",
            "20260721-10",
            "stable",
            "20260721-2",
            "20251231",
            "2026072",
            "20260721-",
            "20260721-x",
            "sha256-aa.sig",
            "44.20260707.3.1-zfs2.4.4",
        ]
        .map(str::to_owned);
        let days: Vec<String> = days(&tags).iter().map(ToString::to_string).collect();
        assert_eq!(days, ["20260721-10", "20260721-2", "20260721", "20251231"]);
    }

    #[test]
    fn back_is_before_what_is_followed_and_never_to_a_bad_one() {
        let entry = |tag: &str, name: &str| Entry {
            tag: tag.parse().unwrap(),
            digest: digest(name),
        };
        let entries = [
            entry("20260723", "c"),
            entry("20260722", "b"),
            entry("20260721-1", "a"),
            entry("20260721", "a"),
        ];
        let back = |from: &str, bad: &str| {
            let good = |found: &Digest| *found != digest(bad);
            before(&entries, &digest(from), good).map(|entry| entry.tag.to_string())
        };
        assert_eq!(back("c", "-").as_deref(), Some("20260722"));
        assert_eq!(back("c", "b").as_deref(), Some("20260721-1"));
        assert_eq!(back("b", "-").as_deref(), Some("20260721-1"));
        assert_eq!(back("a", "-"), None);
        // Somebody moved the tag there by hand.
        assert_eq!(back("elsewhere", "-").as_deref(), Some("20260723"));
        assert_eq!(back("elsewhere", "c").as_deref(), Some("20260722"));
    }
}
