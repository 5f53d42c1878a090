//! Looks for a signature where the container tools look for it.

use registry_compat::{Digest, Repository};
use remote::Registries;
use signatures::signing::{self, PublicKey};

use crate::error::Error;
use crate::registry::known;

/// Whether there is a signature made with this key in the place where the container
/// tools look for it.
///
/// # Errors
/// If that could not be found out.
pub fn is_signed(
    registries: &Registries,
    key: &PublicKey,
    repository: &Repository,
    digest: &Digest,
) -> Result<bool, Error> {
    let image = repository.tagged(signing::signature_tag(digest)?);
    let Some(found) = known(registries.artefact(&image))? else {
        return Ok(false);
    };
    signing::verify(key, repository, digest, &found.manifest, |blob| {
        known(registries.blob(&image, blob))
    })
}
