//! What a host trusts: the `policy.json`, `registries.d` and keys of an image,
//! read out of it. Pure, but for [`Trust::of_rootfs`].
//!
//! Sources: `containers/image/docs/containers-policy.json.5.md`,
//! `containers/image/docs/containers-registries.d.5.md`, `signature/policy_eval.go`,
//! `docker/registries_d.go`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use host::files::make_dir;
use registry_compat::Repository;
use serde_json::Value;

use crate::error::Error;
use crate::signing::PublicKey;

/// Where the policy stands in an image.
pub const POLICY: &str = "/etc/containers/policy.json";
/// Where it is said which registries have signatures, and where.
pub const REGISTRIES_D: &str = "/etc/containers/registries.d/";

/// The files, by absolute path in the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    files: BTreeMap<String, Vec<u8>>,
}

fn wrong(detail: impl Into<String>) -> Error {
    Error::Step {
        step: "trust".to_owned(),
        detail: detail.into(),
    }
}

impl Trust {
    /// Reads the report of `trust.sh`.
    ///
    /// # Errors
    /// If it did not come to its end, or a path leads out of the image.
    pub fn parse(report: &str) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        let (mut lines, mut end) = (0, None);
        for line in report.lines() {
            match line.split('\t').collect::<Vec<_>>().as_slice() {
                ["file", path, content] => {
                    let odd = |part: &str| part == ".." || part.contains(char::is_control);
                    let bytes = BASE64.decode(content).ok();
                    let fits = path.starts_with('/') && !path.split('/').any(odd);
                    let Some(bytes) = bytes.filter(|_| fits) else {
                        return Err(wrong(format!(
                            "a line that is no file: {}",
                            host::one_line(path)
                        )));
                    };
                    lines += 1;
                    files.insert((*path).to_owned(), bytes);
                }
                ["end", count] => end = Some((*count).to_owned()),
                _ => return Err(wrong(format!("`{}`", host::one_line(line)))),
            }
        }
        if end == Some(format!("{lines} files")) {
            Ok(Self { files })
        } else {
            Err(wrong("trust.sh did not come to its end"))
        }
    }

    /// What `rootfs/` lays over the image, for a look before the build.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn of_rootfs(rootfs: &Path) -> Result<Self, Error> {
        let mut trust = Self::default();
        trust.take(rootfs, POLICY)?;
        let folder = rootfs.join(&REGISTRIES_D[1..]);
        if folder.is_dir() {
            let failed = |source| host::Error::File {
                verb: "read",
                path: folder.clone(),
                source,
            };
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                let name = name.to_string_lossy();
                if name.ends_with(".yaml") {
                    trust.take(rootfs, &format!("{REGISTRIES_D}{name}"))?;
                }
            }
        }
        for path in trust.key_paths()? {
            trust.take(rootfs, &path)?;
        }
        Ok(trust)
    }

    fn take(&mut self, rootfs: &Path, path: &str) -> Result<(), Error> {
        let file = rootfs.join(path.trim_start_matches('/'));
        match std::fs::read(&file) {
            Ok(bytes) => {
                self.files.insert(path.to_owned(), bytes);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(host::Error::File {
                verb: "read",
                path: file,
                source,
            }
            .into()),
        }
    }

    fn policy(&self) -> Result<Value, Error> {
        let bytes = self
            .files
            .get(POLICY)
            .ok_or_else(|| wrong(format!("there is no {POLICY}")))?;
        let policy: Value = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("{POLICY} is not JSON: {error}")))?;
        if policy.get("default").is_some_and(Value::is_array) {
            Ok(policy)
        } else {
            Err(wrong(format!("{POLICY} has no `default`")))
        }
    }

    fn key_paths(&self) -> Result<Vec<String>, Error> {
        let mut paths = Vec::new();
        if self.files.contains_key(POLICY) {
            each_key_path(&mut self.policy()?, &mut |path| paths.push(path.clone()));
        }
        Ok(paths)
    }

    /// What the policy demands of images of a repository: the requirements of
    /// the most specific scope that has any.
    fn demands(&self, repository: &Repository) -> Result<(String, Vec<Value>), Error> {
        let policy = self.policy()?;
        let docker = policy.pointer("/transports/docker");
        for scope in scopes(repository) {
            let list = docker.and_then(|d| d.get(&scope)).and_then(Value::as_array);
            if let Some(list) = list {
                return Ok((scope, list.clone()));
            }
        }
        let default = policy.get("default").and_then(Value::as_array);
        Ok(("default".to_owned(), default.cloned().unwrap_or_default()))
    }

    /// Whether a host with these files takes nothing but what this key signed
    /// for this repository; else, why not. `skopeo` has the last word.
    ///
    /// # Errors
    /// If the files cannot be understood.
    pub fn requires(&self, repository: &Repository, key: &PublicKey) -> Result<(), Error> {
        let (scope, demands) = self.demands(repository)?;
        let signed: Vec<&Value> = demands
            .iter()
            .filter(|demand| demand.get("type").and_then(Value::as_str) == Some("sigstoreSigned"))
            .collect();
        let [demand] = signed.as_slice() else {
            return Err(wrong(format!(
                "{POLICY} demands no signature for {repository} (scope `{scope}`); \
                 `cargo xtask keys new` writes one that does"
            )));
        };
        let path = demand
            .get("keyPath")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let bytes = self.files.get(path).ok_or_else(|| {
            wrong(format!(
                "{POLICY} names the key `{path}`, which is not there"
            ))
        })?;
        if PublicKey::parse(&String::from_utf8_lossy(bytes))? != *key {
            return Err(wrong(format!(
                "{path} is not the public half of the private key: hosts would refuse the image"
            )));
        }
        if !self.attachments(&repository.to_string())? {
            return Err(wrong(format!(
                "nothing in {REGISTRIES_D} has `use-sigstore-attachments: true` for {repository}: \
                 hosts would not look for the signature"
            )));
        }
        Ok(())
    }

    /// The public key that the policy names for a repository.
    ///
    /// # Errors
    /// As [`Self::requires`].
    pub fn key(&self, repository: &Repository) -> Result<Option<PublicKey>, Error> {
        let (_, demands) = self.demands(repository)?;
        let path = demands.iter().find_map(|demand| {
            let signed = demand.get("type").and_then(Value::as_str) == Some("sigstoreSigned");
            demand
                .get("keyPath")
                .and_then(Value::as_str)
                .filter(|_| signed)
        });
        match path.and_then(|path| self.files.get(path)) {
            Some(bytes) => PublicKey::parse(&String::from_utf8_lossy(bytes)).map(Some),
            None => Ok(None),
        }
    }

    /// Whether `registries.d` has signatures of a name looked for beside it.
    fn attachments(&self, name: &str) -> Result<bool, Error> {
        let mut default = None;
        let mut by_scope: BTreeMap<String, bool> = BTreeMap::new();
        for (path, bytes) in &self.files {
            if !path.starts_with(REGISTRIES_D) {
                continue;
            }
            let file: serde_yaml::Value =
                serde_yaml::from_slice(bytes).map_err(|error| wrong(format!("{path}: {error}")))?;
            let flag = |entry: &serde_yaml::Value| entry.get("use-sigstore-attachments")?.as_bool();
            default = file.get("default-docker").and_then(flag).or(default);
            let docker = file.get("docker").and_then(serde_yaml::Value::as_mapping);
            for (scope, entry) in docker.into_iter().flatten() {
                if let (Some(scope), Some(value)) = (scope.as_str(), flag(entry)) {
                    by_scope.insert(scope.to_owned(), value);
                }
            }
        }
        let found = parents(name).find_map(|scope| by_scope.get(scope).copied());
        Ok(found.or(default).unwrap_or(false))
    }
}

/// The scopes of the policy that cover a repository, the most specific first.
/// Source: `docker/policyconfiguration/naming.go`.
fn scopes(repository: &Repository) -> Vec<String> {
    let name = repository.to_string();
    let mut all: Vec<String> = parents(&name).map(str::to_owned).collect();
    let host = repository.registry();
    let mut rest = host;
    while let Some((_, parent)) = rest.split_once('.') {
        all.push(format!("*.{parent}"));
        rest = parent;
    }
    all.push(String::new());
    all
}

/// `a/b/c`, `a/b`, `a`.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| {
        name.rsplit_once('/').map(|(parent, _)| parent)
    })
}

/// Every `keyPath` and every entry of a `keyPaths`.
fn each_key_path(value: &mut Value, act: &mut dyn FnMut(&mut String)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("keyPath", Value::String(path)) => act(path),
                    ("keyPaths", Value::Array(paths)) => {
                        for path in paths {
                            if let Value::String(path) = path {
                                act(path);
                            }
                        }
                    }
                    (_, value) => each_key_path(value, act),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| each_key_path(value, act)),
        _ => {}
    }
}

/// Writes a file whole.
///
/// # Errors
/// [`host::Error::File`].
pub fn write(path: &PathBuf, bytes: &[u8]) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    Ok(
        std::fs::write(path, bytes).map_err(|source| host::Error::File {
            verb: "write",
            path: path.clone(),
            source,
        })?,
    )
}
