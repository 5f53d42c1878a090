//! The labels of a kmods image that name its kernel and ZFS version.

/// Labels of fedora-zfs-kmods. Images of before 2025-10-18 have none; the ZFS
/// label carries the tag's prefix (`zfs-2.4.2`).
pub(crate) const KERNEL_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.kernel.version";
/// The kernel in images of ublue's `akmods-zfs`.
pub(crate) const LINUX_LABEL: &str = "ostree.linux";
/// See [`KERNEL_LABEL`].
pub(crate) const ZFS_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.zfs.tag";
