//! The default values, which the stock `image.yaml` can leave out. Each parses; a test
//! builds a config of them.
#![expect(clippy::expect_used, reason = "constants, held by a test")]

use registry_compat::{Repository, Tag, TagForm};
use version_discovery::{Arch, Stream};

use crate::types::{Folder, Name, Unique, Url};

pub fn parsed<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("a default is a valid value")
}

pub fn registry() -> Name {
    parsed("ghcr.io")
}
pub fn tags() -> Unique<Tag> {
    Unique::one(parsed("stable"))
}
pub fn candidate() -> Tag {
    parsed("candidate")
}
pub fn base() -> Repository {
    parsed("quay.io/fedora/fedora-coreos")
}
pub fn stream() -> Stream {
    parsed("stable")
}
pub fn zfs() -> Name {
    parsed("openzfs/zfs")
}
pub fn tag_form() -> TagForm {
    parsed("zfs-{zfs}_kernel-{kernel}")
}
/// Where fedora-zfs-kmods has its RPMs.
pub fn root() -> Folder {
    parsed("/")
}
/// Where ublue's `akmods-zfs` has them.
pub fn akmods() -> Folder {
    parsed("/rpms/kmods/zfs")
}
pub fn openzfs() -> Url {
    parsed("https://github.com/openzfs/zfs/releases")
}
/// Fedora's own image, where its registry and `quay.io` have it.
pub fn builder() -> Repository {
    parsed("quay.io/fedora/fedora")
}
pub fn github_web() -> Url {
    parsed("https://github.com")
}
/// The key server that OpenZFS's documentation of its keys links to speaks the same
/// protocol (HKP); this one keeps the names of keys, without which GnuPG takes none.
pub fn key_server() -> Url {
    parsed("https://keyserver.ubuntu.com")
}
pub fn architectures() -> Unique<Arch> {
    Unique::one(Arch::X86_64)
}
pub fn github() -> Url {
    parsed("https://api.github.com")
}
pub fn fcos() -> Url {
    parsed("https://builds.coreos.fedoraproject.org")
}
