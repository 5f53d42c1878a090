//! `doctor --online`: whether the forge gives the token every right that the nights
//! will need, asked before the first of them. Nothing is changed.

use std::time::Duration;

use forge::{Access, Forge};
use host::process::interrupted;
use host::{Done, env};
use image_build::gather::World;
use image_config::{BackEnd, Package};
use remote::{ForgePackages, Pace, Packages};
use serde::Serialize;

use crate::error::Error;
use crate::folder;

/// How long a limiter is waited for: somebody sits before the screen.
const PATIENCE: Duration = Duration::from_secs(10);

/// One right, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Right {
    /// `read the repository`, …
    pub what: String,
    /// It is there.
    pub ok: bool,
    /// Where it was found, or what was said and what is needed.
    pub found: String,
}

impl Right {
    fn new(what: impl Into<String>, found: Result<String, String>) -> Self {
        Self {
            what: what.into(),
            ok: found.is_ok(),
            found: host::one_line(&found.unwrap_or_else(|wrong| wrong)),
        }
    }
}

/// `doctor --online`: a row for each. One that is missing is a negative answer.
///
/// # Errors
/// As [`rights`].
pub fn run(world: &World<'_>) -> Result<Done, Error> {
    let all = rights(world)?;
    let mut rows = vec![["", "RIGHT", "FOUND"].map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(|right| {
        let verdict = if right.ok { "ok" } else { "MISSING" };
        vec![verdict.to_owned(), right.what.clone(), right.found.clone()]
    }));
    world.report.table(&rows);
    world.report.document(&all)?;
    Ok(match all.iter().all(|right| right.ok) {
        true => Done::Success,
        false => Done::CheckFailed,
    })
}

/// Asks for all of them.
///
/// # Errors
/// [`host::Error::Interrupted`] only: that nobody answers is what was found.
pub fn rights(world: &World<'_>) -> Result<Vec<Right>, Error> {
    let pace = Pace {
        budget: PATIENCE,
        ..Pace::github(env::epoch_seconds, interrupted)
    };
    let mut all = Vec::new();
    match world.home() {
        Err(error) => all.push(Right::new("know the forge", Err(error.to_string()))),
        Ok(home) if home.forge == Forge::None => {
            let place = folder::of(world).map(|folder| folder.display().to_string());
            let place = place.map_err(|error| error.to_string());
            all.push(Right::new("keep the alarm in a file", place));
        }
        Ok(home) => {
            let project = &home.project;
            let place = format!("{} at {}", project, home.forge);
            match world.project(Access::Issues, pace) {
                Err(error) => all.push(Right::new(place, Err(error.to_string()))),
                Ok(project) => {
                    world.report.status("Asking", &place);
                    let found = project.rights(world.config.alarm.label.as_str())?;
                    all.extend(found.into_iter().map(|right| {
                        let said = right.found.map(|()| place.clone());
                        Right::new(right.what, said)
                    }));
                }
            }
        }
    }
    let mut packages: Vec<Package> = world.config.retention.packages.to_vec();
    if packages.is_empty() {
        packages.push(Package {
            image: world.config.repository()?,
            back_end: None,
        });
    }
    for package in &packages {
        let what = format!("list and delete versions of {package}");
        all.push(match package.back_end() {
            BackEnd::Registry => Right::new(
                what,
                Ok("by the registry's own credentials; only a delete shows it".to_owned()),
            ),
            other => Right::new(what, opened(world, package, other, pace)),
        });
    }
    Ok(all)
}

/// Whether the package is found with this token.
fn opened(
    world: &World<'_>,
    package: &Package,
    back_end: BackEnd,
    pace: Pace,
) -> Result<String, String> {
    let found = if back_end == BackEnd::Github {
        let (owner, name) = package.owner_and_name();
        let token = world.github_token();
        let base = world.config.urls.github_api.as_str();
        Packages::open(world.agent(), base, owner, name, token.as_ref(), pace).map(drop)
    } else {
        let (home, token) = world
            .home_and_token()
            .ok_or("which repository this is, is not known")?;
        ForgePackages::open(world.agent(), &home, &package.image, token.as_ref(), pace).map(drop)
    };
    found.map_err(|error| error.to_string())?;
    Ok(format!("found at {back_end}"))
}
