//! What the tasks need on this machine, what is missing of it, and what brings
//! it.

pub mod foreign;
pub(crate) mod images;
mod tool;
mod tools;
mod vm;

use std::path::Path;

use host::env::Env;
use host::process;
use host::process::{Capture, Invocation};
use host::report::Report;
use image_build::engine::Engine;
use image_build::gather::{World, auth_files};
use image_config::Images;
use manual::book;
use registry_compat::Repository;
pub use tool::{Line, Purpose};
use tool::{Tool, free_space, installed, line_of};
use tools::TOOLS;

use crate::error::Error;

/// What a rehearsal and the tests need beside an engine.
pub const REHEARSAL: [&str; 6] = ["podman", "rpmbuild", "rpm", "depmod", "systemctl", "cc"];

/// What must be in `containers.conf` where systemd does not run: podman would
/// ask it for a cgroup and the journal. `runc` rather than `crun`, which also
/// refuses the mixed cgroups that such places often have.
pub fn containers_conf(env: &Env) -> String {
    let runtime = match env.program("runc") {
        Some(_) => "runtime = \"runc\"\n",
        None => "",
    };
    format!(
        "[engine]\n{runtime}cgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\n\
         [containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n"
    )
}

/// Free space that a build of the real image wants, in bytes: base, layers and
/// the copy that is pushed.
const WANTED_SPACE: u64 = 20_000_000_000;

/// What `doctor` judges by if nobody says what for.
const USUAL: [Purpose; 2] = [Purpose::Build, Purpose::Rehearse];

/// Looks at everything and stops at nothing; what is needed for one of the purposes
/// must be there.
pub fn look(env: &Env, report: &Report, config: &Path, purposes: &[Purpose]) -> Vec<Line> {
    let mut lines = tools(env);
    lines.extend(foreign::lines(env));
    lines.push(book_maker(env));
    lines.push(engine(env));
    lines.push(systemd(env));
    lines.push(space(env));
    lines.extend(vm::lines(env));
    lines.extend(images::lines(env));
    lines.extend(policy(env, report, config));
    let purposes = match purposes {
        [] => USUAL.as_slice(),
        purposes => purposes,
    };
    let lines = lines.into_iter();
    lines.map(|line| line.judged(purposes)).collect()
}

fn tools(env: &Env) -> Vec<Line> {
    TOOLS.iter().map(|tool| line_of(env, tool)).collect()
}

/// The one package command, for the family of this machine; `None` if nothing
/// is missing.
pub fn install_command(env: &Env) -> Option<Invocation> {
    command(env, &[])
}

/// The same; with what only machines or emulation take, where one of the purposes does.
pub fn command(env: &Env, purposes: &[Purpose]) -> Option<Invocation> {
    let of = |purpose: Purpose, tools: &'static [Tool]| {
        let wanted = purposes.contains(&purpose);
        if wanted { tools } else { &[] }
    };
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .chain(of(Purpose::Vm, &vm::TOOLS))
        .chain(of(Purpose::Images, &images::TOOLS))
        .filter(|tool| installed(env, tool).is_none())
        .collect();
    if missing.is_empty() {
        return None;
    }
    let apt = env.program("apt-get").is_some();
    let mut words: Vec<&str> = Vec::new();
    if !env.root_user && env.program("sudo").is_some() {
        words.push("sudo");
    }
    words.extend(if apt {
        ["apt-get", "install", "--yes", "--no-install-recommends"].as_slice()
    } else {
        ["dnf", "install", "--assumeyes"].as_slice()
    });
    let mut packages: Vec<&str> = missing
        .iter()
        .flat_map(|tool| if apt { tool.debian } else { tool.fedora }.split_whitespace())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    words.extend(packages);
    Some(Invocation::new(words[0], words[1..].iter().copied()))
}

/// Opens KVM to this person until the machine starts again, where it is there and
/// closed: so it is on GitHub's runners.
fn open_kvm(env: &Env, report: &Report) -> Result<(), Error> {
    let closed = host::kvm::is_closed();
    if !closed || env.root_user || env.program("sudo").is_none() {
        return Ok(());
    }
    let sh = process::shell(&env.root)?;
    let command = Invocation::new("sudo", ["chmod", "a+rw", "/dev/kvm"]);
    report.command(&command.to_string());
    process::run(&sh, &command, Capture::Show, &mut |line| {
        report.foreign(line);
    })?;
    Ok(())
}

/// Runs the commands that bring what is missing: the packages, what no
/// distribution has, and mdBook where the book is asked for. For the book alone no package is needed.
///
/// # Errors
/// If one of them fails.
pub fn install(env: &Env, report: &Report, purposes: &[Purpose]) -> Result<(), Error> {
    let mut commands = Vec::new();
    if purposes != [Purpose::Docs] {
        install_packages(env, report, purposes)?;
        if purposes.contains(&Purpose::Vm) {
            open_kvm(env, report)?;
        }
        if purposes.contains(&Purpose::Images) {
            images::register(env, report)?;
        }
        commands.extend(foreign::commands(env)?);
    }
    if purposes.contains(&Purpose::Docs) && book::program(env).is_none() {
        commands.push(mdbook());
    }
    let sh = process::shell(&env.root)?;
    for command in commands {
        report.status("Running", &command.to_string());
        process::run(&sh, &command, Capture::Show, &mut |line| {
            report.foreign(line);
        })?;
    }
    Ok(())
}

/// mdBook from crates.io, into a folder of its own, with its search and without its
/// server, which is half of it.
fn mdbook() -> Invocation {
    let words = ["install", "--locked", "--no-default-features"];
    let more = ["--features=search", "--root", book::PLACE, book::MDBOOK];
    Invocation::new("cargo", words.into_iter().chain(more))
}

fn book_maker(env: &Env) -> Line {
    let found = book::program(env);
    let line = Line::new(found.is_some(), &[Purpose::Docs], "mdbook (makes the book)");
    match found {
        Some(path) => line.found(path.display().to_string()),
        None => line.found("no").mend("cargo xtask doctor docs --install"),
    }
}

fn install_packages(env: &Env, report: &Report, purposes: &[Purpose]) -> Result<(), Error> {
    let Some(command) = command(env, purposes) else {
        return Ok(());
    };
    let sh = process::shell(&env.root)?;
    let mut show = |line: &str| report.foreign(line);
    if env.program("apt-get").is_some() {
        // Without fresh lists the versions they name may be gone.
        let mut update = command.clone();
        let verb = update.args.iter().position(|arg| arg == "install");
        update.args.truncate(verb.unwrap_or(0));
        update.args.push("update".to_owned());
        report.status("Running", &update.to_string());
        process::run(&sh, &update, Capture::Show, &mut show)?;
    }
    report.status("Running", &command.to_string());
    process::run(&sh, &command, Capture::Show, &mut show)?;
    Ok(())
}

fn engine(env: &Env) -> Line {
    let found = Engine::ALL
        .into_iter()
        .find(|engine| env.program(engine.program()).is_some());
    let version = found.and_then(|engine| {
        let sh = process::shell(&env.root).ok()?;
        process::read(&sh, &engine.version()).ok()
    });
    let line = Line::new(version.is_some(), &[Purpose::Build], "container engine")
        .found(version.map_or_else(|| "none that runs".to_owned(), |v| host::one_line(&v)));
    match found {
        Some(_) => line,
        None => line.mend("install podman"),
    }
}

/// Podman needs words about a machine that systemd did not boot (a container,
/// a chroot): without them every `RUN` step of a build fails.
fn systemd(env: &Env) -> Line {
    let ok = env.systemd || env.containers_conf || env.program("podman").is_none();
    let found = match (env.systemd, env.containers_conf) {
        (true, _) => "systemd runs",
        (false, true) => "no systemd, but CONTAINERS_CONF is set",
        (false, false) => "no systemd, so every RUN of a build fails",
    };
    // A rehearsal and the tests say it to podman themselves.
    let line = Line::new(
        ok,
        &[Purpose::Build],
        "systemd, or CONTAINERS_CONF for podman",
    )
    .found(found);
    if ok {
        return line;
    }
    let file = "target/containers.conf";
    let conf = containers_conf(env).replace("\n\n", "\n");
    // Whole lines at the left edge, to be copied.
    line.mend(format!(
        "tell podman that there is none, by the lines below\ncat > {file} <<END\n{conf}END\n\
         export CONTAINERS_CONF=\"$PWD/{file}\""
    ))
}

/// The free space under the engine's storage.
fn space(env: &Env) -> Line {
    let place = ["/var/lib/containers", "/var/lib", "/"]
        .into_iter()
        .find(|path| Path::new(path).is_dir())
        .unwrap_or("/");
    let free = free_space(env, place);
    let gigabytes = |bytes: u64| format!("{} GB", bytes / 1_000_000_000);
    // Advice, not a verdict: a rehearsal and the tests do with far less.
    let line = Line::new(free.is_some(), &[], format!("disk space under {place}"))
        .found(free.map_or_else(|| "not known".to_owned(), gigabytes));
    match free {
        Some(free) if free < WANTED_SPACE => line.mend(format!(
            "a build wants {}; `podman system prune`",
            gigabytes(WANTED_SPACE)
        )),
        _ => line,
    }
}

/// `image.yaml`, `registries.conf` and the credentials for the published name.
fn policy(env: &Env, report: &Report, path: &Path) -> Vec<Line> {
    let line = |name: &str, outcome: Result<String, (String, String)>| {
        let ok = outcome.is_ok();
        let (found, mend) = outcome.map_or_else(|wrong| wrong, |found| (found, String::new()));
        Line::new(ok, &Purpose::ALL, name).found(found).mend(mend)
    };
    let images = match Images::load(path) {
        Ok(images) => images,
        Err(error) => {
            return vec![line(
                "image.yaml",
                Err((error.to_string(), "mend it".into())),
            )];
        }
    };
    // Valid all the same: doubts are advice.
    let mut doubts: Vec<String> = Vec::new();
    for image in images.iter() {
        doubts.extend(image.config.doubts(env.now));
    }
    doubts.dedup();
    let mut lines = match doubts.len() {
        0 => vec![line("image.yaml", Ok("valid".to_owned()))],
        _ => Vec::new(),
    };
    lines.extend(doubts.into_iter().map(|doubt| {
        let (key, why) = doubt.split_once(": ").unwrap_or(("", &doubt));
        Line::new(true, &Purpose::ALL, "image.yaml")
            .found(format!("valid; but see {key}"))
            .mend(format!("{key}: {why}"))
    }));
    let mut places: Vec<Repository> = Vec::new();
    for image in images.iter() {
        let config = &image.config;
        let world = World::new(env, config, report);
        let place = world.registries().and_then(|registries| {
            let repository = config.repository()?;
            let tag = repository.tagged(config.image.candidate.clone());
            Ok(registries.home_of(&tag)?.image.repository().clone())
        });
        match place {
            Err(error) => {
                let wrong = Err((error.to_string(), "mend it".into()));
                lines.push(line("registries.conf", wrong));
                break;
            }
            Ok(repository) => places.push(repository),
        }
    }
    for repository in places {
        let name = format!("credentials for {repository}");
        let login = format!("podman login {} (only to publish)", repository.registry());
        lines.push(
            match auth_files(env).find(&repository, &process::credential_helper) {
                Ok(Some(found)) => line(&name, Ok(format!("user {}", found.user))),
                // Without them one can build, test and rehearse.
                Ok(None) => Line::new(false, &[], &name).found("none").mend(login),
                Err(error) => line(&name, Err((error.to_string(), login))),
            },
        );
    }
    let token = Line::new(env.github_token.is_some(), &[], "GitHub token");
    lines.push(match env.github_token {
        Some(_) => token.found("set"),
        None => token.found("none").mend(format!(
            "{} raises GitHub's limit of 60 requests an hour",
            forge::github::TOKENS[0]
        )),
    });
    lines
}
