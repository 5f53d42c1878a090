//! What a way has come to: what is in the registry, and what the alarm says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fixture::Fixture;
use crate::forges::Fake;
use crate::github::Github;

/// What is published: each tag with what it names, but for the second in which the inputs
/// were resolved. What is called by a digest goes by the tag of that image.
#[derive(Debug, PartialEq)]
pub struct Seen {
    tags: BTreeMap<String, Image>,
}

/// An image: its layers by digest, and its config.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    layers: Vec<Value>,
    config: Value,
    lock: Value,
}

impl Seen {
    pub fn of(fixture: &Fixture) -> Self {
        let name = fixture.config.repository().unwrap().to_string();
        let store = fixture.store();
        let repository = store.join("repositories").join(fixture.placed(&name));
        let tags = std::fs::read_dir(repository.join("_manifests/tags"));
        let named = tags.into_iter().flatten().flatten().filter_map(|tag| {
            let name = tag.file_name().into_string().unwrap();
            // Signatures, and other things that an image's digest names.
            if name.starts_with("sha256-") {
                return None;
            }
            let digest = std::fs::read_to_string(tag.path().join("current/link")).ok()?;
            let mut image = Image::of(&store, &digest);
            // It says how long each step took.
            if name == "history" {
                image.layers.clear();
            }
            Some((name, image))
        });
        Self {
            tags: named.collect(),
        }
    }

    pub fn stable(&self) -> Option<&Image> {
        self.tags.get("stable")
    }

    /// A label of what hosts follow.
    pub fn label(&self, name: &str) -> String {
        let labels = &self.tags["stable"].config["config"]["Labels"];
        labels[name].as_str().unwrap_or_default().to_owned()
    }
}

impl Image {
    fn of(store: &Path, digest: &str) -> Self {
        let manifest = blob(store, digest);
        let config = manifest["config"]["digest"].as_str().unwrap();
        let mut config = blob(store, config);
        let labels = &mut config["config"]["Labels"];
        let lock = labels["custom-coreos.lock"].as_str().unwrap_or("null");
        let mut lock: Value = serde_json::from_str(lock).unwrap();
        lock["times"]["resolved"] = Value::Null;
        labels["custom-coreos.lock"] = Value::Null;
        config["created"] = Value::Null;
        for step in config["history"].as_array_mut().into_iter().flatten() {
            step["created"] = Value::Null;
        }
        Self {
            layers: manifest["layers"].as_array().cloned().unwrap_or_default(),
            config,
            lock,
        }
    }
}

fn blob(store: &Path, digest: &str) -> Value {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let path: PathBuf = store.join("blobs/sha256").join(&hex[..2]).join(hex);
    let bytes = std::fs::read(path.join("data")).unwrap();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The alarm, as people read it: without the mark, and without the addresses of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub open: bool,
    pub title: String,
    pub body: String,
    pub comments: Vec<String>,
}

impl Alarm {
    fn new(open: bool, (title, body): (&str, &str), comments: &[String]) -> Self {
        let body = body.split("<!--").next().unwrap_or_default();
        Self {
            open,
            title: title.to_owned(),
            body: unlinked(body.trim_end()),
            comments: comments.iter().map(|text| unlinked(text)).collect(),
        }
    }

    /// Of the only issue that there is, and of all comments.
    fn of_issues(
        (count, issue): (usize, Option<(bool, &str, &str)>),
        comments: &[(u64, String)],
    ) -> Option<Self> {
        assert!(count <= 1, "one alarm");
        let (open, title, body) = issue?;
        let comments: Vec<String> = comments.iter().map(|(_, text)| text.clone()).collect();
        Some(Self::new(open, (title, body), &comments))
    }

    pub fn of_github(github: &Github) -> Option<Self> {
        let state = github.state();
        let issue = state.issues.first();
        let issue = issue.map(|it| (it.open, it.title.as_str(), it.body.as_str()));
        Self::of_issues((state.issues.len(), issue), &state.comments)
    }

    pub fn of_fake(fake: &Fake) -> Option<Self> {
        let state = fake.state();
        let issue = state.issues.first();
        let issue = issue.map(|it| (it.open, it.title.as_str(), it.body.as_str()));
        Self::of_issues((state.issues.len(), issue), &state.comments)
    }

    pub fn of_file(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let kept: Value = serde_json::from_str(&text).unwrap();
        let said = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
        let comments = kept["comments"].as_array().unwrap().iter();
        let comments: Vec<String> = comments
            .map(|text| text.as_str().unwrap().to_owned())
            .collect();
        let texts = (&*said("title"), &*said("body"));
        Some(Self::new(kept["open"] == true, texts, &comments))
    }
}

/// `[text](address)` is `text`.
fn unlinked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](http") {
        let (kept, link) = before.rsplit_once('[').unwrap();
        plain.push_str(kept);
        plain.push_str(link);
        rest = after.split_once(')').unwrap().1;
    }
    plain.push_str(rest);
    plain
}
