//! `alarm`: what a job's end means for the issue, and doing it.

use host::Done;
use image_build::gather::World;
use night::alarm::keep;

use crate::cli::AlarmArgs;
use crate::error::Error;

/// `alarm`. Whatever is wrong with the image, this task has done its own: the
/// exit code says only if the alarm could be kept.
///
/// # Errors
/// If GitHub could not be asked or does not let it.
pub fn run(world: &World<'_>, args: &AlarmArgs) -> Result<Done, Error> {
    Ok(keep::run(world, args.call())?)
}
