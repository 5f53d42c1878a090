//! The answer of [`crate::choose`], with its reasons.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::{
    Arch, DigestRef, FcosVersion, Gap, KernelCeiling, KernelSource, KernelVersion, LinuxRange,
    Question, Series, ZfsVersion,
};

/// What to build, or why nothing, and how each candidate was judged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Choice {
    /// The answer.
    pub outcome: Outcome,
    /// Every release of the stream, newest first.
    pub bases: Vec<BaseCandidate>,
    /// The kernels for which `zfs` was judged: those of the chosen base, else of
    /// the newest that came into question. Empty if none is known.
    pub zfs_kernels: Vec<KernelVersion>,
    /// Every ZFS version of the series, and every other one that kmods exist of
    /// for those kernels, newest first.
    pub zfs: Vec<ZfsCandidate>,
    /// What a person should hear of, whatever the outcome is.
    pub warnings: Vec<Warning>,
}

impl Choice {
    /// What has to be asked before there can be an answer. Empty if there is
    /// one, and also if the questions were asked and got no answer.
    pub fn questions(&self) -> Vec<&Question> {
        match self.outcome.without_builder() {
            Outcome::Unknown(unknown) => unknown
                .gaps
                .iter()
                .filter(|gap| gap.why.is_none())
                .map(|gap| &gap.question)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What is to be built with the kmods that there are, if anything.
    pub fn pick(&self) -> Option<&Pick> {
        match self.outcome.without_builder() {
            Outcome::Go(pick) | Outcome::Hold(pick, _) => Some(pick),
            _ => None,
        }
    }

    /// The kmods that can be built, if that leads to a newer base.
    pub fn kmods_to_build(&self) -> Option<&KmodsToBuild> {
        match &self.outcome {
            Outcome::BuildKmods(kmods) => Some(kmods),
            _ => None,
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Build this; no newer base came into question.
    Go(Pick),
    /// Build this; newer bases lack kmods.
    Hold(Pick, Held),
    /// No source has kmods for this base, but they can be built; then it is taken.
    BuildKmods(Box<KmodsToBuild>),
    /// Not yet. Nothing is wrong on this side.
    Wait(Waiting),
    /// It could not be found out. Never the same as [`Outcome::Wait`].
    Unknown(NotKnown),
    /// Someone has to edit the configuration first.
    Refused(Refusal),
}

impl Outcome {
    /// What holds as long as the kmods that can be built are not built.
    pub fn without_builder(&self) -> &Self {
        match self {
            Self::BuildKmods(kmods) => &kmods.meanwhile,
            other => other,
        }
    }
}

/// Kmods that nobody has built and this project can build.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KmodsToBuild {
    /// What is built once they are there.
    pub pick: Pick,
    /// The kernels that they have to be built for: of the pick, those without.
    pub kernels: Vec<KernelVersion>,
    /// Newer bases, which they cannot be built for.
    pub held: Option<Held>,
    /// The answer as long as they are not there.
    pub meanwhile: Outcome,
}

/// A base, a ZFS version and where its modules come from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pick {
    /// The Fedora CoreOS release.
    pub base: FcosVersion,
    /// The ZFS version.
    pub zfs: ZfsVersion,
    /// The name of the kmods source.
    pub kmods: String,
    /// What differs between architectures.
    pub targets: BTreeMap<Arch, PickTarget>,
}

/// One architecture of a [`Pick`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PickTarget {
    /// The base's image by digest, where the index names one.
    pub image: Option<DigestRef>,
    /// Its kernel.
    pub kernel: KernelVersion,
    /// How the kernel was learnt.
    pub kernel_source: KernelSource,
}

/// Bases that are newer and had to be passed over for want of kmods.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Held {
    /// The day on which the first of them came out.
    pub since: Date,
    /// Whether that day is an estimate from the version's date, because the
    /// update metadata no longer says it.
    pub estimated: bool,
    /// Whole days from then to today.
    pub days: u32,
    /// How many the policy allows; `None` under `newest` and under a pin.
    pub max_days: Option<u32>,
    /// The newest of them.
    pub newest: FcosVersion,
    /// What that one lacks.
    pub obstacle: Obstacle,
}

/// What a base lacks. All sources answered: this is a fact.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// No source has an image for the kernel, or none for the kernels of all
    /// architectures.
    NoKmods {
        /// The kernel, or the first that is lacking.
        kernel: KernelVersion,
    },
    /// There are images for the kernel, but of no ZFS version that the policy
    /// allows (and all architectures have).
    NoZfs {
        /// The kernel, on the first architecture.
        kernel: KernelVersion,
        /// What was wanted: the newest of the series under `newest`, the pinned
        /// version under a pin, `None` for any of the series.
        wanted: Option<ZfsVersion>,
        /// The series.
        series: Series,
        /// What there is.
        offers: Vec<Offer>,
    },
    /// No source has kmods for it, and they cannot be built: OpenZFS does not support
    /// the kernel.
    NotSupported {
        /// The kernel.
        kernel: KernelVersion,
        /// The newest release that the policy allows.
        zfs: ZfsVersion,
        /// The kernels that it supports.
        range: LinuxRange,
    },
    /// No source has kmods for it, and the build of this project's own failed.
    BuildFailed {
        /// The kernel.
        kernel: KernelVersion,
        /// The release.
        zfs: ZfsVersion,
        /// Why, in one line.
        why: String,
    },
}

/// What one source has for a kernel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Offer {
    /// The name of the source.
    pub source: String,
    /// Its ZFS versions, newest first.
    pub zfs: Vec<ZfsVersion>,
}

/// Why nothing is built today.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// No release is out, alive and for all architectures.
    NoRelease,
    /// The pinned base is not in the index of the stream.
    PinnedBaseMissing(FcosVersion),
    /// OpenZFS lists no final release of the series (or not the pinned one).
    NoZfsRelease {
        /// The series.
        series: Series,
        /// The pinned version, if there is a pin on one.
        pinned: Option<ZfsVersion>,
    },
    /// Under `newest`: the newest base cannot be built with the newest ZFS.
    NewestNotBuildable {
        /// Since when, and what it lacks.
        held: Held,
        /// What `hold` would build, as far as is known.
        last: Option<Pick>,
    },
    /// The base would be held longer than the policy allows.
    HoldExceeded {
        /// Since when, and what is lacking.
        held: Held,
        /// What would be built if the number of days allowed it, as far as is
        /// known.
        last: Option<Pick>,
    },
    /// No release at all can be built.
    NothingBuildable {
        /// Since when, and what the newest lacks.
        held: Held,
    },
    /// All that could be built is older than the published image.
    WouldGoBack {
        /// The base of the published image.
        published: FcosVersion,
        /// What the newer ones lack; `None` if they are dead ends or not out.
        held: Option<Held>,
    },
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NotKnown {
    /// What is not known. Never empty.
    pub gaps: Vec<Gap>,
    /// What could be built regardless of the answers, though perhaps an older
    /// base, or from a source further down. Not taken by itself: that would
    /// treat *could not ask* as *not there*.
    pub otherwise: Option<Pick>,
}

/// Why the configuration has to be edited first.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The pin expired more than [`crate::PIN_GRACE_DAYS`] days ago.
    PinExpired {
        /// Its last day.
        expired: Date,
        /// Its reason, as it was written.
        reason: String,
    },
}

/// One release, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BaseCandidate {
    /// The release.
    pub version: FcosVersion,
    /// Its kernels, where known.
    pub kernels: Vec<KernelVersion>,
    /// If it is a barrier: the reason. It has no influence on the choice; a
    /// machine that updates across it has to stop there.
    pub barrier: Option<String>,
    /// The judgement.
    pub verdict: BaseVerdict,
}

/// What became of a release.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseVerdict {
    /// This one was chosen.
    Taken,
    /// This one is chosen once its kmods, which can be built, are there.
    KmodsToBuild(ZfsVersion),
    /// It could be built; the outcome says why it was not chosen.
    Buildable,
    /// Passed over: machines cannot leave it by themselves.
    DeadEnd(String),
    /// Passed over: no machine may have it yet.
    NotRolledOut {
        /// When the rollout begins, where that is known.
        starts: Option<Timestamp>,
    },
    /// Passed over: not built for all architectures.
    NotForArch,
    /// Passed over: the pin names another.
    NotPinned,
    /// Passed over: its kernel is above the pin's ceiling.
    AboveCeiling(KernelCeiling),
    /// Passed over: there are no kmods for it, or none of an allowed version.
    Lacks(Obstacle),
    /// Passed over: older than the published image's base.
    BehindPublished,
    /// Nothing can be said about it.
    Unknown(Vec<Gap>),
    /// Not judged: the answer was found in a newer one, or no longer depends on
    /// it.
    NotNeeded,
}

/// One ZFS version, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ZfsCandidate {
    /// The version.
    pub version: ZfsVersion,
    /// The sources that have modules of it for all kernels in question.
    pub sources: Vec<String>,
    /// The judgement.
    pub verdict: ZfsVerdict,
}

/// What became of a ZFS version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZfsVerdict {
    /// This one was chosen.
    Taken,
    /// Modules exist, but it is of another series.
    OtherSeries,
    /// Modules exist, but OpenZFS does not list it as a final release: a
    /// release candidate, or withdrawn.
    NotFinal,
    /// The pin names another.
    NotPinned,
    /// Final, of the series, and no source has modules of it for the kernel.
    NoKmods,
    /// No source has modules of it for the kernel, and this one is to be built.
    ToBuild,
    /// No source has modules of it for the kernel, and building them here failed: why,
    /// in one line.
    BuildFailed(String),
    /// Only a later source has it. The first source with an allowed version is
    /// used for everything, so later ones do not count.
    LaterSource,
    /// Whether modules exist could not be found out, or was not asked.
    Unknown,
    /// Older than the one taken.
    Older,
    /// Modules exist, and the outcome says why it is not taken.
    Buildable,
}

/// Something to hear of beside the outcome.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// The pin has expired and will soon no longer be followed.
    PinExpired {
        /// Its last day.
        expired: Date,
        /// Days for which it is still followed after today.
        days_left: u32,
        /// Its reason.
        reason: String,
    },
    /// The pinned base is a dead end, for this reason.
    PinnedDeadEnd(String),
    /// The pinned base is not rolled out yet.
    PinnedNotRolledOut,
    /// The pinned base is older than the published one.
    PinnedGoesBack {
        /// The published one.
        published: FcosVersion,
    },
    /// OpenZFS has a newer release of the series than the one taken.
    ZfsBehind {
        /// The one taken.
        taken: ZfsVersion,
        /// The newest.
        newest: ZfsVersion,
    },
}
