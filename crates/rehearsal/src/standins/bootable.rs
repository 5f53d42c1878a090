//! What makes the stand-ins bootable: a small kernel with a name as Fedora's,
//! OpenZFS's own modules and tools, and a root of Debian's packages. Each is made
//! once and kept in the person's cache under the hash of its recipe.
//!
//! The configuration of the kernel has what systemd, ext4, virtio and ZFS need,
//! all of it built in.

use std::path::{Path, PathBuf};

use image_build::gather::World;
use machine::vm::cached::folder;
use machine::vm::debian::Recipe;
use registry_compat::KmodTag;
use xshell::Shell;

use machine::Error;

const CONFIG: &str = include_str!("../assets/boot/small-kernel.config");
const KERNEL: &str = include_str!("../assets/boot/kernel.sh");
const ROOT: &str = include_str!("../assets/boot/root.sh");
const INIT: &str = include_str!("../assets/boot/init");

/// The release of Debian; its kernel and its OpenZFS fit together.
pub(super) const SUITE: &str = "trixie";

/// The kernel and all that is built for it. Minutes on two processors.
const KERNEL_RECIPE: Recipe<'_> = Recipe {
    prefix: "kernel",
    title: "a small kernel and OpenZFS's modules for it, ten minutes of work",
    suite: SUITE,
    // OpenZFS is in contrib: its licence is free, but not the kernel's.
    components: &["main", "contrib"],
    packages: &[
        "bc",
        "bison",
        "cpio",
        "flex",
        "gcc",
        "kmod",
        "libc6-dev",
        "libelf-dev",
        "libssl-dev",
        "linux-source-6.12",
        "make",
        "python3-minimal",
        "rsync",
        "xz-utils",
    ],
    files: &[("kernel.sh", KERNEL), ("small-kernel.config", CONFIG)],
    hooks: &[
        "upload {kernel.sh} /kernel.sh",
        "upload {small-kernel.config} /small-kernel.config",
        // By the new system's apt, with its sources, but not installed: the package
        // of the source would be built for the wrong kernel.
        "mkdir \"$1/debs\" && cd \"$1/debs\" && APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-get \
         download zfs-dkms zfsutils-linux libzfs6linux libzpool6linux libnvpair3linux \
         libuutil3linux",
        "chroot \"$1\" sh /kernel.sh",
        "download /out/vmlinuz {vmlinuz}",
        "download /out/kernel-release {kernel-release}",
        "download /out/kernel.tar {kernel.tar}",
        "download /out/kernel-devel.tar {kernel-devel.tar}",
        "download /out/zfs-version {zfs-version}",
        "download /out/zfs.ko {zfs.ko}",
        "download /out/spl.ko {spl.ko}",
        "download /out/zfs-tools.tar {zfs-tools.tar}",
    ],
    outputs: &[
        "vmlinuz",
        "kernel-release",
        "kernel.tar",
        "kernel-devel.tar",
        "zfs-version",
        "zfs.ko",
        "spl.ko",
        "zfs-tools.tar",
    ],
};

/// The root, without a kernel. Less than a minute.
const ROOT_RECIPE: Recipe<'_> = Recipe {
    prefix: "root",
    title: "a root that boots",
    suite: SUITE,
    components: &["main"],
    packages: &[
        "busybox-static",
        "cpio",
        "dbus",
        "iproute2",
        "jq",
        "kmod",
        "libssl3t64",
        "libtirpc3t64",
        "openssh-server",
        "procps",
        "rpm",
        "systemd",
        "systemd-sysv",
        "udev",
    ],
    files: &[("root.sh", ROOT), ("init", INIT)],
    hooks: &[
        "upload {root.sh} /root.sh",
        "upload {init} /init",
        "chroot \"$1\" sh /root.sh && rm \"$1/root.sh\"",
        "download /out/initramfs.img {initramfs.img}",
        "rm -r \"$1/out\" && tar -C \"$1\" --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* \
         -cf {root.tar} .",
    ],
    outputs: &["initramfs.img", "root.tar"],
};

/// Where the parts of a bootable stand-in lie, and what they are.
#[derive(Debug, Clone)]
pub struct Bootable {
    kernel: PathBuf,
    root: PathBuf,
    /// The kernel, and the release of OpenZFS.
    pub versions: KmodTag,
}

impl Bootable {
    /// The parts: from the cache, or made.
    ///
    /// # Errors
    /// If they have to be made and cannot be.
    pub fn get(world: &World<'_>, sh: &Shell, scratch: &Path) -> Result<Self, Error> {
        let cache = folder(world);
        let kernel = KERNEL_RECIPE.get(world, sh, &cache, scratch)?;
        let root = ROOT_RECIPE.get(world, sh, &cache, scratch)?;
        let said = |name: &str| {
            let path = kernel.join(name);
            std::fs::read_to_string(&path).map_err(host::Error::read(&path))
        };
        let versions = KmodTag {
            kernel: said("kernel-release")?.trim().parse()?,
            zfs: said("zfs-version")?.trim().parse()?,
        };
        Ok(Self {
            kernel,
            root,
            versions,
        })
    }

    /// The root as a tar archive.
    pub fn root_tar(&self) -> PathBuf {
        self.root.join("root.tar")
    }

    /// The initramfs.
    pub fn initramfs(&self) -> PathBuf {
        self.root.join("initramfs.img")
    }

    /// The kernel.
    pub fn vmlinuz(&self) -> PathBuf {
        self.kernel.join("vmlinuz")
    }

    /// `modules.builtin` and its like, as a tar archive.
    pub fn kernel_tar(&self) -> PathBuf {
        self.kernel.join("kernel.tar")
    }

    /// The name of the kernel's recipe, which has the digest of all that it is made of.
    pub fn kernel_recipe(&self) -> String {
        KERNEL_RECIPE.name()
    }

    /// What modules are built against, as a tar archive: the contents of a package
    /// `kernel-devel`.
    pub fn devel_tar(&self) -> PathBuf {
        self.kernel.join("kernel-devel.tar")
    }

    /// OpenZFS's tools, libraries and units, as a tar archive.
    pub fn zfs_tools_tar(&self) -> PathBuf {
        self.kernel.join("zfs-tools.tar")
    }

    /// The modules `zfs` and `spl`.
    pub fn modules(&self) -> [PathBuf; 2] {
        ["zfs.ko", "spl.ko"].map(|name| self.kernel.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_packages_are_sorted() {
        for recipe in [KERNEL_RECIPE, ROOT_RECIPE] {
            assert!(recipe.packages.is_sorted(), "keep the list sorted");
        }
    }

    #[test]
    fn the_kernel_is_named_as_fedoras_are() {
        assert!(CONFIG.contains("CONFIG_LOCALVERSION=\"-200.fc44.x86_64\""));
        // Every module that the image needs would have to be in its initramfs.
        assert!(!CONFIG.contains("=m\n"));
    }
}
