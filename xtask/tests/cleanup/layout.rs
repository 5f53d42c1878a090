//! Images made by hand, as OCI layouts that `skopeo` can push.

use std::path::{Path, PathBuf};

use registry_compat::Digest;
use serde_json::{Value, json};

use crate::github::{IMAGE, INDEX};

/// A layer without a file in it: nothing, gzipped.
const LAYER: [u8; 20] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Something that was put into the layout.
#[derive(Debug, Clone)]
pub struct Piece {
    pub digest: String,
    size: usize,
    kind: &'static str,
}

impl Piece {
    fn descriptor(&self) -> Value {
        json!({"mediaType": self.kind, "digest": self.digest, "size": self.size})
    }

    /// The tag of something attached to it.
    pub fn tag(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.digest.replace(':', "-"))
    }
}

/// A folder in the form of the OCI image layout specification.
pub struct Layout(PathBuf);

impl Layout {
    pub fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        std::fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        Self(folder.to_owned())
    }

    fn put(&self, kind: &'static str, bytes: &[u8]) -> Piece {
        let digest = Digest::of(bytes);
        std::fs::write(self.0.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        Piece {
            digest: digest.to_string(),
            size: bytes.len(),
            kind,
        }
    }

    fn put_json(&self, kind: &'static str, value: &Value) -> Piece {
        self.put(kind, &serde_json::to_vec(value).unwrap())
    }

    /// An image for one architecture, built `days` ago.
    pub fn image(&self, name: &str, arch: &str, days: i64) -> Piece {
        let config = json!({
            "architecture": arch, "os": "linux", "created": ago(days),
            "config": {"Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"")]},
        });
        let config = self.put_json(CONFIG, &config);
        let layer = self.put("application/vnd.oci.image.layer.v1.tar+gzip", &LAYER);
        self.put_json(
            IMAGE,
            &json!({
                "schemaVersion": 2, "mediaType": IMAGE,
                "config": config.descriptor(), "layers": [layer.descriptor()],
            }),
        )
    }

    pub fn index(&self, pieces: &[&Piece]) -> Piece {
        let entries: Vec<Value> = pieces.iter().map(|piece| piece.descriptor()).collect();
        self.put_json(
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
        )
    }

    /// What `cosign sign` pushes: it has a configuration with a date that means
    /// nothing.
    pub fn signature(&self, of: &Piece) -> Piece {
        let config = json!({
            "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z",
            "config": {}, "rootfs": {"type": "layers", "diff_ids": []},
        });
        let config = self.put_json(CONFIG, &config);
        let payload = json!({"critical": {"image": {"docker-manifest-digest": of.digest}}});
        let payload = self.put_json("application/vnd.dev.cosign.simplesigning.v1+json", &payload);
        self.put_json(
            IMAGE,
            &json!({
                "schemaVersion": 2, "mediaType": IMAGE,
                "config": config.descriptor(), "layers": [payload.descriptor()],
            }),
        )
    }

    /// An attestation's bundle, with a `subject` and the date in an annotation.
    pub fn bundle(&self, of: &Piece, days: i64) -> Piece {
        let config = self.put(EMPTY, b"{}");
        let bundle = json!({"subject": of.digest});
        let bundle = self.put_json("application/vnd.dev.sigstore.bundle.v0.3+json", &bundle);
        self.put_json(
            IMAGE,
            &json!({
                "schemaVersion": 2, "mediaType": IMAGE,
                "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "config": config.descriptor(), "layers": [bundle.descriptor()],
                "subject": of.descriptor(),
                "annotations": {"org.opencontainers.image.created": ago(days)},
            }),
        )
    }

    /// The bytes of a piece.
    pub fn read(&self, piece: &Piece) -> Vec<u8> {
        let hex = piece.digest.trim_start_matches("sha256:");
        std::fs::read(self.0.join("blobs/sha256").join(hex)).unwrap()
    }

    /// Names one piece as the layout's, and returns `skopeo`'s name for it.
    pub fn named(&self, piece: &Piece) -> String {
        let mut entry = piece.descriptor();
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "x"});
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        std::fs::write(self.0.join("index.json"), index.to_string()).unwrap();
        format!("oci:{}:x", self.0.display())
    }
}

fn ago(days: i64) -> String {
    let seconds = i64::try_from(host::env::epoch_seconds()).unwrap() - days * 86_400;
    let at = retention::Timestamp::from_unix_seconds(seconds).unwrap();
    at.to_string()
}
