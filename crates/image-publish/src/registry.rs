//! Small questions to a registry, where "not there" is one of the answers.

use registry_compat::{Answer, Digest, ImageRef, Repository, Tag};
use remote::Registries;
use serde_json::Value;

use crate::effect::RETRACTED;
use crate::error::Error;
use crate::run::failed;

/// An answer where "not there" is one of the answers that are wanted.
pub(crate) fn known<T>(answer: Answer<T>) -> Result<Option<T>, Error> {
    match answer {
        Answer::Present(value) => Ok(Some(value)),
        Answer::Absent => Ok(None),
        Answer::Unknown(why) => Err(Error::Unknown(why)),
    }
}

/// The digest of a reference that must have one.
pub(crate) fn digest_in(image: &ImageRef) -> Result<&Digest, Error> {
    image
        .digest()
        .ok_or_else(|| Error::Usage(format!("{image} is no digest")))
}

/// The tag that marks an image as bad.
///
/// # Errors
/// Never: the form is right by construction.
pub fn retracted_tag(digest: &Digest) -> Result<Tag, Error> {
    Ok(format!("{RETRACTED}{}", digest.short()).parse()?)
}

/// An image must not be marked as bad.
pub(crate) fn not_retracted(registries: &Registries, image: &ImageRef) -> Result<(), Error> {
    let mark = image.repository().tagged(retracted_tag(digest_in(image)?)?);
    match known(registries.digest(&mark))? {
        None => Ok(()),
        Some(_) => Err(Error::Refused(format!(
            "{image} is marked as bad by {mark}"
        ))),
    }
}

/// An image, and the images in it if it is an index.
pub(crate) fn family(
    registries: &Registries,
    repository: &Repository,
    top: &Digest,
) -> Result<Vec<Digest>, Error> {
    let found = known(registries.artefact(&repository.at(top.clone())))?
        .ok_or_else(|| failed("sign", format!("{repository}@{top} is gone")))?;
    let manifest: Value = serde_json::from_slice(&found.manifest).unwrap_or_default();
    let children = manifest.get("manifests").and_then(Value::as_array);
    let mut all = vec![top.clone()];
    for child in children.into_iter().flatten() {
        let digest = child
            .get("digest")
            .and_then(Value::as_str)
            .unwrap_or_default();
        all.push(digest.parse()?);
    }
    Ok(all)
}
