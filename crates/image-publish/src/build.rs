//! From a lock to a verified image on this machine: check the signatures of the inputs,
//! fetch them, build from what was fetched, run the contract.

use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::lock::{Lock, Target};
use image_config::Config;
use registry_compat::ImageRef;

use crate::content_steps::ContentSteps;
use crate::contract_step::{Held, PackagesFrom, arguments, contract, hold, labels};
use crate::effect::Effect;
use crate::error::Error;
use crate::input_signatures;
use crate::input_signatures::inputs;
use crate::packages;
use crate::run::{Run, misplaced};
use crate::step::{Step, Steps};

/// The steps of a build.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildSteps {
    inputs: Step,
    fetch: Step,
    packages: Option<Step>,
    content: ContentSteps,
    build: Step,
    contract: Step,
}

/// An image on this machine that passed the contract. Only `BuildSteps::perform`
/// creates it.
#[derive(Debug)]
pub struct Built(Held);

impl BuildSteps {
    /// The steps that build an image of a lock under a local name.
    ///
    /// # Errors
    /// [`Error::Usage`] if the lock has nothing for this machine's architecture;
    /// [`Error::Refused`] if it was made from other files than the checkout has, or an
    /// input has no signature that could be checked.
    pub(crate) fn new(
        config: &Config,
        lock: &Lock,
        local: &Local,
        name: &ImageRef,
    ) -> Result<Self, Error> {
        let target = lock.target(local.arch)?;
        same_files(lock, local)?;
        let content = ContentSteps::new(local.engine, lock, target, config.image.name.as_str())?;
        let image_name = config.image.name.as_str();
        let (packages, from) = match &target.packages {
            Some(wanted) => {
                let step = packages::step(local.engine, lock, target, image_name, Some(wanted))?;
                let image = packages::image(lock, target, image_name)?;
                (Some(step), PackagesFrom::Lock(image))
            }
            None => (None, PackagesFrom::Repositories),
        };
        let mut build = local.engine.build(
            name,
            &arguments(lock, target, content.image(), &from),
            &labels(lock, target, local)?,
        );
        if packages.is_some() && !lock.policy.content.reaches_out() {
            build = local.engine.without_network(build);
        }
        Ok(Self {
            inputs: inputs(config, lock, target)?,
            fetch: fetch(local.engine, lock, target),
            packages,
            content,
            build: Step::new("build", [Effect::Run(build)]),
            contract: contract(local.engine, &name.to_string(), target, lock),
        })
    }

    /// Builds.
    ///
    /// # Errors
    /// The first step or check that fails.
    pub(crate) fn perform(&self, run: &Run<'_>) -> Result<Built, Error> {
        input_signatures::look(run, &self.inputs)?;
        let programs =
            |step: &Step| run.step(step, None, |effect| Err(misplaced(step.name, effect)));
        programs(&self.fetch)?;
        let fetched = match &self.packages {
            Some(step) => packages::perform(run, step).map(drop),
            None => Ok(()),
        };
        let built = fetched
            .and_then(|()| self.content.perform(run))
            .and_then(|()| programs(&self.build));
        // Whatever failed: that packages are gone is said by an image that is there.
        let content = self.content.at_end();
        let packages = self.packages.iter().flat_map(|step| &step.at_end);
        run.clean_up(content.chain(packages), None, built)?;
        Ok(Built(hold(run, &self.contract, None)?))
    }
}

impl Steps for BuildSteps {
    fn steps(&self) -> Vec<&Step> {
        let before = [&self.inputs, &self.fetch].into_iter();
        let after = [&self.build, &self.contract];
        let content = self.content.steps();
        before
            .chain(&self.packages)
            .chain(content)
            .chain(after)
            .collect()
    }
}

/// The step that fetches the images that the build uses. It is separate because a
/// failed transfer can be tried again, and a build cannot.
fn fetch(engine: Engine, lock: &Lock, target: &Target) -> Step {
    let mut images = vec![lock.base_pinned(target), target.kmods_pinned()];
    images.extend(lock.others_pinned());
    Step::fetch(engine, &images)
}

/// Checks that the lock was made from the checkout's files: the scripts that run in an
/// image, and the values that it is compared with, come from the checkout.
///
/// # Errors
/// [`Error::Refused`] if the lock was made from other files.
pub fn same_files(lock: &Lock, local: &Local) -> Result<(), Error> {
    if let Some(path) = changed(lock, local) {
        return Err(Error::Refused(format!(
            "the lock was made from {path} in another state; check out the commit it was made \
             from, or resolve again"
        )));
    }
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

/// A file or folder of the content that the lock knows in another state.
fn changed<'a>(lock: &'a Lock, local: &'a Local) -> Option<&'a String> {
    let names = lock.files.keys().chain(local.files.keys());
    let mut names = names.filter(|name| lock.files.get(*name) != local.files.get(*name));
    names.next()
}
