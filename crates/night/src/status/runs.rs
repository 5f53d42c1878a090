//! The last run of each workflow.

use std::time::Duration;

use host::env;
use host::failure::{Failure as _, Kind};
use host::process::interrupted;
use image_build::gather::World;
use remote::{Access, Pace, Wanted};

use super::state::{LastRun, Workflows};
use crate::error::Error;
use crate::workflow::Line;

/// How long a limiter of GitHub is waited for: somebody sits before the screen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for them. Where there is nobody to ask, or nobody to ask as, that is an
/// answer.
///
/// # Errors
/// [`host::Error::Interrupted`] only.
pub(super) fn workflows(world: &World<'_>) -> Result<Workflows, Error> {
    let name = match world.project_name() {
        Ok(name) => name,
        Err(error) => return Ok(Workflows::Nobody(error.to_string())),
    };
    if world.github_token().is_none() {
        return Ok(Workflows::Nobody(format!(
            "no token for {name}: GITHUB_TOKEN, GH_TOKEN or `gh auth login`; {}",
            Access::ReadRuns.wanted()
        )));
    }
    world.report.status("Reading", &format!("runs of {name}"));
    match ask(world) {
        Ok(runs) => Ok(Workflows::Asked(runs)),
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(error) => Ok(Workflows::Unknown(host::one_line(&error.to_string()))),
    }
}

fn ask(world: &World<'_>) -> Result<Vec<LastRun>, Error> {
    let pace = Pace {
        budget: PATIENCE,
        ..Pace::github(env::epoch_seconds, interrupted)
    };
    let project = world.project(Access::ReadRuns, pace)?;
    let mut all = Vec::new();
    for workflow in project.workflows()? {
        // GitHub has workflows of its own without a file.
        if !workflow.path.starts_with(".github/workflows/") {
            continue;
        }
        let runs = project.runs(workflow.file(), &Wanted::default(), 1)?;
        all.push(LastRun {
            workflow: host::one_line(workflow.file()),
            state: host::one_line(&workflow.state).replace('_', " "),
            run: runs.first().map(|run| Line::of(run, world.env.now)),
        });
    }
    Ok(all)
}
