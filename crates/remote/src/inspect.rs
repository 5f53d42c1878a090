//! What an image is: its manifest and its config, for one architecture.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::Timestamp;
use oci_client::manifest::OciDescriptor;
use registry_compat::{Answer, Digest, ImageRef};
use serde::{Deserialize, Serialize};
use version_discovery::Arch;

use crate::manifest::{WireConfig, WireDescriptor, WireEntry};
use crate::oci::{Failure, LARGEST, Registries, Target, garbled, json, parse_digest, reference_of};
use crate::session::contradiction;

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
            wire = child
                .map_err(|failure| promised(target, &manifest, failure))?
                .wire;
        }
        let config = wire
            .config
            .ok_or_else(|| garbled(target, "a manifest without config"))?;
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

    fn config(&self, target: &Target, digest: &Digest) -> Result<WireConfig, Failure> {
        let pass = self.current_pass(target)?;
        let reference = reference_of(&target.endpoint.image);
        let client = self.client(target)?;
        let descriptor = OciDescriptor {
            digest: digest.to_string(),
            ..OciDescriptor::default()
        };
        let mut blob = Bounded::default();
        self.run(target, async {
            let registry = reference.resolve_registry();
            client
                .store_auth_if_needed(registry, &pass.for_client())
                .await;
            client.pull_blob(&reference, &descriptor, &mut blob).await
        })
        .map_err(|failure| match failure {
            _ if blob.full => garbled(target, "an image config of more than 8 MiB"),
            failure => promised(target, digest, failure),
        })?;
        json(target, &blob.bytes)
    }
}

/// Something that a manifest names and the registry does not have: that says
/// nothing about the image, which the registry has just shown.
fn promised(target: &Target, digest: &Digest, failure: Failure) -> Failure {
    match failure {
        Failure::Absent => contradiction(
            target,
            format!("the registry names {digest}, but does not have it"),
        ),
        error @ Failure::Error(_) => error,
    }
}

/// The sum of what a stranger claims: no overflow.
fn size(layers: &[WireDescriptor]) -> u64 {
    layers
        .iter()
        .fold(0, |sum, layer| sum.saturating_add(layer.size))
}

/// Takes at most [`LARGEST`] bytes.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl tokio::io::AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if (self.bytes.len() + bytes.len()) as u64 > LARGEST {
            self.full = true;
            return Poll::Ready(Err(std::io::Error::other("too large")));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
