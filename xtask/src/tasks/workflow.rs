//! `workflow`: starts workflows, and shows how they went.

use host::Done;
use image_build::gather::World;
use night::workflow_runs;

use crate::cli::WorkflowArgs;
use crate::error::Error;

/// `workflow`.
///
/// # Errors
/// What could not be found out, or was asked for wrongly.
pub fn run(world: &World<'_>, args: &WorkflowArgs) -> Result<Done, Error> {
    Ok(workflow_runs::run(world, &args.request())?)
}
