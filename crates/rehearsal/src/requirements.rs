//! What the tasks need on this machine, what is missing of it, and what brings
//! it.

mod tool;
mod vm;

use std::path::Path;

use host::env::Env;
use host::process;
use host::process::{Capture, Invocation};
use host::report::Report;
use image_build::engine::Engine;
use image_build::gather::{World, auth_files};
use image_config::Config;
pub use tool::Line;
use tool::{Tool, free_space, installed, tool};

use crate::error::Error;

/// What a rehearsal and the tests need beside an engine.
pub const REHEARSAL: [&str; 6] = ["podman", "rpmbuild", "rpm", "depmod", "systemctl", "cc"];

/// Where a linter is put that no distribution has.
pub const LINTERS: &str = "target/linters";
/// It, in the version that the workflows were tried with; a test holds that
/// `.ci/run` takes the same.
pub const ZIZMOR: &str = "zizmor==1.32.0";

const TOOLS: [Tool; 15] = [
    tool("git", "labels the image with its commit", "git", "git-core"),
    tool(
        "podman",
        "builds, runs and pushes the image",
        "podman",
        "podman",
    ),
    tool(
        "buildah",
        "another engine, in the tests",
        "buildah",
        "buildah",
    ),
    tool("skopeo", "second opinion in the tests", "skopeo", "skopeo"),
    tool("gpgv", "Fedora's signature of the base", "gpgv", "gnupg2"),
    tool("gpg-agent", "keys of the tests", "gpg-agent", "gnupg2"),
    tool(
        "ignition-validate",
        "the real Ignition, in the tests",
        "ignition",
        "ignition-validate",
    ),
    tool(
        "htpasswd",
        "a registry with accounts, in the tests",
        "apache2-utils",
        "httpd-tools",
    ),
    tool(
        "docker-registry",
        "registry of the rehearsal",
        "docker-registry",
        "docker-distribution",
    ),
    tool("rpmbuild", "stand-ins of the rehearsal", "rpm", "rpm-build"),
    tool("rpm", "stand-ins of the rehearsal", "rpm", "rpm"),
    tool("depmod", "stand-ins of the rehearsal", "kmod", "kmod"),
    tool(
        "systemctl",
        "stand-ins of the rehearsal",
        "systemd",
        "systemd",
    ),
    tool("cc", "stand-ins of the rehearsal", "gcc", "gcc"),
    // Debian has `venv` in a package of its own, which brings the program.
    tool(
        "python3",
        "brings zizmor, for the tests",
        "python3-venv",
        "python3",
    ),
];

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

/// Looks at everything and stops at nothing. What only `vm` takes counts as
/// needed if `vm` is asked for.
pub fn look(env: &Env, report: &Report, config: &Path, vm: bool) -> Vec<Line> {
    let mut lines = tools(env);
    lines.push(linter(env));
    lines.push(engine(env));
    lines.push(systemd(env));
    lines.push(space(env));
    lines.extend(vm::lines(env, vm));
    lines.extend(policy(env, report, config));
    lines
}

fn tools(env: &Env) -> Vec<Line> {
    TOOLS
        .iter()
        .map(|tool| {
            let found = installed(env, tool);
            Line {
                ok: found.is_some(),
                name: format!("{} ({})", tool.program, tool.purpose),
                found: found.map_or_else(|| "no".to_owned(), |path| path.display().to_string()),
                mend: String::new(),
            }
        })
        .collect()
}

/// The one package command, for the family of this machine; `None` if nothing
/// is missing.
pub fn install_command(env: &Env) -> Option<Invocation> {
    command(env, false)
}

/// The same; with what only `vm` takes, if asked.
pub fn command(env: &Env, vm: bool) -> Option<Invocation> {
    let also = if vm { vm::TOOLS.as_slice() } else { &[] };
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .chain(also)
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

/// The linter of the workflows.
fn zizmor(env: &Env) -> Option<std::path::PathBuf> {
    let ours = env.root.join(LINTERS).join("bin/zizmor");
    env.program("zizmor")
        .or_else(|| Some(ours).filter(|path| path.is_file()))
}

fn linter(env: &Env) -> Line {
    let found = zizmor(env);
    Line {
        ok: found.is_some(),
        name: "zizmor (lints the workflows, in the tests)".to_owned(),
        mend: match found {
            Some(_) => String::new(),
            None => "cargo xtask doctor --install".to_owned(),
        },
        found: found.map_or_else(|| "no".to_owned(), |path| path.display().to_string()),
    }
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
    report.note(&format!("$ {command}"));
    process::run(&sh, &command, Capture::Show, &mut |line| {
        report.foreign(line);
    })?;
    Ok(())
}

/// Runs the commands that bring what is missing.
///
/// # Errors
/// If one of them fails.
pub fn install(env: &Env, report: &Report, vm: bool) -> Result<(), Error> {
    install_packages(env, report, vm)?;
    if vm {
        open_kvm(env, report)?;
    }
    if zizmor(env).is_some() {
        return Ok(());
    }
    // In a folder of its own: Python of a distribution takes nothing else.
    let sh = process::shell(&env.root)?;
    let pip = env.root.join(LINTERS).join("bin/pip").display().to_string();
    for command in [
        Invocation::new("python3", ["-m", "venv", LINTERS]),
        Invocation::new(&pip, ["install", "--quiet", "--only-binary=:all:", ZIZMOR]),
    ] {
        report.status("Running", &command.to_string());
        process::run(&sh, &command, Capture::Show, &mut |line| {
            report.foreign(line);
        })?;
    }
    Ok(())
}

fn install_packages(env: &Env, report: &Report, vm: bool) -> Result<(), Error> {
    let Some(command) = command(env, vm) else {
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
    Line {
        ok: version.is_some(),
        name: "container engine".to_owned(),
        found: version.map_or_else(|| "none that runs".to_owned(), |v| host::one_line(&v)),
        mend: if found.is_none() {
            "install podman"
        } else {
            ""
        }
        .to_owned(),
    }
}

/// Podman needs words about a machine that systemd did not boot (a container,
/// a chroot): without them every `RUN` step of a build fails.
fn systemd(env: &Env) -> Line {
    let ok = env.systemd || env.containers_conf || env.program("podman").is_none();
    Line {
        ok,
        name: "podman without systemd".to_owned(),
        found: match (env.systemd, env.containers_conf) {
            (true, _) => "systemd runs".to_owned(),
            (false, true) => "no systemd, but CONTAINERS_CONF is set".to_owned(),
            (false, false) => "no systemd".to_owned(),
        },
        mend: if ok {
            String::new()
        } else {
            format!(
                "set CONTAINERS_CONF to a file with: {}",
                containers_conf(env)
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        },
    }
}

/// The free space under the engine's storage.
fn space(env: &Env) -> Line {
    let place = ["/var/lib/containers", "/var/lib", "/"]
        .into_iter()
        .find(|path| Path::new(path).is_dir())
        .unwrap_or("/");
    let free = free_space(env, place);
    let gigabytes = |bytes: u64| format!("{} GB", bytes / 1_000_000_000);
    Line {
        // Advice, not a verdict: a rehearsal and the tests do with far less.
        ok: free.is_some(),
        name: format!("disk space under {place}"),
        found: free.map_or_else(|| "not known".to_owned(), gigabytes),
        mend: match free {
            Some(free) if free < WANTED_SPACE => {
                format!(
                    "a build wants {}; `podman system prune`",
                    gigabytes(WANTED_SPACE)
                )
            }
            _ => String::new(),
        },
    }
}

/// `image.yaml`, `registries.conf` and the credentials for the published name.
fn policy(env: &Env, report: &Report, path: &Path) -> Vec<Line> {
    let line = |name: &str, outcome: Result<String, (String, String)>| {
        let ok = outcome.is_ok();
        let (found, mend) = outcome.map_or_else(|wrong| wrong, |found| (found, String::new()));
        Line {
            ok,
            name: name.to_owned(),
            found,
            mend,
        }
    };
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            return vec![line(
                "image.yaml",
                Err((error.to_string(), "mend it".into())),
            )];
        }
    };
    let mut lines = vec![line("image.yaml", Ok("valid".to_owned()))];
    let world = World::new(env, &config, report);
    let place = world.registries().and_then(|registries| {
        let repository = config.repository()?;
        let tag = repository.tagged(config.image.candidate.clone());
        Ok(registries.home_of(&tag)?.image.repository().clone())
    });
    match place {
        Err(error) => lines.push(line(
            "registries.conf",
            Err((error.to_string(), "mend it".into())),
        )),
        Ok(repository) => {
            let name = format!("credentials for {repository}");
            let login = format!("podman login {} (only to publish)", repository.registry());
            lines.push(
                match auth_files(env).find(&repository, &process::credential_helper) {
                    Ok(Some(found)) => line(&name, Ok(format!("user {}", found.user))),
                    // Without them one can build, test and rehearse.
                    Ok(None) => Line {
                        mend: login,
                        ..line(&name, Ok("none".to_owned()))
                    },
                    Err(error) => line(&name, Err((error.to_string(), login))),
                },
            );
        }
    }
    let token = if env.github_token.is_some() {
        "set"
    } else {
        "none"
    };
    lines.push(Line {
        mend: if env.github_token.is_some() {
            String::new()
        } else {
            "GITHUB_TOKEN raises GitHub's limit of 60 requests an hour".to_owned()
        },
        ..line("GitHub token", Ok(token.to_owned()))
    });
    lines
}
