//! A program that a task needs, and a line about it.

use host::env::Env;
use host::process;
use host::process::Invocation;
use serde::Serialize;

/// A program and what it is for.
pub(super) struct Tool {
    pub(super) program: &'static str,
    pub(super) purpose: &'static str,
    pub(super) debian: &'static str,
    pub(super) fedora: &'static str,
}

pub(super) const fn tool(
    program: &'static str,
    purpose: &'static str,
    debian: &'static str,
    fedora: &'static str,
) -> Tool {
    Tool {
        program,
        purpose,
        debian,
        fedora,
    }
}

#[derive(Debug, Serialize)]
/// One thing that was looked at.
pub struct Line {
    /// It is as it should be.
    pub ok: bool,
    /// What it is, and what it is for.
    pub name: String,
    /// What is there.
    pub found: String,
    /// What brings it, or changes it; empty where nothing has to be done.
    pub mend: String,
}

/// Debian renamed the registry's program.
pub(super) fn installed(env: &Env, tool: &Tool) -> Option<std::path::PathBuf> {
    let other = (tool.program == "docker-registry").then_some("registry");
    env.program(tool.program).or_else(|| env.program(other?))
}

/// Asks `df`, as POSIX has it, for the free space at a place, in bytes.
pub(super) fn free_space(env: &Env, place: &str) -> Option<u64> {
    process::shell(&env.root)
        .and_then(|sh| process::read(&sh, &Invocation::new("df", ["-Pk", place])))
        .ok()
        .and_then(|text| {
            let line = text.lines().nth(1)?.to_owned();
            line.split_whitespace().nth(3)?.parse::<u64>().ok()
        })
        .map(|kilobytes| kilobytes * 1024)
}
