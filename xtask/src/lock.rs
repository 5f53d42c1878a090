//! The lock: every input of a build, resolved once and pinned by digest. What
//! CI's `resolve` writes and `build` consumes, and what a laptop's `build`
//! makes for itself on the way.

use registry_compat::{Digest, ImageRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use version_discovery::{Arch, FcosVersion, KernelSource, KernelVersion, ZfsVersion};

use crate::config::{Config, LintSkip, Packages, Units};
use crate::error::Error;

/// The version of the document below. A reader refuses any other.
pub const SCHEMA: u32 = 1;

/// All inputs. Deterministic: the same facts give the same bytes.
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
    /// Digest over the files of `containerfiles/custom-coreos`.
    pub containerfiles: Digest,
    /// Digest over the files of the Ignition sources' folder.
    pub ignition: Digest,
    /// The parts of `image.yaml` that reach into the image.
    pub policy: Policy,
}

/// The base, the same for all architectures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedBase {
    /// The tag that was asked.
    pub image: ImageRef,
    /// What it named: the index, where there is one.
    pub digest: Digest,
    /// Its label `org.opencontainers.image.version`.
    pub version: Option<FcosVersion>,
}

/// What differs by architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// Its manifest of the base.
    pub manifest: Digest,
    /// Its kernel.
    pub kernel: KernelVersion,
    /// How the kernel was learnt.
    pub kernel_source: KernelSource,
    /// The kmods image, by tag.
    pub kmods: ImageRef,
    /// What the tag named.
    pub kmods_digest: Digest,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// Packages.
    pub packages: Packages,
    /// Units.
    pub units: Units,
    /// Lints that are not made.
    pub lint_skips: Vec<LintSkip>,
}

impl Policy {
    /// The policy of a config.
    pub fn of(config: &Config) -> Self {
        Self {
            packages: config.packages.clone(),
            units: config.units.clone(),
            lint_skips: config.lint_skips.clone(),
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
    /// The base image by digest.
    pub fn base_pinned(&self) -> ImageRef {
        self.base.image.repository().at(self.base.digest.clone())
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
        serde_json::to_string(self).map_err(|error| Error::Usage(error.to_string()))
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
        /// Read first, so that a newer document is called just that.
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

    /// A digest over all of it: two builds of the same fingerprint have the
    /// same inputs.
    ///
    /// # Errors
    /// As [`Self::to_line`].
    pub fn fingerprint(&self) -> Result<Digest, Error> {
        digest_of(self.to_line()?.as_bytes())
    }
}

/// The digest of some bytes.
///
/// # Errors
/// Never: the form is right by construction.
pub fn digest_of(bytes: &[u8]) -> Result<Digest, Error> {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_lock_is_called_that() {
        let error = Lock::parse(r#"{"schema": 2, "news": 1}"#, "x.json").unwrap_err();
        assert!(error.to_string().contains("schema 2"), "{error}");
        let error = Lock::parse("{", "x.json").unwrap_err();
        assert!(error.to_string().contains("x.json"), "{error}");
    }

    #[test]
    fn digests_are_sha256() {
        let empty = digest_of(b"").unwrap();
        assert_eq!(empty.short(), "e3b0c44298fc");
    }
}
