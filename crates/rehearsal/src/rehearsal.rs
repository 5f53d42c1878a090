//! `rehearse`: the whole main job on this machine, against throw-away
//! stand-ins. No account, no upstream.
//!
//! The program that runs is this very program, as a child, with the commands
//! that CI types. It is told about the stand-ins the way a person would tell it:
//! by an `image.yaml` whose `urls` point to loopback, and by a `registries.conf`
//! that maps the registries onto a local one. References, Containerfile, plan
//! and code are those of production.

use std::path::{Path, PathBuf};

use clap::Args;
use host::env::Stopwatch;
use host::files::make_dir;
use host::process::{Background, Guard, Invocation};
use host::{Done, process};
use image_build::engine::Engine;
use image_build::gather::World;
use image_build::inputs::write;
use registry_compat::{Digest, KmodTag};
use remote::loopback::nobody;
use version_discovery::Arch;
use xshell::Shell;

use crate::error::Error;
use crate::playground::{self, ScenarioName};
use crate::standins::StandIn;
use crate::standins::bootable::Bootable;
use crate::standins::kmods_builder::KmodsBuilder;
use crate::testbed::{FCOS, Testbed};
use crate::{
    absent_parts, boot_nights, checkout, heal, own_kmods, requirements, scenarios, several,
    standins,
};

/// What the stand-ins claim to be. The numbers have no meaning beyond being
/// well-formed; the architecture is this machine's.
const ZFS: &str = "2.4.4";
const KERNEL: &str = "7.1.4-200.fc44";
const WRONG_KERNEL: &str = "7.1.3-200.fc44";

/// How a rehearsal is run: the arguments of `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Keep the folder with the stand-ins and logs
    #[arg(long)]
    pub keep: bool,
    /// Make stand-ins that boot, and have the publication boot its image in a
    /// virtual machine before a tag moves. Their kernel and ZFS are compiled once,
    /// in ten minutes, and kept in the cache
    #[arg(long)]
    pub boot: bool,
    /// The same stand-ins: have a host update itself in a virtual machine, to good
    /// images and to bad ones, and look whether it goes back
    #[arg(long)]
    pub heal: bool,
    /// Build kernel modules of our own by OpenZFS's rules, for the same kernel, and have
    /// an image with them boot. They take ten minutes more, once
    #[arg(long)]
    pub kmods: bool,
    /// Play three images of two architectures in one repository, of which one part is
    /// broken. Those of the other architecture are of its real programs, emulated; no
    /// kernel of it is compiled here
    #[arg(long, conflicts_with_all = ["boot", "heal", "kmods"])]
    pub images: bool,
    /// Leave the world up, and open a shell in it: registry, Fedora, GitHub, and a
    /// checkout that points to them. Leaving the shell takes all of it away
    #[arg(long)]
    pub shell: bool,
    /// Open the shell in this night
    #[arg(long, value_enum, value_name = "NAME")]
    pub scenario: Option<ScenarioName>,
    /// Rehearse with this engine
    #[arg(long, value_name = "ENGINE", default_value = "podman")]
    pub engine: Engine,
}

impl Options {
    /// The night that a shell is opened in, if one is.
    fn playground(&self) -> Option<ScenarioName> {
        self.scenario
            .or_else(|| self.shell.then(ScenarioName::default))
    }
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

/// Runs the rehearsal.
///
/// # Errors
/// If the stand-ins could not be made. A night that ends otherwise than it
/// should is an answer: [`Done::CheckFailed`].
pub fn run(world: &World<'_>, args: &Options) -> Result<Done, Error> {
    // Two would take the world from under each other.
    let target = world.env.root.join("target");
    make_dir(&target)?;
    let place = target.join("rehearsal.lock");
    let lock = host::files::lock(&place).map_err(host::Error::write(&place))?;
    let _lock = lock.ok_or(Error::Busy)?;
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
    // A person may be away when this program ends.
    let _guard = match args.playground().filter(|_| !args.keep) {
        Some(_) => Some(guard(&scratch.path, running.path())?),
        None => None,
    };
    let watch = Stopwatch::start();
    let (registry, _service) = start_registry(world, &sh, &scratch.path)?;
    world
        .report
        .status("Started", &format!("a registry on {registry}"));
    let arch: Arch = std::env::consts::ARCH.parse()?;
    let bootable = match args.boot || args.heal || args.kmods {
        true => Some(Bootable::get(world, &sh, &scratch.path)?),
        false => None,
    };
    let own = match (&bootable, args.kmods) {
        (Some(bootable), true) => {
            let newer = own_kmods::newer_kernel();
            let path = &scratch.path;
            Some(KmodsBuilder::get(world, &sh, path, bootable, &newer)?)
        }
        _ => None,
    };
    let wanted = match &bootable {
        Some(bootable) => bootable.versions.clone(),
        None => KmodTag {
            kernel: format!("{KERNEL}.{arch}").parse()?,
            zfs: ZFS.parse()?,
        },
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
    let wrong_kernel = match &bootable {
        // Its module is patched: the name keeps its length.
        Some(bootable) => bootable.versions.kernel.to_string().replacen('2', "3", 1),
        None => format!("{WRONG_KERNEL}.{arch}"),
    };
    let spec = StandIn {
        sysroot: None,
        engine: args.engine.program().to_owned(),
        kernel: wanted.kernel.to_string(),
        zfs: wanted.zfs.to_string(),
        fcos: FCOS.to_owned(),
        stream: world.config.base.stream.to_string(),
        skopeo: skopeo.clone(),
        bootable,
        packages: absent_parts::packages(world.config),
        units: absent_parts::units(world),
        selinux: !world.config.content.selinux.is_empty(),
        wrong_kernel,
    };
    let others = match args.images {
        true => vec![several::other_architecture(
            world,
            &sh,
            &scratch.path,
            &spec,
        )?],
        false => Vec::new(),
    };
    let images = standins::make(&sh, &scratch.path, &spec)?;
    checkout::make(world, &sh, &scratch.path)?;
    let testbed = Testbed {
        world,
        sh,
        scratch: scratch.path.clone(),
        arch,
        registry,
        engine: args.engine,
        images,
        others,
        wanted,
        skopeo,
    };
    let mut all = Vec::new();
    if args.boot {
        all.push(boot_nights::rehearse(&testbed, &watch)?);
    }
    if args.heal {
        all.push(heal::rehearse(&testbed, &watch)?);
    }
    if let Some(own) = own {
        all.push(own_kmods::rehearse(&testbed, &own, &watch)?);
    }
    if args.images {
        all.push(several::rehearse(&testbed, &watch)?);
    }
    if let Some(scenario) = args.playground() {
        all.push(playground::rehearse(&testbed, scenario)?);
    }
    if all.is_empty() {
        all.push(rehearse(&testbed, &watch)?);
    }
    // What a shell ended with is its own.
    let done = all.into_iter().find(|done| *done != Done::Success);
    let done = done.unwrap_or(Done::Success);
    if args.keep {
        world
            .report
            .status("Kept", &testbed.scratch.display().to_string());
    }
    Ok(done)
}

/// What takes everything away after a `kill -9`, too.
fn guard(scratch: &Path, running: &Path) -> Result<Guard, Error> {
    let mark = scratch.join("storage.conf").display().to_string();
    let folders = [scratch.to_owned(), running.to_owned()];
    Ok(Guard::start(("CONTAINERS_STORAGE_CONF", &mark), &folders)?)
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

fn rehearse(testbed: &Testbed<'_>, watch: &Stopwatch) -> Result<Done, Error> {
    let config = testbed.world.config;
    let world = testbed.start_services()?;
    let metadata = world.metadata();
    let kmods = &world.kmods;
    let made = watch.elapsed();
    let mut rows = vec![
        ["", "NIGHT", "EXIT", "WANTED", "SECONDS", "TAG"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut well = true;
    let mut published: Option<Digest> = None;
    for night in scenarios::ALL {
        testbed.world.report.status("Night", night.title);
        if night.broken_kmods {
            testbed.push(&testbed.images.broken_kmods, kmods)?;
        }
        let watch = Stopwatch::start();
        let code = testbed.run_in(&night, &metadata, &["build", "--publish"], |_| {})?;
        let now = testbed.tag_now()?;
        let held = if night.publishes {
            now.is_some() && now != published
        } else {
            now == published
        };
        let good = code == Some(night.code) && held;
        well &= good;
        let ended = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit {code}"));
        let seconds = watch.elapsed().as_secs_f64();
        let text = format!("{ended} after {seconds:.1} s");
        if good {
            testbed.world.report.status("Ended", &text);
        } else {
            // With the last lines of what was run.
            testbed.world.report.error(&format!(
                "{}: {text}, exit {} was wanted",
                night.title, night.code
            ));
        }
        testbed.world.report.forget();
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
    testbed.world.report.table(&rows);
    let repository = config.repository()?;
    let digest = published.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
    testbed
        .world
        .report
        .answer(&format!("published: {repository}@{digest}"));
    testbed.world.report.document(&serde_json::json!({
        "well": well,
        "published": format!("{repository}@{digest}"),
        "nights": rows,
    }))?;
    testbed.world.report.status(
        "Took",
        &format!(
            "{:.1} s, {:.1} s of it for the stand-ins",
            watch.elapsed().as_secs_f64(),
            made.as_secs_f64()
        ),
    );
    Ok(if well {
        Done::Success
    } else {
        Done::CheckFailed
    })
}
