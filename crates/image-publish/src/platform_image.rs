//! The image that a registry has for each architecture.

use image_build::lock::{LOCK_LABEL, Lock};
use registry_compat::{Digest, ImageRef};
use remote::{Inspected, Registries};
use serde_json::Value;
use signatures::signing::MANIFEST;
use version_discovery::Arch;

use crate::error::Error;
use crate::index::PlatformImage;
use crate::registry::known;
use crate::run::failed;

/// Reads the image of one architecture: its platform and its lock.
///
/// # Errors
/// [`Error::Refused`] if it is an index, or not built by this project.
pub fn read_part(
    registries: &Registries,
    image: &ImageRef,
) -> Result<(PlatformImage, Lock), Error> {
    let found = known(registries.artefact(image))?
        .ok_or_else(|| failed("take", format!("{image} is not there")))?;
    let wire: Value = serde_json::from_slice(&found.manifest).unwrap_or_default();
    if wire.get("manifests").is_some() {
        return Err(Error::Refused(format!(
            "{image} is an index; give the images in it, one for each architecture"
        )));
    }
    let text = |value: &Value, path: &str| {
        let text = value.pointer(path).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let config: Digest = text(&wire, "/config/digest").unwrap_or_default().parse()?;
    let config = known(registries.blob(image, &config))?
        .ok_or_else(|| failed("take", format!("the config of {image} is gone")))?;
    let config: Value = serde_json::from_slice(&config).unwrap_or_default();
    let labels = config.pointer("/config/Labels");
    let lock = labels
        .and_then(|labels| labels.get(LOCK_LABEL))
        .and_then(Value::as_str)
        .ok_or_else(|| {
            Error::Refused(format!(
                "{image} has no label {LOCK_LABEL}, so it was not built by this project"
            ))
        })?;
    let machine = text(&config, "/architecture").unwrap_or_default();
    let arch = [Arch::X86_64, Arch::Aarch64]
        .into_iter()
        .find(|arch| arch.oci() == machine)
        .ok_or_else(|| {
            let machine = host::one_line(&machine);
            Error::Refused(format!("{image} is for `{machine}`, which nothing here is"))
        })?;
    let lock = Lock::parse(lock, &format!("label {LOCK_LABEL} of {image}"))?;
    let part = PlatformImage {
        arch,
        digest: found.digest,
        size: found.manifest.len(),
        media_type: text(&wire, "/mediaType").unwrap_or_else(|| MANIFEST.to_owned()),
    };
    Ok((part, lock))
}

/// The image that an index lists for an architecture.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The architecture.
    pub arch: Arch,
    /// Its image; `None` if there is none.
    pub image: Option<Inspected>,
}

/// What an image has for each architecture of its lock, in the order of the lock.
///
/// # Errors
/// If that could not be found out.
pub fn platforms(
    registries: &Registries,
    image: &ImageRef,
    lock: &Lock,
) -> Result<Vec<Platform>, Error> {
    let one = |arch| {
        let image = known(registries.inspect(image, arch))?;
        Ok(Platform { arch, image })
    };
    lock.targets.iter().map(|target| one(target.arch)).collect()
}
