//! Manifests: read with a limit, checked against their digest, and decoded; and
//! pushed again under another tag.

use std::collections::BTreeMap;

use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use registry_compat::{Answer, Digest, ImageRef, Tag};
use serde::Deserialize;
use sha2::Digest as _;

use crate::Error;
use crate::oci::{Failure, LARGEST, Registries, Target, garbled, json, parse_digest, reference_of};

/// The kinds of manifests that are understood.
const MANIFESTS: [&str; 4] = [
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
];

/// A manifest as it came, with what was read out of it.
pub(crate) struct Manifest {
    pub body: Vec<u8>,
    pub digest: Digest,
    pub wire: WireManifest,
}

/// The fields of image manifests and indexes, of OCI and docker, that are used.
#[derive(Deserialize)]
pub(crate) struct WireManifest {
    /// 2 in every format that is read here. Required, so that no other JSON
    /// document passes for a manifest.
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    #[serde(rename = "mediaType")]
    pub media_type: Option<String>,
    pub manifests: Option<Vec<WireEntry>>,
    pub config: Option<WireDescriptor>,
    pub layers: Option<Vec<WireDescriptor>>,
}

#[derive(Deserialize)]
pub(crate) struct WireDescriptor {
    #[serde(rename = "mediaType", default)]
    pub media_type: String,
    pub digest: String,
    #[serde(default)]
    pub size: u64,
}

#[derive(Deserialize)]
pub(crate) struct WireEntry {
    pub digest: String,
    pub platform: Option<WirePlatform>,
}

#[derive(Deserialize)]
pub(crate) struct WirePlatform {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
}

#[derive(Deserialize)]
pub(crate) struct WireConfig {
    pub created: Option<String>,
    pub config: Option<WireRun>,
}

#[derive(Deserialize)]
pub(crate) struct WireRun {
    #[serde(rename = "Labels")]
    pub labels: Option<BTreeMap<String, Option<String>>>,
}

impl Registries {
    /// The digest that a tag has now. The manifest is read, not only its
    /// `HEAD`: a digest in a header is a claim that nobody has checked, and a
    /// proxy's page with status 200 would have one too.
    pub fn digest(&self, image: &ImageRef) -> Answer<Digest> {
        self.ask(image, |target| {
            let found = self.manifest(target, target.endpoint.image.reference())?;
            Ok(found.digest)
        })
    }

    /// Moves or makes a tag by copying the manifest bytes of a digest: nothing
    /// is uploaded, and the digest cannot change.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the digest is not there, [`Error::Unknown`] else.
    pub fn retag(&self, from: &ImageRef, tag: &Tag) -> Result<(), Error> {
        let endpoint = self.home_of(from)?;
        let to = endpoint.image.repository().tagged(tag.clone());
        let moved = self.each_scheme(&endpoint, |target| {
            let found = self.manifest(target, target.endpoint.image.reference())?;
            let kind = http::HeaderValue::from_str(&media_type(&found.wire))
                .map_err(|_| garbled(target, "a media type that is no header value"))?;
            let authorization = self.authorize(target, "pull,push")?;
            let client = self.client(target)?;
            let destination = reference_of(&to);
            self.run(target, async {
                let registry = destination.resolve_registry();
                client
                    .store_auth_if_needed(registry, &authorization.for_client())
                    .await;
                client
                    .push_manifest_raw(&destination, found.body, kind)
                    .await
            })
        });
        match moved {
            Ok(_) => Ok(()),
            Err(Failure::Absent) => Err(Error::NotFound(format!(
                "{from} is not in the registry; it may have been deleted since it was pushed"
            ))),
            Err(Failure::Error(error)) => Err(error),
        }
    }

    /// The manifest of a tag or digest.
    ///
    /// A 404 here is the registry's word for "not there", whatever its body:
    /// the distribution specification gives it no other meaning, and `skopeo`
    /// and `podman` read it so.
    pub(crate) fn manifest(&self, target: &Target, reference: &str) -> Result<Manifest, Failure> {
        let path = target.endpoint.image.repository().path();
        let url = target.url(&format!("{path}/manifests/{reference}"));
        let reply = self.get(target, &url, &MANIFESTS.join(", "), LARGEST)?;
        match reply.status {
            200 => {}
            404 => return Err(Failure::Absent),
            other => return Err(garbled(target, format!("{url}: HTTP {other}"))),
        }
        let digest = parse_digest(target, &sha256(&reply.body))?;
        let promised = reply
            .header("docker-content-digest")
            .filter(|text| text.starts_with("sha256:"));
        let asked = Some(reference).filter(|text| text.starts_with("sha256:"));
        for expected in [promised, asked].into_iter().flatten() {
            if expected != digest.as_str() {
                return Err(garbled(
                    target,
                    format!("{url}: expected the digest {expected}, got {digest}"),
                ));
            }
        }
        let wire: WireManifest = json(target, &reply.body)?;
        if wire.schema_version != 2 {
            let version = wire.schema_version;
            return Err(garbled(target, format!("a manifest of schema {version}")));
        }
        Ok(Manifest {
            body: reply.body,
            digest,
            wire,
        })
    }
}

/// A manifest without `mediaType` is an OCI one; docker's format requires it.
fn media_type(manifest: &WireManifest) -> String {
    let kind = match (&manifest.media_type, &manifest.manifests) {
        (Some(written), _) => written,
        (None, Some(_)) => OCI_IMAGE_INDEX_MEDIA_TYPE,
        (None, None) => OCI_IMAGE_MEDIA_TYPE,
    };
    kind.to_owned()
}

/// The digest of some bytes, as text.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let hash = sha2::Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
