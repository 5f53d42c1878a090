//! The negative control: the smallest image that an engine copies. Its bytes
//! are always the same, so a registry holds it once, without a tag.

use registry_compat::Digest;
use serde_json::json;
use version_discovery::Arch;

use crate::signing::MANIFEST;

/// An empty tar archive, compressed: what containers/image puts where a format
/// wants a layer and there is none (`image/docker_schema2.go`).
const LAYER: [u8; 32] = [
    31, 139, 8, 0, 0, 9, 110, 136, 0, 255, 98, 24, 5, 163, 96, 20, 140, 88, 0, 8, 0, 0, 255, 255,
    46, 175, 181, 239, 0, 4, 0, 0,
];
const DIFF_ID: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// An image that is small enough to be held whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Digest of the manifest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Vec<u8>,
    /// Its config and its layer.
    pub blobs: Vec<Vec<u8>>,
}

/// The unsigned image.
pub fn control_image(arch: Arch) -> Control {
    let config = json!({
        "architecture": arch.oci(),
        "os": "linux",
        "config": {"Labels": {
            "org.opencontainers.image.description":
                "Unsigned on purpose: hosts must refuse it, which each publication tries.",
        }},
        "rootfs": {"type": "layers", "diff_ids": [DIFF_ID]},
    })
    .to_string()
    .into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest::of(&config),
            "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": Digest::of(&LAYER),
            "size": LAYER.len(),
        }],
    })
    .to_string()
    .into_bytes();
    Control {
        digest: Digest::of(&manifest),
        manifest,
        blobs: vec![config, LAYER.to_vec()],
    }
}
