//! What the stand-ins claim to be, their error, and the programs and files of the
//! scratch folder in which they are made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use super::bootable::Bootable;

/// What the stand-ins claim to be.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// The engine that builds and pushes: `podman`, `buildah` or `docker`.
    pub engine: String,
    /// The kernel of base and kmods, `VERSION-RELEASE.ARCH`. The architecture
    /// is this machine's, since its programs are in the image, or that of `sysroot`.
    pub kernel: String,
    /// The root of a system of another architecture, whose programs are in the image;
    /// this machine runs them emulated.
    pub sysroot: Option<PathBuf>,
    /// The release of ZFS, `X.Y.Z`.
    pub zfs: String,
    /// The release of Fedora CoreOS, `44.20260720.3.1`.
    pub fcos: String,
    /// The stream of Fedora CoreOS, `stable`.
    pub stream: String,
    /// A `skopeo` that reads sigstore signatures, for the base image.
    pub skopeo: Option<PathBuf>,
    /// What makes them bootable, if they are to be.
    pub bootable: Option<Bootable>,
    /// Packages of `image.yaml` that the base's repository has besides, all empty.
    pub packages: Vec<String>,
    /// Units that such packages would bring; they do nothing.
    pub units: Vec<String>,
    /// Whether the base has a policy store and a `semodule`.
    pub selinux: bool,
    /// The kernel that the module of the broken kmods image is really for.
    pub wrong_kernel: String,
}

/// The images in the engine's local storage, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Plays `quay.io/fedora/fedora-coreos`.
    pub base: String,
    /// Plays the image of prebuilt kmods.
    pub kmods: String,
    /// The same with RPMs that are right by name, version and capability, but
    /// with a module for another kernel: only a look into the built image shows.
    pub broken_kmods: String,
    /// Of stand-ins that boot: the same as if its ZFS were older, without a feature
    /// that the other one has.
    pub older_kmods: Option<String>,
}

/// Why the stand-ins could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A child could not be started, or failed.
    #[error("`{program}` failed: {detail}")]
    Process {
        /// The program, without its arguments.
        program: String,
        /// What it said, or why it did not start.
        detail: String,
    },
    /// A program that goes into the base image is not on this machine.
    #[error(
        "`{0}` is needed for the stand-in base image, and is in neither /usr/bin nor /usr/sbin"
    )]
    Missing(String),
    /// The kernel cannot be split into version, release and architecture.
    #[error("`{0}` is not a kernel as VERSION-RELEASE.ARCH")]
    Kernel(String),
    /// A file of the scratch directory.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path that cannot be given to a program as text.
    #[error("{0}: not UTF-8")]
    Path(PathBuf),
}

/// The one place where this module starts a program. The answer is its stdout.
pub(super) fn run(sh: &Shell, program: &str, arguments: &[&str]) -> Result<String, Error> {
    let error = |detail: String| Error::Process {
        program: program.to_owned(),
        detail,
    };
    let output = cmd!(sh, "{program} {arguments...}")
        .quiet()
        .ignore_status()
        .output()
        .map_err(|source| error(source.to_string()))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    // rpmbuild says what failed on either; its last lines tell.
    let said: Vec<&str> = stdout.lines().chain(stderr.lines()).collect();
    let tail = said[said.len().saturating_sub(20)..].join("\n");
    Err(error(format!("{}\n{tail}", output.status)))
}

pub(super) fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Path(path.to_owned()))
}

pub(super) fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

pub(super) fn make_dir(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(file_error(path))
}

pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    std::fs::write(path, contents).map_err(file_error(path))
}

pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        make_dir(parent)?;
    }
    std::fs::copy(from, to).map_err(file_error(from))?;
    Ok(())
}

pub(super) fn link(target: &str, path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    std::os::unix::fs::symlink(target, path).map_err(file_error(path))
}

/// The paths in a directory, sorted; none if there is no such directory.
pub(super) fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(file_error(directory))? {
        paths.push(entry.map_err(file_error(directory))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Copies a folder with all that is in it.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), Error> {
    make_dir(to)?;
    for path in list(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        // Through symbolic links, but not those that lead nowhere.
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else if path.is_file() {
            copy(&path, &target)?;
        }
    }
    Ok(())
}

/// The files in the output of `ldd`: `name => /path (0x…)`, or for the loader
/// itself `/path (0x…)`.
pub(super) fn libraries(ldd: &str) -> BTreeSet<&str> {
    ldd.lines()
        .filter(|line| line.starts_with(char::is_whitespace))
        .filter_map(|line| {
            let found = line.split_once("=>").map_or(line, |(_, found)| found);
            let path = found.split_whitespace().next()?;
            path.starts_with('/').then_some(path)
        })
        .collect()
}
