//! What upstream publishes, as far as it was found out.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Arch, Fact, FcosRelease, FcosVersion, KernelVersion, LinuxRange, Stream, ZfsRelease, ZfsVersion,
};

/// Everything that [`crate::choose`] looks at besides the policy and the time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Upstream {
    /// The stream that the releases are of.
    pub stream: Stream,
    /// The architectures that the image is for. All of them get the same base
    /// and the same ZFS from the same source.
    pub arches: BTreeSet<Arch>,
    /// All releases of the stream, in any order.
    pub releases: Fact<Vec<FcosRelease>>,
    /// The kmods sources in the order of preference.
    pub kmods: Vec<KmodsSource>,
    /// The builder of kmods of our own, if there is one. The source that it publishes to
    /// is one of `kmods`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<Builder>,
    /// All OpenZFS releases. A version that is missing from a complete list, or
    /// is a draft or a pre-release in it, is never taken, whatever kmods exist.
    pub zfs: Fact<Vec<ZfsRelease>>,
    /// The base of the image that machines follow now. Nothing older is chosen,
    /// short of a pin: an update must not bring back what it had removed.
    pub published: Option<FcosVersion>,
}

/// The builder of this project's own kmods, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Builder {
    /// The source that it publishes to, as [`crate::KmodsSource::name`].
    pub name: String,
    /// For each final release of OpenZFS, the kernels that it says it supports. A
    /// release that is missing was not asked for yet.
    pub ranges: BTreeMap<ZfsVersion, Fact<LinuxRange>>,
    /// Whether kernels above the maximum may be tried
    /// (`--enable-linux-experimental`).
    pub experimental: bool,
    /// The builds that failed with the same inputs as one would have today.
    pub failed: Vec<FailedBuild>,
}

/// A build of kmods that failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedBuild {
    /// The kernel.
    pub kernel: KernelVersion,
    /// The release of OpenZFS.
    pub zfs: ZfsVersion,
    /// What the compiler, or another program, said. One line.
    pub why: String,
}

/// One place that has kmods images. Kmods and ZFS programs always come from one
/// and the same image; nothing is ever mixed between sources.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KmodsSource {
    /// What people call it: its repository.
    pub name: String,
    /// If the source is a single image and not a repository: its digest, for
    /// [`crate::Pin::kmods_digest`].
    pub digest: Option<String>,
    /// For each kernel, the ZFS versions it has modules of. A kernel that is
    /// missing from a known map has none, for certain. The inner fact is for
    /// repositories whose tags do not tell the ZFS version (ublue's
    /// `akmods-zfs`), where each kernel has to be looked at by itself.
    pub kernels: Fact<BTreeMap<KernelVersion, Fact<BTreeSet<ZfsVersion>>>>,
}

impl KmodsSource {
    /// A repository of which the complete list of pairs is known.
    pub fn listed(
        name: impl Into<String>,
        pairs: impl IntoIterator<Item = (KernelVersion, ZfsVersion)>,
    ) -> Self {
        let mut sets: BTreeMap<KernelVersion, BTreeSet<ZfsVersion>> = BTreeMap::new();
        for (kernel, zfs) in pairs {
            sets.entry(kernel).or_default().insert(zfs);
        }
        let kernels = sets
            .into_iter()
            .map(|(kernel, set)| (kernel, Fact::Known(set)))
            .collect();
        Self {
            name: name.into(),
            digest: None,
            kernels: Fact::Known(kernels),
        }
    }

    /// A repository that could not be asked, and why.
    pub fn unknown(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            digest: None,
            kernels: Fact::Unknown(why.into()),
        }
    }
}
