//! Facts: what was read from outside, as plain data. They can be saved and replayed;
//! every decision is made from them alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry_compat::{Answer, Digest, ImageRef, KmodTag};
use remote::Inspected;
use serde::{Deserialize, Serialize};
use version_discovery::Arch;

use crate::engine::Engine;
use crate::packages::LockedPackage;

/// The facts from upstream services and registries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Upstream {
    /// The moment for which the decision is made.
    pub now: Timestamp,
    /// Releases, kernels, kmods and OpenZFS, as far as the choice needs them.
    pub discovery: version_discovery::Upstream,
    /// The kmods images of the choice, one for each architecture.
    pub images: Vec<KmodsImage>,
    /// What the first tag of `image.yaml` names; `None` if it was not needed.
    pub published: Option<Answer<Inspected>>,
    /// What the repositories of packages have, as far as they were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<AskedPackages>,
}

/// The packages that a build would install beyond the base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AskedPackages {
    /// For which architecture.
    pub arch: Arch,
    /// [`crate::lock::Lock::question`] of the inputs that they were asked for.
    pub question: Digest,
    /// They, sorted.
    pub packages: Vec<LockedPackage>,
}

/// A kmods image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KmodsImage {
    /// The source's name, as [`version_discovery::KmodsSource::name`].
    pub source: String,
    /// The architecture.
    pub arch: Arch,
    /// The versions in its tag.
    pub wanted: KmodTag,
    /// Its name.
    pub image: ImageRef,
    /// The registry's answer about it.
    pub answer: Answer<Inspected>,
}

/// The facts about the checkout and this machine.
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
    /// Digest over each file or folder that `content` of `image.yaml` names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// The images that each stage of `content` builds on, by digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stage_images: BTreeMap<String, Vec<ImageRef>>,
    /// The program that builds.
    pub engine: Engine,
    /// Its version, as it says it.
    pub engine_version: Option<String>,
    /// The registry location that a push of the published name goes to, according to
    /// `registries.conf`.
    pub destination: ImageRef,
    /// Whether `registries.conf` marks that registry as insecure.
    pub insecure: bool,
    /// Why a virtual machine can run here only emulated, or not at all; `None` if KVM
    /// is usable.
    #[serde(default)]
    pub no_kvm: Option<String>,
    /// The other architectures whose programs the kernel runs, emulated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emulated: Vec<Arch>,
    /// The day in UTC, `20260721`, for the name of a published image.
    #[serde(default)]
    pub today: Option<String>,
}
