//! A Fedora CoreOS release as the release index and the update metadata
//! describe it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::dates::{add_days, date_of};
use crate::{Arch, Error, Fact, FcosVersion, KernelSource, KernelVersion};

/// A repository and a digest, `HOST/PATH@sha256:HEX`: the `digest-ref` of the
/// release index (coreos-assembler #3919). It names one image for all time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DigestRef(String);

impl DigestRef {
    /// The whole reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the `@`: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, digest)| digest)
    }
}

impl fmt::Display for DigestRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DigestRef {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, hex) = text.split_once("@sha256:").unwrap_or_default();
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let named = |b: u8| {
            b.is_ascii_lowercase()
                || b.is_ascii_digit()
                || matches!(b, b'.' | b'-' | b'_' | b'/' | b':')
        };
        let good = (1..=255).contains(&name.len())
            && name.contains('/')
            && name.bytes().all(named)
            && hex.len() == 64
            && hex.bytes().all(lower_hex);
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::malformed(
                "an image by digest",
                text,
                "HOST/PATH@sha256: and 64 hexadecimal digits",
            ))
        }
    }
}

crate::serde_as_text!(DigestRef);

/// The kernel of a release, and the source that named it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReleaseKernel {
    /// The kernel.
    pub version: KernelVersion,
    /// Where it was learnt.
    pub source: KernelSource,
}

/// How far machines may follow a release.
///
/// Source: fedora-coreos-cincinnati, which builds the update graph from the
/// same document: only releases with a `rollout` (or a barrier) can be reached,
/// `start_epoch` and `start_percentage` default to zero, and without
/// `duration_minutes` a rollout stays at its first percentage.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rollout {
    /// In the index, newer than everything the update metadata speaks of. The
    /// release checklist of fedora-coreos-streams adds the rollout as its last
    /// step.
    NotScheduled,
    /// A rollout that stays at 0 %: someone stopped it.
    Paused,
    /// A rollout with a known beginning.
    Window {
        /// The first moment at which a machine may get it.
        start: Timestamp,
        /// Minutes from `start` until every machine may; `None` if it stays at
        /// its first percentage.
        minutes: Option<u64>,
    },
    /// It has been rolled out; when, the metadata no longer says.
    Past,
}

impl Rollout {
    /// Whether any machine may have the release by now.
    pub fn begun(&self, now: Timestamp) -> bool {
        match self {
            Self::NotScheduled | Self::Paused => false,
            Self::Window { start, .. } => *start <= now,
            Self::Past => true,
        }
    }

    /// When it begins or began, where that is known.
    pub fn start(&self) -> Option<Timestamp> {
        match self {
            Self::Window { start, .. } => Some(*start),
            Self::NotScheduled | Self::Paused | Self::Past => None,
        }
    }
}

/// One release of a stream.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FcosRelease {
    /// Its version.
    pub version: FcosVersion,
    /// The architectures it was built for, with the container image of each.
    /// `None` where the index names no image: those of before 2025 have none.
    pub images: BTreeMap<Arch, Option<DigestRef>>,
    /// Its kernels, as far as anyone asked. The index does not say them.
    pub kernels: BTreeMap<Arch, Fact<ReleaseKernel>>,
    /// Set if the release is a barrier, which machines must not skip when they
    /// update: the reason, safe to print.
    pub barrier: Option<String>,
    /// Set if the release is a dead end, which machines cannot leave by
    /// themselves: the reason, safe to print.
    pub dead_end: Option<String>,
    /// How far machines may follow it.
    pub rollout: Rollout,
}

/// Days from the date in a version to the rollout, where the metadata no longer
/// says when that was. Medians of all releases 2021 to 2026: 17 for `stable`
/// (154 releases, nine of ten within 15 to 21), 3 for `testing` (164), 2 for
/// `next` (192).
const STABLE_LAG_DAYS: i32 = 17;
const OTHER_LAG_DAYS: i32 = 3;

/// The number of `stable` in a version.
pub(crate) const STABLE: u32 = 3;

impl FcosRelease {
    /// The kernel on an architecture.
    pub fn kernel(&self, arch: Arch) -> &Fact<ReleaseKernel> {
        self.kernels.get(&arch).unwrap_or(&Fact::NotAsked)
    }

    /// The kernels that are known, on those architectures.
    pub(crate) fn known_kernels(&self, arches: &BTreeSet<Arch>) -> Vec<KernelVersion> {
        let known = arches.iter().filter_map(|arch| self.kernel(*arch).known());
        known.map(|kernel| kernel.version.clone()).collect()
    }

    /// The day on which the first machines could have it, and whether that is
    /// an estimate. Never later than `today`.
    pub(crate) fn available_since(&self, today: Date) -> (Date, bool) {
        match self.rollout.start() {
            Some(start) => (date_of(start).min(today), false),
            None => {
                let lag = if self.version.stream == STABLE {
                    STABLE_LAG_DAYS
                } else {
                    OTHER_LAG_DAYS
                };
                let packages = self.version.calendar_date().unwrap_or(today);
                (add_days(packages, lag).min(today), true)
            }
        }
    }
}

impl FcosVersion {
    /// The date in the version, if there is such a day.
    pub fn calendar_date(&self) -> Option<Date> {
        let year = i16::try_from(self.date / 10_000).ok()?;
        let month = i8::try_from(self.date / 100 % 100).ok()?;
        let day = i8::try_from(self.date % 100).ok()?;
        Date::new(year, month, day).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632";

    #[test]
    fn references_by_digest() {
        let text = format!("quay.io/fedora/fedora-coreos@sha256:{HEX}");
        let image: DigestRef = text.parse().unwrap();
        assert_eq!(image.as_str(), text);
        assert_eq!(image.digest(), format!("sha256:{HEX}"));
        for bad in [
            String::new(),
            "quay.io/fedora/fedora-coreos:stable".to_owned(),
            format!("@sha256:{HEX}"),
            format!("quay.io/fedora/fedora-coreos@sha256:{}", &HEX[1..]),
            format!("quay.io/fedora/fedora-coreos@sha256:{}", HEX.to_uppercase()),
            format!("quay.io/fedora/a b@sha256:{HEX}"),
            format!("quay.io/x@sha256:{HEX}\n"),
        ] {
            assert!(bad.parse::<DigestRef>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_beginning_is_estimated_from_the_version_and_never_lies_ahead() {
        let release = FcosRelease {
            version: "44.20260621.3.1".parse().unwrap(),
            images: BTreeMap::new(),
            kernels: BTreeMap::new(),
            barrier: None,
            dead_end: None,
            rollout: Rollout::Past,
        };
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(
            release.available_since(day("2026-07-30")),
            (day("2026-07-08"), true)
        );
        assert_eq!(
            release.available_since(day("2026-07-01")),
            (day("2026-07-01"), true)
        );
        let odd: FcosVersion = "44.20261399.3.1".parse().unwrap();
        assert_eq!(odd.calendar_date(), None);
    }
}
