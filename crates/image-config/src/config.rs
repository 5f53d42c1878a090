//! `image.yaml`: all policy, as written and as validated in one step.
//!
//! Every value is parsed into its type while the document is read, so that an
//! error has the line and column of the value itself. Unknown keys are errors.

use std::path::{Path, PathBuf};

use registry_compat::{ImageRef, Repository, Tag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::{Arch, Stream};

use crate::alarm::{Alarm, Github};
use crate::boot::Boot;
use crate::ci::{Architecture, Ci};
use crate::content::Content;
use crate::content_files;
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
use crate::problems;
use crate::problems::Problem;
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
    /// Reads and validates a file, and the files that its `content` names below `root`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with file, line and column.
    pub fn load_in(path: &Path, root: &Path) -> Result<Self, Error> {
        let config = Self::load(path)?;
        if config.content.is_empty() {
            return Ok(config);
        }
        // Only for the places: it was read a moment ago.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let problems = content_files::problems(&config.content, &text, root);
        match problems.is_empty() {
            true => Ok(config),
            false => Err(Error::Invalid {
                path: path.to_owned(),
                problems,
            }),
        }
    }

    /// Reads and validates a file alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] with file, line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let wrong = |problem| Error::Invalid {
            path: path.to_owned(),
            problems: vec![problem],
        };
        let bytes = std::fs::read(path)
            .map_err(|error| wrong(Problem::new("", None, format!("cannot be read: {error}"))))?;
        let text = String::from_utf8(bytes).map_err(|error| wrong(not_utf8(&error)))?;
        Self::parse(&text, path)
    }

    /// Validates a text; `path` is for the message.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong, each with line and column where
    /// there are any.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let invalid = |problems| Error::Invalid {
            path: PathBuf::from(path),
            problems,
        };
        let config: Self = problems::read(text).map_err(invalid)?;
        if let Some((value, detail)) = config.content.contradiction() {
            let place = content_files::place(text, &value);
            return Err(invalid(vec![Problem::new(text, place, detail)]));
        }
        match config.contradictions() {
            None => Ok(config),
            Some((key, detail)) => {
                let place = place_of(text, key);
                Err(invalid(vec![Problem::new(text, place, detail)]))
            }
        }
    }

    /// Values that are each valid but contradict each other: the key at fault, and why.
    fn contradictions(&self) -> Option<(&'static str, String)> {
        if self.architectures.is_empty() {
            return Some(("architectures", "at least one architecture".into()));
        }
        if let Some(signature) = &self.base.signature
            && signature.keys.is_empty()
        {
            return Some(("keys", "at least one key that is trusted".into()));
        }
        if self.kmods.is_empty() {
            return Some(("kmods", "at least one source of kernel modules".into()));
        }
        let mut images = self.kmods.iter().map(|source| &source.image);
        while let Some(image) = images.next() {
            if images.clone().any(|other| other == image) {
                return Some(("kmods", format!("`{image}` is listed twice")));
            }
        }
        if let Some(detail) = self.own_kmods_contradiction() {
            return Some(("build", detail));
        }
        if let Some(found) = self.policy.contradiction(self.zfs.series) {
            return Some(found);
        }
        let rebuild = self.policy.rebuild_after_days;
        if let Some(detail) = self.alarm.contradiction(rebuild) {
            return Some(("image-age-days", detail));
        }
        if let Some(detail) = self.boot.contradiction() {
            return Some(("boot", detail));
        }
        if self.image.tags.is_empty() {
            return Some(("tags", "at least one tag to publish under".into()));
        }
        let candidate = self.image.candidate.as_str();
        let moves = |tag: &&Tag| {
            let rest = tag.as_str().strip_prefix(candidate);
            rest.is_some_and(|rest| ["", "-x86_64", "-aarch64"].contains(&rest))
        };
        if let Some(tag) = self.image.tags.iter().find(moves) {
            return Some((
                "tags",
                format!("`{tag}` is the candidate tag, which moves before an image is proven"),
            ));
        }
        if let Some(tag) = self
            .image
            .tags
            .iter()
            .find(|tag| tag.as_str() == HISTORY_TAG)
        {
            return Some((
                "tags",
                format!("`{tag}` is where the measured history lies"),
            ));
        }
        if self.image.candidate.as_str() == HISTORY_TAG {
            let tag = &self.image.candidate;
            return Some((
                "candidate",
                format!("`{tag}` is where the measured history lies"),
            ));
        }
        if let Some(unit) = self
            .units
            .enable
            .iter()
            .find(|u| self.units.disable.contains(u))
        {
            return Some(("units", format!("`{unit}` is both enabled and disabled")));
        }
        if let Some(name) = self
            .packages
            .install
            .iter()
            .find(|p| self.packages.remove.contains(p))
        {
            return Some((
                "packages",
                format!("`{name}` is both installed and removed"),
            ));
        }
        let whole = format!(
            "{}/{}/{}",
            self.image.registry, self.image.owner, self.image.name
        );
        if let Err(error) = whole.parse::<Repository>() {
            return Some(("image", error.to_string()));
        }
        let stream = self.base.stream.as_str().parse::<Tag>();
        stream.err().map(|error| ("stream", error.to_string()))
    }

    fn own_kmods_contradiction(&self) -> Option<String> {
        let (last, before) = self.kmods.split_last()?;
        if before.iter().any(Kmods::is_own) {
            return Some("a source with `build` is the last one: what others have is taken".into());
        }
        if !last.is_own() {
            return None;
        }
        if self.zfs.keys.is_empty() {
            return Some("it needs at least one key under `zfs.keys`".into());
        }
        (self.repository().ok()? == last.image)
            .then(|| format!("`{}` is where the image is published", last.image))
    }

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

/// Where a text stops being UTF-8.
fn not_utf8(error: &std::string::FromUtf8Error) -> Problem {
    let bytes = error.as_bytes();
    let at = error.utf8_error().valid_up_to();
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&bytes[start..at]).chars().count() + 1;
    let found = bytes.get(at).copied().unwrap_or_default();
    let detail = format!("the byte 0x{found:02X} is not UTF-8; save the file as UTF-8");
    Problem::new("", Some((line, column)), detail)
}

/// Line and column of a key in the document, for contradictions, which the
/// YAML library cannot place. The first line that begins with it will do: our
/// keys are unique but for `image`, which comes first.
fn place_of(text: &str, key: &str) -> Option<(usize, usize)> {
    text.lines().enumerate().find_map(|(number, line)| {
        let rest = line.trim_start();
        rest.starts_with(&format!("{key}:"))
            .then(|| (number + 1, line.len() - rest.len() + 1))
    })
}

#[cfg(test)]
pub(crate) mod tests;
