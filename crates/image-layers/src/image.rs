//! Manifest and config of the reassembled image.
//!
//! The types are our own and not those of `oci-spec`: those keep labels and annotations
//! in hash maps, whose order in the written document changes from run to run, and drop
//! the fields that they do not know.
//! Source: OCI image specification, "Image Manifest", "Image Configuration".

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry_compat::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::layer::Layer;

/// The media type of an image's manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an image's config.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of a layer that is compressed with gzip.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The annotation of a layer that says what is in it.
pub const PART: &str = "custom-coreos.layer";

/// A manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// [`MANIFEST`], or docker's name for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The lowest first.
    pub layers: Vec<Descriptor>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// A blob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its name.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// By key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

impl Manifest {
    /// Our layers, each with what is in it.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &Descriptor)> {
        let layers = self.layers.iter();
        layers.filter_map(|layer| Some((layer.part()?, layer)))
    }
}

impl Descriptor {
    /// What is in this layer, if it is one of ours.
    pub fn part(&self) -> Option<&str> {
        self.annotations.get(PART).map(String::as_str)
    }
}

/// A config, as far as it is read here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// When the image was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// How it is run: command, environment, labels, ….
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
    /// The layers by the digests of their uncompressed bytes.
    pub rootfs: RootFs,
    /// What made each layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Value>,
    /// Everything else; `architecture` and `os` among it.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// The layers of a config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The lowest first.
    pub diff_ids: Vec<Digest>,
}

/// Manifest and config of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The manifest.
    pub manifest: Manifest,
    /// The config.
    pub config: Config,
}

/// An image as documents, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The manifest's bytes; its digest is the image's.
    pub manifest: Vec<u8>,
    /// The config's bytes.
    pub config: Vec<u8>,
    /// The same, as types.
    pub image: Image,
}

impl Image {
    /// Reads both documents.
    ///
    /// # Errors
    /// What serde says of the one that is broken; or that they do not have as many layers.
    pub fn parse(manifest: &[u8], config: &[u8]) -> Result<Self, String> {
        let broken = |what: &str, error| format!("its {what} is broken: {error}");
        let manifest: Manifest =
            serde_json::from_slice(manifest).map_err(|error| broken("manifest", error))?;
        let config: Config =
            serde_json::from_slice(config).map_err(|error| broken("config", error))?;
        let (layers, ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != ids {
            return Err(format!(
                "its manifest has {layers} layers, its config {ids}"
            ));
        }
        Ok(Self { manifest, config })
    }

    /// The layers that are not those of a base.
    ///
    /// # Errors
    /// If the image does not begin with the base's layers.
    pub fn above(&self, base: &Self) -> Result<&[Descriptor], String> {
        let below = &base.config.rootfs.diff_ids;
        let ids = &self.config.rootfs.diff_ids;
        if !ids.starts_with(below) {
            return Err(format!(
                "it does not begin with the {} layers of its base",
                below.len()
            ));
        }
        Ok(&self.manifest.layers[below.len()..])
    }

    /// The layer of this image with these uncompressed bytes, whatever compressed them.
    pub fn layer(&self, diff_id: &Digest) -> Option<&Descriptor> {
        let at = self
            .config
            .rootfs
            .diff_ids
            .iter()
            .position(|id| id == diff_id);
        self.manifest.layers.get(at?)
    }

    /// Whether a host that runs the one gets anything new from the other: the same files
    /// in the same layers, and the same command and environment. Labels and times are
    /// not compared: they say which build it was.
    pub fn same_content(&self, other: &Self) -> bool {
        let runs = |image: &Self| {
            let mut config = image.config.config.clone();
            config.remove("Labels");
            config
        };
        self.config.rootfs == other.config.rootfs && runs(self) == runs(other)
    }
}

/// Base, engine's config, and the written layers as one image. `created` is written as
/// the time of the image and of each of its layers.
///
/// # Errors
/// Never for documents that were parsed.
pub fn joined(
    base: &Image,
    built: &Config,
    layers: &[(String, Descriptor, Digest)],
    created: Timestamp,
) -> Result<Written, serde_json::Error> {
    let created = created.to_string();
    let mut config = built.clone();
    config.created = Some(created.clone());
    config
        .rootfs
        .diff_ids
        .clone_from(&base.config.rootfs.diff_ids);
    let ours = layers.iter().map(|(_, _, diff_id)| diff_id.clone());
    config.rootfs.diff_ids.extend(ours);
    config.history.clone_from(&base.config.history);
    // A history that does not speak of every layer says nothing of any.
    let told = |entry: &&Value| entry.get("empty_layer") != Some(&Value::Bool(true));
    if base.config.history.iter().filter(told).count() == base.manifest.layers.len() {
        config.history.extend(layers.iter().map(|(part, ..)| {
            serde_json::json!({"created": created, "created_by": format!("custom-coreos: {part}")})
        }));
    } else {
        config.history.clear();
    }
    let text = canonical(&config)?;
    let below = base.manifest.layers.iter().cloned().map(|mut layer| {
        layer.media_type = oci(&layer.media_type).to_owned();
        layer
    });
    let ours = layers.iter().map(|(_, descriptor, _)| descriptor.clone());
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        config: Descriptor {
            media_type: CONFIG.to_owned(),
            digest: Digest::of(&text),
            size: text.len() as u64,
            annotations: BTreeMap::new(),
            rest: BTreeMap::new(),
        },
        layers: below.chain(ours).collect(),
        rest: BTreeMap::new(),
    };
    Ok(Written {
        manifest: canonical(&manifest)?,
        config: text,
        image: Image { manifest, config },
    })
}

/// The descriptor of a layer that was written.
pub fn described(part: &str, layer: &Layer) -> Descriptor {
    Descriptor {
        media_type: LAYER.to_owned(),
        digest: layer.digest.clone(),
        size: layer.size,
        annotations: BTreeMap::from([(PART.to_owned(), part.to_owned())]),
        rest: BTreeMap::new(),
    }
}

/// Docker's media types by their OCI names: the bytes are the same, and a manifest must
/// not have both.
fn oci(media_type: &str) -> &str {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => LAYER,
        "application/vnd.docker.image.rootfs.diff.tar" => "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => {
            "application/vnd.oci.image.layer.v1.tar+zstd"
        }
        other => other,
    }
}

/// JSON in which every object is sorted by key, whatever features `serde_json` has in
/// this build.
fn canonical<T: Serialize>(document: &T) -> Result<Vec<u8>, serde_json::Error> {
    fn sorted(value: &mut Value) {
        match value {
            Value::Object(map) => {
                let mut fields: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
                fields.sort_by(|a, b| a.0.cmp(&b.0));
                for (_, value) in &mut fields {
                    sorted(value);
                }
                map.extend(fields);
            }
            Value::Array(items) => items.iter_mut().for_each(sorted),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(document)?;
    sorted(&mut value);
    serde_json::to_vec(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str) -> (String, Descriptor, Digest) {
        let diff_id = Digest::of(format!("{name} uncompressed").as_bytes());
        let layer = Layer {
            digest: Digest::of(name.as_bytes()),
            diff_id: diff_id.clone(),
            size: name.len() as u64,
        };
        (name.to_owned(), described(name, &layer), diff_id)
    }

    fn image(layers: &[&str], history: usize) -> Image {
        let layers: Vec<_> = layers.iter().map(|name| layer(name)).collect();
        let ids: Vec<&Digest> = layers.iter().map(|(_, _, id)| id).collect();
        let descriptors: Vec<&Descriptor> = layers.iter().map(|(_, found, _)| found).collect();
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "variant": "kept",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Cmd": ["/sbin/init"], "Labels": {"b": "1", "a": "2"}, "StopSignal": "37"},
            "rootfs": {"type": "layers", "diff_ids": ids},
            "history": vec![serde_json::json!({"created_by": "base"}); history],
        });
        let config = serde_json::to_vec(&config).unwrap();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "config": {"mediaType": CONFIG, "digest": Digest::of(&config), "size": config.len()},
            "layers": descriptors,
        });
        Image::parse(&serde_json::to_vec(&manifest).unwrap(), &config).unwrap()
    }

    #[test]
    fn ours_follow_those_of_the_base() {
        let base = image(&["b1", "b2"], 2);
        let built = image(&["b1", "b2", "all"], 3);
        assert_eq!(built.above(&base).unwrap().len(), 1);
        assert!(base.above(&built).is_err());
        let time = "2026-07-30T12:00:00Z".parse().unwrap();
        let parts = [layer("kernel modules"), layer("configuration")];
        let found = joined(&base, &built.config, &parts, time).unwrap();
        assert_eq!(found, joined(&base, &built.config, &parts, time).unwrap());
        let read = Image::parse(&found.manifest, &found.config).unwrap();
        assert_eq!(read, found.image);
        assert_eq!(read.manifest.layers[..2], base.manifest.layers);
        assert_eq!(read.manifest.layers[3].part(), Some("configuration"));
        assert_eq!(read.config.history.len(), 4);
        assert_eq!(read.config.rest["variant"], "kept");
        assert_eq!(read.config.created.as_deref(), Some("2026-07-30T12:00:00Z"));
        assert_eq!(read.layer(&parts[1].2), Some(&parts[1].1));
        let text = String::from_utf8(found.config).unwrap();
        assert!(text.starts_with(r#"{"architecture":"#), "{text}");
        assert!(text.contains(r#""Labels":{"a":"2","b":"1"}"#), "{text}");

        // Without a history of the base there is none.
        let bare = image(&["b1", "b2"], 0);
        let found = joined(&bare, &built.config, &parts, time).unwrap();
        assert!(found.image.config.history.is_empty());
    }

    #[test]
    fn labels_and_times_are_no_content() {
        let one = image(&["b", "a"], 0);
        let mut other = one.clone();
        other.config.created = None;
        other.config.config.insert("Labels".to_owned(), Value::Null);
        other.config.rest.clear();
        assert!(one.same_content(&other));
        other.config.config.insert("Cmd".to_owned(), Value::Null);
        assert!(!one.same_content(&other));
        assert!(!one.same_content(&image(&["b"], 0)));
    }
}
