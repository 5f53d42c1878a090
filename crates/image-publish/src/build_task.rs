//! `build` and `test-build` as a whole: from the inputs to what is said of the image.

use host::Done;
use host::failure::{Failure as _, Kind};
use image_build::gather::World;
use image_build::lock::image_version;
use image_build::skip::{Published, UpToDate};
use image_build::{skip, verdict};

use crate::announce::{say_document, say_outcome, say_timings};
use crate::attestation;
use crate::build_inputs::{BuildOptions, Found, find, still_there};
use crate::error::Error;
use crate::notes::note;
use crate::plan::{Goal, Outcome, plan};
use crate::run::{Run, show};

/// Finds the inputs, compares them with what is published, and performs the plan or
/// shows it.
///
/// # Errors
/// The first thing that did not hold.
pub fn run(world: &World<'_>, wanted: &BuildOptions<'_>) -> Result<Done, Error> {
    if wanted.goal == Goal::Publish && !wanted.dry_run {
        attestation::both_halves(world)?;
    }
    let Some(mut found) = find(world, wanted)? else {
        return Ok(Done::NotYet);
    };
    if let Some(reason) = wanted.force {
        found.lock.judgement.forced = Some(reason.clone());
    }
    if let Some(reason) = &found.lock.judgement.forced {
        world.report.status("Forced", reason.as_str());
    } else if wanted.goal != Goal::TestBuild {
        let days = world.config.policy.rebuild_after_days;
        match skip::published(&found.lock, found.published.as_ref(), days, found.now)? {
            Published::UpToDate(same) => return unchanged(world, &same, found.outputs),
            Published::Old(age) => verdict::too_old(world, age),
            Published::Other => {}
        }
    }
    perform(world, wanted, found)
}

/// What is published is what would be built.
fn unchanged(
    world: &World<'_>,
    same: &UpToDate,
    mut outputs: Vec<(&'static str, String)>,
) -> Result<Done, Error> {
    let image = world.config.repository()?.at(same.digest.clone());
    let text = format!("unchanged since {}, digest {}", same.since, same.digest);
    world.report.answer(&text);
    world.report.status("Published", &image.to_string());
    outputs.push(("unchanged-since", same.since.to_string()));
    outputs.push(("digest", same.digest.to_string()));
    outputs.push(("fingerprint", same.fingerprint.to_string()));
    world.report.outputs(&outputs)?;
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("image", image.to_string()),
        row("since", same.since.to_string()),
    ];
    verdict::summary(world, "Unchanged", &rows)?;
    world
        .report
        .document(&serde_json::json!({ "unchanged": same }))?;
    Ok(Done::Success)
}

fn perform(world: &World<'_>, wanted: &BuildOptions<'_>, mut found: Found) -> Result<Done, Error> {
    let outputs = std::mem::take(&mut found.outputs);
    let Found { lock, local, .. } = &found;
    let plan = plan(wanted.goal, world.config, lock, local)?;
    let (version, fingerprint) = (image_version(lock), lock.fingerprint()?);
    let planned = format!("{version} from lock {}", fingerprint.short());
    world.report.status("Planned", &planned);
    if wanted.dry_run {
        show(&plan, world.report);
        say_document(world, &plan, lock, None, Vec::new())?;
        return Ok(Done::Success);
    }
    let registries = world.registries()?;
    let run = Run::new(&world.env.root, registries, world.report, local.arch)?.on(world.env);
    let outcome = plan.perform(&run);
    say_timings(world, &run);
    match outcome {
        Ok(outcome) => {
            if let (Some(folder), Outcome::Pushed(pushed)) = (wanted.pushed, &outcome) {
                let image = world.config.repository()?.at(pushed.digest().clone());
                note(world, folder, local.arch, &image)?;
            }
            say_outcome(world, &plan, lock, &run, &outcome, outputs)
        }
        Err(error) => {
            // What the engine says of an image that is not there any more is hard
            // to read, and only now is it worth a question.
            let built = run.timings().iter().any(|timing| timing.step == "contract");
            if !built && error.kind() != Kind::Interrupted {
                still_there(world, lock, local.arch, None)?;
            }
            Err(error)
        }
    }
}
