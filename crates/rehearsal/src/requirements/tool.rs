//! A program that a task needs, and a line about it.

use host::env::Env;
use host::process;
use host::process::Invocation;
use serde::Serialize;

/// What a person wants to do on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Build and publish the image.
    Build,
    /// Rehearse.
    Rehearse,
    /// Run the tests.
    Tests,
    /// Try an installation.
    Vm,
    /// Boot an image.
    Boot,
    /// Rehearse several images of two architectures.
    Images,
    /// Make the book.
    Docs,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Build,
        Self::Rehearse,
        Self::Tests,
        Self::Vm,
        Self::Boot,
        Self::Images,
        Self::Docs,
    ];
}

impl std::fmt::Display for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Build => "build",
            Self::Rehearse => "rehearse",
            Self::Tests => "tests",
            Self::Vm => "vm",
            Self::Boot => "boot",
            Self::Images => "images",
            Self::Docs => "docs",
        })
    }
}

/// A program and what it is for.
pub(super) struct Tool {
    pub(super) needed_for: &'static [Purpose],
    pub(super) program: &'static str,
    pub(super) purpose: &'static str,
    pub(super) debian: &'static str,
    pub(super) fedora: &'static str,
}

pub(super) const fn tool(
    needed_for: &'static [Purpose],
    program: &'static str,
    purpose: &'static str,
    debian: &'static str,
    fedora: &'static str,
) -> Tool {
    Tool {
        needed_for,
        program,
        purpose,
        debian,
        fedora,
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Line {
    /// It is as it should be, or nobody who was asked about needs it.
    pub ok: bool,
    /// It is as it should be.
    pub there: bool,
    /// What does not work without it; nothing for advice.
    #[serde(rename = "for")]
    pub needed_for: Vec<Purpose>,
    /// What it is, and what it is for.
    pub name: String,
    /// What is there.
    pub found: String,
    /// What brings it, or changes it; empty where nothing has to be done.
    pub mend: String,
}

impl Line {
    /// A line before anybody has said what it is wanted for.
    pub(super) fn new(there: bool, needed_for: &[Purpose], name: impl Into<String>) -> Self {
        Self {
            ok: there,
            there,
            needed_for: needed_for.to_vec(),
            name: name.into(),
            found: String::new(),
            mend: String::new(),
        }
    }

    pub(super) fn found(self, found: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            ..self
        }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self {
            mend: mend.into(),
            ..self
        }
    }

    /// The same with its verdict, for these purposes.
    pub(super) fn judged(self, purposes: &[Purpose]) -> Self {
        let needed = self.needed_for.iter().any(|need| purposes.contains(need));
        Self {
            ok: self.there || !needed,
            ..self
        }
    }
}

/// The line about a program.
pub(super) fn line_of(env: &Env, tool: &Tool) -> Line {
    let found = installed(env, tool);
    let name = format!("{} ({})", tool.program, tool.purpose);
    Line::new(found.is_some(), tool.needed_for, name)
        .found(found.map_or_else(|| "no".to_owned(), |path| path.display().to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_counts_only_for_who_needs_it() {
        let judged = |there, fors: &[Purpose], asked: &[Purpose]| {
            let line = Line::new(there, fors, "x").judged(asked);
            (line.there, line.ok)
        };
        let (build, tests) = ([Purpose::Build], [Purpose::Tests]);
        assert_eq!(judged(true, &build, &build), (true, true));
        assert_eq!(judged(false, &build, &build), (false, false));
        assert_eq!(judged(false, &tests, &build), (false, true));
        // Advice.
        assert_eq!(judged(false, &[], &Purpose::ALL), (false, true));
    }
}
