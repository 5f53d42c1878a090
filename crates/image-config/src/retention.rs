//! Section `retention`: which images the clean-up keeps, and in which packages.

use std::collections::BTreeSet;
use std::fmt;

use registry_compat::{Digest, Repository};
use retention::{Glob, Policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Unique;
use crate::defaults::parsed;

/// The rules for what the clean-up keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Retention {
    /// An image that is older than this number of days may be deleted; one of exactly
    /// this age is kept.
    #[serde(default = "days")]
    pub days: u32,
    /// The number of newest images that are kept regardless of their age; it counts
    /// images, not package versions.
    #[serde(default = "keep")]
    pub keep: u32,
    /// Globs of tags that are never deleted. The tags of `image` are always among them.
    #[serde(default = "protect")]
    #[schemars(with = "Unique<String>")]
    pub protect: Unique<Glob>,
    /// Digests that are never deleted, with everything that they refer to: for instance
    /// images that a lock names, or that a rollback may return to.
    #[serde(default)]
    #[schemars(with = "Unique<String>")]
    pub pinned: Unique<Digest>,
    /// The largest percentage of versions that one run may delete.
    #[serde(default)]
    pub most_share: Percent,
    /// The packages. Without any, the published image is the one.
    #[serde(default)]
    pub packages: Unique<Package>,
}

/// One package, and the API that is used for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Package {
    /// With its registry, `ghcr.io/owner/name`.
    #[schemars(with = "String")]
    pub image: Repository,
    /// `github` on ghcr.io, `gitlab` on registry.gitlab.com, `forgejo` on codeberg.org,
    /// and `registry` elsewhere, if it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_end: Option<BackEnd>,
}

/// The API that lists and deletes versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackEnd {
    /// GitHub's packages API; manifests come from the registry.
    Github,
    /// The registry itself, by the OCI distribution API.
    Registry,
    /// GitLab's container registry API, by tag; the registry lists.
    Gitlab,
    /// The packages API of Forgejo and Gitea; the registry lists.
    Forgejo,
}

impl fmt::Display for BackEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Github => "github",
            Self::Registry => "registry",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
        })
    }
}

/// 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Half, as in [`Policy`].
impl Default for Percent {
    fn default() -> Self {
        Self(50)
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl TryFrom<u64> for Percent {
    type Error = String;
    fn try_from(number: u64) -> Result<Self, String> {
        match u8::try_from(number) {
            Ok(number @ 1..=100) => Ok(Self(number)),
            _ => Err(format!(
                "`{number}` is not a percentage; wanted a number from 1 to 100"
            )),
        }
    }
}

impl std::str::FromStr for Percent {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a percentage; wanted a number from 1 to 100");
        text.parse::<u64>().map_err(|_| wrong())?.try_into()
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.image.fmt(f)
    }
}

impl Package {
    /// The back end that is written, or that of the registry's host.
    pub fn back_end(&self) -> BackEnd {
        let by_host = match self.image.registry() {
            "ghcr.io" => BackEnd::Github,
            "registry.gitlab.com" => BackEnd::Gitlab,
            "codeberg.org" => BackEnd::Forgejo,
            _ => BackEnd::Registry,
        };
        self.back_end.unwrap_or(by_host)
    }

    /// The account that the package belongs to, and its name there, which may
    /// have slashes in it.
    pub fn owner_and_name(&self) -> (&str, &str) {
        let path = self.image.path();
        path.split_once('/').unwrap_or((path, path))
    }

    /// Whether this name, given by a person, refers to the package: the full name, the
    /// path, or the part after the owner.
    pub fn is_called(&self, name: &str) -> bool {
        let whole = self.image.to_string();
        [whole.as_str(), self.image.path(), self.owner_and_name().1].contains(&name)
    }
}

impl Retention {
    /// The policy for one package; `always` are globs of further tags that are kept.
    pub fn policy(&self, always: impl IntoIterator<Item = Glob>) -> Policy {
        Policy {
            protected: self.protect.iter().cloned().chain(always).collect(),
            keep_newest: usize::try_from(self.keep).unwrap_or(usize::MAX),
            window_days: self.days,
            pinned: self.pinned.iter().cloned().collect::<BTreeSet<Digest>>(),
            max_percent: Some(self.most_share.get()),
            version_count: None,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            days: days(),
            keep: keep(),
            protect: protect(),
            pinned: Unique::default(),
            most_share: Percent::default(),
            packages: Unique::default(),
        }
    }
}

fn days() -> u32 {
    90
}

fn keep() -> u32 {
    3
}

fn protect() -> Unique<Glob> {
    let mut globs = Unique::one(parsed("stable"));
    globs.push(parsed("latest"));
    globs
}

#[cfg(test)]
mod tests {
    use crate::*;

    fn package(image: &str) -> Package {
        Package {
            image: image.parse().unwrap(),
            back_end: None,
        }
    }

    #[test]
    fn the_host_decides_about_the_back_end() {
        assert_eq!(package("ghcr.io/o/n").back_end(), BackEnd::Github);
        assert_eq!(package("quay.io/o/n").back_end(), BackEnd::Registry);
        let explicit = Package {
            back_end: Some(BackEnd::Github),
            ..package("containers.example.com/o/n")
        };
        assert_eq!(explicit.back_end(), BackEnd::Github);
    }

    #[test]
    fn a_name_may_have_slashes_and_be_shortened() {
        let nas = package("ghcr.io/someone/nas/bootc");
        assert_eq!(nas.owner_and_name(), ("someone", "nas/bootc"));
        for name in [
            "ghcr.io/someone/nas/bootc",
            "someone/nas/bootc",
            "nas/bootc",
        ] {
            assert!(nas.is_called(name), "{name}");
        }
        for name in ["", "bootc", "nas", "someone", "ghcr.io/someone/nas"] {
            assert!(!nas.is_called(name), "{name}");
        }
    }

    #[test]
    fn sections_are_checked_where_they_stand() {
        let read = |text: &str| serde_yaml::from_str::<Retention>(text);
        assert_eq!(read("{}").unwrap(), Retention::default());
        let full = "{days: 7, keep: 0, protect: ['v*'], most-share: 100, packages: \
                    [{image: quay.io/o/n}, {image: x.example/o/n, back-end: github}]}";
        assert_eq!(read(full).unwrap().packages.len(), 2);
        for bad in [
            "{most-share: 0}",
            "{most-share: 101}",
            "{protect: ['']}",
            "{protect: ['stable ']}",
            "{pinned: [latest]}",
            "{packages: [ghcr.io/o/n]}",
            "{packages: [{image: n}]}",
            "{packages: [{image: ghcr.io/o/n, back-end: ''}]}",
            "{packages: [{image: ghcr.io/o/n}, {image: ghcr.io/o/n}]}",
            "{days: ''}",
            "{keep: -1}",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
