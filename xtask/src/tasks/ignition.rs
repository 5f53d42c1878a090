//! `ignition`: the machines' configs, from source to page.

use host::Done;
use image_build::gather::World;
use machine::ignition::{compare, serve, site_folder, translate};

use crate::cli::{IgnitionArgs, IgnitionTask};
use crate::error::Error;

/// Does what the command line says.
///
/// # Errors
/// If files cannot be read or written, or a name has no source.
pub fn run(world: &World<'_>, args: &IgnitionArgs) -> Result<Done, Error> {
    Ok(match &args.task {
        None => translate::translate(world, &args.names, args.check)?,
        Some(IgnitionTask::Site(args)) => site_folder::run(world, &args.output)?,
        Some(IgnitionTask::Serve(args)) => serve::run(world, &args.address)?,
        Some(IgnitionTask::Compare(args)) => compare::run(world, args.url.as_ref())?,
    })
}
