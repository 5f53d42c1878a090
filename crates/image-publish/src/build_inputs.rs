//! Where the inputs of `build` come from.

use std::path::Path;

use image_build::asking::Asking;
use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::gather::{Scope, World};
use image_build::inputs::{FactsFiles, Here, read_lock, resolved};
use image_build::lock::{LOCK_LABEL, Lock};
use image_build::resolve::Resolution;
use image_build::verdict;
use image_config::Reason;
use jiff::Timestamp;
use registry_compat::{Answer, ImageRef};
use remote::Inspected;
use version_discovery::Arch;

use crate::error::Error;
use crate::packages;
use crate::plan::Goal;

/// What a person wants to be built.
#[derive(Debug, Clone, Copy)]
pub struct BuildOptions<'a> {
    /// Which steps follow the build.
    pub goal: Goal,
    /// The engine; the first that is installed without one.
    pub engine: Option<Engine>,
    /// Where facts are read from, and saved to.
    pub facts: &'a FactsFiles,
    /// Build from this lock.
    pub locked: Option<&'a Path>,
    /// Build from exactly the inputs that this image was built from.
    pub like: Option<&'a ImageRef>,
    /// Build though nothing changed, and why.
    pub force: Option<&'a Reason>,
    /// Where it is noted what was pushed.
    pub pushed: Option<&'a Path>,
    /// Nothing is executed, so the saved facts about this machine are used too.
    pub dry_run: bool,
}

/// In CI, a fork that still names somebody else's account is stopped before it
/// builds: it would fail at the push, after half an hour, or worse, succeed.
///
/// # Errors
/// [`Error::Usage`] with the key of `image.yaml` to set.
pub fn check_owner(world: &World<'_>) -> Result<(), Error> {
    let image = &world.config.image;
    match &world.env.run.owner {
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

/// The inputs of a build, and the outputs about them that CI gets at the end.
#[derive(Debug)]
pub struct Found {
    /// Every input.
    pub lock: Lock,
    /// This machine.
    pub local: Local,
    /// What the first moving tag names; `None` if it was not needed.
    pub published: Option<Answer<Inspected>>,
    /// The moment at which the inputs were determined.
    pub now: Timestamp,
    /// Outputs for the steps that follow in a workflow.
    pub outputs: Vec<(&'static str, String)>,
}

/// Finds the inputs: in a published image, in a lock, or else by asking the upstream
/// services. `None` if nothing can be built yet; the message about that was already
/// printed.
///
/// # Errors
/// If anything that the build depends on could not be found out.
pub fn find(world: &World<'_>, wanted: &BuildOptions<'_>) -> Result<Option<Found>, Error> {
    if let Some(image) = wanted.like {
        let local = world.local(wanted.engine)?;
        let lock = like(world, image, &local)?;
        return Ok(Some(Found {
            lock,
            local,
            published: None,
            now: world.env.now,
            outputs: Vec::new(),
        }));
    }
    if let Some(path) = wanted.locked {
        let lock = read_lock(path, world.image)?;
        let forced = wanted.force.is_some() || lock.judgement.forced.is_some();
        // The published image is needed only for a publication; and if the publication
        // runs in two halves, the task that made the lock has already asked for it.
        let published = if wanted.goal == Goal::Publish && !forced {
            Some(world.published()?)
        } else {
            None
        };
        return Ok(Some(Found {
            lock,
            local: world.local(wanted.engine)?,
            published,
            now: world.env.now,
            outputs: Vec::new(),
        }));
    }
    let here = if wanted.dry_run {
        Here::Saved
    } else {
        Here::Now
    };
    let scope = Scope {
        published: wanted.goal != Goal::TestBuild,
        ..Scope::default()
    };
    let ask = |lock: &Lock, local: &Local| packages::ask(world, lock, local);
    let asking = Asking {
        asker: Some(&ask),
        forced: wanted.force.is_some(),
    };
    let resolved = resolved(world, wanted.facts, wanted.engine, here, scope, asking)?;
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

/// The lock of a published image, if all images that it names still exist.
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
    // The reason for the earlier build is not the reason for this one.
    lock.judgement.forced = None;
    still_there(world, &lock, local.arch, found.created)?;
    Ok(lock)
}

/// Checks that the images of a lock still exist.
///
/// # Errors
/// [`image_build::Error::Gone`] if the registry says that one does not exist. A failed
/// request is not an error here: the engine will report it.
pub fn still_there(
    world: &World<'_>,
    lock: &Lock,
    arch: Arch,
    seen: Option<Timestamp>,
) -> Result<(), Error> {
    let target = lock.target(arch)?;
    let mut images = vec![
        ("base image", lock.base_pinned(target)),
        ("kmods image", target.kmods_pinned()),
    ];
    let others = lock.others_pinned().into_iter();
    images.extend(others.map(|image| ("image that files come from", image)));
    for (what, image) in images {
        if world.registries()?.digest(&image) == Answer::Absent {
            let image = Box::new(image);
            return Err(image_build::Error::Gone { what, image, seen }.into());
        }
    }
    Ok(())
}
