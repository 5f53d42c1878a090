//! Pushes a built image as layers by how often they change (`image.layers: by-change`).
//!
//! The engine exports the image, the image's own `rpm` says which package owns which
//! file, and `image_layers` writes the layers. What the followed image has already is
//! not written and not sent again; the layers of the base are passed on as they are.

use host::process::Capture;
use image_build::engine::LAYERS_FOLDER;
use image_build::facts::Local;
use image_build::lock::Lock;
use image_config::Config;
use image_layers::export::Export;
use image_layers::image::{Image, MANIFEST};
use image_layers::owners::Owners;
use image_layers::reassemble::{Order, Reassembled, reassemble};
use registry_compat::{Digest, ImageRef};
use remote::{Blob, Origin, Registries};
use version_discovery::Arch;

use crate::effect::Effect;
use crate::error::Error;
use crate::registry::known;
use crate::run::{Run, failed, misplaced};
use crate::split::Split;
use crate::step::Step;

/// So many layers are compressed at a time: a build machine has two processors or more,
/// and the memory for each is some hundred kilobytes.
const THREADS: usize = 4;

/// The step that splits a local image and pushes it.
///
/// # Errors
/// [`Error::Usage`] if the engine cannot export an image, or the lock has no times.
pub(crate) fn layers_step(
    config: &Config,
    lock: &Lock,
    local: &Local,
    name: &ImageRef,
    candidate: &ImageRef,
) -> Result<Step, Error> {
    let mut step = split_step("push", lock, local, name, config.followed()?)?;
    step.effects.push(Effect::PushLayers {
        to: candidate.clone(),
        base: lock.base_pinned(lock.target(local.arch)?),
    });
    step.cleanup.push(Effect::ClearLayers);
    Ok(step)
}

/// The step that splits a local image to compare it with a published one.
///
/// # Errors
/// As [`layers_step`].
pub(crate) fn compare_step(
    lock: &Lock,
    local: &Local,
    name: &ImageRef,
    published: &ImageRef,
) -> Result<Step, Error> {
    split_step("split", lock, local, name, published.clone())
}

fn split_step(
    step: &'static str,
    lock: &Lock,
    local: &Local,
    name: &ImageRef,
    followed: ImageRef,
) -> Result<Step, Error> {
    let target = lock.target(local.arch)?;
    let engine = local.engine;
    let export = engine.export(name, &format!("{LAYERS_FOLDER}/built"));
    let export = export.ok_or_else(|| {
        Error::Usage(format!(
            "`image.layers: by-change` needs podman or buildah: {engine} cannot export an image \
             with its layers as they are. Take one of those, or set `image.layers: one` in image.yaml"
        ))
    })?;
    let times = lock.times.ok_or_else(|| {
        Error::Usage(
            "the lock is from before `image.layers: by-change` existed and has no times; \
             resolve again"
                .to_owned(),
        )
    })?;
    let mut calls = engine.script(&name.to_string(), "owners.sh", &[]);
    let list = calls.pop().map(Effect::ListOwners);
    let split = Split {
        base: lock.base_pinned(target),
        followed,
        times,
    };
    let mut effects = vec![Effect::MakeLayers, Effect::Run(export)];
    effects.extend(calls.into_iter().map(Effect::Run).chain(list));
    effects.push(Effect::Split(Box::new(split)));
    Ok(Step::new(step, effects).cleaned(engine.contract_cleanup()))
}

/// Performs [`compare_step`].
pub(crate) fn split_only(run: &Run<'_>, step: &Step) -> Result<Reassembled, Error> {
    let made = split(run, step, &mut |_, effect| {
        Err(misplaced(step.name, effect))
    })?;
    made.map(|made| made.reassembled)
        .ok_or_else(|| failed(step.name, "the plan splits nothing"))
}

/// Performs [`layers_step`]. Returns the digest of the manifest that was pushed.
pub(crate) fn push(run: &Run<'_>, step: &Step) -> Result<Digest, Error> {
    let mut pushed = None;
    split(run, step, &mut |made, effect| match effect {
        Effect::PushLayers { to, base } => {
            pushed = Some(push_layers(run, &made, to, base)?);
            Ok(())
        }
        other => Err(misplaced(step.name, other)),
    })?;
    pushed.ok_or_else(|| failed(step.name, "the plan pushes nothing"))
}

/// Performs the effects that split an image; what follows them gets the result. The
/// result is returned if nothing follows.
fn split(
    run: &Run<'_>,
    step: &Step,
    then: &mut impl FnMut(Made, &Effect) -> Result<(), Error>,
) -> Result<Option<Made>, Error> {
    let mut owners = None;
    let mut made = None;
    run.step(step, None, |effect| match effect {
        Effect::ListOwners(call) => {
            let listed = run.output(call, None, Capture::Stdout)?;
            owners = Some(Owners::parse(&listed.stdout)?);
            Ok(())
        }
        Effect::Split(split) => {
            let owners = owners.take();
            let owners = owners.ok_or_else(|| failed(step.name, "the plan lists no owners"))?;
            made = Some(split_image(run, split, &owners)?);
            Ok(())
        }
        other => {
            let made = made.take();
            let made = made.ok_or_else(|| failed(step.name, "the plan splits nothing"))?;
            then(made, other)
        }
    })?;
    Ok(made)
}

/// An image that was split, and the one whose layers it keeps.
struct Made {
    reassembled: Reassembled,
    base: Image,
}

fn split_image(run: &Run<'_>, split: &Split, owners: &Owners) -> Result<Made, Error> {
    let base = image_in(run.registries, &split.base, run.arch)?
        .ok_or_else(|| failed("push", format!("the base {} is gone", split.base)))?;
    let previous = image_in(run.registries, &split.followed, run.arch)?;
    let folder = run.layers_folder();
    let built = Export::open(&folder.join("built"))?;
    let reassembled = reassemble(&Order {
        built: &built,
        base: &base,
        owners,
        previous: previous.as_ref(),
        created: split.times.resolved,
        newest_input: split.times.newest_input,
        to: &folder.join("layers"),
        threads: THREADS,
    })?;
    let manifest = &reassembled.written.image.manifest;
    let bytes: u64 = reassembled.new.iter().map(|(layer, _)| layer.size).sum();
    run.report.status(
        "Split",
        &format!(
            "{} layers on top of the base, of which {} are new ({:.1} MB)",
            manifest.parts().count(),
            reassembled.new.len(),
            bytes as f64 / 1e6
        ),
    );
    Ok(Made { reassembled, base })
}

fn push_layers(
    run: &Run<'_>,
    made: &Made,
    to: &ImageRef,
    base: &ImageRef,
) -> Result<Digest, Error> {
    let written = &made.reassembled.written;
    let manifest = &written.image.manifest;
    let in_base = |digest: &Digest| {
        let mut layers = made.base.manifest.layers.iter();
        layers.any(|layer| layer.digest == *digest)
    };
    let mut blobs: Vec<Blob> = manifest
        .layers
        .iter()
        .map(|layer| {
            let mut new = made.reassembled.new.iter();
            let file = new.find(|(new, _)| new.digest == layer.digest);
            let origin = match file {
                Some((_, path)) => Origin::File(path.clone()),
                None if in_base(&layer.digest) => Origin::Image(base.clone()),
                // Of the followed image, so that the repository has it.
                None => Origin::Image(to.clone()),
            };
            Blob {
                digest: layer.digest.clone(),
                size: layer.size,
                origin,
            }
        })
        .collect();
    blobs.push(Blob {
        digest: manifest.config.digest.clone(),
        size: manifest.config.size,
        origin: Origin::Bytes(written.config.clone()),
    });
    let sent = run
        .registries
        .push_image(to, MANIFEST, &written.manifest, &blobs)?;
    run.report.status(
        "Sent",
        &format!(
            "{} of {} blobs, {:.1} MB",
            sent.blobs,
            blobs.len(),
            sent.bytes as f64 / 1e6
        ),
    );
    Ok(Digest::of(&written.manifest))
}

/// Manifest and config of the image for one architecture; `None` if it is not there.
pub(crate) fn image_in(
    registries: &Registries,
    name: &ImageRef,
    arch: Arch,
) -> Result<Option<Image>, Error> {
    let Some(found) = known(registries.inspect(name, arch))? else {
        return Ok(None);
    };
    let image = name.repository().at(found.manifest);
    let gone = || failed("push", format!("{image} is gone while it is read"));
    let manifest = known(registries.artefact(&image))?.ok_or_else(gone)?;
    let config = known(registries.blob(&image, &found.config))?.ok_or_else(gone)?;
    let read = Image::parse(&manifest.manifest, &config);
    read.map(Some)
        .map_err(|detail| failed("push", format!("{image}: {detail}")))
}
