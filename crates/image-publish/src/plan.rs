//! From a goal to a plan: a pure function. No clock, no environment, no network.
//!
//! A plan is a short list of effects, each printed and performed from the same value: a
//! dry run prints exactly what a real run does. The digest of the pushed image is not
//! known when the plan is made. The plan has the placeholder `PUSHED` for it, which is
//! replaced once the digest was read back.

use std::fmt;

use image_build::facts::Local;
use image_build::lock::Lock;
use image_config::Config;
use registry_compat::{Digest, ImageRef};

use crate::build::BuildSteps;
use crate::effect::Effect;
use crate::error::Error;
use crate::index::Parts;
use crate::key;
use crate::key::key_step;
use crate::moving_tag::MovingTags;
use crate::publication::{Ended, PublishSteps, Published, publication, single_arch};
use crate::push::{PushSteps, Pushed};
use crate::run::Run;
use crate::step::{Step, Steps};

/// What a person or CI wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// An image on this machine, verified.
    Build,
    /// Such an image, which is removed again afterwards.
    TestBuild,
    /// Such an image, pushed under the candidate tag: the first half of a publication.
    Push,
    /// Such an image, published: both halves.
    Publish,
}

/// What is going to be done: a build, and the steps that follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    build: BuildSteps,
    then: Then,
}

#[derive(Debug, Clone, PartialEq)]
enum Then {
    /// The image stays on this machine.
    Keep,
    /// It is removed, whether the build succeeded or not.
    Remove(Vec<Effect>),
    /// It is pushed.
    Push(Step, PushSteps),
    /// It is pushed and published.
    Publish(Step, PushSteps, Box<PublishSteps>),
}

/// The result of a plan.
#[derive(Debug)]
pub enum Outcome {
    /// An image was built, and passed its contract.
    Built,
    /// It was pushed.
    Pushed(Pushed),
    /// It was published.
    Published(Box<Published>),
    /// It has what this image has, which hosts follow already: nothing was published.
    Same(Digest),
}

/// Plans a build.
///
/// # Errors
/// [`Error::Usage`] if the lock has nothing for this machine's architecture, or
/// has several and both halves of a publication are asked for at once;
/// [`Error::Refused`] if the lock was made from other files than the checkout
/// has.
pub fn plan(goal: Goal, config: &Config, lock: &Lock, local: &Local) -> Result<Plan, Error> {
    let tag = match goal {
        Goal::TestBuild => "test",
        Goal::Build | Goal::Push | Goal::Publish => "stable",
    };
    let name: ImageRef = format!("localhost/{}:{tag}", config.image.name).parse()?;
    let build = BuildSteps::new(config, lock, local, &name)?;
    let then = match goal {
        Goal::Build => Then::Keep,
        Goal::TestBuild => {
            let remove = local.engine.remove(&name.to_string());
            Then::Remove(vec![Effect::Run(remove)])
        }
        Goal::Push => Then::Push(
            key_step(config)?,
            PushSteps::new(config, lock, local, &name)?,
        ),
        Goal::Publish => {
            single_arch(lock, local)?;
            Then::Publish(
                key_step(config)?,
                PushSteps::new(config, lock, local, &name)?,
                Box::new(publication(config, lock, local, &Parts::Pushed)?),
            )
        }
    };
    Ok(Plan { build, then })
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Published(published) => Self::Published(published),
            Ended::Same(digest) => Self::Same(digest),
        }
    }
}

impl Plan {
    /// Performs it. The first failure ends it; clean-ups are still performed, and the
    /// first error is the one that is reported.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn perform(&self, run: &Run<'_>) -> Result<Outcome, Error> {
        host::process::minding(|| self.perform_all(run))
    }

    fn perform_all(&self, run: &Run<'_>) -> Result<Outcome, Error> {
        match &self.then {
            Then::Keep => self.build.perform(run).map(|_| Outcome::Built),
            Then::Remove(effects) => {
                let built = self.build.perform(run);
                run.clean_up(effects, None, built.map(|_| Outcome::Built))
            }
            Then::Push(key, push) => {
                let (pushed, _) = self.pushed(run, key, push)?;
                Ok(Outcome::Pushed(pushed))
            }
            Then::Publish(key, push, publish) => {
                let (pushed, tags) = self.pushed(run, key, push)?;
                Ok(publish.perform(run, Some(&pushed), tags)?.into())
            }
        }
    }

    /// The first half. The key is opened, and the tags are recorded, before anything is
    /// built, so that an error in them is found before the long build.
    fn pushed(
        &self,
        run: &Run<'_>,
        key: &Step,
        push: &PushSteps,
    ) -> Result<(Pushed, MovingTags), Error> {
        let mut tags = MovingTags::default();
        key::open(run, key, &mut tags)?;
        let built = self.build.perform(run)?;
        Ok((push.perform(run, &built)?, tags))
    }
}

impl Steps for Plan {
    fn steps(&self) -> Vec<&Step> {
        let build = self.build.steps();
        match &self.then {
            Then::Keep | Then::Remove(_) => build,
            Then::Push(key, push) => {
                let all = std::iter::once(key).chain(build);
                all.chain(push.steps()).collect()
            }
            Then::Publish(key, push, publish) => {
                let all = std::iter::once(key).chain(build).chain(push.steps());
                all.chain(publish.steps()).collect()
            }
        }
    }

    fn cleanup(&self) -> &[Effect] {
        match &self.then {
            Then::Remove(effects) => effects,
            Then::Keep | Then::Push(..) | Then::Publish(..) => &[],
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PublishSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
