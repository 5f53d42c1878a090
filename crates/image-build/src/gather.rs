//! Reads facts from Fedora, OpenZFS, the registries and the checkout. It writes
//! nothing, and decides only which request comes next.

mod builder;
mod forecast;
mod kernel;
mod kmods;
mod memory;
mod project;
mod published;
mod releases;
mod tree;
mod upstream;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use registry_compat::Digest;
use remote::{Agent, AuthFiles, Limits, Registries, RegistriesConf, sleeping};
use version_discovery::{Arch, ZfsRelease};
use xshell::Shell;

pub use upstream::Scope;

use host::env::Env;
use host::process;
use host::process::Invocation;
use host::report::Report;
use image_config::{Config, OneImage};
use memory::Memory;
use tree::tree;

use crate::cache::Cache;
use crate::engine::Engine;
use crate::error::Error;
use crate::facts::Local;

/// The cache entry that says how each registry wants anonymous clients to log in: its
/// kind, and its key.
const CHALLENGES: [&str; 2] = ["manners", "what each registry asks of strangers"];

/// What gathering needs: the environment, the policy, the report, the cache, and the
/// clients for HTTP and the registries.
pub struct World<'a> {
    /// The environment.
    pub env: &'a Env,
    /// The policy.
    pub config: &'a Config,
    /// What `image.yaml` calls the image, where it has several.
    pub image: Option<&'a str>,
    /// For progress lines on standard error.
    pub report: &'a Report,
    /// Answers from earlier runs, of the kind that never changes.
    pub cache: Cache,
    agent: Agent,
    /// Shared by the images of one task.
    registries: Arc<OnceLock<Registries>>,
    memory: Arc<Memory>,
    /// In the place of this machine's architecture.
    arch: Option<Arch>,
}

impl<'a> World<'a> {
    /// Creates it without opening a connection.
    pub fn new(env: &'a Env, config: &'a Config, report: &'a Report) -> Self {
        let waiter = sleeping(process::interrupted);
        let retries = config.retries.budget(env.seed, waiter);
        let retries = Arc::new(retries);
        Self {
            env,
            config,
            image: None,
            report,
            cache: Cache::new(env.cache.as_deref()),
            agent: Agent::sharing(Limits::default(), retries),
            registries: Arc::default(),
            memory: Arc::default(),
            arch: None,
        }
    }

    /// The same for another image of this task: its clients are the same, and what one
    /// image has asked of upstream, no other asks again.
    pub fn beside<'b>(&self, image: &'b OneImage, report: &'b Report) -> World<'b>
    where
        'a: 'b,
    {
        World {
            env: self.env,
            config: &image.config,
            image: Some(&image.name),
            report,
            cache: self.cache.clone(),
            agent: self.agent.clone(),
            registries: Arc::clone(&self.registries),
            memory: Arc::clone(&self.memory),
            arch: self.arch,
        }
    }

    /// The same, on a machine that emulates another architecture.
    #[must_use]
    pub fn on(&self, arch: Option<Arch>) -> World<'_> {
        World {
            env: self.env,
            config: self.config,
            image: self.image,
            report: self.report,
            cache: self.cache.clone(),
            agent: self.agent.clone(),
            registries: Arc::clone(&self.registries),
            memory: Arc::clone(&self.memory),
            arch: arch.or(self.arch),
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
            auth_files(self.env),
            Box::new(process::credential_helper),
            Limits::default(),
        )?;
        let [kind, key] = CHALLENGES;
        if let Some(challenges) = self.cache.get(kind, key) {
            made.remember(challenges);
        }
        Ok(self.registries.get_or_init(|| made))
    }

    /// The HTTP client, with this run's budget of retries.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// All releases of OpenZFS.
    ///
    /// # Errors
    /// If any page could not be read.
    pub fn zfs_releases(&self) -> Result<Vec<ZfsRelease>, Error> {
        let repository = self.config.zfs.repository.as_str();
        self.memory.once("releases of OpenZFS", repository, || {
            self.report
                .status("Reading", &format!("releases of {repository}"));
            Ok(remote::github::releases(
                &self.agent,
                self.config.urls.github_api.as_str(),
                repository,
                self.env.github_token.as_ref(),
            )?)
        })
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
    /// [`host::Error::Program`] if there is none.
    pub fn engine(&self, wanted: Option<Engine>) -> Result<Engine, Error> {
        let installed = |engine: &Engine| self.env.program(engine.program()).is_some();
        Ok(match wanted {
            Some(engine) => Some(engine).filter(installed),
            None => Engine::ALL.into_iter().find(installed),
        }
        .ok_or_else(|| host::Error::Program {
            program: wanted.unwrap_or(Engine::Podman).program().to_owned(),
            detail: "it is not installed".to_owned(),
        })?)
    }

    /// Why a virtual machine can run here only emulated, or not at all.
    fn no_kvm(&self) -> Option<String> {
        let mut programs = host::kvm::BOOT.into_iter().map(|(program, _)| program);
        let missing = programs.find(|program| self.env.program(program).is_none());
        host::kvm::usable()
            .err()
            .or_else(|| missing.map(|program| format!("{program} is not installed")))
    }

    /// The facts of the checkout and this machine.
    ///
    /// # Errors
    /// If files cannot be read, or there is no engine.
    pub fn local(&self, engine: Option<Engine>) -> Result<Local, Error> {
        self.local_with(self.engine(engine)?)
    }

    /// The same for tasks that run no engine, so that it may be missing.
    ///
    /// # Errors
    /// If files cannot be read.
    pub fn local_with(&self, engine: Engine) -> Result<Local, Error> {
        let repository = self.config.repository()?;
        let published = repository.tagged(self.config.image.candidate.clone());
        let home = self.registries()?.home_of(&published)?;
        let folder = |path: &str| tree(&self.env.root.join(path));
        let sh = process::shell(&self.env.root)?;
        let arch = match self.arch {
            Some(arch) => arch,
            None => std::env::consts::ARCH.parse()?,
        };
        let emulated = |other: &Arch| *other != arch && host::binfmt::runs(other.elf_machine());
        Ok(Local {
            arch,
            commit: commit(&sh),
            containerfiles: Digest::of(&folder(crate::engine::CONTEXT)?),
            ignition: Digest::of(&folder(self.config.ignition.sources.as_str())?),
            files: tree::digests(&self.env.root, &self.config.content)?,
            stage_images: tree::stage_images(&self.env.root, &self.config.content)?,
            engine,
            engine_version: version(&sh, engine),
            destination: home.image,
            insecure: home.insecure,
            no_kvm: self.no_kvm(),
            emulated: Arch::ALL.into_iter().filter(emulated).collect(),
            today: Some(host::env::today()),
        })
    }
}

/// Where the container tools look for credentials in this environment.
pub fn auth_files(env: &Env) -> AuthFiles {
    let auth = &env.auth;
    AuthFiles::locate(
        auth.explicit.clone(),
        auth.runtime_dir.clone(),
        auth.config_home.clone(),
        auth.docker_config.clone(),
    )
}

/// The version number in an engine's own output (`podman version 5.2.0`, `Docker
/// version 27.1, build …`).
fn version(sh: &Shell, engine: Engine) -> Option<String> {
    let text = process::read(sh, &engine.version()).ok()?;
    let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let word = text.split([' ', ',', '\n']).find(number)?;
    Some(host::one_line(word))
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
