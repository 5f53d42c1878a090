//! The first half of a publication, after the build: push the image, read it back, and
//! attach to it the documents that the second half cannot create.

use host::process;
use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::lock::Lock;
use image_config::Config;
use registry_compat::{Answer, Digest, ImageRef, Tag};
use version_discovery::Arch;

use crate::attach_step;
use crate::attach_step::packages_and_lock;
use crate::build::Built;
use crate::durations::attach_durations;
use crate::effect::Effect;
use crate::error::Error;
use crate::run::{Run, failed, misplaced};
use crate::step::{Step, Steps};

/// The steps after the contract in the first half. With several architectures, the
/// packages are listed here too: the second half may run on a machine that cannot run
/// this image.
#[derive(Debug, Clone, PartialEq)]
pub struct PushSteps {
    push: Step,
    read_back: Step,
    attach: Option<Step>,
    measure: Step,
}

/// An image that this run pushed, by the digest that was read back. Only
/// `PushSteps::perform` creates it.
#[derive(Debug, Clone)]
pub struct Pushed {
    digest: Digest,
    size: u64,
}

impl Pushed {
    /// Of its manifest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Size of its compressed layers, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// The tag that the image of an architecture is pushed under: one for each if there are
/// several, since each is built in a run of its own.
///
/// # Errors
/// Never: the form is right by construction.
pub fn candidate_tag(config: &Config, lock: &Lock, arch: Arch) -> Result<Tag, Error> {
    let tag = &config.image.candidate;
    match lock.targets.len() {
        0 | 1 => Ok(tag.clone()),
        _ => Ok(format!("{tag}-{arch}").parse()?),
    }
}

impl PushSteps {
    /// The steps that push a local image.
    ///
    /// # Errors
    /// Never for a config that was parsed.
    pub(crate) fn new(
        config: &Config,
        lock: &Lock,
        local: &Local,
        name: &ImageRef,
    ) -> Result<Self, Error> {
        let repository = config.repository()?;
        let tag = candidate_tag(config, lock, local.arch)?;
        let there = local.destination.repository().tagged(tag.clone());
        let push = local.engine.push(name, &there, local.insecure);
        let read_back = Effect::ReadBack {
            candidate: repository.tagged(tag),
            local: name.clone(),
            engine: local.engine,
        };
        let attach = match lock.targets.len() {
            0 | 1 => None,
            _ => Some(packages_and_lock(
                lock,
                local,
                &name.to_string(),
                &repository,
            )?),
        };
        Ok(Self {
            push: Step::new("push", push.into_iter().map(Effect::Transfer)),
            read_back: Step::new("read back", [read_back]),
            attach,
            measure: Step::new("measure", [Effect::AttachDurations { repository }]),
        })
    }

    /// Pushes what was built.
    ///
    /// # Errors
    /// If the registry rejects it, or the tag names another image afterwards.
    pub(crate) fn perform(&self, run: &Run<'_>, _built: &Built) -> Result<Pushed, Error> {
        let nothing = |effect: &Effect| Err(misplaced("push", effect));
        run.step(&self.push, None, nothing)?;
        let mut pushed = None;
        run.step(&self.read_back, None, |effect| match effect {
            Effect::ReadBack {
                candidate,
                local,
                engine,
            } => {
                pushed = Some(read_back(run, candidate, local, *engine)?);
                Ok(())
            }
            other => Err(misplaced(self.read_back.name, other)),
        })?;
        let pushed = pushed.ok_or_else(|| failed("read back", "the plan reads nothing back"))?;
        if let Some(step) = &self.attach {
            attach_step::perform(run, step, &pushed.digest)?;
        }
        run.step(&self.measure, Some(&pushed.digest), |effect| match effect {
            Effect::AttachDurations { repository } => {
                attach_durations(run, repository, &pushed.digest);
                Ok(())
            }
            other => Err(misplaced(self.measure.name, other)),
        })?;
        Ok(pushed)
    }
}

impl Steps for PushSteps {
    fn steps(&self) -> Vec<&Step> {
        let mut all = vec![&self.push, &self.read_back];
        all.extend(&self.attach);
        all.push(&self.measure);
        all
    }
}

fn read_back(
    run: &Run<'_>,
    candidate: &ImageRef,
    local: &ImageRef,
    engine: Engine,
) -> Result<Pushed, Error> {
    let id = process::read(&run.sh, &engine.image_id(&local.to_string()))?;
    let id = id.trim().trim_start_matches("sha256:");
    let there = match run.registries.inspect(candidate, run.arch) {
        Answer::Present(found) => found,
        Answer::Absent => {
            return Err(failed(
                "read back",
                format!("{candidate} is not there after the push"),
            ));
        }
        Answer::Unknown(why) => return Err(Error::Unknown(why)),
    };
    // Podman and buildah name an image by its config, docker with
    // containerd's store by its manifest.
    let names = [&there.config, &there.manifest, &there.digest];
    if names.iter().all(|name| name.hex() != id) {
        return Err(failed(
            "read back",
            format!(
                "{candidate} is another image than the one built here \
                 (config {}, built {id}): does another run publish at the same time?",
                there.config.hex()
            ),
        ));
    }
    run.report.status(
        "Pushed",
        &format!("{}@{}", candidate.repository(), there.digest),
    );
    Ok(Pushed {
        digest: there.digest,
        size: there.size,
    })
}
