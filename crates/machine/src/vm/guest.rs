//! The Debian guest: a small system with the real Ignition, clevis and
//! cryptsetup, made here of Debian's packages and kept in the person's cache
//! under the hash of its recipe.

use std::path::{Path, PathBuf};

use image_build::gather::World;
use xshell::Shell;

use super::debian::Recipe;
use crate::error::Error;

/// The release: the one whose Ignition, dracut and clevis are known to work
/// together, whatever this machine runs.
const SUITE: &str = "bookworm";

/// The newest specification that its Ignition (2.14) reads.
/// Source: `config/config.go` of that release.
pub const NEWEST_SPEC: (u64, u64) = (3, 3);

/// What is in it.
const PACKAGES: [&str; 26] = [
    "btrfs-progs",
    "clevis",
    "clevis-dracut",
    "clevis-luks",
    "clevis-systemd",
    "clevis-tpm2",
    "cryptsetup-bin",
    "dbus",
    "dosfstools",
    "dracut",
    "dracut-network",
    "e2fsprogs",
    "gdisk",
    "ignition",
    "iproute2",
    "kmod",
    "linux-image-cloud-amd64",
    "netbase",
    "openssh-server",
    "policycoreutils",
    "sudo",
    "systemd",
    "systemd-sysv",
    "tpm2-tools",
    "udev",
    "xfsprogs",
];

/// Makes a machine's disk of the packages, inside of the new system.
const FINISH: &str = include_str!("assets/debian/finish.sh");

/// Puts that system on the disk, from outside.
const DISK: &str = include_str!("assets/debian/disk.sh");

/// How it is made; see mmdebstrap(1) for `upload` and `download`.
const RECIPE: Recipe<'_> = Recipe {
    prefix: "debian",
    title: "the guest, a Debian with Ignition",
    suite: SUITE,
    components: &["main"],
    packages: &PACKAGES,
    files: &[("finish.sh", FINISH), ("disk.sh", DISK)],
    hooks: &[
        "upload {finish.sh} /finish.sh",
        "chroot \"$1\" sh /finish.sh && rm \"$1/finish.sh\"",
        "sh {disk.sh} \"$1\"",
        "download /out/vmlinuz {vmlinuz}",
        "download /out/initrd {initrd}",
        "download /out/disk {disk}",
    ],
    outputs: &["vmlinuz", "initrd", "disk"],
};

/// The files of a guest that was made.
#[derive(Debug, Clone)]
pub struct Guest {
    folder: PathBuf,
}

impl Guest {
    /// The kernel.
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The initramfs.
    pub fn initrd(&self) -> PathBuf {
        self.folder.join("initrd")
    }

    /// The disk, to be copied for each machine.
    pub fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }
}

/// The kernel's command line. The platform is how Ignition knows that its config
/// comes from QEMU; `firstboot` is what its generator looks for. Without
/// `no_timer_check` an emulated kernel on a busy machine takes a late tick for a
/// broken timer, and gives up.
pub fn arguments(first_boot: bool) -> String {
    let mut text = "root=LABEL=system rw console=ttyS0,115200 systemd.log_color=0 \
                    no_timer_check modprobe.blacklist=kvm_amd,kvm_intel"
        .to_owned();
    if first_boot {
        text.push_str(" ignition.firstboot=1 ignition.platform.id=qemu");
    }
    text
}

/// A digest of everything that a guest is made of, as its name.
pub fn recipe() -> String {
    RECIPE.digest()
}

/// The guest of today's recipe: from the cache, or made in two minutes.
///
/// # Errors
/// If it has to be made and cannot be.
pub fn get(world: &World<'_>, sh: &Shell, cache: &Path, scratch: &Path) -> Result<Guest, Error> {
    let folder = RECIPE.get(world, sh, cache, scratch)?;
    Ok(Guest { folder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_are_sorted() {
        assert_eq!(recipe().len(), 12);
        assert!(PACKAGES.is_sorted(), "keep the list sorted");
    }

    #[test]
    fn first_and_later_boots_differ_for_ignition_only() {
        let first = arguments(true);
        let rest = first.strip_prefix(&arguments(false)).unwrap();
        assert_eq!(rest, " ignition.firstboot=1 ignition.platform.id=qemu");
    }
}
