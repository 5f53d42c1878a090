//! `image.yaml`: all policy, as written and as validated in one step.
//!
//! Every value is parsed into its type while the document is read, so that an
//! error has the line and column of the value itself. Unknown keys are errors.

use registry_compat::{ImageRef, Repository, Tag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::{Arch, Stream};

use crate::alarm::{Alarm, Github};
use crate::boot::Boot;
use crate::ci::{Architecture, Ci};
use crate::content::Content;
use crate::defaults;
use crate::error::Error;
use crate::heal;
use crate::heal::Heal;
use crate::home::{Attestation, Forge};
use crate::ignition::Ignition;
use crate::input_signatures::BaseSignature;
use crate::kmods::{Kmods, OwnKmods};
use crate::night::Night;
use crate::packages::Packages;
use crate::policy::Policy;
use crate::retention::Retention;
use crate::retries::Retries;
use crate::signing::{Inputs, Signing};
use crate::types::{Name, Owner, Reason, Unique, UnitName};
use crate::urls::Urls;
use crate::zfs::Zfs;

/// The tag of the history of publications. It is fixed, so that every program finds it
/// and the clean-up recognises it: neither a permanent tag nor one that hosts follow
/// may have this name.
pub const HISTORY_TAG: &str = "history";

/// The annotation of the history that says of which image a new build was last found to
/// have the same content, and when: `DIGEST TIME`.
pub const LOOKED_ANNOTATION: &str = "custom-coreos.looked";

/// The whole of `image.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// What is published.
    pub image: Image,
    /// What it is built on.
    #[serde(default)]
    pub base: Base,
    /// Which ZFS.
    pub zfs: Zfs,
    /// How versions are chosen.
    #[serde(default)]
    pub policy: Policy,
    /// Where the kernel modules come from, in the order of preference.
    pub kmods: Vec<Kmods>,
    /// Architectures to build for.
    #[serde(default = "defaults::architectures")]
    #[schemars(with = "Unique<Architecture>")]
    pub architectures: Unique<Arch>,
    /// Packages on top of the base.
    #[serde(default)]
    pub packages: Packages,
    /// systemd units.
    #[serde(default)]
    pub units: Units,
    /// What the image has beside packages and units.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub content: Content,
    /// Checks of `bootc container lint` that are skipped.
    #[serde(default)]
    pub lint_skips: Vec<LintSkip>,
    /// Whether the image is booted before a tag moves.
    #[serde(default)]
    pub boot: Boot,
    /// Whether a host checks its own health after an update. Without this section it
    /// does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal: Option<Heal>,
    /// The signatures that base and kmods must have.
    #[serde(default)]
    pub inputs: Inputs,
    /// The key that a publication is signed with.
    #[serde(default)]
    pub signing: Signing,
    /// What the clean-up keeps.
    #[serde(default)]
    pub retention: Retention,
    /// How often transfers are tried.
    #[serde(default)]
    pub retries: Retries,
    /// Where the Butane sources are.
    #[serde(default)]
    pub ignition: Ignition,
    /// Whether a tag waits for an attestation.
    #[serde(default)]
    pub attestation: Attestation,
    /// Where the repository is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<Forge>,
    /// The repository at GitHub.
    #[serde(default)]
    pub github: Github,
    /// When a person is notified.
    #[serde(default)]
    pub alarm: Alarm,
    /// The nights of a machine of one's own.
    #[serde(default)]
    pub night: Night,
    /// The machines that build.
    #[serde(default)]
    pub ci: Ci,
    /// Addresses of the services that are used.
    #[serde(default)]
    pub urls: Urls,
}

/// What is published, and under which names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    /// Registry host.
    #[serde(default = "defaults::registry")]
    pub registry: Name,
    /// Account or organisation.
    pub owner: Owner,
    /// Image name below the owner.
    pub name: Name,
    /// `org.opencontainers.image.title`.
    pub title: Reason,
    /// `org.opencontainers.image.description`.
    pub description: Reason,
    /// The tags that a publication moves.
    #[serde(default = "defaults::tags")]
    #[schemars(with = "Unique<String>")]
    pub tags: Unique<Tag>,
    /// The tag that an image is pushed under before it is proven. It moves with every
    /// attempt, so that a failed one leaves no additional tag.
    #[serde(default = "defaults::candidate")]
    #[schemars(with = "String")]
    pub candidate: Tag,
    /// How what is installed on top of the base is pushed.
    #[serde(default, skip_serializing_if = "Layers::is_one")]
    pub layers: Layers,
    /// The most that an update may cost a host, in mebibytes of compressed layers. An
    /// image that costs more is published only with a reason (`--force`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_download_mib: Option<std::num::NonZeroU32>,
}

/// How what is installed on top of the base is pushed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// As the one layer that the engine made: a host fetches all of it again after each
    /// change.
    #[default]
    One,
    /// As layers by how often they change, the same bytes for the same inputs: a host
    /// fetches what changed. Not with docker.
    ByChange,
}

impl Layers {
    /// Whether it is [`Self::One`].
    pub fn is_one(&self) -> bool {
        *self == Self::One
    }
}

/// The base image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Base {
    /// Repository of Fedora CoreOS.
    #[serde(default = "defaults::base")]
    #[schemars(with = "String")]
    pub image: Repository,
    /// Stream, which is also the tag.
    #[serde(default = "defaults::stream")]
    #[schemars(with = "String")]
    pub stream: Stream,
    /// Its OpenPGP signatures, beside the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<BaseSignature>,
    /// Public key of its cosign signature, a file of the checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
}

/// systemd units of the image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Units {
    /// Enabled.
    #[serde(default)]
    pub enable: Unique<UnitName>,
    /// Disabled.
    #[serde(default)]
    pub disable: Unique<UnitName>,
}

/// A check that `bootc container lint` does not make, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LintSkip {
    /// The lint's name, as `bootc container lint --list` has it.
    pub lint: Name,
    /// Why it does not apply here.
    pub reason: Reason,
}

impl Default for Base {
    fn default() -> Self {
        Self {
            image: defaults::base(),
            stream: defaults::stream(),
            signature: None,
            key: None,
        }
    }
}

impl Config {
    /// The source that this project builds kernel modules for, if there is one.
    pub fn own_kmods(&self) -> Option<(&Kmods, &OwnKmods)> {
        self.kmods
            .iter()
            .find_map(|source| Some((source, source.own.as_ref()?)))
    }

    /// The units of the image: those of the file, and the health check unit if the file
    /// enables it.
    pub fn units_of_image(&self) -> Units {
        let mut units = self.units.clone();
        if let (Some(_), Ok(unit)) = (&self.heal, heal::UNIT.parse())
            && !units.enable.contains(&unit)
        {
            units.enable.push(unit);
        }
        units
    }

    /// The name of the image as one word, with `-` for `/`.
    pub fn one_word(&self) -> String {
        self.image.name.as_str().replace('/', "-")
    }

    /// The tag that hosts follow: the first of `image.tags`.
    ///
    /// # Errors
    /// As [`Self::repository`].
    pub fn followed(&self) -> Result<ImageRef, Error> {
        let tag = self.image.tags.first().unwrap_or(&self.image.candidate);
        Ok(self.repository()?.tagged(tag.clone()))
    }

    /// The repository that is published to.
    ///
    /// # Errors
    /// Never for a config that was parsed: [`Config::parse`] has checked it.
    pub fn repository(&self) -> Result<Repository, Error> {
        let Image {
            registry,
            owner,
            name,
            ..
        } = &self.image;
        Ok(format!("{registry}/{owner}/{name}").parse()?)
    }

    /// The moving tag of the base.
    ///
    /// # Errors
    /// As [`Config::repository`].
    pub fn base_tag(&self) -> Result<ImageRef, Error> {
        Ok(self.base.image.tagged(self.base.stream.as_str().parse()?))
    }
}

#[cfg(test)]
pub(crate) mod tests;
