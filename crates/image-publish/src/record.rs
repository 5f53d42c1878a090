//! Records how long a publication took: after the push in a document attached to the
//! image, for the half that publishes; at the very end in the history, which is stored
//! in the same repository as an OCI artefact under the tag `history`.
//!
//! The image is already published when the history is written. So no error here fails a
//! publication, and a document that cannot be read is not overwritten.
//!
//! Source: OCI image specification 1.1, "Guidelines for Artifact Usage".

use image_config::{Config, LOOKED_ANNOTATION};
use image_layers::download::download;
use image_layers::image::Manifest;
use jiff::Timestamp;
use registry_compat::{Digest, ImageRef, Repository, Tag};
use remote::Registries;
use retention::HISTORY;
use serde_json::{Value, json};
use signatures::signing::MANIFEST;
use version_discovery::Arch;

use crate::attach::attached;
use crate::effect::Effect;
use crate::error::Error;
use crate::history as measured;
use crate::history::{Entry, Fetch, Half, History, MEASURED, Weight};
use crate::moving_tag::MovingTags;
use crate::promote::Promoted;
use crate::registry::known;
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// The step that is performed if the new images have nothing that hosts lack.
///
/// # Errors
/// Never for a config that was parsed.
pub(crate) fn same_step(config: &Config) -> Result<Step, Error> {
    let note = Effect::NoteSame {
        repository: config.repository()?,
        followed: config.followed()?,
    };
    Ok(Step::new("history", [note]))
}

/// Performs [`same_step`]: the history says when the image that hosts follow was last
/// found to be what a new build gives, so that it is not built again the next night.
/// Returns the digest of that image.
pub(crate) fn note_same(run: &Run<'_>, step: &Step) -> Result<Digest, Error> {
    let mut digest = None;
    run.step(step, None, |effect| {
        let Effect::NoteSame {
            repository,
            followed,
        } = effect
        else {
            return Err(misplaced(step.name, effect));
        };
        let found = known(run.registries.digest(followed))?
            .ok_or_else(|| failed("history", format!("{followed} is gone")))?;
        if let Err(error) = looked(run, repository, &found) {
            run.report.warning(&format!(
                "nothing was published, and the history got no note of it, so that the next \
                 night builds again: {error}"
            ));
        }
        digest = Some(found);
        Ok(())
    })?;
    digest.ok_or_else(|| failed("history", "the plan notes nothing"))
}

fn looked(run: &Run<'_>, repository: &Repository, digest: &Digest) -> Result<(), Error> {
    let mut history = read_history(run.registries, repository)?.unwrap_or_default();
    match history.looked(digest, now()) {
        true => write(run.registries, repository, &history),
        false => Err(failed("history", format!("it has no entry of {digest}"))),
    }
}

fn now() -> Timestamp {
    let seconds = i64::try_from(host::env::epoch_seconds()).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or_default()
}

/// Performs the step that adds a publication to the history; `None` if that did
/// not work, which is a warning.
pub(crate) fn record(
    run: &Run<'_>,
    step: &Step,
    promoted: &Promoted,
    tags: &MovingTags,
) -> Result<Option<History>, Error> {
    let mut history = None;
    run.step(step, Some(promoted.digest()), |effect| {
        let Effect::AddToHistory {
            repository,
            followed,
            image,
            fingerprint,
        } = effect
        else {
            return Err(misplaced(step.name, effect));
        };
        let before = tags.before(followed);
        match add(run, promoted, before, repository, (image, fingerprint)) {
            Ok(added) => {
                let count = added.last(usize::MAX).len();
                run.report
                    .status("Measured", &format!("publication {count} of the history"));
                history = Some(added);
            }
            Err(error) => run.report.warning(&format!(
                "the image is published, but the history got no entry of it: {error}"
            )),
        }
        Ok(())
    })?;
    Ok(history)
}

fn add(
    run: &Run<'_>,
    promoted: &Promoted,
    before: Option<&Digest>,
    repository: &Repository,
    (image, fingerprint): (&Tag, &Digest),
) -> Result<History, Error> {
    let digest = promoted.digest();
    let registries = run.registries;
    let mut history = read_history(registries, repository)?.unwrap_or_default();
    let timings = run.timings();
    let parts = parts(registries, &repository.at(digest.clone()), run.arch)?;
    let mut halves = Vec::new();
    let mut weights = Vec::new();
    let mut downloads = Vec::new();
    let before = before.filter(|before| *before != digest);
    let before = before.map(|before| parts_of(registries, repository, before, run.arch));
    let before = before.transpose()?.unwrap_or_default();
    let built_here = timings.iter().any(|timing| timing.step == "build");
    for (arch, part, manifest) in parts {
        if !built_here {
            // Without the first half's durations, the build would seem to have taken no
            // time.
            let document = attached(registries, repository, &part, MEASURED)?.ok_or_else(|| {
                let lacks = "has no list beside it of what its build took";
                failed("history", format!("{part} {lacks}"))
            })?;
            halves.push((arch, Half::parse(&document)?));
        }
        let old = before.iter().find(|(of, ..)| *of == arch);
        if let Some((_, _, old)) = old
            && let (Ok(old), Ok(new)) = (as_manifest(old), as_manifest(&manifest))
        {
            let costs = download(Some(&old), &new);
            downloads.push(Fetch {
                arch,
                bytes: costs.bytes,
                layers: costs.layers,
            });
        }
        weights.push(Weight {
            arch,
            layers: layers(&manifest),
        });
    }
    history.add(Entry {
        date: now(),
        digest: digest.clone(),
        image: image.clone(),
        fingerprint: fingerprint.clone(),
        program: env!("CARGO_PKG_VERSION")
            .to_owned()
            .try_into()
            .map_err(|why: String| failed("history", why))?,
        steps: measured::steps(halves, &timings),
        weights,
        boot: promoted.boot().cloned(),
        downloads,
        looked: None,
    });
    write(registries, repository, &history)?;
    Ok(history)
}

/// The images of what hosts followed before; none if it is gone by now.
fn parts_of(
    registries: &Registries,
    repository: &Repository,
    digest: &Digest,
    here: Arch,
) -> Result<Vec<(Arch, Digest, Value)>, Error> {
    let image = repository.at(digest.clone());
    match known(registries.digest(&image))? {
        Some(_) => parts(registries, &image, here),
        None => Ok(Vec::new()),
    }
}

fn as_manifest(manifest: &Value) -> Result<Manifest, serde_json::Error> {
    serde_json::from_value(manifest.clone())
}

/// The images behind a digest: itself, or those that it lists.
fn parts(
    registries: &Registries,
    image: &ImageRef,
    here: Arch,
) -> Result<Vec<(Arch, Digest, Value)>, Error> {
    let read = |image: &ImageRef| -> Result<(Digest, Value), Error> {
        let found = known(registries.artefact(image))?
            .ok_or_else(|| failed("history", format!("{image} is gone")))?;
        let manifest = serde_json::from_slice(&found.manifest).unwrap_or_default();
        Ok((found.digest, manifest))
    };
    let (digest, manifest) = read(image)?;
    let Some(list) = manifest.get("manifests").and_then(Value::as_array) else {
        return Ok(vec![(here, digest, manifest)]);
    };
    let mut parts = Vec::new();
    for entry in list {
        let text = |path: &str| entry.pointer(path).and_then(Value::as_str);
        let name = text("/platform/architecture").unwrap_or_default();
        let arch = [Arch::X86_64, Arch::Aarch64]
            .into_iter()
            .find(|arch| arch.oci() == name);
        // Other entries of an index are not our images.
        if let (Some(arch), Some(digest)) = (arch, text("/digest")) {
            let (digest, manifest) = read(&image.repository().at(digest.parse()?))?;
            parts.push((arch, digest, manifest));
        }
    }
    Ok(parts)
}

fn layers(manifest: &Value) -> Vec<u64> {
    let list = manifest.get("layers").and_then(Value::as_array);
    let size = |layer: &Value| layer.get("size").and_then(Value::as_u64).unwrap_or(0);
    list.into_iter().flatten().map(size).collect()
}

fn place(repository: &Repository) -> Result<ImageRef, Error> {
    Ok(repository.tagged(image_config::HISTORY_TAG.parse()?))
}

/// The history; `None` if there is none yet.
///
/// # Errors
/// If that could not be found out, or what is there is not one that this
/// program knows.
pub fn read_history(
    registries: &Registries,
    repository: &Repository,
) -> Result<Option<History>, Error> {
    let place = place(repository)?;
    let Some(found) = known(registries.artefact(&place))? else {
        return Ok(None);
    };
    let manifest: Value = serde_json::from_slice(&found.manifest).unwrap_or_default();
    let text = |path: &str| manifest.pointer(path).and_then(Value::as_str);
    if text("/artifactType") != Some(HISTORY) {
        return Err(failed(
            "history",
            format!("{place} is something else; give that another tag"),
        ));
    }
    let layer: Digest = text("/layers/0/digest").unwrap_or_default().parse()?;
    let document = known(registries.blob(&place, &layer))?
        .ok_or_else(|| failed("history", format!("{place} has lost its document")))?;
    let wrong = |error| {
        let next = "it stays as it is; to begin a new one, remove that tag";
        failed("history", format!("{place}: {error}; {next}"))
    };
    History::parse(&document).map(Some).map_err(wrong)
}

fn write(registries: &Registries, repository: &Repository, history: &History) -> Result<(), Error> {
    let empty = b"{}".to_vec();
    let document = history.to_bytes()?;
    let newest = history.last(1).first().map(|entry| entry.date.to_string());
    // The clean-up reads the artefact's age from the first; the second saves the next
    // night from reading all of the history.
    let mut annotations = json!({"org.opencontainers.image.created": newest});
    if let Some((digest, time)) = history.last_look() {
        annotations[LOOKED_ANNOTATION] = format!("{digest} {time}").into();
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": HISTORY,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": Digest::of(&empty),
            "size": empty.len(),
        },
        "layers": [{
            "mediaType": "application/json",
            "digest": Digest::of(&document),
            "size": document.len(),
        }],
        "annotations": annotations,
    })
    .to_string();
    let place = place(repository)?;
    let blobs = [empty, document];
    registries.put(&place, MANIFEST, manifest.as_bytes(), &blobs)?;
    match known(registries.digest(&place))? {
        Some(found) if found == Digest::of(manifest.as_bytes()) => Ok(()),
        _ => Err(failed(
            "history",
            format!("{place} is not what was written: does another run publish at the same time?"),
        )),
    }
}
