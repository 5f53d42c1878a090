//! What a host has to fetch to go from one image to another. Pure.
//!
//! A host keeps the layers of the image that it runs; it fetches those that the next one
//! has and this one has not, and the config.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::image::{Descriptor, Manifest};

/// What has to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Download {
    /// Compressed bytes.
    pub bytes: u64,
    /// Layers.
    pub layers: usize,
    /// What is in each: the part of our layers with its bytes, and `base` for all of the
    /// others together. The largest first.
    pub parts: Vec<(String, u64)>,
}

impl Download {
    /// All of it, in megabytes.
    pub fn megabytes(&self) -> f64 {
        megabytes(self.bytes)
    }

    /// The parts with their megabytes, `kernel modules 3.1, base 0.7`.
    pub fn shares(&self) -> String {
        let share = |(part, bytes): &(String, u64)| format!("{part} {:.1}", megabytes(*bytes));
        let all: Vec<String> = self.parts.iter().map(share).collect();
        all.join(", ")
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// What a host that runs `from` fetches for `to`; all of it if it runs nothing.
pub fn download(from: Option<&Manifest>, to: &Manifest) -> Download {
    let has: HashSet<&str> = from
        .into_iter()
        .flat_map(|from| &from.layers)
        .map(|layer| layer.digest.as_str())
        .collect();
    let mut seen = HashSet::new();
    let new: Vec<&Descriptor> = to
        .layers
        .iter()
        .filter(|layer| !has.contains(layer.digest.as_str()) && seen.insert(layer.digest.as_str()))
        .collect();
    let base: u64 = new
        .iter()
        .filter(|l| l.part().is_none())
        .map(|l| l.size)
        .sum();
    let ours = new
        .iter()
        .filter_map(|l| Some((l.part()?.to_owned(), l.size)));
    let mut parts: Vec<(String, u64)> = ours.collect();
    if base > 0 {
        parts.push(("base".to_owned(), base));
    }
    parts.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    Download {
        bytes: new.iter().map(|layer| layer.size).sum(),
        layers: new.len(),
        parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{CONFIG, LAYER, PART};
    use registry_compat::Digest;

    fn manifest(layers: &[(&str, u64)]) -> Manifest {
        let layer = |(name, size): &(&str, u64)| {
            let annotations = match name.strip_prefix("base") {
                Some(_) => serde_json::json!({}),
                None => serde_json::json!({PART: name.trim_end_matches('2')}),
            };
            serde_json::json!({"mediaType": LAYER, "digest": Digest::of(name.as_bytes()),
                "size": size, "annotations": annotations})
        };
        let layers: Vec<_> = layers.iter().map(layer).collect();
        serde_json::from_value(serde_json::json!({
            "schemaVersion": 2, "layers": layers,
            "config": {"mediaType": CONFIG, "digest": Digest::of(b""), "size": 2},
        }))
        .unwrap()
    }

    #[test]
    fn only_what_is_new_counts() {
        let one = manifest(&[("base1", 100), ("zfs", 30), ("config", 1)]);
        let two = manifest(&[("base1", 100), ("base2", 7), ("zfs2", 31), ("config", 1)]);
        assert_eq!(download(Some(&one), &one), Download::default());
        let found = download(Some(&one), &two);
        assert_eq!((found.bytes, found.layers), (38, 2));
        let parts = [("zfs".to_owned(), 31), ("base".to_owned(), 7)];
        assert_eq!(found.parts, parts);
        assert_eq!(download(None, &one).bytes, 131);
    }
}
