//! What the streams ahead say about the weeks to come.
//!
//! Every incident of the past was to be seen on `testing` about two weeks
//! before it reached `stable`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::build::{Built, build};
use crate::context::Context;
use crate::dates::{add_days, counted, date_of, days_between};
use crate::{
    Fact, FcosRelease, FcosVersion, Gap, KernelVersion, LinuxRange, Obstacle, Pick, Policy,
    Question, Rollout, Rule, Stream, Upstream, ZfsVersion,
};

/// Days from the rollout of a release on `testing` or `next` to that of its
/// promotion to `stable`. Median of the 145 promotions from `testing` in 2021
/// to 2026 (eight of ten within 13 to 16), and of the 111 from `next`.
pub const DAYS_TO_STABLE: i32 = 14;

/// The releases of a stream that is ahead of the configured one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StreamAhead {
    /// Its name.
    pub stream: Stream,
    /// Its releases, in any order. Only the kernel of the newest is needed.
    pub releases: Fact<Vec<FcosRelease>>,
}

/// What one stream says about the future of the configured one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forecast {
    /// A newer kernel is on its way.
    Coming(Box<Coming>),
    /// Nothing new: its newest release has no newer kernel, or the same one was
    /// found in a stream before it.
    Nothing {
        /// The stream.
        stream: Stream,
    },
    /// It could not be found out, or was not asked yet.
    Unknown {
        /// The stream.
        stream: Stream,
        /// What is not known.
        gaps: Vec<Gap>,
    },
}

/// A kernel that the configured stream does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Coming {
    /// The configured stream.
    pub target: Stream,
    /// The stream in which the kernel was seen; the configured one itself if it
    /// is a release that is not rolled out yet.
    pub stream: Stream,
    /// The release that has it.
    pub release: FcosVersion,
    /// The kernel, on the first architecture.
    pub kernel: KernelVersion,
    /// Whether it is of another major and minor version than today's, or
    /// today's is not known.
    pub new_series: bool,
    /// When the configured stream gets it, as far as can be said.
    pub arrives: Option<Arrival>,
    /// Whether an image could be built of it today.
    pub kmods: KmodsAhead,
    /// Whether OpenZFS is ready for it.
    pub openzfs: OpenZfsAhead,
}

/// The day on which a stream gets a release.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Arrival {
    /// The day. Never before today: what is overdue is expected today.
    pub date: Date,
    /// Days from today.
    pub days: i64,
    /// Whether it is an estimate: no rollout is scheduled.
    pub estimated: bool,
}

/// Whether kmods exist for a kernel that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KmodsAhead {
    /// Kmods exist; this would be built.
    Exist(Pick),
    /// There are none, and they can be built; this would be built then.
    CanBeBuilt(Pick),
    /// There are none: all sources answered.
    None(Obstacle),
    /// Whether there are any is not known.
    Unknown(Vec<Gap>),
}

/// What OpenZFS says about a kernel, by the ranges of the final releases of the
/// series.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenZfsAhead {
    /// This release allows it.
    Allows {
        /// The newest that does.
        zfs: ZfsVersion,
        /// Its range.
        range: LinuxRange,
    },
    /// The newest release does not allow it.
    NotYet {
        /// The newest.
        newest: ZfsVersion,
        /// Its range.
        range: LinuxRange,
        /// A release of a newer series that does, if one is known.
        newer_series: Option<ZfsVersion>,
    },
    /// The range of the newest is not known.
    Unknown,
}

/// Says which kernels the configured stream will get, and whether they can be
/// built.
///
/// `upstream` is the configured stream, `ahead` those before it, the nearest
/// first (`testing`, then `next`). `ranges` holds the kernels that OpenZFS
/// releases support, as far as they are known. Of the policy only the series
/// counts: pins and holds are about today.
///
/// One entry for the configured stream if it has a release that is not rolled
/// out yet, and one for each stream of `ahead`.
pub fn forecast(
    upstream: &Upstream,
    ahead: &[StreamAhead],
    ranges: &BTreeMap<ZfsVersion, LinuxRange>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Forecast> {
    let policy = Policy {
        series: policy.series,
        rule: Rule::default(),
    };
    let ctx = Context::new(upstream, &policy, now);
    let own = upstream.releases.known().map_or(&[][..], Vec::as_slice);
    let alive = |release: &&FcosRelease| release.dead_end.is_none() && ctx.has_all_arches(release);
    let newest = |out: bool| {
        own.iter()
            .filter(alive)
            .filter(|release| release.rollout.begun(now) == out)
            .max_by_key(|release| release.version)
    };
    let today = newest(true);
    // All architectures of a release have the same kernel, but for the name of
    // the architecture: one stands for all.
    let first = upstream.arches.first().copied();
    let kernel_of =
        |release: &FcosRelease| first.map_or(Fact::NotAsked, |arch| release.kernel(arch).clone());
    let kernel_today = today.and_then(|release| kernel_of(release).known().cloned());
    let kernel_today = kernel_today.as_ref().map(|kernel| &kernel.version);
    let mut seen: BTreeSet<KernelVersion> = BTreeSet::new();
    let mut all = Vec::new();
    let mut look = |stream: &Stream, release: Option<&FcosRelease>| {
        let Some(release) = release else {
            return Forecast::Nothing {
                stream: stream.clone(),
            };
        };
        let fact = kernel_of(release);
        let Some(kernel) = fact.known() else {
            let gap = first.and_then(|arch| {
                Gap::of(&fact, || Question::Kernel {
                    version: release.version,
                    arch,
                })
            });
            return Forecast::Unknown {
                stream: stream.clone(),
                gaps: gap.into_iter().collect(),
            };
        };
        let kernel = &kernel.version;
        if kernel_today.is_some_and(|today| kernel <= today) || !seen.insert(kernel.clone()) {
            return Forecast::Nothing {
                stream: stream.clone(),
            };
        }
        Forecast::Coming(Box::new(Coming {
            target: upstream.stream.clone(),
            stream: stream.clone(),
            release: release.version,
            kernel: kernel.clone(),
            new_series: kernel_today.is_none_or(|today| today.series() != kernel.series()),
            arrives: arrival(upstream, stream, release, today, now),
            kmods: match build(&ctx, release) {
                Built::Pick(pick) => KmodsAhead::Exist(pick),
                Built::Make(pick, _) => KmodsAhead::CanBeBuilt(pick),
                Built::Lacks(obstacle) => KmodsAhead::None(obstacle),
                Built::Gaps(gaps, _) => KmodsAhead::Unknown(gaps),
                // There is no pin here.
                Built::AboveCeiling(_) => KmodsAhead::Unknown(Vec::new()),
            },
            openzfs: openzfs(ctx.finals.as_ref(), ranges, kernel),
        }))
    };
    if let Some(next) = newest(false)
        && today.is_none_or(|today| today.version < next.version)
    {
        all.push(look(&upstream.stream, Some(next)));
    }
    for other in ahead {
        all.push(match Gap::of(&other.releases, || Question::Releases) {
            Some(gap) => Forecast::Unknown {
                stream: other.stream.clone(),
                gaps: vec![gap],
            },
            None => {
                let releases = other.releases.known().into_iter().flatten();
                let newest = releases.filter(alive).max_by_key(|release| release.version);
                look(&other.stream, newest)
            }
        });
    }
    all
}

fn arrival(
    upstream: &Upstream,
    stream: &Stream,
    release: &FcosRelease,
    newest: Option<&FcosRelease>,
    now: Timestamp,
) -> Option<Arrival> {
    let today = date_of(now);
    let (date, estimated) = if *stream == upstream.stream {
        (date_of(release.rollout.start()?), false)
    } else {
        // `next` carries the coming Fedora for months before `stable` does.
        let fedora = newest.map_or(release.version.fedora, |newest| newest.version.fedora);
        let early = stream.as_str() == "next" && release.version.fedora > fedora;
        if upstream.stream.as_str() != "stable" || early || release.rollout == Rollout::Paused {
            return None;
        }
        let out = release
            .rollout
            .start()
            .map_or_else(|| release.available_since(today).0, date_of);
        (add_days(out, DAYS_TO_STABLE), true)
    };
    let date = date.max(today);
    Some(Arrival {
        date,
        days: days_between(today, date),
        estimated,
    })
}

fn openzfs(
    finals: Option<&BTreeSet<ZfsVersion>>,
    ranges: &BTreeMap<ZfsVersion, LinuxRange>,
    kernel: &KernelVersion,
) -> OpenZfsAhead {
    let Some((finals, newest)) = finals.and_then(|finals| Some((finals, finals.last()?))) else {
        return OpenZfsAhead::Unknown;
    };
    let allowing = |version: &&ZfsVersion| {
        ranges
            .get(version)
            .is_some_and(|range| range.allows(kernel))
    };
    let allows = finals.iter().rev().find(allowing);
    match (allows, ranges.get(newest)) {
        (Some(zfs), _) => OpenZfsAhead::Allows {
            zfs: *zfs,
            range: ranges[zfs],
        },
        (None, Some(range)) => OpenZfsAhead::NotYet {
            newest: *newest,
            range: *range,
            newer_series: ranges
                .keys()
                .rev()
                .filter(|version| version.series() > newest.series())
                .find(allowing)
                .copied(),
        },
        (None, None) => OpenZfsAhead::Unknown,
    }
}

impl fmt::Display for Coming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernel = if self.new_series {
            self.kernel.major_minor()
        } else {
            self.kernel.to_string()
        };
        write!(f, "{} gets kernel {kernel}", self.target)?;
        match &self.arrives {
            Some(arrival) if arrival.days == 0 => f.write_str(" any day now")?,
            Some(arrival) => {
                let about = if arrival.estimated { "about " } else { "" };
                write!(f, " in {about}{}", counted(arrival.days))?;
            }
            None => f.write_str(" at a time that cannot be told yet")?,
        }
        write!(f, " ({} on {}); ", self.release, self.stream)?;
        match &self.kmods {
            KmodsAhead::Exist(pick) => {
                return write!(f, "kmods exist, with ZFS {}: nothing to wait for", pick.zfs);
            }
            KmodsAhead::CanBeBuilt(pick) => {
                return write!(
                    f,
                    "no kmods yet, they can be built, of ZFS {}: nothing to wait for",
                    pick.zfs
                );
            }
            KmodsAhead::None(Obstacle::NoKmods { .. }) => f.write_str("no kmods yet; ")?,
            KmodsAhead::None(obstacle) => write!(f, "{obstacle}; ")?,
            KmodsAhead::Unknown(_) => f.write_str("could not ask for kmods; ")?,
        }
        let none = matches!(self.kmods, KmodsAhead::None(_));
        match &self.openzfs {
            OpenZfsAhead::Allows { zfs, range } => {
                write!(f, "ZFS {zfs} allows up to {}", range.maximum_text())?;
                if none {
                    f.write_str(": waiting for the kmods build, not for OpenZFS")?;
                }
            }
            OpenZfsAhead::NotYet {
                newest,
                range,
                newer_series,
            } => {
                write!(f, "ZFS {newest} allows up to {}", range.maximum_text())?;
                if none {
                    f.write_str(": waiting for OpenZFS")?;
                }
                if let Some(version) = newer_series {
                    write!(f, ", or for an edit of zfs.series: {version} allows it")?;
                }
            }
            OpenZfsAhead::Unknown => f.write_str("what OpenZFS allows is not known")?,
        }
        Ok(())
    }
}
