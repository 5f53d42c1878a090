//! The key that the checkout's signature policy requires for an image. A host that runs
//! the image will require the same key.

use std::path::{Path, PathBuf};

use registry_compat::Repository;
use signatures::signing::PublicKey;
use signatures::trust::Trust;

use crate::engine::CONTEXT;
use crate::error::Error;

/// The folder of the files that are copied into the image.
pub fn rootfs() -> PathBuf {
    PathBuf::from(CONTEXT).join("rootfs")
}

/// The certificate of the kernel modules' signer, which a machine's owner enrols. Its
/// presence in the checkout says that modules that are built here are signed.
pub fn module_certificate() -> PathBuf {
    rootfs().join("usr/share/custom-coreos/module-signing.der")
}

/// The public key that the checkout's policy names for a repository.
///
/// # Errors
/// If it names none, or the policy cannot be read.
pub fn public_key(root: &Path, repository: &Repository) -> Result<PublicKey, Error> {
    let trust = Trust::of_rootfs(&root.join(rootfs()))?;
    trust.key(repository)?.ok_or_else(|| Error::Step {
        step: "signed".to_owned(),
        detail: format!(
            "the policy in {} names no key for {repository}",
            rootfs().display()
        ),
    })
}
