//! Signatures of published images, in the form that `podman`, `skopeo` and `bootc` look
//! for: cosign's legacy form, under the tag `sha256-….sig`.

use image_build::policy_key::{public_key, rootfs};
use registry_compat::{Digest, ImageRef, Repository};
use signatures::signing;
use signatures::signing::{MANIFEST, PrivateKey};

use crate::candidate::Candidate;
use crate::effect::Effect;
use crate::error::Error;
use crate::key::SigningKey;
use crate::registry::{digest_in, family, known};
use crate::run::{Run, failed, misplaced};
use crate::signature_lookup::is_signed;
use crate::sigstore_bundle::hint;
use crate::step::Step;

/// A candidate that is signed as `image.yaml` says: with the key, or, with a stated
/// reason, not at all. Only [`sign`] and [`already_signed`] make it.
#[derive(Debug)]
pub struct Signed(Candidate);

impl Signed {
    /// What is signed.
    pub fn candidate(&self) -> &Candidate {
        &self.0
    }
}

/// Signs the candidate, and each image of it if it is an index. Without a step,
/// `image.yaml` gave a reason why nothing is signed, and the key step said it.
pub(crate) fn sign(
    run: &Run<'_>,
    step: Option<&Step>,
    key: &SigningKey,
    candidate: Candidate,
) -> Result<Signed, Error> {
    if let Some(step) = step {
        run.step(step, Some(candidate.digest()), |effect| match effect {
            Effect::Sign { repository, images } => {
                let all = images.iter().chain([candidate.digest()]);
                sign_each(run, key, repository, all)
            }
            other => Err(misplaced(step.name, other)),
        })?;
    }
    Ok(Signed(candidate))
}

/// Looks for the signatures of a candidate that was published before.
pub(crate) fn already_signed(
    run: &Run<'_>,
    step: &Step,
    candidate: Candidate,
) -> Result<Signed, Error> {
    run.step(step, Some(candidate.digest()), |effect| {
        must_be_signed(run, step.name, effect)
    })?;
    Ok(Signed(candidate))
}

/// Performs the effects of a step that looks for signatures.
pub(crate) fn must_be_signed(
    run: &Run<'_>,
    step: &'static str,
    effect: &Effect,
) -> Result<(), Error> {
    match effect {
        Effect::AlreadySigned { image } => signed(run, image),
        Effect::Unsigned { reason } => {
            run.report
                .warning(&format!("the image will not be signed: {reason}"));
            Ok(())
        }
        other => Err(misplaced(step, other)),
    }
}

fn sign_each<'d>(
    run: &Run<'_>,
    key: &SigningKey,
    repository: &Repository,
    images: impl Iterator<Item = &'d Digest>,
) -> Result<(), Error> {
    let key = key
        .private()
        .ok_or_else(|| failed("sign", "the plan signs, and its key step opened no key"))?;
    sign_digests(run, key, repository, images)
}

/// Signs each digest, unless the key has signed it already, and reads the signature back.
///
/// # Errors
/// If the registry does not take a signature, or does not have it afterwards.
pub fn sign_digests<'d>(
    run: &Run<'_>,
    key: &PrivateKey,
    repository: &Repository,
    images: impl Iterator<Item = &'d Digest>,
) -> Result<(), Error> {
    for digest in images {
        let registries = run.registries;
        if is_signed(registries, &key.public(), repository, digest)? {
            continue;
        }
        let image = repository.tagged(signing::signature_tag(digest)?);
        let existing = known(registries.artefact(&image))?;
        let existing = existing.as_ref().map(|found| found.manifest.as_slice());
        let signed = signing::sign(key, repository, digest, existing)?;
        registries.put(&image, MANIFEST, &signed.manifest, &signed.blobs)?;
        // Read back: only what the registry stores counts, not what was sent to it.
        if !is_signed(registries, &key.public(), repository, digest)? {
            return Err(failed(
                "sign",
                format!("{image} does not hold the signature after it was written"),
            ));
        }
        run.report
            .status("Signed", &format!("{repository}@{digest}"));
    }
    Ok(())
}

fn signed(run: &Run<'_>, image: &ImageRef) -> Result<(), Error> {
    let repository = image.repository();
    let key = public_key(&run.root(), repository)?;
    for digest in family(run.registries, repository, digest_in(image)?)? {
        if !is_signed(run.registries, &key, repository, &digest)? {
            return Err(failed(
                "signed",
                format!(
                    "{repository}@{digest} has no signature of the key in {}{}",
                    rootfs().display(),
                    hint(run.registries, repository, &digest)
                ),
            ));
        }
    }
    run.report.status("Signed", &image.to_string());
    Ok(())
}
