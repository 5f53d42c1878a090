//! Reads the world into facts. It writes nothing and decides nothing, except
//! what has to be asked next.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use registry_compat::{Answer, ImageRef, KmodTag};
use remote::{Agent, Inspected, Limits, Registries, RegistriesConf};
use version_discovery::{
    Arch, FcosVersion, KernelSource, KernelVersion, ZfsRelease, newest_in_series,
};
use xshell::Shell;

use crate::config::Config;
use crate::engine::Engine;
use crate::env::Env;
use crate::error::Error;
use crate::facts::{Local, TargetFacts, Upstream};
use crate::lock::digest_of;
use crate::process::{self, Invocation};
use crate::report::Report;

/// Everything that is needed to ask.
pub struct World<'a> {
    /// The environment.
    pub env: &'a Env,
    /// The policy.
    pub config: &'a Config,
    /// For the story.
    pub report: &'a Report,
    agent: Agent,
    registries: OnceLock<Registries>,
}

/// The base image, for one architecture.
pub struct Base {
    /// What the registry says of it.
    pub inspected: Inspected,
    /// Its version, if the label is one.
    pub version: Option<FcosVersion>,
}

impl<'a> World<'a> {
    /// Nothing is asked yet.
    pub fn new(env: &'a Env, config: &'a Config, report: &'a Report) -> Self {
        Self {
            env,
            config,
            report,
            agent: Agent::new(Limits::default()),
            registries: OnceLock::new(),
        }
    }

    /// The registries as this machine's container tools see them.
    ///
    /// # Errors
    /// If `registries.conf` cannot be used.
    pub fn registries(&self) -> Result<&Registries, Error> {
        if let Some(known) = self.registries.get() {
            return Ok(known);
        }
        let conf = RegistriesConf::load(
            self.env.registries_conf.as_deref(),
            self.env.home.as_deref(),
            Path::new("/etc"),
        )?;
        let made = Registries::new(
            self.agent.clone(),
            conf,
            self.env.auth_files.clone(),
            Box::new(process::credential_helper),
            Limits::default(),
        )?;
        Ok(self.registries.get_or_init(|| made))
    }

    /// All releases of OpenZFS.
    ///
    /// # Errors
    /// If any page could not be read.
    pub fn zfs_releases(&self) -> Result<Vec<ZfsRelease>, Error> {
        let repository = self.config.zfs.repository.as_str();
        self.report
            .status("Reading", &format!("releases of {repository}"));
        Ok(remote::github::releases(
            &self.agent,
            self.config.urls.github_api.as_str(),
            repository,
            self.env.github_token.as_ref(),
        )?)
    }

    /// The base for an architecture.
    ///
    /// # Errors
    /// If it is not there or could not be asked for.
    pub fn base(&self, image: &ImageRef, arch: Arch) -> Result<Base, Error> {
        self.report.status("Reading", &format!("{image} ({arch})"));
        let inspected = match self.registries()?.inspect(image, arch) {
            Answer::Present(inspected) => inspected,
            Answer::Absent => {
                return Err(Error::Step {
                    step: "base image".to_owned(),
                    detail: format!("{image} is not there for {arch}; see `base` in image.yaml"),
                });
            }
            Answer::Unknown(why) => return Err(Error::Unknown(why)),
        };
        let version = inspected
            .labels
            .get("org.opencontainers.image.version")
            .and_then(|text| text.parse().ok());
        Ok(Base { inspected, version })
    }

    /// The kernel of the base: its label, else Fedora's metadata, else its RPM
    /// database.
    ///
    /// # Errors
    /// If none of the three says.
    pub fn kernel(&self, base: &Base, arch: Arch) -> Result<(KernelVersion, KernelSource), Error> {
        let label = base.inspected.labels.get("ostree.linux");
        // Absent, empty and `null` are all "not there": the next source decides.
        let from_label = label.and_then(|text| text.parse::<KernelVersion>().ok());
        if let Some(kernel) = from_label.filter(|kernel| kernel.arch() == arch) {
            return Ok((kernel, KernelSource::Label));
        }
        let urls = &self.config.urls;
        let stream = &self.config.base.stream;
        let asked = base.version.map(|version| {
            self.report
                .status("Reading", &format!("commitmeta.json of {version} ({arch})"));
            remote::fcos::kernel(
                &self.agent,
                urls.fcos_builds.as_str(),
                stream,
                &version,
                arch,
            )
        });
        let why = match asked {
            Some(Answer::Present(kernel)) if kernel.arch() == arch => {
                return Ok((kernel, KernelSource::Commitmeta));
            }
            Some(Answer::Present(kernel)) => format!("Fedora's metadata names {kernel} for {arch}"),
            Some(Answer::Absent) => "Fedora has no metadata for this version".to_owned(),
            Some(Answer::Unknown(why)) => why.to_string(),
            None => "the base has no version label".to_owned(),
        };
        self.report.warning(&format!(
            "{why}; asking the image itself, which means to pull it"
        ));
        let kernel = self.kernel_by_rpm(base, arch)?;
        Ok((kernel, KernelSource::Rpm))
    }

    fn kernel_by_rpm(&self, base: &Base, arch: Arch) -> Result<KernelVersion, Error> {
        let cannot = |detail: &str| Error::Step {
            step: "kernel of the base".to_owned(),
            detail: detail.to_owned(),
        };
        let image = self.config.base.image.at(base.inspected.manifest.clone());
        let runs = |engine: Engine| Some((engine, engine.kernel_query(&image)?));
        let (_, query) = Engine::ALL
            .into_iter()
            .filter(|engine| self.env.program(engine.program()).is_some())
            .find_map(runs)
            .ok_or_else(|| cannot("no podman or docker to ask the image itself; install podman"))?;
        let sh = crate::apply::shell(&self.env.root)?;
        let text = process::read(&sh, &query)?;
        let kernels: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        let [kernel] = kernels.as_slice() else {
            return Err(cannot(&format!("{image} has {} kernels", kernels.len())));
        };
        let kernel: KernelVersion = kernel.parse()?;
        if kernel.arch() == arch {
            Ok(kernel)
        } else {
            Err(cannot(&format!(
                "{image} has kernel {kernel}, wanted one for {arch}"
            )))
        }
    }

    /// Everything upstream, for all architectures of `image.yaml`.
    ///
    /// # Errors
    /// If anything could not be found out. Absent kmods are no error.
    pub fn upstream(&self) -> Result<Upstream, Error> {
        let first = self.first_arch()?;
        let image = self.config.base_tag()?;
        // Independent of each other, so asked at the same time.
        let (releases, base) = std::thread::scope(|scope| {
            let releases = scope.spawn(|| self.zfs_releases());
            let base = self.base(&image, first);
            (releases.join(), base)
        });
        let zfs_releases = releases.map_err(|_| Error::Step {
            step: "OpenZFS releases".to_owned(),
            detail: "the reader came to an unexpected end".to_owned(),
        })??;
        let base = base?;
        let zfs = newest_in_series(&zfs_releases, self.config.zfs.series)?;
        // From here on by digest: the tag may move at any time.
        let pinned = self.config.base.image.at(base.inspected.digest.clone());
        let mut targets = Vec::new();
        for arch in self.config.architectures.iter().copied() {
            let of_arch = if arch == first {
                None
            } else {
                Some(self.base(&pinned, arch)?)
            };
            let base = of_arch.as_ref().unwrap_or(&base);
            let (kernel, kernel_source) = self.kernel(base, arch)?;
            let wanted = KmodTag {
                kernel: kernel.clone(),
                zfs,
            };
            let kmods = &self.config.kmods;
            let name = kmods.image.tagged(kmods.tag.render(&wanted)?);
            self.report.status("Reading", &name.to_string());
            let answer = self.registries()?.inspect(&name, arch);
            let available = match &answer {
                Answer::Absent => Some(self.kmods_tags()?),
                Answer::Present(_) | Answer::Unknown(_) => None,
            };
            targets.push(TargetFacts {
                arch,
                manifest: base.inspected.manifest.clone(),
                kernel,
                kernel_source,
                wanted,
                kmods: name,
                answer,
                available,
            });
        }
        Ok(Upstream {
            base: image,
            base_digest: base.inspected.digest.clone(),
            base_version: base.version,
            targets,
            zfs_releases,
        })
    }

    fn kmods_tags(&self) -> Result<Answer<BTreeSet<KmodTag>>, Error> {
        let kmods = &self.config.kmods;
        self.report
            .status("Reading", &format!("tags of {}", kmods.image));
        let tags = self.registries()?.tags(&kmods.image);
        Ok(tags.map(|tags| tags.iter().filter_map(|tag| kmods.tag.parse(tag)).collect()))
    }

    /// The first architecture of `image.yaml`.
    ///
    /// # Errors
    /// Never for a config that was parsed.
    pub fn first_arch(&self) -> Result<Arch, Error> {
        self.config
            .architectures
            .first()
            .copied()
            .ok_or_else(|| Error::Usage("image.yaml lists no architecture".to_owned()))
    }

    /// The engine: the one asked for, else the first that is installed.
    ///
    /// # Errors
    /// [`Error::Program`] if there is none.
    pub fn engine(&self, wanted: Option<Engine>) -> Result<Engine, Error> {
        let installed = |engine: &Engine| self.env.program(engine.program()).is_some();
        match wanted {
            Some(engine) => Some(engine).filter(installed),
            None => Engine::ALL.into_iter().find(installed),
        }
        .ok_or_else(|| Error::Program {
            program: wanted.unwrap_or(Engine::Podman).program().to_owned(),
            detail: "it is not installed".to_owned(),
        })
    }

    /// The checkout and this machine.
    ///
    /// # Errors
    /// If files cannot be read, or there is no engine.
    pub fn local(&self, engine: Option<Engine>) -> Result<Local, Error> {
        let repository = self.config.repository()?;
        let published = repository.tagged(self.config.image.candidate.clone());
        let home = self.registries()?.home_of(&published)?;
        let folder = |path: &str| tree(&self.env.root.join(path));
        Ok(Local {
            arch: std::env::consts::ARCH.parse()?,
            commit: commit(&crate::apply::shell(&self.env.root)?),
            containerfiles: digest_of(&folder(crate::engine::CONTEXT)?)?,
            ignition: digest_of(&folder(self.config.ignition.sources.as_str())?)?,
            engine: self.engine(engine)?,
            destination: home.image,
            insecure: home.insecure,
            today: Some(crate::env::today()),
        })
    }
}

/// The commit of a clean tree. A dirty one, or no git at all, has none.
fn commit(sh: &Shell) -> Option<String> {
    let git = |args: &[&str]| process::read(sh, &Invocation::new("git", args.iter().copied())).ok();
    let changes = git(&["status", "--porcelain"])?;
    let head = git(&["rev-parse", "--verify", "HEAD"])?;
    let sha = head.trim();
    let clean = changes.trim().is_empty() && sha.len() == 40;
    clean.then(|| sha.to_owned())
}

/// Every file below a folder as bytes to digest: relative path, the bit that
/// lets it be run, length and content, in the order of the paths. Independent
/// of time, owner and the other mode bits, which a checkout does not keep.
fn tree(folder: &Path) -> Result<Vec<u8>, Error> {
    use std::os::unix::fs::PermissionsExt;
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let mut bytes = Vec::new();
    for path in files {
        let wrong = |source| Error::File {
            verb: "read",
            path: path.clone(),
            source,
        };
        let meta = std::fs::symlink_metadata(&path).map_err(wrong)?;
        let (kind, content) = if meta.is_symlink() {
            let target = std::fs::read_link(&path).map_err(wrong)?;
            ("link", target.to_string_lossy().into_owned().into_bytes())
        } else if meta.permissions().mode() & 0o100 != 0 {
            ("program", std::fs::read(&path).map_err(wrong)?)
        } else {
            ("file", std::fs::read(&path).map_err(wrong)?)
        };
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
        let head = format!("{kind} {} {name}\0{}\0", name.len(), content.len());
        bytes.extend(head.into_bytes());
        bytes.extend(content);
    }
    Ok(bytes)
}

fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<(), Error> {
    let wrong = |source| Error::File {
        verb: "read",
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let meta = std::fs::symlink_metadata(&path).map_err(wrong)?;
        if meta.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_known_by_names_modes_and_content() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let bytes = tree(&root.join("src")).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("file 8 apply.rs\0"), "{}", &text[..40]);
        assert!(text.contains("file 15 config/types.rs\0"));
        assert!(tree(&root.join("no-such-folder")).is_err());
    }
}
