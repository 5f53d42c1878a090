//! Everything that stands in for the world of a rehearsal, and one command typed
//! in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::files::make_dir;
use host::process;
use host::process::Invocation;
use host::report::Level;
use image_build::engine::Engine;
use image_build::gather::World;
use image_build::inputs::write;
use image_config::{Boot, Config, Gate, Kmods};
use registry_compat::{Answer, Digest, ImageRef, KmodTag};
use remote::loopback::{Loopback, nobody};
use remote::{Agent, AuthFiles, Limits, Registries, RegistriesConf};
use version_discovery::Arch;
use xshell::Shell;

use crate::error::Error;
use crate::github::Github;
use crate::scenarios::{GOOD, Scenario};
use crate::standins::Images;
use crate::{checkout, metadata, standins};

/// The release of Fedora CoreOS that the base plays.
pub(crate) const FCOS: &str = "44.20260720.3.1";

/// Everything that stands in for the world.
pub(crate) struct Testbed<'a> {
    pub(crate) world: &'a World<'a>,
    pub(crate) sh: Shell,
    pub(crate) scratch: PathBuf,
    pub(crate) arch: Arch,
    /// `127.0.0.1:PORT` of the registry.
    pub(crate) registry: String,
    pub(crate) engine: Engine,
    pub(crate) images: Images,
    pub(crate) wanted: KmodTag,
    /// The stand-ins of another architecture, where it is rehearsed, too.
    pub(crate) others: Vec<(Arch, Images)>,
    /// `skopeo` for the stand-in of the base image, which judges signatures with it;
    /// `None` where this machine has none that can.
    pub(crate) skopeo: Option<PathBuf>,
}

/// Writes an `image.yaml`.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_config(path: &Path, config: &Config) -> Result<(), Error> {
    let yaml = serde_yaml::to_string(config).map_err(|e| Error::Usage(e.to_string()))?;
    Ok(write(path, &yaml)?)
}

/// The image of the scenario in which nothing fails, in the engine's storage.
pub(crate) const HEALTHY: &str = "localhost/custom-coreos-rehearsal/well:latest";

/// The stand-ins where the commands look for them.
pub(crate) struct Services {
    server: Loopback,
    /// Where the kmods image lies.
    pub(crate) kmods: ImageRef,
}

impl Services {
    /// `127.0.0.1:PORT` of what plays Fedora and GitHub.
    pub(crate) fn metadata(&self) -> String {
        self.server.address().to_string()
    }
}

impl Testbed<'_> {
    /// Pushes the stand-ins, and starts what plays Fedora and GitHub.
    ///
    /// # Errors
    /// If image.yaml lists no kmods that can be played, or a push fails.
    pub(crate) fn start_services(&self) -> Result<Services, Error> {
        self.start_services_with(None)
    }

    /// The same, with a repository at GitHub that remembers.
    ///
    /// # Errors
    /// As [`Testbed::start_services`].
    pub(crate) fn start_services_with(&self, github: Option<Github>) -> Result<Services, Error> {
        let source = Self::played(self.world.config)?;
        let kmods = source.image.tagged(source.tag(&self.wanted)?);
        self.push(&self.images.kmods, &kmods)?;
        self.serve(github, BTreeMap::new(), kmods)
    }

    /// Pushes the base, and starts what plays Fedora and GitHub, with these files besides,
    /// by their path in each world. `kmods` is where modules lie, or will.
    ///
    /// # Errors
    /// If the push fails.
    pub(crate) fn serve(
        &self,
        github: Option<Github>,
        files: BTreeMap<String, Vec<u8>>,
        kmods: ImageRef,
    ) -> Result<Services, Error> {
        let config = self.world.config;
        let base = config.base_tag()?;
        let mut others = Vec::new();
        for (arch, images) in &self.others {
            let source = Self::played(config)?;
            let kernel = self.wanted.kernel.to_string();
            let wanted = KmodTag {
                kernel: kernel.replace(self.arch.rpm(), arch.rpm()).parse()?,
                zfs: self.wanted.zfs,
            };
            self.push(&images.base, &base)?;
            self.push(&images.kmods, &source.image.tagged(source.tag(&wanted)?))?;
            others.push((*arch, self.pushed_digest(&base)?));
        }
        self.push(&self.images.base, &base)?;
        let what = metadata::Published {
            fcos: FCOS,
            base: self.pushed_digest(&base)?,
            others,
            kmods: self.wanted.clone(),
            arch: self.arch,
            now: self.world.env.now,
            files,
        };
        let server = metadata::server(config, what, github)?;
        Ok(Services { server, kmods })
    }

    /// The source of kmods that the stand-in plays.
    ///
    /// # Errors
    /// If image.yaml lists none that can be played.
    pub(crate) fn played(config: &Config) -> Result<&Kmods, Error> {
        let mut sources = config.kmods.iter();
        sources
            .find(|source| source.flavor().is_none() && source.path.is_root())
            .ok_or_else(|| {
                let detail = "image.yaml lists no source of kmods that the stand-in could play: \
                              one with `tag`, and its RPMs at the root";
                Error::Usage(detail.to_owned())
            })
    }

    /// The same world with another base and other kmods.
    pub(crate) fn with(&self, base: &str, kmods: &str, wanted: KmodTag) -> Self {
        Self {
            world: self.world,
            sh: self.sh.clone(),
            scratch: self.scratch.clone(),
            arch: self.arch,
            registry: self.registry.clone(),
            engine: self.engine,
            images: Images {
                base: base.to_owned(),
                kmods: kmods.to_owned(),
                ..self.images.clone()
            },
            wanted,
            others: self.others.clone(),
            skopeo: self.skopeo.clone(),
        }
    }

    /// The same once more.
    pub(crate) fn copy(&self) -> Self {
        self.with(&self.images.base, &self.images.kmods, self.wanted.clone())
    }

    /// What a build leaves, by its name in the engine's storage.
    pub(crate) fn built(&self) -> String {
        format!("localhost/{}:stable", self.world.config.image.name)
    }

    /// Builds with one of the kmods images, without a publication, and gives what was
    /// built another name.
    ///
    /// # Errors
    /// If the build does not end with 0.
    pub(crate) fn build(&self, services: &Services, kmods: &str, name: &str) -> Result<(), Error> {
        self.push(kmods, &services.kmods)?;
        let words = ["build", "--force=rehearsal"];
        let code = self.run_in(&GOOD, &services.metadata(), &words, |_| {})?;
        if code != Some(0) {
            return Err(Error::Step {
                step: "build".to_owned(),
                detail: format!("it ended with {code:?}"),
            });
        }
        let words = ["tag", &self.built(), name];
        process::read(&self.sh, &Invocation::new(self.engine.program(), words))?;
        Ok(())
    }

    /// An image made of another one by the steps of a Containerfile, which find the
    /// files of a folder; its name.
    ///
    /// # Errors
    /// If the engine cannot build it.
    pub(crate) fn derived(
        &self,
        name: &str,
        (from, steps): (&str, &str),
        context: &Path,
    ) -> Result<String, Error> {
        make_dir(context)?;
        let file = self.scratch.join(format!("{name}.Containerfile"));
        write(&file, &format!("FROM {from}\n{steps}"))?;
        let image = format!("localhost/custom-coreos-rehearsal/{name}:latest");
        let words = [
            "build".to_owned(),
            "--quiet".to_owned(),
            "--pull=never".to_owned(),
            format!("--tag={image}"),
            format!("--file={}", file.display()),
            context.display().to_string(),
        ];
        process::read(&self.sh, &Invocation::new(self.engine.program(), words))?;
        Ok(image)
    }

    /// Pushes a stand-in to where `registries.conf` will look for the original.
    pub(crate) fn push(&self, image: &str, original: &ImageRef) -> Result<(), Error> {
        let place = format!("{}/{original}", self.registry);
        Ok(standins::push(
            &self.sh,
            self.engine.program(),
            image,
            &place,
        )?)
    }

    /// Types one command, as CI would, in the world of one night. `edit` changes its
    /// `image.yaml`.
    pub(crate) fn run_in(
        &self,
        night: &Scenario,
        metadata: &str,
        words: &[&str],
        edit: impl FnOnce(&mut Config),
    ) -> Result<Option<i32>, Error> {
        Ok(self.run_and_listen(night, metadata, words, edit)?.0)
    }

    /// The same; with every line that it said.
    pub(crate) fn run_and_listen(
        &self,
        night: &Scenario,
        metadata: &str,
        words: &[&str],
        edit: impl FnOnce(&mut Config),
    ) -> Result<(Option<i32>, Vec<String>), Error> {
        let folder = self.scratch.join(night.world);
        make_dir(&folder)?;
        let mut config = self.config_of(night, metadata)?;
        edit(&mut config);
        let image_yaml = folder.join("image.yaml");
        write_config(&image_yaml, &config)?;
        self.set_variables(night, &folder)?;
        let engine = format!("--engine={}", self.engine);
        let exe = self.world.env.exe.display().to_string();
        let yaml = image_yaml.display().to_string();
        let mut words = words.to_vec();
        words.extend([engine.as_str(), "--config", yaml.as_str()]);
        words.extend(night.options);
        let verbose = self.world.report.level() == Level::Verbose;
        words.extend(verbose.then_some("--verbose"));
        let invocation = Invocation::new(&exe, words.iter().copied());
        let report = self.world.report;
        // As it is typed in the checkout.
        let here = format!("{}/", self.world.env.root.display());
        let shown: Vec<&str> = words
            .iter()
            .filter(|word| **word != engine)
            .map(|word| word.strip_prefix(&here).unwrap_or(word))
            .collect();
        report.command(&format!("cargo xtask {}", shown.join(" ")));
        let mut said = Vec::new();
        let code = process::status(&self.sh, &invocation, &mut |line| {
            said.push(line.to_owned());
            report.foreign(line);
        })?;
        Ok((code, said))
    }

    /// The `image.yaml` of one night.
    pub(crate) fn config_of(&self, night: &Scenario, metadata: &str) -> Result<Config, Error> {
        let mut config = self.world.config.clone();
        let place = format!("http://{metadata}/{}", night.world);
        config.urls.github_api = place.parse()?;
        config.urls.fcos_builds = place.parse()?;
        // Those of a quick rehearsal have no kernel that boots.
        config.boot = Boot {
            gate: Gate::Never,
            reason: Some("a stand-in".parse()?),
            ..Boot::default()
        };
        config.zfs.series = self.wanted.zfs.series();
        config.signing = checkout::signing(self.skopeo.as_deref());
        // Nobody vouches for a stand-in.
        config.base.signature = None;
        config.base.key = None;
        Ok(config)
    }

    /// Sets what the commands of one night find in their environment; files of it lie
    /// in `folder`.
    pub(crate) fn set_variables(&self, night: &Scenario, folder: &Path) -> Result<(), Error> {
        self.sh.set_var(checkout::PASSWORD, night.password);
        let conf = folder.join("registries.conf");
        let registry = if night.unreachable {
            nobody()?.to_string()
        } else {
            self.registry.clone()
        };
        write(&conf, &self.registries_conf(&registry)?)?;
        self.sh.set_var("CONTAINERS_REGISTRIES_CONF", &conf);
        // The rehearsal's own run in CI must not report as the real job.
        let of_ci = forge::github::RUN_VARIABLES.into_iter();
        for name in of_ci.chain(forge::github::TOKENS) {
            self.sh.set_var(name, "");
        }
        // What a rehearsal makes up is not for the person's own cache.
        self.sh.set_var("XDG_CACHE_HOME", folder.join("cache"));
        Ok(())
    }

    /// Leads what is played to the stand-ins' registry: whole hosts, so that nothing is
    /// asked upstream. Only where `content` takes images, those come from where the
    /// person's own configuration finds them: nobody could play what is compiled.
    fn registries_conf(&self, registry: &str) -> Result<String, Error> {
        let config = self.world.config;
        let repository = config.repository()?;
        let kmods = config.kmods.iter().map(|source| &source.image);
        let played = [&config.base.image, &repository].into_iter().chain(kmods);
        let whole = config.content.copy.is_empty() && config.content.stages.is_empty();
        let mut names: Vec<String> = played
            .map(|image| match whole {
                true => image.registry().to_owned(),
                false => image.to_string(),
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        let entry = |name: &String| {
            format!(
                "[[registry]]\nprefix = \"{name}\"\nlocation = \"{registry}/{name}\"\ninsecure = true\n\n"
            )
        };
        let own = match (&self.world.env.registries_conf, whole) {
            (Some(path), false) => image_build::inputs::read(path)? + "\n",
            _ => String::new(),
        };
        let local = format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n");
        Ok(own + &names.iter().map(entry).collect::<String>() + &local)
    }

    /// What the first published tag names now.
    pub(crate) fn tag_now(&self) -> Result<Option<Digest>, Error> {
        let config = self.world.config;
        match config.image.tags.first() {
            Some(tag) => self.digest_now(&config.repository()?.tagged(tag.clone())),
            None => Ok(None),
        }
    }

    fn pushed_digest(&self, image: &ImageRef) -> Result<Digest, Error> {
        self.digest_now(image)?.ok_or_else(|| Error::Step {
            step: "stand-ins".to_owned(),
            detail: format!("{image} is not there after the push"),
        })
    }

    /// What a name that `registries.conf` maps names now.
    pub(crate) fn digest_now(&self, image: &ImageRef) -> Result<Option<Digest>, Error> {
        let conf = self.scratch.join("testbed.conf");
        write(&conf, &self.registries_conf(&self.registry)?)?;
        let registries = Registries::new(
            Agent::new(Limits::default()),
            RegistriesConf::load(Some(&conf), None, Path::new("/nonexistent"))?,
            AuthFiles::default(),
            Box::new(|_, _| Ok(None)),
            Limits::default(),
        )?;
        match registries.digest(image) {
            Answer::Present(digest) => Ok(Some(digest)),
            Answer::Absent => Ok(None),
            Answer::Unknown(why) => Err(image_build::Error::Unknown(why).into()),
        }
    }
}
