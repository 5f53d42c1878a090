//! The measured history lies in the package, and outlives the images.

use image_config::HISTORY_TAG as TAG;
use image_publish::history::History;
use registry_compat::{Digest, ImageRef};
use remote::{AuthFiles, Registries};
use serde_json::{Value, json};
use signatures::signing::MANIFEST;

use crate::registry::Registry;

const NAME: &str = "someone/custom-coreos";

fn registries(registry: &Registry) -> Registries {
    crate::reading::registries(&registry.path("registries.conf"), AuthFiles::default())
}

/// A history that nobody has added to for years.
fn put_history(registry: &Registry) {
    let of = |bytes: &[u8]| Digest::of(bytes);
    let document = History::default().to_bytes().unwrap();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": retention::HISTORY,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": of(b"{}"), "size": 2},
        "layers": [{"mediaType": "application/json", "digest": of(&document), "size": document.len()}],
        "annotations": {"org.opencontainers.image.created": "2020-01-01T00:00:00Z"},
    })
    .to_string();
    let place = format!("{}/{NAME}:{TAG}", registry.address);
    let place: ImageRef = place.parse().unwrap();
    let blobs = [b"{}".to_vec(), document];
    registries(registry)
        .put(&place, MANIFEST, manifest.as_bytes(), &blobs)
        .unwrap();
}

#[test]
fn the_history_stays_and_is_no_image() {
    let Some(registry) = Registry::start(true) else {
        return;
    };
    let layout = &registry.layout;
    let old = layout.image("old", "amd64", 300);
    let new = layout.image("new", "amd64", 200);
    registry.push(&old, NAME, "v1");
    registry.push(&new, NAME, "v2");
    put_history(&registry);
    let cleanup = |protect: &str, keep: u32, words: &[&str]| {
        let retention = format!(
            "{{days: 90, keep: {keep}, most-share: 100, protect: [{protect}], \
             packages: [{{image: {}/{NAME}}}]}}",
            registry.address
        );
        let set = |config: &mut serde_yaml::Value| {
            config["image"]["registry"] = registry.address.as_str().into();
            config["image"]["owner"] = "someone".into();
            config["image"]["name"] = "custom-coreos".into();
            config["retention"] = serde_yaml::from_str(&retention).unwrap();
        };
        let output = registry.cleanup_with(set, words);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), output.stdout, text)
    };
    // It is not what is left when all images go.
    let (code, _, story) = cleanup("none", 0, &["--execute"]);
    assert_eq!(code, Some(4), "{story}");
    // It takes no place among the newest, and nobody had to protect it.
    let (code, document, story) = cleanup("none", 1, &["--json"]);
    assert_eq!(code, Some(0), "{story}");
    let document: Value = serde_json::from_slice(&document).unwrap();
    let package = &document["packages"][0];
    assert_eq!(package["totals"]["roots"], 2, "{document:#}");
    let goes = |line: &&Value| line["delete"] == true;
    let lines = package["versions"].as_array().unwrap();
    let goes: Vec<&Value> = lines
        .iter()
        .filter(goes)
        .map(|line| &line["digest"])
        .collect();
    assert_eq!(goes, [&json!(old.digest)], "{document:#}");
    let history = lines.iter().find(|line| line["tags"] == json!([TAG]));
    assert_eq!(history.unwrap()["reason"], "tag `history` is protected");
    let (code, _, story) = cleanup("none", 1, &["--execute"]);
    assert_eq!(code, Some(0), "{story}");
    assert!(!registry.inspect(NAME, "v1").status.success());
    assert!(registry.inspect(NAME, TAG).status.success());
    // An audit finds nothing wrong with it.
    let (code, found, story) = cleanup("none", 1, &["--audit"]);
    assert_eq!(code, Some(0), "{story}");
    let found = String::from_utf8(found).unwrap();
    assert!(found.contains(": 0 findings in 2 versions"), "{found}");
}
