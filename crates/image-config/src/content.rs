//! `content` in `image.yaml`: what the image has beside packages and units.
//!
//! Every kind is declared here, so that the lock has it, the contract checks it in the
//! built image, and `diff` shows it. Files are named by their path in the checkout.

use std::collections::BTreeSet;
use std::fmt;

use registry_compat::ImageRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{
    Folder, ImageFile, KernelArgument, Name, PathPattern, Reason, RepositoryUrl, SelinuxType,
    Unique, Word,
};

/// What the image has beside packages and units.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Content {
    /// Folders of the checkout that are laid over the image after the packages, in
    /// this order. A file that can be executed gets mode 0755, any other 0644.
    #[serde(default, skip_serializing_if = "nothing")]
    pub overlays: Unique<Name>,
    /// Folders that belong to the image: `/usr/local`, `/opt`. In Fedora CoreOS they
    /// lead into `/var`, which no update changes.
    #[serde(default, skip_serializing_if = "nothing")]
    pub owned: Unique<Owned>,
    /// Files out of other images.
    #[serde(default, skip_serializing_if = "nothing")]
    pub copy: Unique<Copied>,
    /// Build stages of your own: `NAME` is `stages/NAME/Containerfile`, and what its
    /// last stage has in `/out` is laid over the image. A stage is built again only if
    /// its folder, an image that it builds on, or the architecture is another.
    #[serde(default, skip_serializing_if = "nothing")]
    pub stages: Unique<Word>,
    /// Package repositories, each with the key that its packages are signed with.
    #[serde(default, skip_serializing_if = "nothing")]
    pub repositories: Unique<PackageRepository>,
    /// Scripts that run while the image is made, inside its one layer, in this order.
    #[serde(default, skip_serializing_if = "nothing")]
    pub steps: Unique<Script>,
    /// Kernel arguments of every host, written to `/usr/lib/bootc/kargs.d`.
    #[serde(default, skip_serializing_if = "nothing")]
    pub kernel_arguments: Unique<KernelArgument>,
    /// Additions to the SELinux policy.
    #[serde(default, skip_serializing_if = "Selinux::is_empty")]
    pub selinux: Selinux,
    /// Files for `/usr/lib/sysusers.d`: users and groups.
    #[serde(default, skip_serializing_if = "nothing")]
    pub sysusers: Unique<Name>,
    /// Files for `/usr/lib/tmpfiles.d`: files and folders that a host makes at boot.
    #[serde(default, skip_serializing_if = "nothing")]
    pub tmpfiles: Unique<Name>,
    /// Quadlets for `/usr/share/containers/systemd`; podman's own generator judges
    /// them where the image has it.
    #[serde(default, skip_serializing_if = "nothing")]
    pub quadlets: Unique<Name>,
    /// Scripts that check the built image, beside the contract: in a container without
    /// network, privileges and anything to write to. Exit status 0 is a pass; the last
    /// line that one prints is what it found.
    #[serde(default, skip_serializing_if = "nothing")]
    pub checks: Unique<Name>,
}

fn nothing<T>(list: &Unique<T>) -> bool {
    list.is_empty()
}

/// A folder that can belong to the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Owned {
    /// `/usr/local`.
    #[serde(rename = "/usr/local")]
    UsrLocal,
    /// `/opt`.
    #[serde(rename = "/opt")]
    Opt,
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UsrLocal => "/usr/local",
            Self::Opt => "/opt",
        })
    }
}

/// Files out of another image. It must be signed by `key`, or `unsigned` says why that
/// is not checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Copied {
    /// The image by digest, `ghcr.io/getsops/sops:v3.9.4@sha256:…`; the tag is for
    /// people.
    #[schemars(with = "String")]
    pub image: ImageRef,
    /// Which files, and where they go.
    pub files: Unique<CopiedFile>,
    /// Public key of its cosign signature, a file of the checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
    /// Why its signature is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Reason>,
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.image.fmt(f)
    }
}

impl Copied {
    fn contradiction(&self) -> Option<String> {
        let image = &self.image;
        if image.digest().is_none() {
            return Some(format!(
                "`{image}` has no digest, so it may be another image tomorrow; write \
                 NAME:TAG@sha256:… (`skopeo inspect docker://{image}` prints it)"
            ));
        }
        match (&self.key, &self.unsigned) {
            (None, None) => Some(format!(
                "`{image}` needs `key`, the public key of its cosign signature, or `unsigned` \
                 with the reason why none is checked"
            )),
            (Some(_), Some(_)) => Some(format!("`{image}` has both `key` and `unsigned`")),
            _ if self.files.is_empty() => Some(format!("`{image}`: `files` names none")),
            _ if self.files.iter().any(|file| file.from.is_root()) => Some(format!(
                "`{image}`: `from: /` is the whole image; name the files that are wanted"
            )),
            _ => None,
        }
    }
}

/// A text that is there twice.
fn twice<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    let mut texts = texts;
    texts.find(|text| !seen.insert(*text))
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CopiedFile {
    /// Its path in the other image.
    pub from: Folder,
    /// Its path in this one.
    pub to: ImageFile,
}

impl fmt::Display for CopiedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to.fmt(f)
    }
}

/// A package repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackageRepository {
    /// Its name: `/etc/yum.repos.d/NAME.repo`.
    pub name: Word,
    /// Its address; `$basearch` and `$releasever` may stand in it.
    pub url: RepositoryUrl,
    /// The OpenPGP key of its packages, a file of the checkout.
    pub key: Name,
}

impl fmt::Display for PackageRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// A script that runs while the image is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Script {
    /// The script, a file of the checkout: `steps/10-users.sh`. `bash` runs it, as root.
    pub run: Name,
    /// When.
    #[serde(default)]
    pub at: Point,
    /// Whether the build has the network because of it. Without, a build of locked
    /// packages reaches nobody. What a step fetches is no part of the lock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub network: bool,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.at, self.run)
    }
}

/// When a script runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The repositories are there, the packages are not.
    BeforePackages,
    /// Packages, overlays, copied files, stages and SELinux modules are there; units
    /// are not enabled yet.
    #[default]
    AfterPackages,
    /// Everything is there. Only caches are removed after it.
    Last,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforePackages => "before-packages",
            Self::AfterPackages => "after-packages",
            Self::Last => "last",
        })
    }
}

/// Additions to the SELinux policy. They are made in the image's one layer: in a later
/// one the policy store could not be changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Selinux {
    /// Policy modules in CIL, files of the checkout: `selinux/NAME.cil`.
    #[serde(default, skip_serializing_if = "nothing")]
    pub modules: Unique<Name>,
    /// Contexts of files, also of those that the image does not have.
    #[serde(default, skip_serializing_if = "nothing")]
    pub contexts: Unique<FileContext>,
}

impl Selinux {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The context of the files that a pattern matches:
/// `system_u:object_r:TYPE:s0`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileContext {
    /// A regular expression for the whole path, as `semanage fcontext` takes it.
    pub path: PathPattern,
    /// The type.
    #[serde(rename = "type")]
    pub kind: SelinuxType,
}

impl fmt::Display for FileContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.path, self.kind)
    }
}

/// The last part of a path.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A file's name without what follows its last dot.
pub fn stem(path: &str) -> &str {
    let name = file_name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

impl Content {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a build needs the network for a step.
    pub fn reaches_out(&self) -> bool {
        self.steps.iter().any(|step| step.network)
    }

    /// The folder of a stage.
    pub fn stage_folder(stage: &Word) -> String {
        format!("stages/{stage}")
    }

    /// The files and folders of the checkout that it names: of what kind, and which.
    pub fn sources(&self) -> Vec<(Source, String)> {
        let mut all = Vec::new();
        let mut add = |kind: Source, names: &[Name]| {
            all.extend(names.iter().map(|name| (kind, name.to_string())));
        };
        add(Source::Overlay, &self.overlays);
        add(Source::Module, &self.selinux.modules);
        add(Source::Conf, &self.sysusers);
        add(Source::Conf, &self.tmpfiles);
        add(Source::Quadlet, &self.quadlets);
        add(Source::Script, &self.checks);
        let scripts = self.steps.iter().map(|step| &step.run);
        all.extend(scripts.map(|name| (Source::Script, name.to_string())));
        let keys = self.copy.iter().filter_map(|copy| copy.key.as_ref());
        all.extend(keys.map(|name| (Source::CosignKey, name.to_string())));
        let keys = self.repositories.iter().map(|one| &one.key);
        all.extend(keys.map(|name| (Source::PgpKey, name.to_string())));
        let stages = self.stages.iter();
        all.extend(stages.map(|name| (Source::Stage, Self::stage_folder(name))));
        all
    }

    /// Values that are each valid but contradict each other: the value at fault, and
    /// why. One for each image and each list.
    pub(crate) fn contradictions(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for copy in self.copy.iter() {
            let image = copy.image.to_string();
            all.extend(copy.contradiction().map(|detail| (image, detail)));
            let files = copy.files.iter().map(|file| file.to.as_str());
            all.extend(files.filter_map(|to| Some((to.to_owned(), self.lost(to)?))));
        }
        for stage in self.stages.iter() {
            // What `Word` takes and an image's name does not: two separators, or one at
            // the end.
            let image = format!("localhost/stages/{stage}");
            if image.parse::<ImageRef>().is_err() {
                let detail = format!(
                    "`{stage}` cannot be the name of an image, which a stage becomes; write \
                     lower-case letters and digits, with one `.`, `_` or `-` between them"
                );
                all.push((stage.to_string(), detail));
            }
        }
        let copied = self.copy.iter().flat_map(|copy| copy.files.iter());
        if let Some(path) = twice(copied.map(|file| file.to.as_str())) {
            all.push((path.to_owned(), format!("`{path}` comes from two images")));
        }
        // Source: dnf.conf(5): "[main]" is dnf's own section, and no repository.
        let names = self.repositories.iter().map(|one| one.name.as_str());
        all.extend(names.filter(|name| *name == "main").map(|name| {
            let detail = "a repository cannot be called `main`: that is the section of dnf's own \
                          options, and the repository would not be asked; give it another name";
            (name.to_owned(), detail.to_owned())
        }));
        let lists = [
            &self.selinux.modules,
            &self.sysusers,
            &self.tmpfiles,
            &self.quadlets,
        ];
        all.extend(lists.into_iter().filter_map(|list| {
            let name = twice(list.iter().map(|path| file_name(path.as_str())))?;
            let first = list.iter().find(|path| file_name(path.as_str()) == name)?;
            let detail = format!("two files are called `{name}`, and go to one folder");
            Some((first.to_string(), detail))
        }));
        let checks = || self.checks.iter().map(|path| path.as_str());
        if let Some(name) = twice(checks().map(stem)) {
            let first = checks().find(|path| stem(path) == name);
            let detail = format!("two checks are called `{name}`, which is how they are told");
            all.extend(first.map(|first| (first.to_owned(), detail)));
        }
        all
    }

    /// Why a file of an image would not be the image's, if it would not.
    pub(crate) fn lost(&self, path: &str) -> Option<String> {
        let below = |folder: &str| {
            let rest = path.strip_prefix(folder);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for folder in [Owned::UsrLocal, Owned::Opt] {
            if below(&folder.to_string()) && !self.owned.contains(&folder) {
                return Some(format!(
                    "`{path}` would be lost: {folder} leads into /var, which no update changes; \
                     list {folder} under `content.owned`"
                ));
            }
        }
        let state = [
            "/var", "/home", "/root", "/mnt", "/media", "/srv", "/run", "/tmp",
        ];
        if let Some(folder) = state.into_iter().find(|folder| below(folder)) {
            return Some(format!(
                "`{path}` would be lost: {folder} is the host's, which no update changes; \
                 make it at boot with `content.tmpfiles`"
            ));
        }
        // Source: bootc, "Filesystem": the kernel lies in /usr/lib/modules, and bootc
        // writes /boot itself; the others are mounted over.
        let not_files = [
            "/boot", "/efi", "/proc", "/sys", "/dev", "/sysroot", "/ostree",
        ];
        let folder = not_files.into_iter().find(|folder| below(folder))?;
        Some(format!(
            "`{path}` would never be seen: {folder} of an image is no folder of its hosts"
        ))
    }
}

/// What a file or folder that `content` names is, and so what it has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A folder that is laid over the image.
    Overlay,
    /// A folder with a Containerfile.
    Stage,
    /// A policy module, `.cil`.
    Module,
    /// A file for `sysusers.d` or `tmpfiles.d`, `.conf`.
    Conf,
    /// A Quadlet.
    Quadlet,
    /// A script for bash, `.sh`.
    Script,
    /// A public key of cosign.
    CosignKey,
    /// An OpenPGP key.
    PgpKey,
}
