//! `build` and `test-build`.

use host::Done;
use image_build::facts::Local;
use image_build::gather::{Scope, World};
use image_build::inputs::{Here, read_lock, resolved};
use image_build::lock::{LOCK_LABEL, Lock, image_version};
use image_build::resolve::Resolution;
use image_build::skip::{Published, UpToDate};
use image_build::{skip, verdict};
use image_config::Reason;
use image_publish::apply::{Dry, Live, apply};
use image_publish::plan::{Goal, Plan, plan};
use jiff::Timestamp;
use registry_compat::{Answer, ImageRef};
use remote::Inspected;
use version_discovery::Arch;

use crate::cli::{BuildArgs, Inputs, TestBuildArgs};
use crate::error::Error;
use crate::tasks::performed::{Made, document, tell, timed};

/// What is wanted besides the goal.
struct Wanted<'a> {
    goal: Goal,
    inputs: &'a Inputs,
    /// Build exactly what this image was built of.
    like: Option<&'a ImageRef>,
    /// Build though nothing changed, and why.
    force: Option<&'a Reason>,
}

/// `build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn build(world: &World<'_>, args: &BuildArgs) -> Result<Done, Error> {
    let goal = match (args.publish, args.push) {
        (true, _) => Goal::Publish,
        (_, true) => Goal::Push,
        _ => Goal::Build,
    };
    if goal != Goal::Build {
        own_house(world)?;
    }
    run(
        world,
        &Wanted {
            goal,
            inputs: &args.inputs,
            like: args.like.as_ref(),
            force: args.force.as_ref(),
        },
    )
}

/// `test-build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn test_build(world: &World<'_>, args: &TestBuildArgs) -> Result<Done, Error> {
    let done = run(
        world,
        &Wanted {
            goal: Goal::TestBuild,
            inputs: &args.inputs,
            like: None,
            force: None,
        },
    )?;
    // Whoever changed the checkout cannot help it.
    Ok(match done {
        Done::NotYet if args.if_possible => Done::Well,
        done => done,
    })
}

/// In CI, a fork that still names somebody else's account is stopped before it
/// builds: it would fail at the push, after half an hour, or worse, succeed.
pub(super) fn own_house(world: &World<'_>) -> Result<(), Error> {
    let image = &world.config.image;
    match &world.env.ci_owner {
        Some(owner) if !owner.eq_ignore_ascii_case(image.owner.as_str()) => {
            Err(Error::Usage(format!(
                "this is a repository of `{}`, but image.yaml publishes to `{}/{}`; \
                 set `image.owner` in image.yaml to the account of this repository",
                host::one_line(owner),
                image.registry,
                image.owner
            )))
        }
        _ => Ok(()),
    }
}

/// The inputs, and what is said of them at the end.
struct Found {
    lock: Lock,
    local: Local,
    published: Option<Answer<Inspected>>,
    /// The moment that all of this is of.
    now: Timestamp,
    outputs: Vec<(&'static str, String)>,
}

/// From a lock, or else from the world. `None` if nothing can be built yet,
/// which has been told.
fn found(world: &World<'_>, wanted: &Wanted<'_>) -> Result<Option<Found>, Error> {
    let inputs = wanted.inputs;
    if let Some(image) = wanted.like {
        let local = world.local(inputs.engine)?;
        let lock = like(world, image, &local)?;
        return Ok(Some(Found {
            lock,
            local,
            published: None,
            now: world.env.now,
            outputs: Vec::new(),
        }));
    }
    if let Some(path) = &inputs.locked {
        let lock = read_lock(path)?;
        let forced = wanted.force.is_some() || lock.judgement.forced.is_some();
        // Without a publication, nobody needs to be asked for anything; and
        // where it comes in halves, whoever made the lock has asked.
        let published = if wanted.goal == Goal::Publish && !forced {
            Some(world.published()?)
        } else {
            None
        };
        return Ok(Some(Found {
            lock,
            local: world.local(inputs.engine)?,
            published,
            now: world.env.now,
            outputs: Vec::new(),
        }));
    }
    let here = if inputs.dry_run {
        Here::Saved
    } else {
        Here::Now
    };
    let scope = Scope {
        published: wanted.goal != Goal::TestBuild,
        ..Scope::default()
    };
    let resolved = resolved(world, &(&inputs.facts).into(), inputs.engine, here, scope)?;
    verdict::hold(world, &resolved.choice.outcome)?;
    let outputs = verdict::outputs(&resolved);
    match resolved.resolution {
        Resolution::Lock(lock) => Ok(Some(Found {
            lock: *lock,
            local: resolved.facts.local,
            published: resolved.facts.upstream.published,
            now: resolved.facts.upstream.now,
            outputs,
        })),
        Resolution::NotYet(not_yet) => {
            verdict::not_yet(world, &not_yet)?;
            world.report.document(&not_yet)?;
            Ok(None)
        }
    }
}

/// The lock of a published image, if all that it names is still there.
fn like(world: &World<'_>, image: &ImageRef, local: &Local) -> Result<Lock, Error> {
    let step = |detail: String| Error::Step {
        step: format!("inputs of {image}"),
        detail,
    };
    if image.digest().is_none() {
        return Err(Error::Usage(format!(
            "--like {image}: a tag may be another image tomorrow; give the digest, NAME@sha256:…"
        )));
    }
    world.report.status("Reading", &image.to_string());
    let found = match world.inspect(image, local.arch)? {
        Answer::Present(found) => found,
        Answer::Absent => return Err(step(format!("it is not there for {}", local.arch))),
        Answer::Unknown(why) => return Err(Error::Unknown(why)),
    };
    let text = found.labels.get(LOCK_LABEL).ok_or_else(|| {
        step(format!(
            "it has no label {LOCK_LABEL}, so it was not built by this project"
        ))
    })?;
    let mut lock = Lock::parse(text, &format!("label {LOCK_LABEL} of {image}"))?;
    // Why it was built then is not why it is built now.
    lock.judgement.forced = None;
    gone(world, &lock, local.arch, found.created)?;
    Ok(lock)
}

/// Whether the images of a lock are still there.
///
/// # Errors
/// [`image_build::Error::Gone`] if one is certainly not. Trouble is none here: the engine
/// will say.
fn gone(world: &World<'_>, lock: &Lock, arch: Arch, seen: Option<Timestamp>) -> Result<(), Error> {
    let target = lock.target(arch)?;
    let images = [
        ("base image", lock.base_pinned(target)),
        ("kmods image", target.kmods_pinned()),
    ];
    for (what, image) in images {
        if world.registries()?.digest(&image) == Answer::Absent {
            let image = Box::new(image);
            return Err(image_build::Error::Gone { what, image, seen }.into());
        }
    }
    Ok(())
}

fn run(world: &World<'_>, wanted: &Wanted<'_>) -> Result<Done, Error> {
    let Some(found) = found(world, wanted)? else {
        return Ok(Done::NotYet);
    };
    let Found {
        mut lock,
        local,
        published,
        now,
        outputs,
    } = found;
    if let Some(reason) = wanted.force {
        lock.judgement.forced = Some(reason.clone());
    }
    if let Some(reason) = &lock.judgement.forced {
        world.report.status("Forced", reason.as_str());
    } else if wanted.goal != Goal::TestBuild {
        let days = world.config.policy.rebuild_after_days;
        match skip::published(&lock, published.as_ref(), days, now)? {
            Published::UpToDate(same) => return unchanged(world, &same, outputs),
            Published::Old(age) => {
                let age = age.map_or("of unknown age".to_owned(), |age| format!("{age} days old"));
                world.report.status(
                    "Unchanged",
                    &format!("but {age}: built again for the packages on top"),
                );
            }
            Published::Other => {}
        }
    }
    let plan = plan(wanted.goal, world.config, &lock, &local)?;
    let fingerprint = lock.fingerprint()?;
    world.report.status(
        "Planned",
        &format!("{} from lock {}", image_version(&lock), fingerprint.short()),
    );
    if wanted.inputs.dry_run {
        apply(&plan, &mut Dry(world.report), &mut Vec::new())?;
        document(world, &plan, &lock, None, Vec::new())?;
        return Ok(Done::Well);
    }
    perform(world, wanted.goal, &plan, &lock, &local, outputs)
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
    Ok(Done::Well)
}

fn perform(
    world: &World<'_>,
    goal: Goal,
    plan: &Plan,
    lock: &Lock,
    local: &Local,
    outputs: Vec<(&'static str, String)>,
) -> Result<Done, Error> {
    let mut live = Live::new(
        &world.env.root,
        world.registries()?,
        world.report,
        local.arch,
    )?;
    let (timings, outcome) = timed(world, plan, &mut live);
    if let Err(error) = outcome {
        // What the engine says of an image that is not there any more is hard
        // to read, and only now is it worth a question.
        let built = timings.iter().any(|timing| timing.step == "contract");
        if !built && host::failure::Failure::kind(&error) != host::failure::Kind::Interrupted {
            gone(world, lock, local.arch, None)?;
        }
        return Err(error);
    }
    let verb = match goal {
        Goal::Push => "Pushed",
        _ => "Published",
    };
    let made = Made { verb, plan, lock };
    tell(world, &made, &live, timings, outputs)
}
