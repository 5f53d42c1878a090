//! `build` and `test-build`.

use serde::Serialize;

use crate::apply::{Dry, Live, Timing, apply};
use crate::cli::{BuildArgs, Inputs, TestBuildArgs};
use crate::error::Error;
use crate::facts::Local;
use crate::gather::World;
use crate::lock::Lock;
use crate::plan::{Goal, Plan, image_version, plan};
use crate::resolve::Resolution;
use crate::tasks::{Done, versions};

/// The document of `build --json`.
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

/// `build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn build(world: &World<'_>, args: &BuildArgs) -> Result<Done, Error> {
    let goal = if args.publish {
        Goal::Publish
    } else {
        Goal::Build
    };
    if goal == Goal::Publish {
        own_house(world)?;
    }
    run(world, goal, &args.inputs)
}

/// `test-build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn test_build(world: &World<'_>, args: &TestBuildArgs) -> Result<Done, Error> {
    run(world, Goal::TestBuild, &args.inputs)
}

/// In CI, a fork that still names somebody else's account is stopped before it
/// builds: it would fail at the push, after half an hour, or worse, succeed.
fn own_house(world: &World<'_>) -> Result<(), Error> {
    let image = &world.config.image;
    match &world.env.ci_owner {
        Some(owner) if !owner.eq_ignore_ascii_case(image.owner.as_str()) => {
            Err(Error::Usage(format!(
                "this is a repository of `{}`, but image.yaml publishes to `{}/{}`; \
                 set `image.owner` in image.yaml to the account of this repository",
                remote::one_line(owner),
                image.registry,
                image.owner
            )))
        }
        _ => Ok(()),
    }
}

fn run(world: &World<'_>, goal: Goal, inputs: &Inputs) -> Result<Done, Error> {
    let (lock, local) = match &inputs.locked {
        Some(path) => (versions::read_lock(path)?, world.local(inputs.engine)?),
        None => {
            let here = if inputs.dry_run {
                versions::Here::Saved
            } else {
                versions::Here::Now
            };
            let resolved = versions::resolved(world, &inputs.facts, inputs.engine, here)?;
            match resolved.resolution {
                Resolution::Lock(lock) => (*lock, resolved.facts.local),
                Resolution::NotYet(not_yet) => {
                    versions::tell(world, &not_yet);
                    world.report.document(&not_yet)?;
                    return Ok(Done::NotYet);
                }
            }
        }
    };
    let plan = plan(goal, world.config, &lock, &local)?;
    let fingerprint = lock.fingerprint()?;
    world.report.status(
        "Planned",
        &format!("{} from lock {}", image_version(&lock), fingerprint.short()),
    );
    if inputs.dry_run {
        apply(&plan, &mut Dry(world.report), &mut Vec::new())?;
        document(world, &plan, &lock, None, Vec::new())?;
        return Ok(Done::Well);
    }
    perform(world, &plan, &lock, &local)
}

fn perform(world: &World<'_>, plan: &Plan, lock: &Lock, local: &Local) -> Result<Done, Error> {
    let registries = world.registries()?;
    let mut live = Live::new(&world.env.root, registries, world.report, local.arch)?;
    let mut timings = Vec::new();
    let outcome = apply(plan, &mut live, &mut timings);
    for timing in &timings {
        world.report.status(
            "Took",
            &format!("{:7.1} s  {}", timing.seconds, timing.step),
        );
    }
    outcome?;
    let digest = live.pushed.as_ref();
    if let (Some(digest), Some(size)) = (digest, live.size) {
        let repository = world.config.repository()?;
        let megabytes = size as f64 / 1e6;
        world.report.status(
            "Published",
            &format!("{repository}@{digest} ({megabytes:.1} MB compressed)"),
        );
        world.report.outputs(&[
            ("digest", digest.to_string()),
            ("image", repository.to_string()),
            ("fingerprint", lock.fingerprint()?.to_string()),
        ])?;
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row("image", format!("{repository}@{digest}")),
            row("version", image_version(lock)),
            row("size", format!("{megabytes:.1} MB")),
        ];
        rows.extend(
            timings
                .iter()
                .map(|t| row(t.step, format!("{:.1} s", t.seconds))),
        );
        versions::summary(world, "Published", &rows)?;
    }
    document(world, plan, lock, Some(&live), timings)?;
    Ok(Done::Well)
}

fn document(
    world: &World<'_>,
    plan: &Plan,
    lock: &Lock,
    live: Option<&Live<'_>>,
    timings: Vec<Timing>,
) -> Result<(), Error> {
    let repository = world.config.repository()?;
    let digest = live.and_then(|live| live.pushed.clone());
    world.report.document(&Document {
        fingerprint: lock.fingerprint()?.to_string(),
        effects: plan.effects().map(ToString::to_string).collect(),
        lock,
        image: digest.map(|digest| repository.at(digest).to_string()),
        size: live.and_then(|live| live.size),
        timings,
    })
}
