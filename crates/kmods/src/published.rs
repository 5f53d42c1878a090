//! Looks into a kmods image that was published: its labels, its signature, its RPMs.

use image_build::gather::World;
use image_build::kmods_recipe::{RECIPE_LABEL, Recipe, SIGNER_LABEL};
use image_build::policy_key::public_key;
use image_publish::is_signed;
use image_publish::run::Run;
use registry_compat::{Answer, ImageRef, KmodTag};

use crate::error::Error;
use crate::fetch;
use crate::plan::{Inputs, check, no_builder};
use crate::wanted::Ready;

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Seen {
    /// By digest.
    pub image: ImageRef,
    /// What it was made of.
    pub recipe: Recipe,
    /// Who signed its modules.
    pub signer: Option<String>,
    /// Whether the image itself is signed; nothing where `image.yaml` signs nothing.
    pub signed: Option<bool>,
}

/// Reads its labels, and looks for its signature.
///
/// # Errors
/// If it is not there, was not made by this project, or could not be asked for.
pub fn see(world: &World<'_>, wanted: &KmodTag) -> Result<Seen, Error> {
    let (source, _) = world.config.own_kmods().ok_or_else(no_builder)?;
    let tag = source
        .tag(wanted)
        .map_err(|error| Error::Step(error.to_string()))?;
    let image = source.image.tagged(tag);
    let found = match world.inspect(&image, wanted.kernel.arch())? {
        Answer::Present(found) => found,
        Answer::Absent => return Err(Error::Step(format!("{image} is not there"))),
        Answer::Unknown(why) => return Err(image_build::Error::Unknown(why).into()),
    };
    let text = found.labels.get(RECIPE_LABEL).ok_or_else(|| {
        Error::Step(format!(
            "{image} has no label {RECIPE_LABEL}, so it was not made by this project"
        ))
    })?;
    let recipe: Recipe = serde_json::from_str(text)
        .map_err(|error| Error::Step(format!("{image}, label {RECIPE_LABEL}: {error}")))?;
    if recipe.wanted.tag() != *wanted {
        return Err(Error::Step(format!(
            "{image} was made for kernel {} with ZFS {}, which its tag does not say",
            recipe.wanted.kernel, recipe.wanted.zfs
        )));
    }
    let signed = match &world.config.signing.unsigned {
        Some(_) => None,
        None => {
            let key = public_key(
                &world.env.root,
                &world
                    .config
                    .repository()
                    .map_err(image_build::Error::from)?,
            )?;
            let registries = world.registries()?;
            Some(is_signed(registries, &key, &source.image, &found.digest)?)
        }
    };
    Ok(Seen {
        image: source.image.at(found.digest.clone()),
        recipe,
        signer: found.labels.get(SIGNER_LABEL).cloned(),
        signed,
    })
}

/// Looks into its RPMs, in a container.
///
/// # Errors
/// With what does not hold; [`image_build::Error::Refused`] if modules are being built in
/// this checkout.
pub fn try_rpms(world: &World<'_>, run: &Run<'_>, ready: &Ready, seen: &Seen) -> Result<(), Error> {
    let (_, own) = world.config.own_kmods().ok_or_else(no_builder)?;
    let _lock = crate::run::lock(world)?;
    let engine = ready.local.engine;
    let context = std::path::PathBuf::from("target/kmods/check");
    let signed = seen.signer.is_some();
    let certificate = ready.certificate.as_ref().filter(|_| signed);
    if signed && certificate.is_none() {
        return Err(Error::Step(format!(
            "{} says that its modules are signed, and there is no certificate in this checkout",
            seen.image
        )));
    }
    let from = std::path::Path::new(own.build.as_str());
    fetch::lay_out_check(
        &world.env.root,
        from,
        certificate
            .map(|_| image_build::policy_key::module_certificate())
            .as_deref(),
        &context,
    )?;
    let place = ready.local.destination.repository();
    let digest = seen
        .image
        .digest()
        .ok_or_else(|| Error::Step("no digest".to_owned()))?;
    let image = format!("{place}@{digest}");
    run.transfer(&engine.pull(&seen.recipe.builder.to_string(), false))?;
    run.transfer(&engine.pull(&image, ready.local.insecure))?;
    let inputs = Inputs {
        recipe: &seen.recipe,
        certificate,
        local: &ready.local,
    };
    crate::run::check(run, &check(inputs, &context, &image))
}
