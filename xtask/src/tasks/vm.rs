//! `vm`: an installation, tried in a virtual machine.

use host::Done;
use image_build::gather::World;
use machine::vm::attempt;

use crate::cli::VmArgs;
use crate::error::Error;

/// Installs, boots twice, judges.
///
/// # Errors
/// If something that it takes is missing or cannot run. A machine that is not
/// what its config says is an answer: [`Done::CheckFailed`].
pub fn run(world: &World<'_>, args: &VmArgs) -> Result<Done, Error> {
    Ok(attempt::run(world, &args.options())?)
}
