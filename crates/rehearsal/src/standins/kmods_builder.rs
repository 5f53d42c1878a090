//! What kernel modules of our own are compiled in: a system of Debian's packages in the
//! place of Fedora's, with what modules for the small kernel are built against; and a
//! release of OpenZFS, out of Debian's source package. Made once, and kept in the
//! person's cache under the hash of all that they are made of.

use std::path::{Path, PathBuf};

use image_build::gather::World;
use image_build::inputs::read;
use machine::Error;
use machine::vm::cached::folder;
use machine::vm::debian::Recipe;
use registry_compat::KmodTag;
use xshell::Shell;

use super::bootable::{Bootable, SUITE};

const SOURCE: &str = include_str!("../assets/kmods/source.sh");
const BUILDER: &str = include_str!("../assets/kmods/builder.sh");

/// What `build.sh` installs with dnf where it is in a Fedora, by Debian's names.
const PACKAGES: [&str; 33] = [
    "autoconf",
    "automake",
    "bc",
    "cpio",
    "dpkg-dev",
    "file",
    "gcc",
    "gettext",
    "kmod",
    "libaio-dev",
    "libattr1-dev",
    "libblkid-dev",
    "libc6-dev",
    "libelf-dev",
    "libffi-dev",
    "libpam0g-dev",
    "libssl-dev",
    "libtirpc-dev",
    "libtool",
    "libudev-dev",
    "make",
    "openssl",
    "patch",
    "pkgconf",
    "python3",
    "python3-cffi",
    "python3-dev",
    "python3-packaging",
    "python3-setuptools",
    "rpm",
    "systemd",
    "uuid-dev",
    "zlib1g-dev",
];

/// The builder and the release.
#[derive(Debug, Clone)]
pub struct KmodsBuilder {
    folder: PathBuf,
    /// The kernel, and the release of OpenZFS.
    pub versions: KmodTag,
}

impl KmodsBuilder {
    /// From the cache, or made, in two minutes. The builder also has the name of a kernel
    /// that is newer, and nothing else of it.
    ///
    /// # Errors
    /// If they have to be made and cannot be.
    pub fn get(
        world: &World<'_>,
        sh: &Shell,
        scratch: &Path,
        bootable: &Bootable,
        newer: &str,
    ) -> Result<Self, Error> {
        let kernels = format!("{} {newer}\n", bootable.versions.kernel);
        let made_of = bootable.kernel_recipe();
        let devel = format!(
            "upload '{}' /kernel-devel.tar",
            bootable.devel_tar().display()
        );
        let source = format!("sh {{source.sh}} \"$1\" {SUITE} {{zfs.tar.gz}} {{zfs-version}}");
        let recipe = Recipe {
            prefix: "builder",
            title: "what kernel modules are compiled in, and a release of OpenZFS",
            suite: SUITE,
            components: &["main", "contrib"],
            packages: &PACKAGES,
            files: &[
                ("source.sh", SOURCE),
                ("builder.sh", BUILDER),
                ("kernels", &kernels),
                ("kernel-recipe", &made_of),
            ],
            hooks: &[
                &source,
                &devel,
                "upload {builder.sh} /builder.sh",
                "upload {kernels} /kernels",
                "chroot \"$1\" sh /builder.sh && rm \"$1/builder.sh\"",
                "tar -C \"$1\" --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* \
                 -cf {root.tar} .",
            ],
            outputs: &["root.tar", "zfs.tar.gz", "zfs-version"],
        };
        let folder = recipe.get(world, sh, &folder(world), scratch)?;
        let zfs = read(&folder.join("zfs-version"))?;
        Ok(Self {
            versions: KmodTag {
                kernel: bootable.versions.kernel.clone(),
                zfs: zfs.trim().parse()?,
            },
            folder,
        })
    }

    /// The builder's root, `root.tar` in a folder of its own.
    pub fn root(&self) -> &Path {
        &self.folder
    }

    /// The release's tarball.
    pub fn tarball(&self) -> PathBuf {
        self.folder.join("zfs.tar.gz")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_packages_is_sorted() {
        assert!(PACKAGES.is_sorted(), "keep the list sorted");
    }
}
