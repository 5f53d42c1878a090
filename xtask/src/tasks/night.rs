//! `night`: the whole night, and having systemd run it.

use host::Done;
use image_build::gather::World;
use night::nightly::{install, run as whole};

use crate::cli::{NightArgs, NightTask};
use crate::error::Error;

/// `night`.
///
/// # Errors
/// What could not be typed, written or enabled.
pub fn run(world: &World<'_>, args: &NightArgs) -> Result<Done, Error> {
    Ok(match &args.task {
        None => whole(world, &args.options())?,
        Some(NightTask::Install(args)) => install::install(world, &args.wanted())?,
        Some(NightTask::Uninstall(args)) => install::uninstall(world, &args.wanted())?,
    })
}
