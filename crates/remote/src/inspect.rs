//! What an image is: its manifest and its config, for one architecture.

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry_compat::{Answer, Digest, ImageRef};
use serde::{Deserialize, Serialize};
use version_discovery::Arch;

use crate::manifest::{WireConfig, WireDescriptor, WireEntry};
use crate::oci::{Failure, Registries, Target, garbled, json, parse_digest};

/// What is known of an image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// Digest of what the tag or digest names: the index if it is one. This is
    /// what `skopeo inspect` calls `Digest`.
    pub digest: Digest,
    /// Digest of the manifest for the wanted architecture; the same as
    /// `digest` where there is no index.
    pub manifest: Digest,
    /// Digest of that architecture's image config, which engines call the
    /// image's id.
    pub config: Digest,
    /// `config.Labels` of that architecture's image.
    pub labels: BTreeMap<String, String>,
    /// Sum of the compressed layers, in bytes.
    pub size: u64,
    /// `created` of the image config, if it is a time.
    pub created: Option<Timestamp>,
}

/// The config of what has none. Source: OCI image specification 1.1, "Guidance
/// for an Empty Descriptor".
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

impl Registries {
    /// Digest, labels and size of an image, for one architecture.
    pub fn inspect(&self, image: &ImageRef, arch: Arch) -> Answer<Inspected> {
        self.inspect_unless(image, arch, &|_| None)
    }

    /// The same, but once its digest is known, and `known` has the rest, no
    /// more is asked: what a digest names never changes.
    pub fn inspect_unless(
        &self,
        image: &ImageRef,
        arch: Arch,
        known: &dyn Fn(&Digest) -> Option<Inspected>,
    ) -> Answer<Inspected> {
        self.ask(image, |target| self.inspect_at(target, arch, known))
    }

    fn inspect_at(
        &self,
        target: &Target,
        arch: Arch,
        known: &dyn Fn(&Digest) -> Option<Inspected>,
    ) -> Result<Inspected, Failure> {
        let top = self.manifest(target, target.endpoint.image.reference())?;
        if let Some(inspected) = known(&top.digest).filter(|found| found.digest == top.digest) {
            return Ok(inspected);
        }
        let mut manifest = top.digest.clone();
        let mut wire = top.wire;
        if let Some(entries) = &wire.manifests {
            let fits = |entry: &&WireEntry| {
                entry
                    .platform
                    .as_ref()
                    .is_some_and(|p| p.os == "linux" && p.architecture == arch.oci())
            };
            let entry = entries.iter().find(fits).ok_or(Failure::Absent)?;
            manifest = parse_digest(target, &entry.digest)?;
            let child = self.manifest(target, manifest.as_str());
            wire = match child {
                Err(Failure::Absent) => return Err(broken_promise(target, &manifest)),
                child => child?.wire,
            };
        }
        let config = wire
            .config
            .ok_or_else(|| garbled(target, "a manifest without config"))?;
        if config.media_type == EMPTY {
            return Err(garbled(target, "it is an artefact, and no image"));
        }
        let config_digest = parse_digest(target, &config.digest)?;
        let config: WireConfig = self.config(target, &config_digest)?;
        let created = config.created.and_then(|text| text.parse().ok());
        let labels = config.config.and_then(|c| c.labels).unwrap_or_default();
        Ok(Inspected {
            digest: top.digest,
            manifest,
            config: config_digest,
            labels: labels
                .into_iter()
                .map(|(key, value)| (key, value.unwrap_or_default()))
                .collect(),
            size: size(wire.layers.as_deref().unwrap_or_default()),
            created,
        })
    }

    /// An image's config, a blob. Registries may send it from another host,
    /// which gets no credentials.
    fn config(&self, target: &Target, digest: &Digest) -> Result<WireConfig, Failure> {
        json(target, &self.blob_at(target, digest)?)
    }
}

/// Something that a manifest names and the registry does not have: that says
/// nothing about the image, which the registry has just shown.
pub(crate) fn broken_promise(target: &Target, digest: &Digest) -> Failure {
    garbled(
        target,
        format!("the registry contradicts itself: it names {digest}, but does not have it"),
    )
}

/// The sum of what a stranger claims: no overflow.
fn size(layers: &[WireDescriptor]) -> u64 {
    layers
        .iter()
        .fold(0, |sum, layer| sum.saturating_add(layer.size))
}
