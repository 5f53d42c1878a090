//! The images that a person gives to `publish` and `promote`.

use image_build::gather::World;
use image_build::lock::Lock;
use registry_compat::{Digest, ImageRef, Repository};

use crate::error::Error;
use crate::index::{Parts, arranged};
use crate::platform_image::read_part;

/// Parses the reference of an image in our own repository, by digest.
///
/// # Errors
/// [`Error::Usage`] if it is of another repository, or has no digest.
pub fn own(world: &World<'_>, image: &ImageRef) -> Result<(Repository, Digest), Error> {
    let repository = world.config.repository()?;
    match image.digest() {
        Some(digest) if *image.repository() == repository => Ok((repository, digest.clone())),
        _ => Err(Error::Usage(format!(
            "{image} is not an image of {repository} by digest (NAME@sha256:…)"
        ))),
    }
}

/// Reads the pushed images, and sorts them by the architectures of a lock: the image of
/// the one architecture, or one of each.
///
/// # Errors
/// [`Error::Usage`] if there is none; [`Error::Refused`] if they were not built from
/// the lock.
pub fn given_parts(
    world: &World<'_>,
    given: &Lock,
    images: &[&ImageRef],
) -> Result<(Lock, Parts), Error> {
    if images.is_empty() {
        return Err(Error::Usage(
            "there is no image to publish; `cargo xtask build --push` prints what it pushed"
                .to_owned(),
        ));
    }
    let registries = world.registries()?;
    let mut found = Vec::new();
    for image in images {
        own(world, image)?;
        world.report.status("Reading", &image.to_string());
        let (part, lock) = read_part(registries, image)?;
        found.push(((*image).clone(), part, lock));
    }
    arranged(given, &found)
}
