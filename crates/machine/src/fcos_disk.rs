//! Fedora CoreOS's disk for a virtual machine: where it is, and its bytes.

use image_build::gather::World;
use remote::download;
use remote::download::Download;
use version_discovery::fcos_disk::{QemuDisk, qemu};

use crate::error::Error;

/// More than this is no disk of Fedora's: 700 MB in 2026, 2 GB unpacked.
pub const LARGEST: u64 = 16 * 1024 * 1024 * 1024;

/// The newest disk for QEMU of the configured stream.
///
/// # Errors
/// If Fedora cannot be asked, or has none for this architecture.
pub fn qemu_disk(world: &World<'_>) -> Result<QemuDisk, Error> {
    let (stream, arch) = (&world.config.base.stream, world.first_arch()?);
    let root = world.config.urls.fcos_builds.as_str();
    world
        .report
        .status("Reading", &format!("disks of the stream {stream}"));
    let bytes = remote::fcos::stream(world.agent(), root, stream)?;
    qemu(&bytes, stream, arch)?.ok_or_else(|| Error::Step {
        step: "Fedora CoreOS's disk".to_owned(),
        detail: format!("the stream {stream} has none for QEMU on {arch}"),
    })
}

/// A large file from a byte on; `None` if there is nothing after it.
///
/// # Errors
/// If it is not there, or cannot be asked for.
pub fn download(world: &World<'_>, url: &str, from: u64) -> Result<Option<Download>, Error> {
    Ok(download::open(world.agent(), url, from, LARGEST)?)
}
