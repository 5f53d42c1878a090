//! A registry that says what refers to a manifest, which docker's does not.

use std::collections::BTreeMap;
use std::time::Duration;

use cleanup::cache::Cache;
use cleanup::gather::{Inventory, gather};
use cleanup::source::{Source, Tools};
use image_config::Package;
use registry_compat::Digest;
use remote::loopback::{Loopback, Reply, Request};
use remote::{Agent, AuthFiles, Limits, Pace};
use retention::{ManifestRead, Name};
use serde_json::{Value, json};
use xshell::Shell;

use crate::github::{IMAGE, image, index};

/// What is gathered where the list of referrers is answered like this, and the
/// names of the image and of what refers to it.
fn gathered(referrers: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (Inventory, [Name; 2]) {
    let digest = |value: &Value| Digest::of(value.to_string().as_bytes()).to_string();
    let root = image("root", None);
    let bundle = image("bundle", Some(&digest(&root)));
    let names = [&root, &bundle].map(|value| Name::from(digest(value).as_str()));
    let manifests: BTreeMap<String, Value> = [root, bundle]
        .into_iter()
        .map(|value| (digest(&value), value))
        .collect();
    let latest = names[0].to_string();
    let shown = names[1].to_string();
    let server = Loopback::start(move |request: &Request| {
        let ok = |value: &Value| Reply::new(200, IMAGE, value.to_string());
        let path = request.path.split('?').next().unwrap();
        match path.strip_prefix("/v2/o/n/").unwrap_or_default() {
            "" => ok(&json!({})),
            "tags/list" => ok(&json!({"name": "o/n", "tags": ["latest"]})),
            "manifests/latest" => ok(&manifests[&latest]).with("docker-content-digest", &latest),
            rest => match rest.split_once('/') {
                Some(("manifests", digest)) => match manifests.get(digest) {
                    Some(manifest) => ok(manifest),
                    None => Reply::new(404, "application/json", "{}"),
                },
                Some(("referrers", digest)) if *digest == latest => referrers(&shown),
                Some(("referrers", _)) => ok(&index(&[])),
                _ => Reply::new(404, "application/json", "{}"),
            },
        }
    })
    .unwrap();
    let dir = Shell::new().unwrap().create_temp_dir().unwrap();
    let conf = dir.path().join("registries.conf");
    let address = server.address();
    let text = format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n");
    std::fs::write(&conf, text).unwrap();
    let limits = Limits {
        attempts: 1,
        ..Limits::default()
    };
    let registries = crate::reading::registries(&conf, AuthFiles::default());
    let pace = Pace {
        between: Duration::ZERO,
        ..Pace::registry(|| 0, || false)
    };
    let tools = Tools {
        agent: Agent::new(limits),
        registries: &registries,
        github_api: "",
        token: None,
        home: None,
        github: pace,
        registry: pace,
    };
    let package = Package {
        image: format!("{address}/o/n").parse().unwrap(),
        back_end: None,
    };
    let source = Source::open(&tools, &package).unwrap();
    let inventory = gather(&source, &Cache::default(), &[], |_, _| ()).unwrap();
    (inventory, names)
}

fn entries(digests: &[&str]) -> Reply {
    Reply::new(200, IMAGE, index(digests).to_string())
}

#[test]
fn what_refers_to_an_image_is_found() {
    let (inventory, names) = gathered(|bundle| entries(&[bundle]));
    assert_eq!(inventory.versions.len(), 2);
    let read = inventory.manifests.get(&names[1]).unwrap();
    let ManifestRead::Read(manifest) = read else {
        panic!("{read:?}");
    };
    assert_eq!(manifest.subject(), Some(&names[0]));
}

#[test]
fn where_nobody_says_there_is_nothing_to_find() {
    for status in [404, 405] {
        let (inventory, _) = gathered(move |_| Reply::new(status, "text/plain", "no"));
        assert_eq!(inventory.versions.len(), 1);
    }
}

#[test]
fn what_could_not_be_found_out_is_not_nothing() {
    for (status, body) in [
        (403, "no"),
        (429, "slow down"),
        (500, "no"),
        (200, "<html>"),
    ] {
        let (inventory, names) =
            gathered(move |_| Reply::new(status, "text/plain", body).with("retry-after", "3600"));
        let read = inventory.manifests.get(&names[0]).unwrap();
        assert!(
            matches!(read, ManifestRead::Unreadable(_)),
            "{status}: {read:?}"
        );
    }
}
