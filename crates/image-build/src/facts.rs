//! Facts: what was read from the world, as plain data. They can be saved and
//! replayed; everything that is decided is decided from them.

use jiff::Timestamp;
use registry_compat::{Answer, Digest, ImageRef, KmodTag};
use remote::Inspected;
use serde::{Deserialize, Serialize};
use version_discovery::Arch;

use crate::engine::Engine;

/// What was found out about the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Upstream {
    /// The moment that the judgement is for.
    pub now: Timestamp,
    /// Releases, kernels, kmods and OpenZFS, as far as the choice needs them.
    pub discovery: version_discovery::Upstream,
    /// The kmods images of the choice, one for each architecture.
    pub images: Vec<KmodsImage>,
    /// What the first tag of `image.yaml` names; `None` if nobody had to know.
    pub published: Option<Answer<Inspected>>,
}

/// A kmods image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KmodsImage {
    /// The source's name, as [`version_discovery::KmodsSource::name`].
    pub source: String,
    /// The architecture.
    pub arch: Arch,
    /// What its tag says.
    pub wanted: KmodTag,
    /// Its name.
    pub image: ImageRef,
    /// What the registry says of it.
    pub answer: Answer<Inspected>,
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
    /// Its version, as it says it.
    pub engine_version: Option<String>,
    /// Where a push of the published name goes, after `registries.conf`.
    pub destination: ImageRef,
    /// `registries.conf` calls that place insecure.
    pub insecure: bool,
    /// Why no virtual machine runs here but emulated, or none at all; nothing where
    /// KVM is usable.
    #[serde(default)]
    pub no_kvm: Option<String>,
    /// The day in UTC, `20260721`, for the name of a published image.
    #[serde(default)]
    pub today: Option<String>,
}
