//! Fedora CoreOS's disk for a virtual machine: where it is, and its bytes.

use remote::download::{self, Download};
use version_discovery::fcos_disk::{QemuDisk, qemu};

use super::World;
use crate::error::Error;
use crate::vm::fcos::LARGEST;

impl World<'_> {
    /// The newest disk for QEMU of the configured stream.
    ///
    /// # Errors
    /// If Fedora cannot be asked, or has none for this architecture.
    pub fn qemu_disk(&self) -> Result<QemuDisk, Error> {
        let (stream, arch) = (&self.config.base.stream, self.first_arch()?);
        let root = self.config.urls.fcos_builds.as_str();
        self.report
            .status("Reading", &format!("disks of the stream {stream}"));
        let bytes = remote::fcos::stream(&self.agent, root, stream)?;
        qemu(&bytes, stream, arch)?.ok_or_else(|| Error::Step {
            step: "Fedora CoreOS's disk".to_owned(),
            detail: format!("the stream {stream} has none for QEMU on {arch}"),
        })
    }

    /// A large file from a byte on; `None` if there is nothing after it.
    ///
    /// # Errors
    /// If it is not there, or cannot be asked for.
    pub fn download(&self, url: &str, from: u64) -> Result<Option<Download>, Error> {
        Ok(download::open(&self.agent, url, from, LARGEST)?)
    }
}
