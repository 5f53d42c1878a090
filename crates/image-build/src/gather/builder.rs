//! Kernel modules that are built here: what they would be made of, and which builds
//! failed.

use std::path::Path;

use image_config::{Kmods, OwnKmods};
use registry_compat::{Answer, Digest, ImageRef, Tag};
use serde_json::Value;
use signatures::modules::Certificate;
use version_discovery::{Builder, Choice, Fact, FailedBuild, KmodsToBuild, Question, ZfsVersion};

use super::World;
use super::tree::{files, tree};
use crate::error::Error;
use crate::kmods_recipe::{FAILED, REASON, Recipe, Wanted, fedora_of, patches_of};
use crate::policy_key::module_certificate;

impl World<'_> {
    /// The builder as `image.yaml` says it, of which nothing was asked yet.
    pub(super) fn builder(&self) -> Option<Builder> {
        let (source, own) = self.config.own_kmods()?;
        Some(Builder {
            name: source.image.to_string(),
            ranges: std::collections::BTreeMap::new(),
            experimental: own.experimental.is_some(),
            failed: Vec::new(),
        })
    }

    /// What the builder of kmods can do: the kernels that a release of OpenZFS supports,
    /// and, of a build that the choice asks for, whether it failed before. `records` are
    /// the tags of failures, once they were listed. Whether anything is known now that was
    /// not before.
    ///
    /// # Errors
    /// As [`Self::kmods_recipe`].
    pub(super) fn resolve_builder(
        &self,
        builder: &mut Builder,
        records: &mut Option<Vec<String>>,
        choice: &Choice,
        questions: &[Question],
    ) -> Result<bool, Error> {
        let mut changed = false;
        for question in questions {
            if let Question::Supported(zfs) = question {
                builder.ranges.insert(*zfs, self.supported(zfs));
                changed = true;
            }
        }
        if changed {
            return Ok(true);
        }
        let (Some(kmods), Some((source, _))) = (choice.kmods_to_build(), self.config.own_kmods())
        else {
            return Ok(false);
        };
        let known = match records.take() {
            Some(known) => known,
            None => self.failed_tags(source)?,
        };
        let failed = self.failures(kmods, &known)?;
        *records = Some(known);
        let new = !failed.is_empty();
        builder.failed.extend(failed);
        Ok(new)
    }

    /// The kernels that a release of OpenZFS says it supports.
    fn supported(&self, zfs: &ZfsVersion) -> Fact<version_discovery::LinuxRange> {
        match self.linux_range(zfs) {
            Ok(range) => Fact::Known(range),
            Err(why) => Fact::Unknown(why),
        }
    }

    /// The certificate of the modules' signer: a file of the image, and of the checkout.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn module_certificate(&self) -> Result<Option<Certificate>, Error> {
        let path = self.env.root.join(module_certificate());
        match std::fs::read(&path) {
            Ok(der) => Ok(Some(Certificate::parse(&der)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(host::Error::read(&path)(error).into()),
        }
    }

    /// What modules would be made of today.
    ///
    /// # Errors
    /// [`Error::Refused`] if there are patches for another release; if the image to
    /// compile in could not be asked for, or a file cannot be read.
    pub fn kmods_recipe(&self, own: &OwnKmods, wanted: Wanted) -> Result<Recipe, Error> {
        let folder = self.env.root.join(own.build.as_str());
        let patches = patches_of(wanted.zfs, &patch_files(&folder)?)?;
        let certificate = self.module_certificate()?;
        let tag: Tag = fedora_of(&wanted.kernel)?.to_string().parse()?;
        Ok(Recipe {
            builder: self.pinned_builder(own, &tag)?,
            commands: Digest::of(&tree(&folder)?),
            patches,
            experimental: own.experimental.is_some(),
            certificate: certificate.map(|certificate| certificate.digest()),
            wanted,
        })
    }

    fn pinned_builder(&self, own: &OwnKmods, tag: &Tag) -> Result<ImageRef, Error> {
        let image = own.builder.tagged(tag.clone());
        self.report.status("Reading", &image.to_string());
        match self.registries()?.digest(&image) {
            Answer::Present(digest) => Ok(own.builder.at(digest)),
            Answer::Absent => Err(Error::Step {
                step: "modules".to_owned(),
                detail: format!("{image}, to compile the kernel modules in, is not there"),
            }),
            Answer::Unknown(why) => Err(Error::Unknown(why)),
        }
    }

    /// The tags of the records of failures in a source, of which there are few.
    fn failed_tags(&self, source: &Kmods) -> Result<Vec<String>, Error> {
        let tags = self.registries()?.tags(&source.image);
        Ok(match tags {
            Answer::Present(tags) => tags
                .into_iter()
                .filter(|tag| tag.starts_with(FAILED))
                .collect(),
            // The list of images says so too, and then nothing is built.
            Answer::Absent | Answer::Unknown(_) => Vec::new(),
        })
    }

    /// The builds that the choice asks for and that failed already, with the same inputs
    /// as today.
    ///
    /// # Errors
    /// As [`Self::kmods_recipe`].
    fn failures(
        &self,
        kmods: &KmodsToBuild,
        records: &[String],
    ) -> Result<Vec<FailedBuild>, Error> {
        let Some((source, own)) = self.config.own_kmods() else {
            return Ok(Vec::new());
        };
        let mut failed = Vec::new();
        let folder = self.env.root.join(own.build.as_str());
        let patches = patch_files(&folder)?;
        for kernel in &kmods.kernels {
            // No answer of the network's, so it is looked at in any case.
            match patches_of(kmods.pick.zfs, &patches) {
                Ok(_) => {}
                Err(Error::Refused(why)) => {
                    failed.push(FailedBuild {
                        kernel: kernel.clone(),
                        zfs: kmods.pick.zfs,
                        why,
                    });
                    continue;
                }
                Err(other) => return Err(other),
            }
            if records.is_empty() {
                continue;
            }
            let wanted = Wanted {
                kernel: kernel.clone(),
                zfs: kmods.pick.zfs,
            };
            let tag = self.kmods_recipe(own, wanted)?.failed_tag()?;
            if !records.iter().any(|record| record == tag.as_str()) {
                continue;
            }
            failed.push(FailedBuild {
                kernel: kernel.clone(),
                zfs: kmods.pick.zfs,
                why: self.reason(&source.image.tagged(tag))?,
            });
        }
        Ok(failed)
    }

    /// What a record says. One that cannot be read is a record all the same.
    fn reason(&self, image: &ImageRef) -> Result<String, Error> {
        let manifest = match self.registries()?.artefact(image) {
            Answer::Present(found) => found.manifest,
            Answer::Absent | Answer::Unknown(_) => Vec::new(),
        };
        let value: Value = serde_json::from_slice(&manifest).unwrap_or_default();
        let said = value
            .get("annotations")
            .and_then(|all| all.get(REASON)?.as_str());
        Ok(said.map_or_else(|| format!("see {image}"), host::one_line))
    }
}

/// Every file below `patches`.
fn patch_files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let patches = folder.join("patches");
    if !patches.is_dir() {
        return Ok(Vec::new());
    }
    files(&patches)
}
