//! Performs what comes before the signature in the second half: what is taken,
//! and how several images get one name.

use image_build::lock::{LOCK_LABEL, Lock};
use registry_compat::{Digest, ImageRef, Repository};
use remote::{Inspected, Registries};
use serde_json::Value;
use signatures::signing::MANIFEST;
use version_discovery::Arch;

use super::attach::{INDEX, LOCK, attach, attached};
use super::index::{Index, Piece};
use super::perform::{known, step};
use super::promotion::marks;
use crate::apply::Live;
use crate::error::Error;
use crate::sbom::SPDX;

/// Reads the image of one architecture: what it is for, and its lock.
///
/// # Errors
/// [`Error::Refused`] if it is an index, or not built by this project.
pub fn piece(registries: &Registries, image: &ImageRef) -> Result<(Piece, Lock), Error> {
    let found = known(registries.artefact(image))?
        .ok_or_else(|| step("take", format!("{image} is not there")))?;
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
        .ok_or_else(|| step("take", format!("the config of {image} is gone")))?;
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
    let piece = Piece {
        arch,
        digest: found.digest,
        size: found.manifest.len(),
        media_type: text(&wire, "/mediaType").unwrap_or_else(|| MANIFEST.to_owned()),
    };
    Ok((piece, lock))
}

/// What an index has for an architecture.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The architecture.
    pub arch: Arch,
    /// Its image; `None` if there is none.
    pub image: Option<Inspected>,
}

/// What an image has for each architecture of its lock, in the order of that.
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

/// The image must be of the lock and the architecture, and not marked as bad.
pub(super) fn take(
    live: &mut Live<'_>,
    repository: &Repository,
    digest: Option<&Digest>,
    (arch, lock): (Arch, &str),
    pushed: bool,
) -> Result<(), Error> {
    let digest = match digest {
        Some(digest) => digest.clone(),
        None => live.pushed()?.clone(),
    };
    let image = repository.at(digest.clone());
    let (piece, theirs) = piece(live.registries, &image)?;
    if piece.arch != arch || theirs != Lock::parse(lock, "the plan")? {
        return Err(Error::Refused(format!(
            "{image} is for {} and of the lock {}, which is not what the plan says",
            piece.arch,
            theirs.fingerprint()?.short()
        )));
    }
    if let Some(mark) = marks(&image)?
        && known(live.registries.digest(&mark))?.is_some()
    {
        return Err(Error::Refused(format!(
            "{image} is marked as bad by {mark}"
        )));
    }
    if pushed {
        let found = known(live.registries.inspect(&image, arch))?;
        live.size = found.map(|found| found.size);
        live.pushed = Some(digest);
    }
    Ok(())
}

/// Writes the index under the candidate tag.
pub(super) fn join(live: &Live<'_>, candidate: &ImageRef, index: &Index) -> Result<(), Error> {
    live.registries
        .put(candidate, INDEX, &index.manifest, &[])?;
    Ok(())
}

/// What counts is what is there, not what was sent.
pub(super) fn read_index(
    live: &mut Live<'_>,
    candidate: &ImageRef,
    digest: &Digest,
) -> Result<(), Error> {
    let found = known(live.registries.inspect(candidate, live.arch))?
        .ok_or_else(|| step("read back", format!("{candidate} is not there")))?;
    if found.digest != *digest {
        return Err(step(
            "read back",
            format!(
                "{candidate} is {}, another image than the index that was written: \
                 does another run publish at the same time?",
                found.digest
            ),
        ));
    }
    live.report
        .status("Joined", &format!("{}@{digest}", candidate.repository()));
    live.size = Some(found.size);
    live.pushed = Some(found.digest);
    Ok(())
}

/// The list of packages of an image that cannot be run here must be there.
pub(super) fn beside(live: &Live<'_>, image: &ImageRef) -> Result<(), Error> {
    let list = match image.digest() {
        Some(digest) => attached(live.registries, image.repository(), digest, SPDX)?,
        None => None,
    };
    if list.is_some() {
        return Ok(());
    }
    Err(step(
        "attach",
        format!(
            "there is no list of packages beside {image}; push it again with \
             `cargo xtask build --push`"
        ),
    ))
}

/// Puts the lock beside the index.
pub(super) fn attach_lock(
    live: &Live<'_>,
    repository: &Repository,
    lock: &str,
) -> Result<(), Error> {
    let document = lock.as_bytes().to_vec();
    attach(live.registries, repository, live.pushed()?, LOCK, document)?;
    live.report.status("Attached", "the lock");
    Ok(())
}
