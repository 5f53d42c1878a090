//! Answers that never change, kept in the user's cache directory: the kernel of a
//! release, the labels behind a digest.
//!
//! A cache may be thrown away at any time. Nothing fails because of it: a file that is
//! broken, or has a value for another key than its name says, is ignored, and a file
//! that cannot be written is skipped.

use std::path::{Path, PathBuf};

use registry_compat::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A folder of small JSON files.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: Option<PathBuf>,
}

/// One file. `of` has the full key of the value, because the file name is only a digest
/// of it.
#[derive(Serialize, Deserialize)]
struct Entry<T> {
    of: String,
    value: T,
}

impl Cache {
    /// A cache in this folder; without a folder, nothing is cached.
    pub fn new(dir: Option<&Path>) -> Self {
        Self {
            dir: dir.map(Path::to_owned),
        }
    }

    fn path(&self, kind: &str, of: &str) -> Option<PathBuf> {
        let name = Digest::of(of.as_bytes());
        Some(
            self.dir
                .as_ref()?
                .join(format!("{kind}-{}.json", name.hex())),
        )
    }

    /// Returns the cached value.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, of: &str) -> Option<T> {
        let text = std::fs::read(self.path(kind, of)?).ok()?;
        let entry: Entry<T> = serde_json::from_slice(&text).ok()?;
        (entry.of == of).then_some(entry.value)
    }

    /// Stores a value. The file is written under a temporary name of this process and
    /// then renamed, so that no reader sees an incomplete file.
    pub fn put<T: Serialize>(&self, kind: &str, of: &str, value: &T) {
        let _ = self.try_put(kind, of, value);
    }

    fn try_put<T: Serialize>(&self, kind: &str, of: &str, value: &T) -> Option<()> {
        let path = self.path(kind, of)?;
        let text = serde_json::to_vec(&Entry {
            of: of.to_owned(),
            value,
        })
        .ok()?;
        std::fs::create_dir_all(path.parent()?).ok()?;
        host::files::write(&path, &text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_got_and_what_is_broken_is_not() {
        let sh = xshell::Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        let cache = Cache::new(Some(dir.path()));
        assert_eq!(cache.get::<u32>("number", "of a"), None);
        cache.put("number", "of a", &7);
        assert_eq!(cache.get::<u32>("number", "of a"), Some(7));
        assert_eq!(cache.get::<u32>("number", "of b"), None);
        assert_eq!(cache.get::<String>("number", "of a"), None);
        let files = sh.read_dir(dir.path()).unwrap();
        assert_eq!(files.len(), 1, "{files:?}");
        for broken in ["", "{", r#"{"of": "of another", "value": 7}"#, "null"] {
            sh.write_file(&files[0], broken).unwrap();
            assert_eq!(cache.get::<u32>("number", "of a"), None, "{broken}");
        }
        // A missing folder, or one that cannot be created, is not an error.
        Cache::new(None).put("number", "of a", &7);
        let nowhere = Cache::new(Some(&files[0].join("below-a-file")));
        nowhere.put("number", "of a", &7);
        assert_eq!(nowhere.get::<u32>("number", "of a"), None);
    }
}
