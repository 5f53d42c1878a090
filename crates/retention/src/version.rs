//! One version of a package, as a registry lists it.

use registry_compat::{Digest, Tag};
use serde::{Deserialize, Serialize};

use crate::{Name, Timestamp};

/// One version of a package: a manifest that the registry keeps, with its tags.
/// A version is not an image: one build of a signed image makes four of them.
///
/// Fits both back ends: [`Version::from_github`] for the packages API,
/// [`Version::from_oci`] for a registry that has only the distribution API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// GitHub's number, by which a version is deleted and restored. `None`
    /// where the digest is all there is.
    pub id: Option<u64>,
    /// The digest of the manifest.
    pub name: Name,
    /// When it came to be, as far as the registry tells.
    pub dates: Dates,
    /// Its tags, sorted; `Some` of none when it has none. `None` when the
    /// registry did not say: such a version is kept, since it could carry any
    /// tag.
    pub tags: Option<Vec<Tag>>,
}

/// What a registry tells of a version's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dates {
    /// GitHub's two dates. The later one counts: `updated_at` moves when a tag
    /// does, and an unchanged image that is pushed again keeps its `created_at`.
    Recorded {
        /// When the version was first pushed.
        created_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
    },
    /// The `created` of the image configuration, which is when the image was
    /// built (OCI image specification, "Image Configuration"): the only date
    /// that the distribution API lets a client see.
    Created(Timestamp),
    /// There is no date, as with every index behind the distribution API. An
    /// index then has the latest date among the images that it lists: it cannot
    /// be older than they are.
    Unrecorded,
    /// There is a date and it says nothing: unreadable, or one that a
    /// reproducible build sets in place of the time. Such a version counts as
    /// of unknown age, and so does an index that lists it.
    Unreadable,
}

/// 2013-01-01T00:00:00Z, the year of the first container image. An earlier
/// `created` is a constant that a reproducible build writes (1970-01-01 by ko,
/// Bazel and Jib, 0001-01-01 by cosign for its signatures) and no age: taken at
/// its word, every such image would be out of date the moment it is pushed.
const FIRST_IMAGE: i64 = 1_356_998_400;

impl Dates {
    /// The later of the dates, if it can be the date of an image.
    pub fn latest(self) -> Option<Timestamp> {
        let latest = match self {
            Self::Recorded {
                created_at,
                updated_at,
            } => created_at.max(updated_at),
            Self::Created(created) => created,
            Self::Unrecorded | Self::Unreadable => return None,
        };
        (latest.unix_seconds() >= FIRST_IMAGE).then_some(latest)
    }

    /// Whether there is a date that says nothing.
    pub(crate) fn unusable(self) -> bool {
        self != Self::Unrecorded && self.latest().is_none()
    }
}

impl Version {
    /// A version of the packages API. `tags` is `metadata.container.tags`;
    /// `metadata` and `container` are optional in GitHub's schema
    /// (`package-version`). What cannot be read becomes unknown, and a version
    /// of which something is unknown is kept: a date of the two that is absent
    /// or malformed makes both unknown, a tag that is no tag makes all of them
    /// unknown.
    pub fn from_github<S: AsRef<str>>(
        id: u64,
        name: &str,
        created_at: Option<&str>,
        updated_at: Option<&str>,
        tags: Option<&[S]>,
    ) -> Self {
        let read = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        let dates = match (read(created_at), read(updated_at)) {
            (Some(created_at), Some(updated_at)) => Dates::Recorded {
                created_at,
                updated_at,
            },
            _ => Dates::Unreadable,
        };
        let tags = tags.and_then(|tags| {
            let tags: Result<Vec<Tag>, _> = tags.iter().map(|t| t.as_ref().parse()).collect();
            tags.ok().map(sorted)
        });
        Self {
            id: Some(id),
            name: name.into(),
            dates,
            tags,
        }
    }

    /// A manifest of a registry with the distribution API alone. `created` is
    /// the `created` of the image configuration, `None` for a manifest that has
    /// none, such as an index. Note that such a registry lists tags only: the
    /// caller finds the untagged manifests by following what tagged ones refer
    /// to.
    pub fn from_oci(digest: &Digest, created: Option<&str>, tags: Vec<Tag>) -> Self {
        let dates = match created.map(str::parse) {
            None => Dates::Unrecorded,
            Some(Ok(created)) => Dates::Created(created),
            Some(Err(_)) => Dates::Unreadable,
        };
        Self {
            id: None,
            name: digest.into(),
            dates,
            tags: Some(sorted(tags)),
        }
    }

    /// Whether this is what it was when the plan was made: the same manifest
    /// under the same tags. Asked right before a delete, with the version read
    /// again: a tag that has moved here since would go with it. Tags that the
    /// registry does not tell are never the same.
    pub fn unchanged(&self, read_again: &Self) -> bool {
        let same_tags = match (&self.tags, &read_again.tags) {
            (Some(before), Some(now)) => sorted(before.clone()) == sorted(now.clone()),
            _ => false,
        };
        self.id == read_again.id && self.name == read_again.name && same_tags
    }

    /// The first second of the latest day that a tag of it names (`20260721`, and
    /// `20260721-1` where that was taken): it was published on that day, though the image
    /// may have been built again from an old lock and say the time of that. `None` where
    /// the registry has dates of its own.
    pub(crate) fn named_day(&self) -> Option<Timestamp> {
        if matches!(self.dates, Dates::Recorded { .. }) {
            return None;
        }
        self.known_tags().iter().filter_map(day).max()
    }

    /// The tags, none where they are unknown.
    pub fn known_tags(&self) -> &[Tag] {
        self.tags.as_deref().unwrap_or_default()
    }
}

/// The same list without records that occur twice, as pages overlap when
/// something is pushed while they are read. Only equal records are one: two
/// that differ under one id or name stay, and [`crate::plan`] refuses them.
pub fn merged(mut versions: Vec<Version>) -> Vec<Version> {
    versions.sort_by(|a, b| (&a.name, a.id, &a.tags).cmp(&(&b.name, b.id, &b.tags)));
    versions.dedup();
    versions
}

/// The first second of the day that a tag names.
fn day(tag: &Tag) -> Option<Timestamp> {
    let text = tag.as_str();
    let (day, count) = text.split_once('-').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if day.len() != 8 || !digits(day) || !digits(count) {
        return None;
    }
    let [year, month, day] = [&day[..4], &day[4..6], &day[6..]];
    format!("{year}-{month}-{day}T00:00:00Z").parse().ok()
}

fn sorted(mut tags: Vec<Tag>) -> Vec<Tag> {
    tags.sort();
    tags.dedup();
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "sha256:460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632";
    const EARLY: &str = "2026-01-01T00:00:00Z";
    const LATE: &str = "2026-02-01T00:00:00Z";

    #[test]
    fn the_later_date_counts() {
        let read = |c, u| Version::from_github(1, NAME, c, u, Some(&["a"])).dates;
        let late = LATE.parse().ok();
        assert_eq!(read(Some(EARLY), Some(LATE)).latest(), late);
        assert_eq!(read(Some(LATE), Some(EARLY)).latest(), late);
        for unknown in [(None, Some(LATE)), (Some(LATE), None), (Some("x"), None)] {
            assert_eq!(read(unknown.0, unknown.1), Dates::Unreadable);
        }
    }

    #[test]
    fn a_date_before_images_is_no_date() {
        let digest: Digest = NAME.parse().unwrap();
        let dates = |created| Version::from_oci(&digest, created, Vec::new()).dates;
        assert_eq!(dates(Some(EARLY)).latest(), EARLY.parse().ok());
        for no_date in ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "soon"] {
            assert_eq!(dates(Some(no_date)).latest(), None);
            assert!(dates(Some(no_date)).unusable());
        }
        assert!(!dates(None).unusable() && dates(None).latest().is_none());
    }

    #[test]
    fn a_tag_names_a_day() {
        let digest: Digest = NAME.parse().unwrap();
        let named = |tags: &[&str]| {
            let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
            Version::from_oci(&digest, Some(EARLY), tags).named_day()
        };
        let end = "2026-02-28T00:00:00Z".parse().ok();
        assert_eq!(named(&["stable", "20260228", "20260101-3"]), end);
        assert_eq!(named(&["20260228-12"]), end);
        for none in ["20260230", "20260228-", "20260228-a", "202602280", "stable"] {
            assert_eq!(named(&[none]), None, "{none}");
        }
        // A registry that has dates knows better.
        let known = Version::from_github(1, NAME, Some(EARLY), Some(LATE), Some(&["20260228"]));
        assert_eq!(known.named_day(), None);
    }

    #[test]
    fn one_bad_tag_makes_the_tags_unknown() {
        let read = |tags: Option<&[&str]>| Version::from_github(1, NAME, None, None, tags).tags;
        assert_eq!(read(None), None);
        assert_eq!(read(Some(&[])), Some(vec![]));
        assert_eq!(read(Some(&["stable", "a b"])), None);
        assert_eq!(read(Some(&["b", "a", "b"])).unwrap().len(), 2);
    }

    #[test]
    fn a_moved_tag_is_a_change_and_a_new_order_is_none() {
        let read = |tags: &[&str]| Version::from_github(1, NAME, None, None, Some(tags));
        assert!(read(&["a", "b"]).unchanged(&read(&["b", "a"])));
        assert!(!read(&[]).unchanged(&read(&["stable"])));
        assert!(!read(&["a"]).unchanged(&read(&[])));
        let unknown = Version::from_github::<&str>(1, NAME, None, None, None);
        assert!(!unknown.unchanged(&unknown));
        assert!(!read(&[]).unchanged(&Version::from_github(2, NAME, None, None, Some(&[""; 0]))));
    }

    #[test]
    fn only_equal_records_are_merged() {
        let read = |id, tags: &[&str]| Version::from_github(id, NAME, None, None, Some(tags));
        let list = vec![read(1, &["a"]), read(2, &[]), read(1, &["a"]), read(1, &[])];
        assert_eq!(merged(list).len(), 3);
    }
}
