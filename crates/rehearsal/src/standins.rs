//! Stand-ins for the two upstream images, for a machine without a network.
//!
//! They are small, but what the build relies on is real: the base is made of
//! this machine's own `bash`, coreutils, `rpm`, `kmod` and `systemctl` with
//! their libraries, its package database is written by its `rpm --install` of RPMs
//! from `rpmbuild`, and `zfs.ko` is an ELF object that `depmod` and `modinfo`
//! read. Only `dnf` and `bootc` are played by two small scripts, inside the
//! stand-in image alone. So the Containerfile, `install.sh` and `contract.sh`
//! of production run on them as they are.

mod base;
mod rpms;

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

/// What the stand-ins claim to be.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// The engine that builds and pushes: `podman`, `buildah` or `docker`.
    pub engine: String,
    /// The kernel of base and kmods, `VERSION-RELEASE.ARCH`. The architecture
    /// must be this machine's, since its programs are in the image.
    pub kernel: String,
    /// The release of ZFS, `X.Y.Z`.
    pub zfs: String,
    /// The release of Fedora CoreOS, `44.20260720.3.1`.
    pub fcos: String,
    /// The stream of Fedora CoreOS, `stable`.
    pub stream: String,
    /// A `skopeo` that reads sigstore signatures, for the base image.
    pub skopeo: Option<PathBuf>,
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

/// Makes all three images under `scratch`, which must exist and be absolute;
/// what is in it afterwards is of no use to anybody.
pub fn make(sh: &Shell, scratch: &Path, spec: &StandIn) -> Result<Images, Error> {
    let base_rpms = rpms::base(sh, scratch, spec)?;
    let root = base::make_root(sh, scratch, spec, &base_rpms)?;
    let version = format!("org.opencontainers.image.version={}", spec.fcos);
    let stream = format!("com.coreos.stream={}", spec.stream);
    // No `ostree.linux`: Fedora CoreOS lost that label with release 43.
    let labels = [
        version.as_str(),
        stream.as_str(),
        "com.coreos.osname=fedora-coreos",
        "containers.bootc=1",
        "ostree.bootable=1",
    ];
    let base = image(
        sh,
        &spec.engine,
        scratch,
        &root,
        "base",
        base::INSTALL,
        &labels,
    )?;

    let good = rpms::kmods(sh, scratch, spec, &spec.kernel, "kmods")?;
    let kmods = image(sh, &spec.engine, scratch, &good, "kmods", "", &[])?;
    let broken = rpms::kmods(sh, scratch, spec, &spec.wrong_kernel, "broken-kmods")?;
    let broken_kmods = image(sh, &spec.engine, scratch, &broken, "broken-kmods", "", &[])?;
    Ok(Images {
        base,
        kmods,
        broken_kmods,
    })
}

/// Pushes a local image to `reference`, in a registry that speaks plain HTTP.
///
/// The reference must name the loopback address itself: `registries.conf` maps
/// names for reading only, never for writing.
pub fn push(sh: &Shell, engine: &str, image: &str, reference: &str) -> Result<(), Error> {
    if engine == "docker" {
        // It pushes only what has the name of the target, and takes plain HTTP
        // on loopback by itself.
        run(sh, engine, &["tag", image, reference])?;
        run(sh, engine, &["push", "--quiet", reference])?;
    } else {
        let arguments = ["push", "--quiet", "--tls-verify=false", image, reference];
        run(sh, engine, &arguments)?;
    }
    Ok(())
}

/// Removes the images from the engine's storage again.
pub fn remove(sh: &Shell, engine: &str, images: &Images) -> Result<(), Error> {
    let Images {
        base,
        kmods,
        broken_kmods,
    } = images;
    run(sh, engine, &["rmi", base, kmods, broken_kmods])?;
    Ok(())
}

/// An image of the directory `root`, after the steps in `more`.
fn image(
    sh: &Shell,
    engine: &str,
    scratch: &Path,
    root: &Path,
    name: &str,
    more: &str,
    labels: &[&str],
) -> Result<String, Error> {
    let containerfile = scratch.join(format!("{name}.Containerfile"));
    let steps = format!("FROM scratch\nCOPY . /\n{more}");
    write(&containerfile, steps.as_bytes())?;
    let tag = format!("localhost/custom-coreos-rehearsal/{name}:latest");
    // `docker` and `podman` spell these alike; `buildah` has both verbs too.
    let mut arguments = vec!["build", "--quiet", "--no-cache", "--tag", &tag];
    for label in labels {
        arguments.extend(["--label", label]);
    }
    arguments.extend(["--file", text(&containerfile)?, text(root)?]);
    run(sh, engine, &arguments)?;
    Ok(tag)
}

/// The one place where this module starts a program. The answer is its stdout.
fn run(sh: &Shell, program: &str, arguments: &[&str]) -> Result<String, Error> {
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

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Path(path.to_owned()))
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

fn make_dir(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(file_error(path))
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    std::fs::write(path, contents).map_err(file_error(path))
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        make_dir(parent)?;
    }
    std::fs::copy(from, to).map_err(file_error(from))?;
    Ok(())
}

fn link(target: &str, path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    std::os::unix::fs::symlink(target, path).map_err(file_error(path))
}

/// The paths in a directory, sorted; none if there is no such directory.
fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
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
