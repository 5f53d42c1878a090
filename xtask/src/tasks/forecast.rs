//! `forecast`: what the streams ahead will bring, and when.

use host::Done;
use image_build::forecast;
use image_build::gather::World;

use crate::error::Error;

/// `forecast`.
///
/// # Errors
/// If the streams could not be asked about.
pub fn run(world: &World<'_>) -> Result<Done, Error> {
    Ok(forecast::run(world)?)
}
