//! `registries.conf`: which place a reference is really served from.
//!
//! Source: containers-registries.conf(5) (version 2 of the format; version 1
//! had other sections and is refused with a word about it). Short names are
//! not resolved: every reference of this project names its registry.

use std::path::{Path, PathBuf};

use registry_compat::{ImageRef, Repository};
use serde::Deserialize;

use crate::Error;

/// One place to ask for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The image as it is called there.
    pub image: ImageRef,
    /// Certificates are not checked, and plain HTTP is tried when TLS fails.
    pub insecure: bool,
}

/// The merged configuration.
#[derive(Debug, Clone, Default)]
pub struct RegistriesConf {
    registries: Vec<Registry>,
}

#[derive(Debug, Clone, Deserialize)]
struct File {
    #[serde(default)]
    registry: Vec<Registry>,
    /// Version 1.
    registries: Option<toml::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Mirror>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: Option<PullFrom>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PullFrom {
    All,
    DigestOnly,
    TagOnly,
}

impl RegistriesConf {
    /// Reads the files that `podman` would read: the one named by
    /// `CONTAINERS_REGISTRIES_CONF`, else the user's, else the system's; then
    /// the drop-in directories, in alphabetical order, later ones winning.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] for a file that is there and is not valid, and for
    /// a missing one that was named explicitly.
    pub fn load(explicit: Option<&Path>, home: Option<&Path>, etc: &Path) -> Result<Self, Error> {
        let user = home.map(|home| home.join(".config/containers"));
        let user_file = user.as_ref().map(|dir| dir.join("registries.conf"));
        let user_drop_ins = user.as_ref().map(|dir| dir.join("registries.conf.d"));
        let system_drop_ins = etc.join("containers/registries.conf.d");
        let mut merged = Self::default();
        match (explicit, user_file.filter(|path| path.exists())) {
            (Some(path), _) => {
                merged.merge(read(path)?.ok_or_else(|| Error::ConfigFile {
                    path: path.to_owned(),
                    detail: "named by CONTAINERS_REGISTRIES_CONF, but not there".to_owned(),
                })?);
                merged.merge_directory(&system_drop_ins)?;
            }
            // The user's own file replaces the system's and its drop-ins.
            (None, Some(path)) => merged.merge(read(&path)?.unwrap_or_default()),
            (None, None) => {
                let path = etc.join("containers/registries.conf");
                merged.merge(read(&path)?.unwrap_or_default());
                merged.merge_directory(&system_drop_ins)?;
            }
        }
        if let Some(directory) = user_drop_ins {
            merged.merge_directory(&directory)?;
        }
        Ok(merged)
    }

    fn merge(&mut self, registries: Vec<Registry>) {
        for registry in registries {
            self.registries.retain(|old| old.prefix != registry.prefix);
            self.registries.push(registry);
        }
    }

    fn merge_directory(&mut self, directory: &Path) -> Result<(), Error> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(wrong(directory, error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| wrong(directory, error))?.path();
            if path.extension().is_some_and(|e| e == "conf") && !path.is_dir() {
                files.push(path);
            }
        }
        files.sort();
        for path in files {
            self.merge(read(&path)?.unwrap_or_default());
        }
        Ok(())
    }

    /// The places to pull from, in order: mirrors, then the registry itself.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if the registry is blocked, or a rewritten name is
    /// not valid.
    pub fn pull_from(&self, image: &ImageRef) -> Result<Vec<Endpoint>, Error> {
        let Some(registry) = self.find(image) else {
            return Ok(vec![Endpoint {
                image: image.clone(),
                insecure: false,
            }]);
        };
        if registry.blocked {
            return Err(about(image, "blocked by registries.conf"));
        }
        let by_digest = image.digest().is_some();
        let usable = |mirror: &&Mirror| match mirror.pull_from_mirror {
            _ if registry.mirror_by_digest_only => by_digest,
            Some(PullFrom::DigestOnly) => by_digest,
            Some(PullFrom::TagOnly) => !by_digest,
            Some(PullFrom::All) | None => true,
        };
        let mirrors = registry.mirror.iter().filter(usable);
        let mut places = Vec::new();
        for mirror in mirrors {
            places.push(Endpoint {
                image: rewrite(image, &registry.prefix, &mirror.location)?,
                insecure: mirror.insecure,
            });
        }
        places.push(self.home_of(image)?);
        Ok(places)
    }

    /// The one place that the name stands for, without mirrors: where a push
    /// goes. (`podman push` does not apply `location` by itself, so the
    /// rewritten name is what it must be given.)
    ///
    /// # Errors
    /// As [`Self::pull_from`].
    pub fn home_of(&self, image: &ImageRef) -> Result<Endpoint, Error> {
        match self.find(image) {
            Some(registry) if registry.blocked => Err(about(image, "blocked by registries.conf")),
            Some(registry) => Ok(Endpoint {
                image: rewrite(image, &registry.prefix, &registry.location)?,
                insecure: registry.insecure,
            }),
            None => Ok(Endpoint {
                image: image.clone(),
                insecure: false,
            }),
        }
    }

    fn find(&self, image: &ImageRef) -> Option<&Registry> {
        let name = image.repository().to_string();
        self.registries
            .iter()
            .filter(|registry| matched(&name, &registry.prefix).is_some())
            .max_by_key(|registry| registry.prefix.len())
    }
}

/// How much of the name a prefix covers; it must end at a component. `*.x.org`
/// covers the host of every subdomain.
fn matched(name: &str, prefix: &str) -> Option<usize> {
    if let Some(parent) = prefix.strip_prefix('*') {
        let host = &name[..name.find('/').unwrap_or(name.len())];
        return host.ends_with(parent).then_some(host.len());
    }
    let rest = name.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(prefix.len())
}

fn rewrite(image: &ImageRef, prefix: &str, location: &str) -> Result<ImageRef, Error> {
    let name = image.repository().to_string();
    match matched(&name, prefix) {
        Some(covered) if !location.is_empty() => {
            let moved: Repository = format!("{location}{}", &name[covered..])
                .parse()
                .map_err(|error| about(image, &format!("registries.conf: {error}")))?;
            Ok(image.moved_to(moved))
        }
        _ => Ok(image.clone()),
    }
}

fn about(image: &ImageRef, what: &str) -> Error {
    Error::ConfigFile {
        path: PathBuf::from("registries.conf"),
        detail: format!("{image}: {what}"),
    }
}

fn wrong(path: &Path, detail: impl std::fmt::Display) -> Error {
    Error::ConfigFile {
        path: path.to_owned(),
        detail: detail.to_string(),
    }
}

fn read(path: &Path) -> Result<Option<Vec<Registry>>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some).map_err(|detail| wrong(path, detail)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(path, error)),
    }
}

fn parse(text: &str) -> Result<Vec<Registry>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    if file.registries.is_some() {
        return Err("version 1 of the format; write `[[registry]]` tables".to_owned());
    }
    let mut found: Vec<Registry> = Vec::new();
    for mut registry in file.registry {
        trim(&mut registry.location)?;
        trim(&mut registry.prefix)?;
        for mirror in &mut registry.mirror {
            trim(&mut mirror.location)?;
            if mirror.location.is_empty() {
                return Err(format!("a mirror of `{}` has no location", registry.prefix));
            }
        }
        if registry.prefix.is_empty() {
            registry.prefix.clone_from(&registry.location);
        }
        if registry.prefix.is_empty()
            || (registry.location.is_empty() && !registry.prefix.starts_with("*."))
        {
            return Err("a `[[registry]]` without location".to_owned());
        }
        // The first of the same prefix wins within one file.
        if found.iter().all(|old| old.prefix != registry.prefix) {
            found.push(registry);
        }
    }
    Ok(found)
}

fn trim(location: &mut String) -> Result<(), String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Err(format!("`{location}`: a location has no URL scheme"));
    }
    location.truncate(location.trim_end_matches('/').len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632";

    fn conf(text: &str) -> RegistriesConf {
        RegistriesConf {
            registries: parse(text).unwrap(),
        }
    }

    fn places(conf: &RegistriesConf, image: &str) -> Vec<(String, bool)> {
        conf.pull_from(&image.parse().unwrap())
            .unwrap()
            .into_iter()
            .map(|place| (place.image.to_string(), place.insecure))
            .collect()
    }

    #[test]
    fn the_longest_prefix_is_rewritten_at_a_component() {
        let conf = conf(
            r#"
            [[registry]]
            prefix = "quay.io"
            location = "cache.example/quay"
            [[registry]]
            prefix = "quay.io/fedora"
            location = "127.0.0.1:5000/quay.io/fedora/"
            insecure = true
        "#,
        );
        assert_eq!(
            places(&conf, "quay.io/fedora/fedora-coreos:stable"),
            [(
                "127.0.0.1:5000/quay.io/fedora/fedora-coreos:stable".into(),
                true
            )]
        );
        assert_eq!(
            places(&conf, "quay.io/fedorax/y:t"),
            [("cache.example/quay/fedorax/y:t".into(), false)]
        );
        assert_eq!(
            places(&conf, "ghcr.io/a/b:t"),
            [("ghcr.io/a/b:t".into(), false)]
        );
    }

    #[test]
    fn mirrors_come_first_where_they_may() {
        let conf = conf(
            r#"
            [[registry]]
            location = "quay.io"
            [[registry.mirror]]
            location = "all.example"
            [[registry.mirror]]
            location = "digest.example"
            pull-from-mirror = "digest-only"
            [[registry.mirror]]
            location = "tag.example"
            pull-from-mirror = "tag-only"
            insecure = true
        "#,
        );
        assert_eq!(
            places(&conf, "quay.io/a/b:t"),
            [
                ("all.example/a/b:t".into(), false),
                ("tag.example/a/b:t".into(), true),
                ("quay.io/a/b:t".into(), false),
            ]
        );
        let digest = format!("quay.io/a/b@sha256:{HEX}");
        let hosts: Vec<_> = places(&conf, &digest)
            .into_iter()
            .map(|(name, _)| name.split('/').next().unwrap().to_owned())
            .collect();
        assert_eq!(hosts, ["all.example", "digest.example", "quay.io"]);
        let home = conf.home_of(&"quay.io/a/b:t".parse().unwrap()).unwrap();
        assert_eq!(home.image.to_string(), "quay.io/a/b:t");
    }

    #[test]
    fn wildcards_blocks_and_nonsense() {
        let conf = conf(
            r#"
            [[registry]]
            prefix = "*.example.com"
            blocked = true
        "#,
        );
        assert!(
            conf.pull_from(&"a.example.com/x:t".parse().unwrap())
                .is_err()
        );
        assert!(conf.pull_from(&"example.com/x:t".parse().unwrap()).is_ok());
        for bad in [
            "[registries.search]\nregistries = []",
            "[[registry]]\nprefix = \"quay.io\"",
            "[[registry]]\nlocation = \"https://quay.io\"",
            "[[registry]]\nlocation = 5",
            "[[registry",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn drop_ins_win_over_the_file() {
        let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/etc");
        let conf = RegistriesConf::load(None, None, &etc).unwrap();
        assert_eq!(
            places(&conf, "quay.io/x/y:t"),
            [("late.example/x/y:t".into(), true)]
        );
        assert_eq!(
            places(&conf, "ghcr.io/x/y:t"),
            [("main.example/x/y:t".into(), false)]
        );
        let missing = RegistriesConf::load(Some(Path::new("/nonexistent/x.conf")), None, &etc);
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("CONTAINERS_REGISTRIES_CONF")
        );
    }
}
