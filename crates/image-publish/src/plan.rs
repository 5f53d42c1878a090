//! From facts to a plan: a pure function. No clock, no environment, no network.
//!
//! A plan is a short list of effects, each printed and performed from the same
//! value: a dry run prints exactly what a real run does. The one thing that no
//! plan can know, the digest that an engine's push will have, is a name in it
//! (`PUSHED`), filled in by the step that reads it back.

use std::fmt;

use host::process::Invocation;
use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::lock::{LOCK_LABEL, Lock, Policy, Target, ZFS_VERSION_LABEL, image_version};
use image_config::{Config, LintSkip};
use registry_compat::{ImageRef, Tag};
use serde::Serialize;

use crate::error::Error;
use crate::{Act, Pieces, steps};

/// What a person or CI wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// An image on this machine, verified.
    Build,
    /// The same, then it is removed again.
    TestBuild,
    /// The same image, pushed under the candidate tag: the first half of a
    /// publication.
    Push,
    /// The same image, published: both halves.
    Publish,
}

/// One change to the world, or one look at it that a later step stands on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Run a program; its output streams through.
    Run(Invocation),
    /// Run a program that goes out over the network; again, if it fails for a
    /// reason that passes.
    Reach(Invocation),
    /// Run a program whose standard output is a contract's report.
    Contract(Invocation),
    /// Run a program that removes what is of no use any more. Where it cannot,
    /// that is said; what was done before is done all the same.
    Remove(Invocation),
    /// Read what a tag names now, which becomes `PUSHED`; its image must be the
    /// one built here.
    ReadBack {
        /// The tag that was pushed.
        candidate: ImageRef,
        /// The local image.
        local: ImageRef,
        /// The program that knows the local image.
        engine: Engine,
    },
    /// Move a tag to `PUSHED`, by copying the manifest.
    Promote {
        /// A name in the repository.
        candidate: ImageRef,
        /// The tag that moves.
        tag: Tag,
    },
    /// Read a tag and compare it with `PUSHED`.
    Confirm {
        /// The tag.
        image: ImageRef,
    },
    /// A part of the publication.
    Act(Act),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(invocation) => write!(f, "run      {invocation}"),
            Self::Reach(invocation) => write!(f, "reach    {invocation}"),
            Self::Contract(invocation) => write!(f, "check    {invocation}"),
            Self::Remove(invocation) => write!(f, "remove   {invocation}"),
            Self::ReadBack {
                candidate, local, ..
            } => {
                write!(f, "read     {candidate} as PUSHED; it must be {local}")
            }
            Self::Promote { candidate, tag } => {
                write!(f, "promote  {}:{tag} to PUSHED", candidate.repository())
            }
            Self::Confirm { image } => write!(f, "confirm  {image} is PUSHED"),
            Self::Act(act) => act.fmt(f),
        }
    }
}

/// A named part of a plan; durations are counted by it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// `build`, `contract`, `push`, `read back`, `sign`, `host`, `promote`, ….
    pub name: &'static str,
    /// In order.
    pub effects: Vec<Effect>,
    /// Performed after them, whatever came of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cleanup: Vec<Effect>,
    /// Performed at the end of the plan, whatever came of what followed; not if
    /// this step itself failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at_end: Vec<Effect>,
}

impl Step {
    /// A step that leaves nothing to be cleaned up.
    pub fn new(name: &'static str, effects: Vec<Effect>) -> Self {
        Self {
            name,
            effects,
            cleanup: Vec::new(),
            at_end: Vec::new(),
        }
    }

    /// The same, with what is performed right after it.
    #[must_use]
    pub fn cleaned(self, cleanup: Option<Invocation>) -> Self {
        Self {
            cleanup: cleanup.map(Effect::Run).into_iter().collect(),
            ..self
        }
    }
}

/// What is going to be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// In order; the first failure ends it.
    pub steps: Vec<Step>,
    /// Performed at the end, whatever came of the steps.
    pub cleanup: Vec<Effect>,
}

impl Plan {
    /// Every effect in the order in which a run without failure performs them.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.steps
            .iter()
            .flat_map(|step| step.effects.iter().chain(&step.cleanup))
            .chain(self.steps.iter().rev().flat_map(|step| &step.at_end))
            .chain(&self.cleanup)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for effect in self.effects() {
            writeln!(f, "{effect}")?;
        }
        Ok(())
    }
}

/// Plans a build.
///
/// # Errors
/// [`Error::Usage`] if the lock has nothing for this machine's architecture, or
/// has several and both halves of a publication are asked for at once; [`Error::Refused`] if the lock was
/// made from other files than the checkout has.
pub fn plan(goal: Goal, config: &Config, lock: &Lock, local: &Local) -> Result<Plan, Error> {
    let target = lock.target(local.arch)?;
    same_files(lock, local)?;
    if goal == Goal::Publish {
        crate::promotion::alone(lock, local)?;
    }
    let local_tag = if goal == Goal::TestBuild {
        "test"
    } else {
        "stable"
    };
    let name: ImageRef = format!("localhost/{}:{local_tag}", config.image.name).parse()?;
    let build = local.engine.build(
        &name,
        &arguments(lock, target),
        &labels(lock, target, local)?,
    );
    let mut steps = vec![
        crate::inputs::inputs(config, lock, target)?,
        fetch(local.engine, lock, target),
        Step::new("build", vec![Effect::Run(build)]),
        contract(local.engine, &name.to_string(), target, lock),
    ];
    if matches!(goal, Goal::Push | Goal::Publish) {
        steps.insert(0, steps::key(config)?);
        steps.extend(steps::push(config, lock, local, &name)?);
    }
    if goal == Goal::Publish {
        steps.extend(crate::promotion::second(
            config,
            lock,
            local,
            &Pieces::Pushed,
        )?);
    }
    let cleanup = match goal {
        Goal::TestBuild => vec![Effect::Run(local.engine.remove(&name.to_string()))],
        Goal::Build | Goal::Push | Goal::Publish => Vec::new(),
    };
    Ok(Plan { steps, cleanup })
}

/// The step that fetches what the build stands on: a transfer can be repeated,
/// a build cannot.
fn fetch(engine: Engine, lock: &Lock, target: &Target) -> Step {
    let images = [lock.base_pinned(target), target.kmods_pinned()];
    let pull = |image: &ImageRef| Effect::Reach(engine.pull(&image.to_string(), false));
    Step::new("fetch", images.iter().map(pull).collect())
}

/// What runs in an image, and what is held against it, comes from the checkout.
///
/// # Errors
/// [`Error::Refused`] if the lock was made from other files.
pub fn same_files(lock: &Lock, local: &Local) -> Result<(), Error> {
    if lock.containerfiles == local.containerfiles {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "the lock was made from {} in another state ({}, now {}); \
         check out the commit it was made from, or resolve again",
        image_build::engine::CONTEXT,
        lock.containerfiles.short(),
        local.containerfiles.short()
    )))
}

/// The step that tries an image against its contract.
pub fn contract(engine: Engine, image: &str, target: &Target, lock: &Lock) -> Step {
    let mut calls = engine.contract(image, &variables(lock, target));
    let report = calls.pop().map(Effect::Contract);
    let effects = calls.into_iter().map(Effect::Run).chain(report).collect();
    Step::new("contract", effects).cleaned(engine.contract_cleanup())
}

fn words<T: fmt::Display>(list: &[T]) -> String {
    list.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

fn lint_skips(skips: &[LintSkip]) -> String {
    skips
        .iter()
        .map(|skip| skip.lint.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The build arguments: exactly the `ARG`s of the Containerfile, which a test
/// holds.
pub fn arguments(lock: &Lock, target: &Target) -> Vec<(&'static str, String)> {
    let Policy { packages, .. } = &lock.policy;
    let mut all = vec![
        ("KMODS_IMAGE", target.kmods_pinned().to_string()),
        ("BASE_IMAGE", lock.base_pinned(target).to_string()),
        ("KMODS_PATH", target.kmods_path.to_string()),
    ];
    all.extend(variables(lock, target));
    all.push(("CONFLICTING_PACKAGES", words(&packages.remove)));
    all
}

/// What the contract is held against.
fn variables(lock: &Lock, target: &Target) -> Vec<(&'static str, String)> {
    let Policy {
        packages,
        units,
        lint_skips: skips,
        ..
    } = &lock.policy;
    vec![
        ("KERNEL_VERSION", target.kernel.to_string()),
        ("ZFS_VERSION", lock.zfs.to_string()),
        ("PACKAGES", words(&packages.install)),
        ("ENABLE_UNITS", words(&units.enable)),
        ("DISABLE_UNITS", words(&units.disable)),
        ("LINT_SKIPS", lint_skips(skips)),
    ]
}

fn labels(
    lock: &Lock,
    target: &Target,
    local: &Local,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut labels = vec![
        (
            "org.opencontainers.image.title",
            lock.policy.title.to_string(),
        ),
        (
            "org.opencontainers.image.description",
            lock.policy.description.to_string(),
        ),
        ("org.opencontainers.image.version", image_version(lock)),
        (
            "org.opencontainers.image.base.name",
            lock.base.image.to_string(),
        ),
        (
            "org.opencontainers.image.base.digest",
            target.base.to_string(),
        ),
        // The name that other tools of this field read the kernel from.
        ("ostree.linux", target.kernel.to_string()),
        ("custom-coreos.kernel-version", target.kernel.to_string()),
        (ZFS_VERSION_LABEL, lock.zfs.to_string()),
        (LOCK_LABEL, lock.to_line()?),
    ];
    if let Some(reason) = &lock.judgement.forced {
        labels.push(("custom-coreos.forced", reason.to_string()));
    }
    if let Some(commit) = &local.commit {
        labels.push(("org.opencontainers.image.revision", commit.clone()));
    }
    Ok(labels)
}
