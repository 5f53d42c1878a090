//! What `build` and `publish` tell when a plan was performed.

use host::Done;
use image_build::gather::World;
use image_build::lock::{Lock, image_version};
use image_build::verdict;
use image_publish::apply::{Live, Timing, apply};
use image_publish::plan::Plan;
use serde::Serialize;

use crate::error::Error;
use crate::tasks::{diff, status};

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

/// Performs a plan, and says how long each step took, whatever came of it.
pub fn timed(
    world: &World<'_>,
    plan: &Plan,
    live: &mut Live<'_>,
) -> (Vec<Timing>, Result<(), Error>) {
    let mut timings = Vec::new();
    let outcome = apply(plan, live, &mut timings);
    for timing in &timings {
        let line = format!("{:7.1} s  {}", timing.seconds, timing.step);
        world.report.status("Took", &line);
    }
    (timings, outcome.map_err(Error::from))
}

/// What was performed.
pub struct Made<'a> {
    /// `Pushed` or `Published`.
    pub verb: &'static str,
    /// The plan.
    pub plan: &'a Plan,
    /// Its lock.
    pub lock: &'a Lock,
}

/// Says what came of it, to people and to CI.
///
/// # Errors
/// If CI's files cannot be written.
pub fn tell(
    world: &World<'_>,
    made: &Made<'_>,
    live: &Live<'_>,
    timings: Vec<Timing>,
    mut outputs: Vec<(&'static str, String)>,
) -> Result<Done, Error> {
    if let (Some(digest), Some(size)) = (&live.pushed, live.size) {
        let repository = world.config.repository()?;
        let image = format!("{repository}@{digest}");
        let megabytes = size as f64 / 1e6;
        let line = format!("{image} ({megabytes:.1} MB compressed)");
        world.report.status(made.verb, &line);
        outputs.extend([
            ("digest", digest.to_string()),
            ("image", repository.to_string()),
            ("fingerprint", made.lock.fingerprint()?.to_string()),
        ]);
        if made.verb == "Pushed" {
            // Jobs of one matrix write their outputs into one another's, but
            // for those of different names.
            let name = match live.arch {
                version_discovery::Arch::X86_64 => "pushed-x86_64",
                version_discovery::Arch::Aarch64 => "pushed-aarch64",
            };
            outputs.push((name, image.clone()));
        }
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("image", image),
            row("version", image_version(made.lock)),
            row("size", format!("{megabytes:.1} MB")),
        ];
        let took = timings.iter();
        rows.extend(took.map(|t| row(t.step, format!("{:.1} s", t.seconds))));
        verdict::summary(world, made.verb, &rows)?;
        if made.verb == "Published" {
            diff::page(world, live)?;
        }
        status::chart(world, live.history.as_ref())?;
    }
    world.report.outputs(&outputs)?;
    document(world, made.plan, made.lock, Some(live), timings)?;
    Ok(Done::Well)
}

/// The document, of a dry run or a real one.
///
/// # Errors
/// Never for a config that was parsed.
pub fn document(
    world: &World<'_>,
    plan: &Plan,
    lock: &Lock,
    live: Option<&Live<'_>>,
    timings: Vec<Timing>,
) -> Result<(), Error> {
    let repository = world.config.repository()?;
    let digest = live.and_then(|live| live.pushed.clone());
    Ok(world.report.document(&Document {
        fingerprint: lock.fingerprint()?.to_string(),
        effects: plan.effects().map(ToString::to_string).collect(),
        lock,
        image: digest.map(|digest| repository.at(digest).to_string()),
        size: live.and_then(|live| live.size),
        timings,
    })?)
}
