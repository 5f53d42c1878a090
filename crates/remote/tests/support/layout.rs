//! OCI layouts, made by hand.
//!
//! Source: OCI image specification, "Image Layout".

use std::path::PathBuf;

use registry_compat::Digest;
use serde_json::{Value, json};

use super::fake::{INDEX, MANIFEST, sha256};
use super::scratch;

/// An empty layer, gzip of 1024 zero bytes, as docker writes it.
const LAYER: [u8; 32] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x09, 0x6e, 0x88, 0x00, 0xff, 0x62, 0x18, 0x05, 0xa3, 0x60, 0x14,
    0x8c, 0x58, 0x00, 0x08, 0x00, 0x00, 0xff, 0xff, 0x2e, 0xaf, 0xb5, 0xef, 0x00, 0x04, 0x00, 0x00,
];
const LAYER_TAR: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// A layout with one named thing in it.
pub struct Layout {
    pub directory: PathBuf,
}

impl Layout {
    pub fn new() -> Self {
        let directory = scratch();
        std::fs::create_dir_all(directory.join("blobs/sha256")).expect("the blobs' directory");
        std::fs::write(
            directory.join("oci-layout"),
            r#"{"imageLayoutVersion": "1.0.0"}"#,
        )
        .expect("oci-layout is written");
        Self { directory }
    }

    fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = sha256(bytes);
        let path = self.directory.join("blobs/sha256").join(digest.hex());
        std::fs::write(path, bytes).expect("a blob is written");
        digest
    }

    fn descriptor(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = self.blob(bytes);
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// An image for an architecture; its descriptor, with the platform.
    pub fn image(&self, architecture: &str, labels: &Value, with_media_type: bool) -> Value {
        let config = json!({
            "architecture": architecture, "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [LAYER_TAR]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "by hand"}],
        });
        let mut manifest = json!({
            "schemaVersion": 2,
            "config": self.descriptor(
                "application/vnd.oci.image.config.v1+json",
                config.to_string().as_bytes(),
            ),
            "layers": [self.descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &LAYER)],
        });
        if with_media_type {
            manifest["mediaType"] = MANIFEST.into();
        }
        let mut found = self.descriptor(MANIFEST, manifest.to_string().as_bytes());
        found["platform"] = json!({"architecture": architecture, "os": "linux"});
        found
    }

    /// What BuildKit puts beside an image: a manifest of no platform.
    pub fn attestation(&self, about: &Value) -> Value {
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1"}).to_string();
        let config = json!({
            "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [sha256(statement.as_bytes())]},
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.descriptor(
                "application/vnd.oci.image.config.v1+json",
                config.to_string().as_bytes(),
            ),
            "layers": [self.descriptor("application/vnd.in-toto+json", statement.as_bytes())],
        });
        let mut found = self.descriptor(MANIFEST, manifest.to_string().as_bytes());
        found["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        found["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": about["digest"],
        });
        found
    }

    /// An index; its descriptor.
    pub fn index(&self, entries: &[Value]) -> Value {
        let body = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        self.descriptor(INDEX, body.to_string().as_bytes())
    }

    /// Makes this thing the one that the layout is of.
    #[must_use]
    pub fn of(self, mut thing: Value) -> Self {
        thing["annotations"] = json!({"org.opencontainers.image.ref.name": "it"});
        let index = json!({"schemaVersion": 2, "manifests": [thing]});
        std::fs::write(self.directory.join("index.json"), index.to_string())
            .expect("index.json is written");
        self
    }
}
