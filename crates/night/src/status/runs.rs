//! The last run of each workflow.

use std::time::Duration;

use forge::{Access, RunFilter};
use host::env;
use host::failure::{Failure as _, Kind};
use host::process::interrupted;
use image_build::gather::World;
use remote::{Pace, Project};

use super::state::{LastRun, Workflows};
use crate::error::Error;
use crate::workflow::Line;

/// How long a limiter is waited for: somebody sits before the screen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for them. Where there is nobody to ask, or nobody to ask as, that is an
/// answer.
///
/// # Errors
/// [`host::Error::Interrupted`] only.
pub(super) fn workflows(world: &World<'_>) -> Result<Workflows, Error> {
    let pace = Pace {
        budget: PATIENCE,
        ..Pace::github(env::epoch_seconds, interrupted)
    };
    // Nobody to ask, or nobody to ask as.
    let project = match world.project(Access::ReadRuns, pace) {
        Ok(project) => project,
        Err(error) => return Ok(Workflows::Nobody(error.to_string())),
    };
    world
        .report
        .status("Reading", &format!("runs of {}", project.name()));
    match ask(world, &project) {
        Ok(runs) => Ok(Workflows::Asked(runs)),
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(error) => Ok(Workflows::Unknown(host::one_line(&error.to_string()))),
    }
}

fn ask(world: &World<'_>, project: &Project) -> Result<Vec<LastRun>, Error> {
    let mut all = Vec::new();
    for workflow in project.workflows()? {
        let runs = project.runs(workflow.file(), &RunFilter::default(), 1)?;
        all.push(LastRun {
            workflow: host::one_line(workflow.file()),
            state: host::one_line(&workflow.state).replace('_', " "),
            run: runs.first().map(|run| Line::of(run, world.env.now)),
        });
    }
    Ok(all)
}
