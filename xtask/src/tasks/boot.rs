//! `boot`: an image booted itself, in a virtual machine.

use host::Done;
use image_build::gather::World;
use machine::boot::command;

use crate::cli::BootArgs;
use crate::error::Error;

/// Boots an image and judges it.
///
/// # Errors
/// If something that it takes is missing or cannot run. An image that is not what
/// it has promised is an answer: [`Done::CheckFailed`].
pub fn run(world: &World<'_>, args: &BootArgs) -> Result<Done, Error> {
    Ok(command::run(world, &args.request())?)
}
