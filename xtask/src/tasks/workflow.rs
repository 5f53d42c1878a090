//! `workflow`: starts workflows, and shows how they went.

use host::Done;
use night::workflow_runs;

use crate::cli::WorkflowArgs;
use crate::error::Error;
use crate::selected::Selected;

/// `workflow`.
///
/// # Errors
/// What could not be found out, or was asked for wrongly.
pub fn run(on: &Selected<'_>, args: &WorkflowArgs) -> Result<Done, Error> {
    Ok(workflow_runs::run(
        &on.shared(),
        on.images,
        &args.request(),
    )?)
}
