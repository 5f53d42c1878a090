//! What was read of manifests before, by digest: a digest never changes, so a
//! second run reads only what is new. It says nothing of what is still there.
//!
//! One file of lines in this program's cache folder, each with a checksum of
//! itself, because deletions are decided from them: a line that was cut off, mixed with
//! another run's or edited does not count, and is read again.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use registry_compat::Digest;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The number is the version of the format; another version uses another file.
const FILE: &str = "manifests-1.jsonl";

/// What a digest stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Content {
    /// A manifest.
    Manifest(remote::ManifestFacts),
    /// The `created` of an image configuration.
    Created(Option<String>),
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    digest: Digest,
    content: Content,
}

/// The file, read once and appended to.
#[derive(Debug, Default)]
pub struct Cache {
    path: Option<PathBuf>,
    known: HashMap<Digest, Content>,
    fresh: Mutex<HashMap<Digest, Content>>,
}

impl Cache {
    /// Reads the cache. Without a folder, or if the file cannot be read, it is empty: a
    /// cache is no reason to fail.
    pub fn load(directory: Option<&Path>) -> Self {
        let path = directory.map(|directory| directory.join(FILE));
        let text = path.as_ref().and_then(|path| std::fs::read(path).ok());
        let text = String::from_utf8_lossy(text.as_deref().unwrap_or_default()).into_owned();
        Self {
            path,
            known: text.lines().filter_map(line).collect(),
            fresh: Mutex::default(),
        }
    }

    fn get(&self, digest: &Digest) -> Option<Content> {
        if let Some(known) = self.known.get(digest) {
            return Some(known.clone());
        }
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.get(digest).cloned()
    }

    fn put(&self, digest: &Digest, content: Content) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.insert(digest.clone(), content);
    }

    /// A manifest.
    pub fn manifest(&self, digest: &Digest) -> Option<remote::ManifestFacts> {
        match self.get(digest)? {
            Content::Manifest(read) => Some(read),
            Content::Created(_) => None,
        }
    }

    /// The `created` of an image configuration: `None` if the cache does not know the
    /// configuration, `Some(None)` if it does, and the configuration has no `created`.
    pub fn created(&self, config: &Digest) -> Option<Option<String>> {
        match self.get(config)? {
            Content::Created(created) => Some(created),
            Content::Manifest(_) => None,
        }
    }

    /// Remembers a manifest.
    pub fn put_manifest(&self, digest: &Digest, read: &remote::ManifestFacts) {
        self.put(digest, Content::Manifest(read.clone()));
    }

    /// Remembers an image configuration's `created`.
    pub fn put_created(&self, config: &Digest, created: Option<String>) {
        self.put(config, Content::Created(created));
    }

    /// Appends what is new.
    ///
    /// # Errors
    /// [`host::Error::File`]; a caller may only warn, since nothing but the next run's speed suffers.
    pub fn save(&self) -> Result<(), Error> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(path), false) = (&self.path, fresh.is_empty()) else {
            return Ok(());
        };
        // Starts a new line, in case the last write was cut off.
        let mut text = "\n".to_owned();
        for (digest, content) in fresh.iter() {
            let line = Line {
                digest: digest.clone(),
                content: content.clone(),
            };
            if let Some(json) = serde_json::to_string(&line).ok()
                && let Some(sum) = checksum(&json)
            {
                text.push_str(&format!("{sum} {json}\n"));
            }
        }
        let folder = path.parent().unwrap_or(path);
        Ok(std::fs::create_dir_all(folder)
            .and_then(|()| OpenOptions::new().append(true).create(true).open(path))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|source| host::Error::File {
                verb: "write",
                path: path.clone(),
                source,
            })?)
    }
}

fn line(line: &str) -> Option<(Digest, Content)> {
    let (sum, json) = line.split_once(' ')?;
    if checksum(json)? != sum {
        return None;
    }
    let line: Line = serde_json::from_str(json).ok()?;
    Some((line.digest, line.content))
}

/// Half of its SHA-256, in hexadecimal digits.
fn checksum(text: &str) -> Option<String> {
    let digest = Digest::of(text.as_bytes());
    Some(digest.hex()[..32].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use retention::{Kind, Manifest};

    #[test]
    fn what_was_read_is_known_and_what_was_damaged_is_not() {
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let digest = |text: &str| Digest::of(text.as_bytes());
        let read = remote::ManifestFacts {
            manifest: Manifest::new(Kind::Index, vec![(&digest("child")).into()], None),
            config: None,
            created: Some("2026-01-01T00:00:00Z".to_owned()),
        };
        let cache = Cache::load(Some(dir.path()));
        cache.put_manifest(&digest("a"), &read);
        assert_eq!(cache.manifest(&digest("a")), Some(read.clone()));
        cache.save().unwrap();
        let cache = Cache::load(Some(dir.path()));
        cache.put_created(&digest("b"), None);
        cache.save().unwrap();
        let path = dir.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();

        let cache = Cache::load(Some(dir.path()));
        assert_eq!(cache.manifest(&digest("a")), Some(read));
        assert_eq!(cache.created(&digest("b")), Some(None));
        assert_eq!(cache.manifest(&digest("b")), None);

        std::fs::write(&path, text.replace("index", "image")).unwrap();
        let cache = Cache::load(Some(dir.path()));
        assert_eq!(cache.manifest(&digest("a")), None);
        assert_eq!(cache.created(&digest("b")), Some(None));
        assert_eq!(Cache::load(None).manifest(&digest("a")), None);
    }
}
