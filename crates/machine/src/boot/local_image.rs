//! What a local image says of itself: the lock that it was built by.

use std::collections::BTreeMap;
use std::path::Path;

use host::process;
use image_build::engine::Engine;
use image_build::lock::{LOCK_LABEL, Lock};
use image_build::policy_key::rootfs;
use image_config::Boot as Policy;
use registry_compat::Digest;
use signatures::trust::POLICY;
use version_discovery::Arch;
use xshell::Shell;

use super::questions::Promises;
use crate::error::Error;

/// Whether an image is in the engine's storage.
pub fn is_here(sh: &Shell, engine: Engine, image: &str) -> bool {
    process::read(sh, &engine.labels(image)).is_ok()
}

/// SHA-256 of the `policy.json` that the checkout gives its images; `None` if it
/// gives them none.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn trust(root: &Path) -> Result<Option<Digest>, Error> {
    let path = root.join(rootfs()).join(POLICY.trim_start_matches('/'));
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(Digest::of(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(host::Error::File {
            verb: "read",
            path,
            source,
        }
        .into()),
    }
}

/// The promises of a local image.
///
/// # Errors
/// If it is not there, or was not built by this program.
pub fn promises(
    sh: &Shell,
    engine: Engine,
    image: &str,
    arch: Arch,
    policy: &Policy,
) -> Result<Promises, Error> {
    let text = process::read(sh, &engine.labels(image))?;
    let wrong = |detail: String| Error::Step {
        step: "boot".to_owned(),
        detail,
    };
    // `null` without any.
    let labels: Option<BTreeMap<String, String>> =
        serde_json::from_str(&text).map_err(|error| {
            wrong(format!(
                "{} shows no labels of {image}: {error}",
                engine.program()
            ))
        })?;
    let lock = labels
        .as_ref()
        .and_then(|labels| labels.get(LOCK_LABEL))
        .ok_or_else(|| {
            wrong(format!(
                "{image} has no label {LOCK_LABEL}, so nobody knows what it has promised; \
                 `cargo xtask build` makes images that have it"
            ))
        })?;
    let lock = Lock::parse(lock, image)?;
    Promises::of(&lock, arch, policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_cannot_be_read_is_not_one_that_is_not_there() {
        let sh = Shell::new().unwrap();
        let dir = sh.create_temp_dir().unwrap();
        assert_eq!(trust(dir.path()).unwrap(), None);
        let path = dir.path().join(rootfs()).join("etc/containers/policy.json");
        sh.write_file(&path, "{}").unwrap();
        assert_eq!(trust(dir.path()).unwrap(), Some(Digest::of(b"{}")));
        // Not even root reads a folder.
        sh.remove_path(&path).unwrap();
        sh.create_dir(&path).unwrap();
        let error = trust(dir.path()).unwrap_err().to_string();
        assert!(error.contains("policy.json"), "{error}");
    }
}
