//! OpenZFS versions, how versions and series are read, and the newest release
//! of a series.

use std::fmt;
use std::str::FromStr;

use crate::text::number;
use crate::{Error, Series};

/// A final OpenZFS version, `2.4.4`. Release candidates have no value of this
/// type: an image must never be built from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZfsVersion {
    /// First number.
    pub major: u32,
    /// Second number; with the first it names the [`Series`].
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl ZfsVersion {
    /// The version that a release tag of `openzfs/zfs` names: exactly
    /// `zfs-X.Y.Z`. `None` for release candidates (`zfs-2.4.0-rc5`) and all
    /// other tags.
    pub fn from_tag(tag: &str) -> Option<Self> {
        tag.strip_prefix("zfs-")?.parse().ok()
    }

    /// The release tag in `openzfs/zfs`: `zfs-2.4.4`.
    pub fn tag(&self) -> String {
        format!("zfs-{self}")
    }

    /// The series it belongs to.
    pub fn series(&self) -> Series {
        Series {
            major: self.major,
            minor: self.minor,
        }
    }
}

impl fmt::Display for ZfsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for ZfsVersion {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.split('.').map(number);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) => Ok(Self {
                major,
                minor,
                patch,
            }),
            _ => Err(Error::malformed(
                "an OpenZFS version",
                text,
                "X.Y.Z such as `2.4.4`",
            )),
        }
    }
}

crate::serde_as_text!(ZfsVersion);

impl Series {
    /// Whether the version is of this line. `2.4` contains `2.4.9` and never
    /// `2.40.0`.
    pub fn contains(&self, version: &ZfsVersion) -> bool {
        version.series() == *self
    }
}

impl FromStr for Series {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('.').map(|(a, b)| (number(a), number(b))) {
            Some((Some(major), Some(minor))) => Ok(Self { major, minor }),
            _ => Err(Error::malformed(
                "a ZFS series",
                text,
                "X.Y in quotes, such as \"2.4\"",
            )),
        }
    }
}

crate::serde_as_text!(Series);

/// One entry of `GET /repos/openzfs/zfs/releases`, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ZfsRelease {
    /// `tag_name`.
    pub tag: String,
    /// Not published yet; only people with write access see it.
    pub draft: bool,
    /// Marked as not for production.
    pub prerelease: bool,
}

/// The newest final release of a series, numerically, wherever it stands in the
/// list: OpenZFS publishes `2.2.x` after `2.3.x`.
///
/// # Errors
/// [`Error::NoRelease`] if the series has none.
pub fn newest_in_series(releases: &[ZfsRelease], series: Series) -> Result<ZfsVersion, Error> {
    releases
        .iter()
        .filter(|release| !release.draft && !release.prerelease)
        .filter_map(|release| ZfsVersion::from_tag(&release.tag))
        .filter(|version| series.contains(version))
        .max()
        .ok_or(Error::NoRelease {
            series,
            seen: releases.len(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases(tags: &[(&str, bool, bool)]) -> Vec<ZfsRelease> {
        tags.iter()
            .map(|(tag, draft, prerelease)| ZfsRelease {
                tag: (*tag).to_owned(),
                draft: *draft,
                prerelease: *prerelease,
            })
            .collect()
    }

    #[test]
    fn newest_is_by_number_and_within_the_series() {
        let list = releases(&[
            ("zfs-2.2.9", false, false),
            ("zfs-2.4.9", false, false),
            ("zfs-2.4.10", false, false),
            ("zfs-2.40.0", false, false),
            ("zfs-2.4.11", true, false),
            ("zfs-2.4.12", false, true),
            ("zfs-2.4.13-rc1", false, false),
            ("2.4.14", false, false),
            ("zfs-2.4.15 ", false, false),
        ]);
        let series = "2.4".parse().unwrap();
        assert_eq!(
            newest_in_series(&list, series),
            Ok("2.4.10".parse().unwrap())
        );
    }

    #[test]
    fn an_empty_answer_is_an_error_that_says_the_series() {
        let error = newest_in_series(
            &releases(&[("zfs-2.4.0-rc1", false, false)]),
            "2.4".parse().unwrap(),
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("series 2.4 among the 1 releases")
        );
    }

    #[test]
    fn what_is_no_version() {
        for bad in [
            "",
            "2.4",
            "2.4.4.1",
            "2.4.4-rc1",
            "v2.4.4",
            "2.04.4",
            "null",
        ] {
            assert!(bad.parse::<ZfsVersion>().is_err(), "{bad:?}");
        }
        for bad in ["", "2", "2.4.4", "2.x", "zfs-2.4"] {
            assert!(bad.parse::<Series>().is_err(), "{bad:?}");
        }
    }
}
