//! One name for the images of several architectures: an OCI image index. Pure:
//! the same images give the same bytes, so that its digest is known before it is
//! pushed, and a second run writes nothing new.
//!
//! Source: OCI image specification 1.1, "Image Index"; Go's `GOARCH` for
//! `platform.architecture`.

use image_build::lock::{Lock, image_version};
use registry_compat::{Digest, ImageRef};
use serde::Serialize;
use serde_json::json;
use version_discovery::Arch;

use crate::error::Error;

/// Media type of an index.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// The image that the first half of this run pushes.
    Pushed,
    /// The image of the one architecture.
    One(PlatformImage),
    /// One image of each architecture, under one index.
    Several(Index),
}

/// The image of one architecture, as stored in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlatformImage {
    /// The platform that its config names.
    pub arch: Arch,
    /// Its manifest.
    pub digest: Digest,
    /// Bytes of its manifest.
    pub size: usize,
    /// What its manifest says it is.
    pub media_type: String,
}

/// The index of the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Index {
    /// In the order in which they stand in it.
    pub parts: Vec<PlatformImage>,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    #[serde(skip)]
    pub manifest: Vec<u8>,
}

impl Index {
    /// The image that a machine can run.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none.
    pub fn here(&self, arch: Arch) -> Result<&PlatformImage, Error> {
        let here = self.parts.iter().find(|part| part.arch == arch);
        here.ok_or_else(|| {
            Error::Usage(format!("none of the images is for {arch}, this machine's"))
        })
    }

    /// Of these images, sorted by platform.
    ///
    /// # Errors
    /// As [`digest_of`].
    fn of(mut parts: Vec<PlatformImage>, lock: &Lock) -> Result<Self, Error> {
        parts.sort_by_key(|part| part.arch.oci());
        let manifests = parts.iter().map(|part| {
            json!({
                "mediaType": part.media_type,
                "digest": part.digest,
                "size": part.size,
                "platform": {"architecture": part.arch.oci(), "os": "linux"},
            })
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": manifests.collect::<Vec<_>>(),
            "annotations": {
                "org.opencontainers.image.title": lock.policy.title,
                "org.opencontainers.image.description": lock.policy.description,
                "org.opencontainers.image.version": image_version(lock),
                "org.opencontainers.image.base.name": lock.base.image,
            },
        })
        .to_string()
        .into_bytes();
        Ok(Self {
            parts,
            digest: Digest::of(&manifest),
            manifest,
        })
    }
}

/// Checks that these images were built from the lock, one for each of its
/// architectures. Returns the lock that is stored in the images: only that one records
/// that a build was forced although nothing had changed.
///
/// # Errors
/// [`Error::Refused`] if one is missing, is there twice, or has another lock.
pub fn arranged(
    given: &Lock,
    found: &[(ImageRef, PlatformImage, Lock)],
) -> Result<(Lock, Parts), Error> {
    // A night that was ended resolves again before it goes on: the inputs are the same,
    // the second is another. What counts is what is stored in the images.
    let plain = |lock: &Lock| {
        let mut lock = lock.clone();
        lock.judgement.forced = None;
        lock.times = None;
        lock
    };
    let mut theirs: Option<&Lock> = None;
    for (image, _, lock) in found {
        if plain(lock) != plain(given) {
            return Err(Error::Refused(format!(
                "{image} was built from the lock {}, not from the one given, {}; \
                 give the lock of its own build",
                lock.fingerprint()?.short(),
                given.fingerprint()?.short()
            )));
        }
        if theirs.is_some_and(|theirs| theirs != lock) {
            return Err(Error::Refused(format!(
                "{image} was built for another reason (`--force`) than the image before it; \
                 build both in one run"
            )));
        }
        theirs = Some(lock);
    }
    let lock = theirs.unwrap_or(given).clone();
    for target in &lock.targets {
        let of: Vec<String> = found
            .iter()
            .filter(|(_, part, _)| part.arch == target.arch)
            .map(|(image, ..)| image.to_string())
            .collect();
        match of.len() {
            1 => {}
            0 => {
                return Err(Error::Refused(format!(
                    "there is no image for {} among them, and its hosts would be left behind; \
                     push one with `cargo xtask build --push`, or take {} out of \
                     `architectures` in image.yaml and resolve again",
                    target.arch, target.arch
                )));
            }
            _ => {
                return Err(Error::Refused(format!(
                    "{} are both for {}; give one of them",
                    of.join(" and "),
                    target.arch
                )));
            }
        }
    }
    let listed = |arch| lock.targets.iter().any(|target| target.arch == arch);
    if let Some((image, part, _)) = found.iter().find(|(_, part, _)| !listed(part.arch)) {
        return Err(Error::Refused(format!(
            "{image} is for {}, which the lock does not list",
            part.arch
        )));
    }
    let mut parts: Vec<PlatformImage> = found.iter().map(|(_, part, _)| part.clone()).collect();
    let parts = match (parts.len(), parts.pop()) {
        (1, Some(one)) => Parts::One(one),
        (_, last) => {
            parts.extend(last);
            Parts::Several(Index::of(parts, &lock)?)
        }
    };
    Ok((lock, parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::failure::Failure as _;
    use image_build::testing;

    fn found(name: &str, arch: Arch, lock: &Lock) -> (ImageRef, PlatformImage, Lock) {
        let digest = Digest::of(name.as_bytes());
        let image = format!("ghcr.io/someone/custom-coreos@{digest}");
        let part = PlatformImage {
            arch,
            digest,
            size: name.len(),
            media_type: signatures::signing::MANIFEST.to_owned(),
        };
        (image.parse().unwrap(), part, lock.clone())
    }

    #[test]
    fn the_index_is_the_same_whatever_the_order() {
        let (_, lock, _) = testing::locked_for_two();
        let ours = found("ours", Arch::X86_64, &lock);
        let other = found("other", Arch::Aarch64, &lock);
        let (_, there) = arranged(&lock, &[ours.clone(), other.clone()]).unwrap();
        let (_, back) = arranged(&lock, &[other, ours.clone()]).unwrap();
        assert_eq!(there, back);
        let Parts::Several(index) = there else {
            panic!("an index");
        };
        let wire: serde_json::Value = serde_json::from_slice(&index.manifest).unwrap();
        let names = ["amd64", "arm64"].map(serde_json::Value::from);
        for (at, name) in names.iter().enumerate() {
            let entry = &wire["manifests"][at];
            assert_eq!(entry["platform"]["architecture"], *name);
            assert_eq!(entry["platform"]["os"], "linux");
        }
        assert_eq!(wire["manifests"][0]["digest"], ours.1.digest.to_string());
        assert_eq!(wire["manifests"][0]["size"], 4);
        assert_eq!(
            wire["annotations"]["org.opencontainers.image.version"],
            image_version(&lock)
        );
        assert_eq!(index.digest, Digest::of(&index.manifest));
        assert_eq!(index.here(Arch::Aarch64).unwrap().size, 5);
    }

    #[test]
    fn one_architecture_has_no_index() {
        let (_, lock, _) = testing::locked();
        let ours = found("ours", Arch::X86_64, &lock);
        let (theirs, parts) = arranged(&lock, std::slice::from_ref(&ours)).unwrap();
        assert_eq!((theirs, parts), (lock.clone(), Parts::One(ours.1)));
        // Only the lock in the image records that the build was forced.
        let mut forced = lock.clone();
        forced.judgement.forced = Some("why".parse().unwrap());
        let (theirs, _) = arranged(&lock, &[found("ours", Arch::X86_64, &forced)]).unwrap();
        assert_eq!(theirs, forced);
        // Resolved at another time, of the same inputs.
        let mut later = lock.clone();
        later.times = None;
        let (theirs, _) = arranged(&later, &[found("ours", Arch::X86_64, &lock)]).unwrap();
        assert_eq!(theirs, lock);
    }

    #[test]
    fn what_does_not_belong_together_is_not_joined() {
        let (_, lock, _) = testing::locked_for_two();
        let (_, one, _) = testing::locked();
        let ours = || found("ours", Arch::X86_64, &lock);
        let other = || found("other", Arch::Aarch64, &lock);
        let twin = found("twin", Arch::X86_64, &lock);
        let newer = Lock {
            zfs: "2.4.5".parse().unwrap(),
            ..lock.clone()
        };
        let newer = found("newer", Arch::Aarch64, &newer);
        let mut forced = lock.clone();
        forced.judgement.forced = Some("why".parse().unwrap());
        let forced = found("forced", Arch::Aarch64, &forced);
        for (given, images, said) in [
            (&lock, vec![], "no image for x86_64"),
            (&lock, vec![ours()], "no image for aarch64 among them"),
            (&lock, vec![ours(), twin.clone()], "are both for x86_64"),
            (&lock, vec![ours(), other(), twin], "are both for x86_64"),
            (&lock, vec![ours(), newer], "the lock of its own build"),
            (&lock, vec![ours(), forced], "for another reason"),
            (&one, vec![ours(), other()], "the lock of its own build"),
            (
                &one,
                vec![
                    found("ours", Arch::X86_64, &one),
                    found("other", Arch::Aarch64, &one),
                ],
                "is for aarch64, which the lock does not list",
            ),
        ] {
            let error = arranged(given, &images).unwrap_err();
            assert_eq!(error.exit_code(), 4);
            assert!(error.to_string().contains(said), "{said}: {error}");
        }
    }
}
