//! The lock: every input of a build, resolved once and pinned by digest. What
//! CI's `resolve` writes and `build` consumes, and what a laptop's `build`
//! makes for itself on the way.

use std::collections::BTreeMap;

use image_config::{Config, Content, Folder, Heal, LintSkip, Packages, Reason, Units, root};
use jiff::Timestamp;
use jiff::civil::Date;
use registry_compat::{Digest, ImageRef};
use serde::{Deserialize, Serialize};
use version_discovery::{Arch, FcosVersion, KernelSource, KernelVersion, ZfsVersion};

use crate::engine::Engine;
use crate::error::Error;
use crate::kmods_recipe::ModuleSigner;
use crate::packages::LockedPackage;

/// The version of the document below. A reader refuses any other.
pub const SCHEMA: u32 = 2;

/// All inputs. Deterministic: the same facts give the same bytes, and it does not record
/// the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lock {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The base image.
    pub base: LockedBase,
    /// OpenZFS, one for all architectures.
    pub zfs: ZfsVersion,
    /// One entry for each architecture of `image.yaml`, in its order.
    pub targets: Vec<Target>,
    /// Every other image that the content is made of, by digest.
    pub other_images: Vec<ImageRef>,
    /// Digest over the files of `containerfiles/custom-coreos`.
    pub containerfiles: Digest,
    /// Digest over the files of the Ignition sources' folder.
    pub ignition: Digest,
    /// Digest over each file or folder that `content` of `image.yaml` names. Not written
    /// if there is none, so that the lock is the same as those from before this setting
    /// existed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// The parts of `image.yaml` that change the image.
    pub policy: Policy,
    /// Why these inputs were chosen. Not part of the fingerprint.
    pub judgement: Judgement,
    /// The programs that build it. Not part of the fingerprint.
    pub tools: Tools,
    /// The times that are written into the image in place of those of the build, so that
    /// the same lock gives the same bytes. Not part of the fingerprint. Locks from before
    /// this setting existed have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
}

/// The times that an image of this lock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Times {
    /// When the inputs were resolved, in whole seconds: the `created` of the image.
    pub resolved: Timestamp,
    /// When the newest input was made: `SOURCE_DATE_EPOCH` of the build, and the time of
    /// every file that the build itself makes.
    /// Source: <https://reproducible-builds.org/specs/source-date-epoch/>.
    pub newest_input: Timestamp,
}

/// The base, the same release for all architectures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedBase {
    /// The moving tag of its stream, for people.
    pub image: ImageRef,
    /// The release.
    pub version: FcosVersion,
}

/// What differs by architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// Its image of the base, as Fedora's release index names it.
    pub base: Digest,
    /// Its kernel.
    pub kernel: KernelVersion,
    /// How the kernel version was found out. Not part of the fingerprint.
    pub kernel_source: KernelSource,
    /// The kmods image, by tag.
    pub kmods: ImageRef,
    /// The digest that the tag named.
    pub kmods_digest: Digest,
    /// The folder of the RPMs in it. The root folder is not written, so that the lock
    /// is the same as those from before this setting existed.
    #[serde(default = "root", skip_serializing_if = "Folder::is_root")]
    pub kmods_path: Folder,
    /// Every RPM that is installed beyond the base and the kmods, sorted; `None` if the
    /// repositories were not asked. Not written then, so that the lock is the same as
    /// those from before this setting existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<LockedPackage>>,
    /// Who signed the modules, if they were built and signed by this project. Not written
    /// otherwise, so that the lock is the same as those from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_signer: Option<ModuleSigner>,
}

/// The parts of `image.yaml` that reach into the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// `org.opencontainers.image.title`.
    pub title: Reason,
    /// `org.opencontainers.image.description`.
    pub description: Reason,
    /// Packages.
    pub packages: Packages,
    /// Units.
    pub units: Units,
    /// Lints that are skipped.
    pub lint_skips: Vec<LintSkip>,
    /// Whether a host checks its own health after an update. Not written if it does
    /// not, so that the lock is the same as those from before this setting existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal: Option<Heal>,
    /// What the image has beside packages and units; not written if there is none.
    #[serde(default, skip_serializing_if = "Content::is_empty")]
    pub content: Content,
}

/// Why these inputs and no newer ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Judgement {
    /// The policy in force.
    pub policy: version_discovery::Policy,
    /// The verdict.
    pub verdict: Verdict,
    /// Newer releases of the stream, the newest first.
    pub bases_passed_over: Vec<PassedOver>,
    /// Newer releases of the series, the newest first.
    pub zfs_passed_over: Vec<PassedOver>,
    /// The reason for building although nothing changed (`--force`).
    pub forced: Option<Reason>,
}

/// The verdict, without the values that change every day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// There was no newer base to consider.
    Go,
    /// The base is held back.
    Hold {
        /// The day on which the first newer base came out.
        since: Date,
        /// Whether that day is an estimate.
        estimated: bool,
        /// The newest base.
        newest: FcosVersion,
        /// What is missing for it.
        why: String,
    },
}

/// A version that was not chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PassedOver {
    /// The version.
    pub version: String,
    /// Why not.
    pub why: String,
}

/// The programs that build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tools {
    /// This program's version.
    pub xtask: String,
    /// The engine.
    pub engine: Engine,
    /// Its version, as it says it.
    pub engine_version: Option<String>,
}

impl Policy {
    /// Those of a config.
    pub fn of(config: &Config) -> Self {
        Self {
            title: config.image.title.clone(),
            description: config.image.description.clone(),
            packages: config.packages.clone(),
            units: config.units_of_image(),
            lint_skips: config.lint_skips.clone(),
            heal: config.heal,
            content: config.content.clone(),
        }
    }
}

impl Target {
    /// The kmods image by digest.
    pub fn kmods_pinned(&self) -> ImageRef {
        self.kmods.repository().at(self.kmods_digest.clone())
    }
}

impl Lock {
    /// The base image of an architecture by digest.
    pub fn base_pinned(&self, target: &Target) -> ImageRef {
        self.base.image.repository().at(target.base.clone())
    }

    /// The images of [`Self::other_images`] as they are fetched: by digest, without the
    /// tag.
    pub fn others_pinned(&self) -> Vec<ImageRef> {
        let pinned = |image: &ImageRef| match image.digest() {
            Some(digest) => image.repository().at(digest.clone()),
            None => image.clone(),
        };
        self.other_images.iter().map(pinned).collect()
    }

    /// The entry of an architecture.
    ///
    /// # Errors
    /// [`Error::Usage`] if the lock has none.
    pub fn target(&self, arch: Arch) -> Result<&Target, Error> {
        self.targets
            .iter()
            .find(|target| target.arch == arch)
            .ok_or_else(|| {
                Error::Usage(format!(
                    "the lock has nothing for {arch}; list it under `architectures` in image.yaml"
                ))
            })
    }

    /// One line of JSON, for a label.
    ///
    /// # Errors
    /// Never for this type.
    pub fn to_line(&self) -> Result<String, Error> {
        to_json(self)
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// [`Error::Step`] with what is wrong and where it stood.
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let wrong = |detail: String| Error::Step {
            step: format!("lock in {place}"),
            detail,
        };
        /// Read first, so that the error for a newer document names its version.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let version: Version =
            serde_json::from_str(text).map_err(|error| wrong(format!("not a lock: {error}")))?;
        if version.schema != SCHEMA {
            let found = version.schema;
            return Err(wrong(format!(
                "schema {found}, this program knows {SCHEMA}; use the commit that wrote it"
            )));
        }
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))
    }

    /// The release in a lock of any schema, if it says one.
    pub fn base_version_in(text: &str) -> Option<FcosVersion> {
        #[derive(Deserialize)]
        struct Base {
            version: Option<FcosVersion>,
        }
        #[derive(Deserialize)]
        struct Any {
            base: Base,
        }
        serde_json::from_str::<Any>(text).ok()?.base.version
    }

    /// Whether the packages of every architecture are known.
    pub fn names_packages(&self) -> bool {
        self.targets.iter().all(|target| target.packages.is_some())
    }

    /// A digest over the inputs: two builds with the same fingerprint have the same
    /// inputs. The reasons for the choice and the build programs are not part of it;
    /// otherwise the same image would be built again each time that Fedora lists a
    /// release that is not chosen anyway.
    ///
    /// # Errors
    /// As [`Self::to_line`].
    pub fn fingerprint(&self) -> Result<Digest, Error> {
        let mut text = self.inputs()?;
        // Without any, the fingerprint is that of a lock from before they existed.
        for target in &self.targets {
            if let Some(packages) = &target.packages {
                text.push_str(&to_json(&(target.arch, packages))?);
            }
        }
        Ok(Digest::of(text.as_bytes()))
    }

    /// A digest over all inputs but the packages: what decides which packages there are,
    /// on one day.
    ///
    /// # Errors
    /// As [`Self::to_line`].
    pub fn question(&self) -> Result<Digest, Error> {
        Ok(Digest::of(self.inputs()?.as_bytes()))
    }

    /// All inputs but the packages, as text.
    fn inputs(&self) -> Result<String, Error> {
        let targets = self.targets.iter().map(|target| {
            let Target {
                arch,
                base,
                kernel,
                kernel_source: _,
                kmods,
                kmods_digest,
                kmods_path,
                packages: _,
                // It is a label of the kmods image, and so of its digest.
                module_signer: _,
            } = target;
            let kmods = (kmods.repository(), kmods_digest, kmods_path);
            (arch, base, kernel, kmods)
        });
        let Self {
            schema,
            base,
            zfs,
            targets: _,
            other_images,
            containerfiles,
            ignition,
            files,
            policy,
            judgement: _,
            tools: _,
            times: _,
        } = self;
        let targets: Vec<_> = targets.collect();
        let inputs = (
            schema,
            base,
            zfs,
            targets,
            other_images,
            containerfiles,
            ignition,
            policy,
        );
        let mut text = to_json(&inputs)?;
        // Without any, the fingerprint is that of a lock from before they existed.
        if !files.is_empty() {
            text.push_str(&to_json(files)?);
        }
        Ok(text)
    }
}

fn to_json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Usage(error.to_string()))
}

/// Label that holds the lock, as one line of JSON.
pub const LOCK_LABEL: &str = "custom-coreos.lock";

/// The label with the version of ZFS.
pub const ZFS_VERSION_LABEL: &str = "custom-coreos.zfs-version";

/// The version of an image, `44.20260707.3.1-zfs2.4.4`.
pub fn image_version(lock: &Lock) -> String {
    format!("{}-zfs{}", lock.base.version, lock.zfs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_lock_is_called_that() {
        let error = Lock::parse(r#"{"schema": 3, "news": 1}"#, "x.json").unwrap_err();
        assert!(error.to_string().contains("schema 3"), "{error}");
        let error = Lock::parse("{", "x.json").unwrap_err();
        assert!(error.to_string().contains("x.json"), "{error}");
    }
}
