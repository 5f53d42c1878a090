//! What `build` and `publish` say after a plan was performed, to people and to CI.

use host::Done;
use image_build::gather::World;
use image_build::lock::{Lock, image_version};
use image_build::verdict;
use registry_compat::Digest;
use serde::Serialize;
use version_discovery::Arch;

use crate::changes::since_followed;
use crate::error::Error;
use crate::history_table::chart;
use crate::plan::Outcome;
use crate::run::{Run, Timing};
use crate::step::Steps;

/// The document of `--json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    fingerprint: String,
    effects: Vec<String>,
    lock: &'a Lock,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timings: Vec<Timing>,
}

/// Says how long each step took, whatever came of it.
pub fn say_timings(world: &World<'_>, run: &Run<'_>) {
    for timing in run.timings() {
        let line = format!("{:7.1} s  {}", timing.seconds, timing.step);
        world.report.status("Took", &line);
    }
}

/// Digest and size of what an outcome left in the registry.
fn in_registry(outcome: &Outcome) -> Option<(&Digest, u64)> {
    match outcome {
        Outcome::Built => None,
        Outcome::Pushed(pushed) => Some((pushed.digest(), pushed.size())),
        Outcome::Published(done) => Some((done.promoted.digest(), done.promoted.size())),
        Outcome::Same(_) => None,
    }
}

/// Says what came of it, to people and to CI.
///
/// # Errors
/// If CI's files cannot be written.
pub fn say_outcome(
    world: &World<'_>,
    plan: &impl Steps,
    lock: &Lock,
    run: &Run<'_>,
    outcome: &Outcome,
    mut outputs: Vec<(&'static str, String)>,
) -> Result<Done, Error> {
    let left = in_registry(outcome);
    if let Some((digest, size)) = left {
        let repository = world.config.repository()?;
        let image = format!("{repository}@{digest}");
        let verb = match outcome {
            Outcome::Published(_) => "Published",
            Outcome::Built | Outcome::Pushed(_) | Outcome::Same(_) => "Pushed",
        };
        let megabytes = size as f64 / 1e6;
        let line = format!("{image} ({megabytes:.1} MB compressed)");
        world.report.status(verb, &line);
        outputs.extend([
            ("digest", digest.to_string()),
            ("image", repository.to_string()),
            ("fingerprint", lock.fingerprint()?.to_string()),
        ]);
        if matches!(outcome, Outcome::Pushed(_)) {
            // Jobs of one matrix write their outputs into one another's, but
            // for those of different names.
            let name = match run.arch {
                Arch::X86_64 => "pushed-x86_64",
                Arch::Aarch64 => "pushed-aarch64",
            };
            outputs.push((name, image.clone()));
        }
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("image", image),
            row("version", image_version(lock)),
            row("size", format!("{megabytes:.1} MB")),
        ];
        let took = run.timings();
        rows.extend(
            took.iter()
                .map(|t| row(t.step, format!("{:.1} s", t.seconds))),
        );
        verdict::summary(world, verb, &rows)?;
        let mut history = None;
        if let Outcome::Published(published) = outcome {
            if let Some(changes) = since_followed(world, published)? {
                let page = format!("{}\n", changes.markdown());
                world.report.summary(&page)?;
            }
            history = published.history.as_ref();
        }
        chart(world, history)?;
    }
    if let Outcome::Same(digest) = outcome {
        let image = world.config.repository()?.at(digest.clone());
        world.report.answer(&format!(
            "nothing new: the build has the content of {image}, which hosts follow already; no tag moved"
        ));
        outputs.push(("digest", digest.to_string()));
        outputs.push(("same-content", "true".to_owned()));
        let row = vec!["image".to_owned(), image.to_string()];
        verdict::summary(world, "Nothing new", &[row])?;
    }
    world.report.outputs(&outputs)?;
    say_document(world, plan, lock, left, run.timings())?;
    Ok(Done::Success)
}

/// The document, of a dry run or a real one.
///
/// # Errors
/// Never for a config that was parsed.
pub fn say_document(
    world: &World<'_>,
    plan: &impl Steps,
    lock: &Lock,
    left: Option<(&Digest, u64)>,
    timings: Vec<Timing>,
) -> Result<(), Error> {
    let repository = world.config.repository()?;
    Ok(world.report.document(&Document {
        fingerprint: lock.fingerprint()?.to_string(),
        effects: plan.lines(),
        lock,
        image: left.map(|(digest, _)| repository.at(digest.clone()).to_string()),
        size: left.map(|(_, size)| size),
        timings,
    })?)
}
