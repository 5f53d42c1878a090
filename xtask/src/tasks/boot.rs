//! `boot`: an image booted itself, in a virtual machine.

use host::Done;
use image_build::gather::World;
use machine::boot::command;
use registry_compat::ImageRef;

use crate::cli::BootArgs;
use crate::error::Error;
use crate::selected::Selected;

/// Boots an image and judges it.
///
/// # Errors
/// If something that it takes is missing or cannot run. An image that is not what
/// it has promised is an answer: [`Done::CheckFailed`].
pub fn run(on: &Selected<'_>, args: &BootArgs) -> Result<Done, Error> {
    let boot = |world: &World<'_>| Ok(command::run(world, &args.request())?);
    match args.image.as_deref().map(str::parse::<ImageRef>) {
        None => on.each(boot),
        Some(Ok(image)) => on.of(&image, boot),
        // The name of a local image.
        Some(Err(_)) => on.one(boot),
    }
}
