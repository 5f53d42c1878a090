//! Whether the forge has an attestation of what is published.
//!
//! CI attests between the two halves of a publication. That the step was green says
//! that a request was sent; here the forge is asked what it has. What is asked is
//! whether there is one: nobody here judges its contents.

use std::fmt;

use forge::{Access, Forge};
use host::env;
use host::process::interrupted;
use image_build::gather::World;
use image_config::Attestation;
use registry_compat::ImageRef;
use remote::Pace;

use crate::error::Error;

/// What was found about one image.
#[derive(Debug)]
enum Found {
    /// So many.
    There(usize),
    /// The forge was asked, and has none.
    Nothing,
    /// It keeps none, or there is none.
    NotKept(Forge),
    /// It could not be asked.
    Unknown(Error),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There(1) => f.write_str("1 attestation"),
            Self::There(count) => write!(f, "{count} attestations"),
            Self::Nothing => f.write_str("no attestation"),
            Self::NotKept(forge) => write!(f, "no attestations are kept ({forge})"),
            Self::Unknown(why) => {
                let why = host::one_line(&why.to_string());
                write!(f, "could not ask for attestations: {why}")
            }
        }
    }
}

/// Asks about each image, and says what was found.
///
/// # Errors
/// [`Error::Refused`] if `attestation: required`, and one of them has none;
/// [`Error::Unattested`] if that could not be found out.
pub fn look(world: &World<'_>, images: &[&ImageRef]) -> Result<(), Error> {
    let required = world.config.attestation == Attestation::Required;
    for image in images {
        let Some(digest) = image.digest() else {
            continue;
        };
        let found = ask(world, digest.as_str())?;
        let line = format!("{image}: {found}");
        match (found, required) {
            (Found::There(_), _) => world.report.status("Attested", &line),
            (Found::Unknown(why), true) => {
                return Err(Error::Unattested {
                    image: image.to_string(),
                    source: Box::new(why),
                });
            }
            (_, true) => {
                return Err(Error::Refused(format!(
                    "{line}; `attestation: required` in image.yaml, so no tag moves"
                )));
            }
            (Found::Nothing, false) => world.report.warning(&line),
            (Found::NotKept(_) | Found::Unknown(_), false) => {
                world.report.status("Unattested", &line);
            }
        }
    }
    Ok(())
}

/// Both halves at once have nothing in between that could attest.
///
/// # Errors
/// [`Error::Usage`] if `attestation: required`.
pub fn both_halves(world: &World<'_>) -> Result<(), Error> {
    match world.config.attestation {
        Attestation::Told => Ok(()),
        Attestation::Required => Err(Error::Usage(
            "`attestation: required` in image.yaml: CI attests between `build --push` and \
             `publish`, so `build --publish` could only publish without one"
                .to_owned(),
        )),
    }
}

fn ask(world: &World<'_>, digest: &str) -> Result<Found, Error> {
    let pace = Pace::github(env::epoch_seconds, interrupted);
    let home = match world.home() {
        Ok(home) => home,
        Err(error) => return Ok(Found::Unknown(error.into())),
    };
    let keeps = forge::api(home.forge).and_then(|api| api.attestations(&home.project, digest));
    if keeps.is_none() {
        return Ok(Found::NotKept(home.forge));
    }
    let counted = world
        .project(Access::ReadRuns, pace)
        .and_then(|project| Ok(project.attestations(digest)?));
    match counted {
        Ok(Some(count)) if count > 0 => Ok(Found::There(count)),
        Ok(Some(_)) => Ok(Found::Nothing),
        Ok(None) => Ok(Found::NotKept(home.forge)),
        Err(error) if interrupted() => Err(error.into()),
        Err(error) => Ok(Found::Unknown(error.into())),
    }
}
