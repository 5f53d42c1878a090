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
pub mod bootable;
pub mod kmods_builder;
mod rpms;
mod scratch;
mod sysroot;

use std::path::Path;

use xshell::Shell;

pub(crate) use rpms::libraries;
pub use scratch::{Error, Images, StandIn};
use scratch::{copy, run, text, write};
pub use sysroot::arm64;

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
    let steps = match &spec.bootable {
        None => format!("COPY . /\n{}", base::INSTALL),
        Some(bootable) => {
            let archive = root.join("root.tar");
            copy(&bootable.root_tar(), &archive)?;
            // An engine unpacks it, with owners and modes; and not into the image.
            format!(
                "ADD root.tar /\nCOPY etc /etc\nCOPY usr /usr\n{}",
                base::INSTALL
            )
        }
    };
    let base = image(sh, spec, scratch, &root, "base", &steps, &labels)?;

    let good = rpms::kmods(sh, scratch, spec, &spec.kernel, "kmods")?;
    let kmods = image(sh, spec, scratch, &good, "kmods", "COPY . /\n", &[])?;
    let broken = rpms::kmods(sh, scratch, spec, &spec.wrong_kernel, "broken-kmods")?;
    let steps = "COPY . /\n";
    let broken_kmods = image(sh, spec, scratch, &broken, "broken-kmods", steps, &[])?;
    let older_kmods = match &spec.bootable {
        None => None,
        Some(_) => {
            let root = rpms::older_kmods(sh, scratch, spec)?;
            Some(image(sh, spec, scratch, &root, "older-kmods", steps, &[])?)
        }
    };
    Ok(Images {
        base,
        kmods,
        broken_kmods,
        older_kmods,
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
        older_kmods,
    } = images;
    let mut words = vec!["rmi", base, kmods, broken_kmods];
    words.extend(older_kmods.as_deref());
    run(sh, engine, &words)?;
    Ok(())
}

/// An image that these steps make of the directory `root`.
fn image(
    sh: &Shell,
    spec: &StandIn,
    scratch: &Path,
    root: &Path,
    name: &str,
    steps: &str,
    labels: &[&str],
) -> Result<String, Error> {
    let containerfile = scratch.join(format!("{name}.Containerfile"));
    let steps = format!("FROM scratch\n{steps}");
    write(&containerfile, steps.as_bytes())?;
    let arch = if spec.sysroot.is_some() { "-arm64" } else { "" };
    let tag = format!("localhost/custom-coreos-rehearsal/{name}{arch}:latest");
    // `docker` and `podman` spell these alike; `buildah` has both verbs too.
    let mut arguments = vec!["build", "--quiet", "--no-cache", "--tag", &tag];
    if spec.sysroot.is_some() {
        arguments.push("--platform=linux/arm64");
    }
    for label in labels {
        arguments.extend(["--label", label]);
    }
    arguments.extend(["--file", text(&containerfile)?, text(root)?]);
    run(sh, &spec.engine, &arguments)?;
    Ok(tag)
}
