//! The last run of each workflow.

use std::time::Duration;

use remote::{Access, Pace, Wanted};

use crate::env;
use crate::error::Error;
use crate::gather::World;
use crate::process::interrupted;
use crate::status::{LastRun, Workflows};
use crate::workflow::Line;

/// How long a limiter of GitHub is waited for: somebody sits before the screen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for them. Where there is nobody to ask, or nobody to ask as, that is an
/// answer.
///
/// # Errors
/// [`Error::Interrupted`] only.
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
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => Ok(Workflows::Unknown(remote::one_line(&error.to_string()))),
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
            workflow: remote::one_line(workflow.file()),
            state: remote::one_line(&workflow.state).replace('_', " "),
            run: runs.first().map(|run| Line::of(run, world.env.now)),
        });
    }
    Ok(all)
}
