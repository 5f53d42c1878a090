//! `rehearse`: the main job against throw-away stand-ins.

use host::Done;
use image_build::gather::World;
use rehearsal::rehearsal::{Options, run as rehearse};

use crate::error::Error;

/// `rehearse`.
///
/// # Errors
/// If the stand-ins could not be made.
pub fn run(world: &World<'_>, args: &Options) -> Result<Done, Error> {
    Ok(rehearse(world, args)?)
}
