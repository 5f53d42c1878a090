//! What `rehearse --images` takes: programs of another architecture, and a kernel that
//! runs them. Everything else does without it, so nothing of it is missing unless it is
//! asked for.

use std::path::Path;

use host::env::Env;
use host::process;
use host::process::{Capture, Invocation};
use host::report::Report;
use version_discovery::Arch;

use super::tool::Purpose::Images;
use super::tool::{Line, Tool, line_of, tool};
use crate::error::Error;

/// Programs.
pub(super) const TOOLS: [Tool; 3] = [
    tool(
        &[Images],
        "qemu-aarch64-static",
        "programs of aarch64, emulated",
        "qemu-user-static",
        "qemu-user-static-aarch64",
    ),
    tool(
        &[Images],
        "aarch64-linux-gnu-gcc",
        "makes stand-ins of aarch64",
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
        "gcc-aarch64-linux-gnu",
    ),
    tool(
        &[Images],
        "mmdebstrap",
        "fetches programs of aarch64",
        "mmdebstrap debian-archive-keyring",
        "mmdebstrap debian-keyring",
    ),
];

/// Where the kernel is told of programs that others run.
/// Source: Linux, Documentation/admin-guide/binfmt-misc.rst.
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// What is written there: the file that comes with the program, by the names of Debian
/// and Fedora. Where systemd runs, it has done so (systemd-binfmt.service).
const CONFIGS: [&str; 2] = ["qemu-aarch64.conf", "qemu-aarch64-static.conf"];

/// The command that brings all of it.
const INSTALL: &str = "cargo xtask doctor images --install";

/// All of it.
pub(super) fn lines(env: &Env) -> Vec<Line> {
    let mended = |line: Line| match line.there {
        true => line,
        false => line.mend(INSTALL),
    };
    let mut lines: Vec<Line> = TOOLS.iter().map(|tool| line_of(env, tool)).collect();
    let known = is_registered();
    let line = Line::new(known, &[Images], "binfmt_misc (runs them)");
    lines.push(line.found(match known {
        true => "knows aarch64",
        false => "no",
    }));
    lines.into_iter().map(mended).collect()
}

fn is_registered() -> bool {
    host::binfmt::runs(Arch::Aarch64.elf_machine())
}

/// Has the kernel run programs of aarch64, until the machine starts again: as root, or
/// by sudo. Where it does already, nothing is done.
///
/// # Errors
/// If a command fails: in a container, the kernel may not take it.
pub(super) fn register(env: &Env, report: &Report) -> Result<(), Error> {
    if is_registered() {
        return Ok(());
    }
    let folder = Path::new("/usr/lib/binfmt.d");
    let mut configs = CONFIGS.iter().map(|name| folder.join(name));
    let config = configs
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Step {
            step: "programs of aarch64".to_owned(),
            detail: format!("no {} in {}", CONFIGS.join(", "), folder.display()),
        })?;
    let config = config.display().to_string();
    let sh = process::shell(&env.root)?;
    let register = format!("{BINFMT}/register");
    let mut commands = Vec::new();
    if !Path::new(&register).exists() {
        let words = ["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT];
        commands.push(words.map(str::to_owned).to_vec());
    }
    // Comments are not for the kernel, which takes one line at a time.
    let write = "grep '^:' \"$0\" >\"$1\"";
    let words = ["sh", "-c", write, &config, &register];
    commands.push(words.map(str::to_owned).to_vec());
    for mut words in commands {
        if !env.root_user && env.program("sudo").is_some() {
            words.insert(0, "sudo".to_owned());
        }
        let command = Invocation::new(&words[0], words[1..].iter().map(String::as_str));
        report.command(&command.to_string());
        process::run(&sh, &command, Capture::Show, &mut |line| {
            report.foreign(line);
        })?;
    }
    Ok(())
}

/// That all of it is there.
///
/// # Errors
/// What is missing first, and what brings it.
pub(crate) fn check(env: &Env) -> Result<(), Error> {
    match lines(env).into_iter().find(|line| !line.there) {
        None => Ok(()),
        Some(line) => Err(Error::Step {
            step: "programs of aarch64".to_owned(),
            detail: format!("{} is missing; {INSTALL} brings it", line.name),
        }),
    }
}
