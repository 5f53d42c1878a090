//! Which kmods images of our own the published images name: they stay as long as those.

use std::collections::BTreeSet;

use image_build::gather::World;
use image_build::lock::{LOCK_LABEL, Lock};
use registry_compat::{Answer, Digest, Repository};
use version_discovery::Arch;

use crate::error::Error;

/// The kmods that the locks of images name, of a source that this project publishes to. `images` are manifests of single images, of either architecture.
///
/// # Errors
/// If one could not be read: then it is not known what it names, and nothing may go.
pub fn named_by(
    world: &World<'_>,
    source: &Repository,
    repository: &Repository,
    images: &[Digest],
) -> Result<BTreeSet<Digest>, Error> {
    let mut named = BTreeSet::new();
    for digest in images {
        let image = repository.at(digest.clone());
        // The labels of one image are the same whoever asks.
        let found = match world.inspect(&image, Arch::X86_64)? {
            Answer::Present(found) => found,
            // Gone since it was listed.
            Answer::Absent => continue,
            Answer::Unknown(why) => return Err(image_build::Error::Unknown(why).into()),
        };
        let Some(text) = found.labels.get(LOCK_LABEL) else {
            continue;
        };
        named.extend(in_lock(text, &image.to_string(), source)?);
    }
    Ok(named)
}

/// The digests in one lock that are of the source.
///
/// # Errors
/// If the text is no lock of this version.
pub fn in_lock(text: &str, place: &str, source: &Repository) -> Result<Vec<Digest>, Error> {
    let lock = Lock::parse(text, place)?;
    let own = lock
        .targets
        .into_iter()
        .filter(|target| target.kmods.repository() == source);
    Ok(own.map(|target| target.kmods_digest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_the_kmods_of_each_architecture() {
        let (_, lock, _) = image_build::testing::locked_for_two();
        let text = lock.to_line().unwrap();
        let own = lock.targets[0].kmods.repository().clone();
        let named = in_lock(&text, "x", &own).unwrap();
        let wanted: Vec<Digest> = lock
            .targets
            .iter()
            .map(|t| t.kmods_digest.clone())
            .collect();
        assert_eq!(named, wanted);
        let other = "ghcr.io/someone/else".parse().unwrap();
        assert!(in_lock(&text, "x", &other).unwrap().is_empty());
        assert!(in_lock("{}", "x", &own).is_err());
    }
}
