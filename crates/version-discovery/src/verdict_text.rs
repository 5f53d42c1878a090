//! Verdicts as sentences, for `explain` and for messages. Each is one line
//! without a full stop.

use std::fmt;

use crate::dates::counted;
use crate::outside::shown;
use crate::{
    BaseVerdict, Held, KmodsToBuild, Obstacle, Offer, Pick, Refusal, Waiting, Warning, ZfsVerdict,
    ZfsVersion,
};

/// `a`, `a and b`, `a, b and c`.
fn list<T: fmt::Display>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    match texts.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has {}", self.source, list(&self.zfs))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKmods { kernel } => write!(f, "no kmods exist for kernel {kernel}"),
            Self::NoZfs {
                kernel,
                wanted,
                series,
                offers,
            } => {
                let what = wanted.map_or_else(
                    || format!("of a final ZFS release of series {series}"),
                    |version: ZfsVersion| format!("of ZFS {version}"),
                );
                write!(
                    f,
                    "no kmods {what} exist for kernel {kernel}: {}",
                    list(offers)
                )
            }
            Self::NotSupported { kernel, zfs, range } => write!(
                f,
                "no kmods exist for kernel {kernel}, and they cannot be built: ZFS {zfs} \
                 supports kernels {range}"
            ),
            Self::BuildFailed { kernel, zfs, why } => write!(
                f,
                "no kmods exist for kernel {kernel}, and building them of ZFS {zfs} failed: {}",
                shown(why)
            ),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = if self.estimated { "about " } else { "" };
        let of = self
            .max_days
            .map_or_else(String::new, |max| format!(" of {max}"));
        write!(
            f,
            "{} waits since {about}{} ({}{of}): {}",
            self.newest,
            self.since,
            counted(i64::from(self.days)),
            self.obstacle
        )
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = |pick: &Option<Pick>| {
            pick.as_ref().map_or_else(
                || "no older base is known to be buildable".to_owned(),
                |pick| format!("the newest that could be built is {}", pick.base),
            )
        };
        match self {
            Self::NoRelease => f.write_str(
                "the stream has no release that is rolled out, no dead end and for all architectures",
            ),
            Self::PinnedBaseMissing(version) => {
                write!(f, "the stream has no release {version}, which the pin names")
            }
            Self::NoZfsRelease {
                series,
                pinned: None,
            } => write!(f, "OpenZFS lists no final release of series {series}"),
            Self::NoZfsRelease {
                series,
                pinned: Some(version),
            } => write!(
                f,
                "OpenZFS does not list {version}, which the pin names, as a final release of series {series}"
            ),
            Self::NewestNotBuildable { held, last: pick } => {
                write!(f, "{held}; {}", last(pick))
            }
            Self::HoldExceeded { held, last: pick } => {
                write!(f, "held for too long: {held}; {}", last(pick))
            }
            Self::NothingBuildable { held } => {
                write!(f, "no release of the stream can be built: {held}")
            }
            Self::WouldGoBack { published, held } => {
                write!(f, "all that could be built is older than the published {published}")?;
                held.as_ref().map_or(Ok(()), |held| write!(f, ": {held}"))
            }
        }
    }
}

impl fmt::Display for KmodsToBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "kmods of ZFS {} for kernel {} can be built, and then {}",
            self.pick.zfs,
            list(&self.kernels),
            self.pick.base
        )?;
        self.held
            .as_ref()
            .map_or(Ok(()), |held| write!(f, "; {held}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PinExpired { expired, reason } => write!(
                f,
                "the pin in image.yaml expired on {expired} (its reason: {}); renew or remove it",
                shown(reason)
            ),
        }
    }
}

impl fmt::Display for BaseVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("taken"),
            Self::KmodsToBuild(zfs) => write!(f, "its kmods can be built, of ZFS {zfs}"),
            Self::Buildable => f.write_str("could be built"),
            Self::DeadEnd(reason) => write!(f, "dead end: {reason}"),
            Self::NotRolledOut { starts: None } => f.write_str("its rollout has no beginning yet"),
            Self::NotRolledOut {
                starts: Some(starts),
            } => write!(f, "its rollout begins at {starts}"),
            Self::NotForArch => f.write_str("not built for all architectures"),
            Self::NotPinned => f.write_str("the pin names another"),
            Self::AboveCeiling(ceiling) => {
                write!(f, "its kernel is above the pinned ceiling {ceiling}")
            }
            Self::Lacks(obstacle) => obstacle.fmt(f),
            Self::BehindPublished => f.write_str("older than the published image"),
            Self::Unknown(gaps) => f.write_str(&list(gaps)),
            Self::NotNeeded => f.write_str("not looked at: the answer does not depend on it"),
        }
    }
}

impl fmt::Display for ZfsVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "taken",
            Self::OtherSeries => "of another series; crossing is an edit of zfs.series",
            Self::NotFinal => "not, or no longer, a final release of OpenZFS",
            Self::NotPinned => "the pin names another",
            Self::NoKmods => "no kmods exist for this kernel",
            Self::ToBuild => "no kmods exist for this kernel, but they can be built",
            Self::BuildFailed(why) => {
                return write!(
                    f,
                    "no kmods exist for this kernel, and building them failed: {}",
                    shown(why)
                );
            }
            Self::LaterSource => "only a later source has it",
            Self::Unknown => "could not be asked, or was not yet",
            Self::Older => "older than the one taken",
            Self::Buildable => "kmods exist",
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PinExpired {
                expired,
                days_left,
                reason,
            } => write!(
                f,
                "the pin in image.yaml expired on {expired} and is followed for {} more (its reason: {})",
                counted(i64::from(*days_left)),
                shown(reason)
            ),
            Self::PinnedDeadEnd(reason) => write!(f, "the pinned base is a dead end: {reason}"),
            Self::PinnedNotRolledOut => f.write_str("the pinned base is not rolled out yet"),
            Self::PinnedGoesBack { published } => {
                write!(f, "the pinned base is older than the published {published}")
            }
            Self::ZfsBehind { taken, newest } => write!(
                f,
                "ZFS {newest} is out, but {taken} is the newest with kmods for this kernel"
            ),
        }
    }
}
