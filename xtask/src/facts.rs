//! Facts: what was read from the world, as plain data. They can be saved and
//! replayed; everything that is decided is decided from them.

use std::collections::BTreeSet;

use registry_compat::{Answer, Digest, ImageRef, KmodTag};
use remote::Inspected;
use serde::{Deserialize, Serialize};
use version_discovery::{Arch, FcosVersion, KernelSource, KernelVersion, ZfsRelease};

use crate::engine::Engine;

/// What upstream offers, for every architecture of `image.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Upstream {
    /// The base's tag, as asked.
    pub base: ImageRef,
    /// What it names.
    pub base_digest: Digest,
    /// The release, if the label is a version.
    pub base_version: Option<FcosVersion>,
    /// By architecture.
    pub targets: Vec<TargetFacts>,
    /// All of OpenZFS's releases.
    pub zfs_releases: Vec<ZfsRelease>,
}

/// What is known of one architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetFacts {
    /// The architecture.
    pub arch: Arch,
    /// Its manifest of the base.
    pub manifest: Digest,
    /// Its kernel.
    pub kernel: KernelVersion,
    /// How that was learnt.
    pub kernel_source: KernelSource,
    /// The kmods image that is wanted for it.
    pub wanted: KmodTag,
    /// Its name.
    pub kmods: ImageRef,
    /// Whether it is there.
    pub answer: Answer<Inspected>,
    /// The other tags; asked only when the wanted one is absent.
    pub available: Option<Answer<BTreeSet<KmodTag>>>,
}

/// What is known of the checkout and this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Local {
    /// The architecture of this machine.
    pub arch: Arch,
    /// The commit, if the tree is clean: a dirty tree must not claim one.
    pub commit: Option<String>,
    /// Digest over `containerfiles/custom-coreos`.
    pub containerfiles: Digest,
    /// Digest over the Ignition sources.
    pub ignition: Digest,
    /// The program that builds.
    pub engine: Engine,
    /// Where a push of the published name goes, after `registries.conf`.
    pub destination: ImageRef,
    /// `registries.conf` calls that place insecure.
    pub insecure: bool,
    /// The day in UTC, `20260721`, for the name of a published image.
    #[serde(default)]
    pub today: Option<String>,
}
