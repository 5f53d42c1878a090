//! `rehearse`: the whole main job on this machine, against throw-away
//! stand-ins. No account, no upstream.
//!
//! The program that runs is this very program, as a child, with the commands
//! that CI types. It is told about the stand-ins the way a person would tell it:
//! by an `image.yaml` whose `urls` point to loopback, and by a `registries.conf`
//! that maps the registries onto a local one. References, Containerfile, plan
//! and code are those of production.

use std::path::{Path, PathBuf};

use host::env::Stopwatch;
use host::files::make_dir;
use host::process::{Background, Invocation};
use host::{Done, process};
use image_build::engine::Engine;
use image_build::gather::World;
use image_build::inputs::write;
use registry_compat::{Answer, Digest, ImageRef, KmodTag};
use remote::loopback::nobody;
use remote::{Agent, AuthFiles, Limits, Registries, RegistriesConf};
use version_discovery::Arch;
use xshell::Shell;

use crate::error::Error;
use crate::scenarios::Night;
use crate::standins::{Images, StandIn};
use crate::{checkout, metadata, requirements, scenarios, standins};

/// What the stand-ins claim to be. The numbers have no meaning beyond being
/// well-formed; the architecture is this machine's.
const ZFS: &str = "2.4.4";
const FCOS: &str = "44.20260720.3.1";
const KERNEL: &str = "7.1.4-200.fc44";
const WRONG_KERNEL: &str = "7.1.3-200.fc44";

/// How a rehearsal is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Keep the folder with the stand-ins and logs.
    pub keep: bool,
    /// The engine that builds.
    pub engine: Engine,
}

/// A folder that is removed at the end, unless it is to be kept.
struct Scratch {
    path: PathBuf,
    keep: bool,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            remove(&self.path);
        }
    }
}

/// Removes the folder. An engine that was ended in the midst of its work leaves
/// its storage mounted on itself; and a rootless one leaves files that belong to
/// other user ids of the person, which may go in its own user namespace only.
fn remove(path: &Path) {
    let gone = || std::fs::remove_dir_all(path).is_ok() || !path.exists();
    if gone() {
        return;
    }
    let mount = path.join("storage/overlay").display().to_string();
    let path = path.display().to_string();
    let script = "umount --recursive \"$1\" 2>/dev/null; rm -rf \"$0\"";
    let unmount = Invocation::new("umount", ["--recursive", mount.as_str()]);
    let unshare = ["unshare", "sh", "-c", script, path.as_str(), mount.as_str()];
    let unshare = Invocation::new("podman", unshare);
    // What is left is in the target folder, where `cargo clean` finds it.
    process::tidying(|| {
        let Ok(sh) = Shell::new() else { return };
        for way in [unmount, unshare] {
            let _ = process::status(&sh, &way, &mut |_| {});
            if gone() {
                return;
            }
        }
    });
}

/// Everything that stands in for the world.
pub(crate) struct Stage<'a> {
    world: &'a World<'a>,
    sh: Shell,
    scratch: PathBuf,
    arch: Arch,
    /// `127.0.0.1:PORT` of the registry.
    registry: String,
    engine: Engine,
    images: Images,
    wanted: KmodTag,
    /// The one in the stand-in.
    skopeo: Option<PathBuf>,
}

/// Runs the rehearsal.
///
/// # Errors
/// If the stand-ins could not be made. A night that ends otherwise than it
/// should is an answer: [`Done::Badly`].
pub fn run(world: &World<'_>, args: &Options) -> Result<Done, Error> {
    tools(world)?;
    let scratch = Scratch {
        path: world.env.root.join("target/rehearsal"),
        keep: args.keep,
    };
    remove(&scratch.path);
    make_dir(&scratch.path)?;
    let sh = process::shell(&world.env.root)?;
    // Podman passes this path to what cleans up after a container, and takes none
    // of over 50 characters there: each container would end 20 s late.
    let running = sh.create_temp_dir().map_err(|error| host::Error::Program {
        program: "rehearse".to_owned(),
        detail: error.to_string(),
    })?;
    engine_environment(world, &sh, &scratch.path, running.path())?;
    let watch = Stopwatch::start();
    let (registry, _service) = start_registry(world, &sh, &scratch.path)?;
    world
        .report
        .status("Started", &format!("a registry on {registry}"));
    let arch: Arch = std::env::consts::ARCH.parse()?;
    let wanted = KmodTag {
        kernel: format!("{KERNEL}.{arch}").parse()?,
        zfs: ZFS.parse()?,
    };
    world
        .report
        .status("Making", "stand-ins for Fedora CoreOS and the kmods image");
    let skopeo = world.env.program("skopeo");
    let skopeo = match skopeo {
        Some(program) => match checkout::reads_signatures(&sh, &program, &scratch.path)? {
            Ok(()) => Some(program),
            Err(said) => {
                world.report.warning(&format!(
                    "no second opinion on signatures, since this machine's skopeo has none: {said}"
                ));
                None
            }
        },
        None => None,
    };
    let images = standins::make(
        &sh,
        &scratch.path,
        &StandIn {
            engine: args.engine.program().to_owned(),
            kernel: wanted.kernel.to_string(),
            zfs: ZFS.to_owned(),
            fcos: FCOS.to_owned(),
            stream: world.config.base.stream.to_string(),
            skopeo: skopeo.clone(),
            wrong_kernel: format!("{WRONG_KERNEL}.{arch}"),
        },
    )?;
    checkout::make(world, &sh, &scratch.path)?;
    let stage = Stage {
        world,
        sh,
        scratch: scratch.path.clone(),
        arch,
        registry,
        engine: args.engine,
        images,
        wanted,
        skopeo,
    };
    let done = stage.play(&watch)?;
    if args.keep {
        world
            .report
            .status("Kept", &stage.scratch.display().to_string());
    }
    Ok(done)
}

fn tools(world: &World<'_>) -> Result<(), Error> {
    let missing: Vec<&str> = requirements::REHEARSAL
        .into_iter()
        .filter(|program| world.env.program(program).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(host::Error::Program {
        program: missing.join("`, `"),
        detail: requirements::install_command(world.env).map_or_else(
            || "not installed".to_owned(),
            |command| format!("not installed; {command}"),
        ),
    }
    .into())
}

/// The rehearsal's images live and die in a storage of their own; and where
/// systemd does not run, podman needs a word about it (a person who has given
/// one already is not overruled).
fn engine_environment(
    world: &World<'_>,
    sh: &Shell,
    scratch: &Path,
    running: &Path,
) -> Result<(), Error> {
    let ask = ["info", "--format={{.Store.GraphDriverName}}"];
    let driver = process::read(sh, &Invocation::new("podman", ask))?;
    let storage = scratch.join("storage.conf");
    let place = |name: &str| scratch.join(name).display().to_string();
    write(
        &storage,
        &format!(
            "[storage]\ndriver = \"{}\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            host::one_line(&driver),
            place("storage"),
            running.display(),
        ),
    )?;
    sh.set_var("CONTAINERS_STORAGE_CONF", storage);
    if !world.env.systemd && !world.env.containers_conf {
        let path = scratch.join("containers.conf");
        write(&path, &requirements::containers_conf(world.env))?;
        sh.set_var("CONTAINERS_CONF", path);
    }
    Ok(())
}

/// Debian calls the program `docker-registry`, Fedora and others `registry`.
/// Without either, its container through the engine (which needs a network).
fn start_registry(
    world: &World<'_>,
    sh: &Shell,
    scratch: &Path,
) -> Result<(String, Background), Error> {
    let storage = scratch.join("registry");
    let config = scratch.join("registry.yaml");
    write(
        &config,
        &format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  \
             delete: {{enabled: true}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            storage.display()
        ),
    )?;
    let log = scratch.join("registry.log");
    let config = config.display().to_string();
    let program = ["docker-registry", "registry"]
        .into_iter()
        .find(|program| world.env.program(program).is_some());
    let Some(program) = program else {
        return container_registry(sh, &log);
    };
    let invocation = Invocation::new(program, ["serve", config.as_str()]);
    let mut service = Background::start(sh, &invocation, &log)?;
    let address = service.wait_for(&log, |line| {
        let (_, rest) = line.split_once("listening on ")?;
        rest.split(['"', ' ', ',']).next().map(str::to_owned)
    })?;
    Ok((address, service))
}

/// The registry's own image. Tried where the program is not packaged; it has to
/// be pulled, so it does not serve a machine without a network.
fn container_registry(sh: &Shell, log: &Path) -> Result<(String, Background), Error> {
    let address = nobody()?;
    let publish = format!("--publish={address}:5000");
    let image = "docker.io/library/registry:2";
    let invocation = Invocation::new("podman", ["run", "--rm", publish.as_str(), image]);
    let mut service = Background::start(sh, &invocation, log)?;
    service.wait_for(log, |line| line.contains("listening on").then(String::new))?;
    Ok((address.to_string(), service))
}

impl Stage<'_> {
    fn play(&self, watch: &Stopwatch) -> Result<Done, Error> {
        let config = self.world.config;
        let base = config.base_tag()?;
        let source = config
            .kmods
            .iter()
            .find(|source| source.flavor().is_none() && source.path.is_root())
            .ok_or_else(|| {
                let detail = "image.yaml lists no source of kmods that the stand-in could play: \
                              one with `tag`, and its RPMs at the root";
                Error::Usage(detail.to_owned())
            })?;
        let kmods = source.image.tagged(source.tag(&self.wanted)?);
        self.push(&self.images.base, &base)?;
        self.push(&self.images.kmods, &kmods)?;
        let what = metadata::Published {
            fcos: FCOS,
            base: self.digest_now(&base)?.ok_or_else(|| Error::Step {
                step: "stand-ins".to_owned(),
                detail: format!("{base} is not there after the push"),
            })?,
            kmods: self.wanted.clone(),
            arch: self.arch,
            now: self.world.env.now,
        };
        let server = metadata::server(config, what)?;
        let metadata = server.address().to_string();
        let made = watch.elapsed();
        let mut rows = vec![
            ["", "NIGHT", "EXIT", "WANTED", "SECONDS", "TAG"]
                .map(str::to_owned)
                .to_vec(),
        ];
        let mut well = true;
        let mut published: Option<Digest> = None;
        for night in scenarios::ALL {
            self.world.report.status("Night", night.title);
            if night.broken_kmods {
                self.push(&self.images.broken_kmods, &kmods)?;
            }
            let watch = Stopwatch::start();
            let code = self.night(&night, &metadata)?;
            let now = self.tag_now()?;
            let held = if night.publishes {
                now.is_some() && now != published
            } else {
                now == published
            };
            let good = code == Some(night.code) && held;
            well &= good;
            if night.publishes {
                published = now;
            }
            rows.push(vec![
                if good { "ok" } else { "FAIL" }.to_owned(),
                night.title.to_owned(),
                code.map_or_else(|| "signal".to_owned(), |code| code.to_string()),
                night.code.to_string(),
                format!("{:.1}", watch.elapsed().as_secs_f64()),
                if held {
                    night.tag
                } else {
                    "moved, and should not have"
                }
                .to_owned(),
            ]);
        }
        self.world.report.table(&rows);
        let repository = config.repository()?;
        let digest = published.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
        self.world
            .report
            .answer(&format!("published: {repository}@{digest}"));
        self.world.report.document(&serde_json::json!({
            "well": well,
            "published": format!("{repository}@{digest}"),
            "nights": rows,
        }))?;
        self.world.report.status(
            "Took",
            &format!(
                "{:.1} s, {:.1} s of it for the stand-ins",
                watch.elapsed().as_secs_f64(),
                made.as_secs_f64()
            ),
        );
        Ok(if well { Done::Well } else { Done::Badly })
    }

    /// Pushes a stand-in to where `registries.conf` will look for the original.
    fn push(&self, image: &str, original: &ImageRef) -> Result<(), Error> {
        let place = format!("{}/{original}", self.registry);
        Ok(standins::push(
            &self.sh,
            self.engine.program(),
            image,
            &place,
        )?)
    }

    /// Types one command, as CI would, in the world of one night.
    fn night(&self, night: &Night, metadata: &str) -> Result<Option<i32>, Error> {
        let folder = self.scratch.join(night.world);
        make_dir(&folder)?;
        let mut config = self.world.config.clone();
        let place = format!("http://{metadata}/{}", night.world);
        config.urls.github_api = place.parse()?;
        config.urls.fcos_builds = place.parse()?;
        config.signing = checkout::signing(self.skopeo.as_deref());
        // Nobody vouches for a stand-in.
        config.base.signature = None;
        config.base.key = None;
        self.sh.set_var(checkout::PASSWORD, night.password);
        let yaml = serde_yaml::to_string(&config).map_err(|e| Error::Usage(e.to_string()))?;
        let image_yaml = folder.join("image.yaml");
        write(&image_yaml, &yaml)?;
        let conf = folder.join("registries.conf");
        let registry = if night.unreachable {
            nobody()?.to_string()
        } else {
            self.registry.clone()
        };
        write(&conf, &self.registries_conf(&registry)?)?;
        self.sh.set_var("CONTAINERS_REGISTRIES_CONF", &conf);
        // The rehearsal's own run in CI must not report as the real job.
        for name in [
            "GITHUB_OUTPUT",
            "GITHUB_STEP_SUMMARY",
            "GITHUB_REPOSITORY_OWNER",
            "GITHUB_TOKEN",
            "GH_TOKEN",
        ] {
            self.sh.set_var(name, "");
        }
        // What a rehearsal makes up is not for the person's own cache.
        self.sh.set_var("XDG_CACHE_HOME", folder.join("cache"));
        let engine = format!("--engine={}", self.engine);
        let exe = self.world.env.exe.display().to_string();
        let yaml = image_yaml.display().to_string();
        let mut words = vec!["build", "--publish", engine.as_str()];
        words.extend(["--config", yaml.as_str()]);
        words.extend(night.options);
        let invocation = Invocation::new(&exe, words);
        let report = self.world.report;
        report.note(&format!(
            "$ cargo xtask build --publish --config {yaml} {}",
            night.options.join(" ")
        ));
        Ok(process::status(&self.sh, &invocation, &mut |line| {
            report.foreign(line);
        })?)
    }

    fn registries_conf(&self, registry: &str) -> Result<String, Error> {
        let config = self.world.config;
        let repository = config.repository()?;
        let mut hosts = vec![config.base.image.registry(), repository.registry()];
        hosts.extend(config.kmods.iter().map(|source| source.image.registry()));
        hosts.sort_unstable();
        hosts.dedup();
        let entry = |host: &&str| {
            format!(
                "[[registry]]\nprefix = \"{host}\"\nlocation = \"{registry}/{host}\"\ninsecure = true\n\n"
            )
        };
        let local = format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n");
        Ok(hosts.iter().map(entry).collect::<String>() + &local)
    }

    /// What the first published tag names now.
    fn tag_now(&self) -> Result<Option<Digest>, Error> {
        let config = self.world.config;
        match config.image.tags.first() {
            Some(tag) => self.digest_now(&config.repository()?.tagged(tag.clone())),
            None => Ok(None),
        }
    }

    /// What a name that `registries.conf` maps names now.
    fn digest_now(&self, image: &ImageRef) -> Result<Option<Digest>, Error> {
        let conf = self.scratch.join("stage.conf");
        write(&conf, &self.registries_conf(&self.registry)?)?;
        let registries = Registries::new(
            Agent::new(Limits::default()),
            RegistriesConf::load(Some(&conf), None, Path::new("/nonexistent"))?,
            AuthFiles::default(),
            Box::new(|_, _| Ok(None)),
            Limits::default(),
        )?;
        match registries.inspect(image, self.arch) {
            Answer::Present(found) => Ok(Some(found.digest)),
            Answer::Absent => Ok(None),
            Answer::Unknown(why) => Err(image_build::Error::Unknown(why).into()),
        }
    }
}
