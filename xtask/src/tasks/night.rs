//! `night`: the whole night, and having systemd run it.

use host::Done;
use night::nightly::{install, run as whole};

use crate::cli::{NightArgs, NightTask};
use crate::error::Error;
use crate::selected::Selected;

/// `night`.
///
/// # Errors
/// What could not be typed, written or enabled.
pub fn run(on: &Selected<'_>, args: &NightArgs) -> Result<Done, Error> {
    let world = &on.shared();
    let images = (on.wanted(), on.images.are_named());
    Ok(match &args.task {
        None => whole(world, images, &args.options())?,
        Some(NightTask::Install(args)) => install::install(world, &args.wanted())?,
        Some(NightTask::Uninstall(args)) => install::uninstall(world, &args.wanted())?,
    })
}
