//! The folder of what outlives a night on this machine: one for each image, so
//! that two checkouts that publish the same one share its lock and its memory.

use std::path::PathBuf;

use image_build::gather::World;

use crate::error::Error;

/// It, made if it is not there.
///
/// # Errors
/// If this account has no home for it, or it cannot be made.
pub fn of(world: &World<'_>) -> Result<PathBuf, Error> {
    let place = world.env.state_dir.as_ref().ok_or_else(|| {
        Error::Usage(
            "there is no folder for what outlives a night: set HOME, XDG_STATE_HOME or \
             STATE_DIRECTORY"
                .to_owned(),
        )
    })?;
    let image = world.config.repository()?.to_string();
    let folder = place.join(image.replace(['/', ':'], "-"));
    host::files::make_dir(&folder)?;
    Ok(folder)
}
