//! Documents attached to an image: artefacts that name it as their subject, found
//! through the index under the tag `sha256-HEX`. GitHub's registry answers 404 to the
//! referrers API, and distribution 2.8 has none, so that this fallback is what works
//! everywhere.
//!
//! Source: OCI distribution specification 1.1, "Referrers Tag Schema"; OCI image
//! specification 1.1, "Guidelines for Artifact Usage".

use registry_compat::{Answer, Digest, ImageRef, Repository};
use remote::Registries;
use serde_json::{Value, json};
use signatures::signing::MANIFEST;

use crate::error::Error;
use crate::index::INDEX;
use crate::registry::known;
use crate::run::failed;

/// Type of the lock's artefact.
pub const LOCK: &str = "application/vnd.custom-coreos.lock.v1+json";

fn fallback(repository: &Repository, digest: &Digest) -> Result<ImageRef, Error> {
    Ok(repository.tagged(format!("sha256-{}", digest.hex()).parse()?))
}

/// The entries of the index; none if there is no index.
fn entries(registries: &Registries, tag: &ImageRef) -> Result<Vec<Value>, Error> {
    let Some(found) = known(registries.artefact(tag))? else {
        return Ok(Vec::new());
    };
    let index: Value = serde_json::from_slice(&found.manifest).unwrap_or_default();
    match index.get("manifests").and_then(Value::as_array) {
        Some(list) => Ok(list.clone()),
        // A tag that somebody else uses for something different is not overwritten.
        None => Err(failed("attach", format!("{tag} is no index of referrers"))),
    }
}

/// The documents attached to an image, as far as they can be read; only used for a
/// hint.
pub(super) fn listed(
    registries: &Registries,
    repository: &Repository,
    subject: &Digest,
) -> Vec<Value> {
    let list = fallback(repository, subject).and_then(|tag| entries(registries, &tag));
    list.unwrap_or_default()
}

/// Attaches a document to an image. If one of the same type and content is already
/// attached, nothing is added.
///
/// # Errors
/// If the registry did not take it.
pub fn attach(
    registries: &Registries,
    repository: &Repository,
    subject: &Digest,
    kind: &str,
    document: Vec<u8>,
) -> Result<(), Error> {
    let image = repository.at(subject.clone());
    let of = known(registries.artefact(&image))?
        .ok_or_else(|| failed("attach", format!("{image} is gone")))?;
    let wire: Value = serde_json::from_slice(&of.manifest).unwrap_or_default();
    let media = wire.get("mediaType").and_then(Value::as_str);
    let empty = b"{}".to_vec();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": Digest::of(&empty),
            "size": empty.len(),
        },
        "layers": [{
            "mediaType": kind,
            "digest": Digest::of(&document),
            "size": document.len(),
        }],
        "subject": {
            "mediaType": media.unwrap_or(MANIFEST),
            "digest": subject,
            "size": of.manifest.len(),
        },
    })
    .to_string()
    .into_bytes();
    let digest = Digest::of(&manifest);
    registries.put(
        &repository.at(digest.clone()),
        MANIFEST,
        &manifest,
        &[empty, document],
    )?;
    let tag = fallback(repository, subject)?;
    let mut list = entries(registries, &tag)?;
    let names =
        |entry: &Value| entry.get("digest").and_then(Value::as_str) == Some(digest.as_str());
    if list.iter().any(names) {
        return Ok(());
    }
    list.push(json!({
        "mediaType": MANIFEST,
        "artifactType": kind,
        "digest": digest,
        "size": manifest.len(),
    }));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": list});
    registries.put(&tag, INDEX, index.to_string().as_bytes(), &[])?;
    if entries(registries, &tag)?.iter().any(names) {
        Ok(())
    } else {
        Err(failed(
            "attach",
            format!("{tag} does not list what was attached"),
        ))
    }
}

/// The newest document of a type that is attached to an image; `None` if there is none.
///
/// # Errors
/// If that could not be found out.
pub fn attached(
    registries: &Registries,
    repository: &Repository,
    subject: &Digest,
    kind: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let list = entries(registries, &fallback(repository, subject)?)?;
    let fits = |entry: &&Value| entry.get("artifactType").and_then(Value::as_str) == Some(kind);
    let Some(entry) = list.iter().rev().find(fits) else {
        return Ok(None);
    };
    let text = |value: &Value, path: &str| {
        let text = value.pointer(path).and_then(Value::as_str);
        text.unwrap_or_default().parse::<Digest>()
    };
    let image = repository.at(text(entry, "/digest")?);
    let Answer::Present(found) = registries.artefact(&image) else {
        return Err(failed(
            "attached",
            format!("{image} is listed, but not there"),
        ));
    };
    let manifest: Value = serde_json::from_slice(&found.manifest).unwrap_or_default();
    known(registries.blob(&image, &text(&manifest, "/layers/0/digest")?))
}
