//! The first half of a publication, after the build: push the image, read it back, and
//! attach to it the documents that the second half cannot create.

use host::process;
use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::lock::Lock;
use image_config::{Config, Layers};
use registry_compat::{Answer, Digest, ImageRef, Tag};
use remote::Inspected;
use version_discovery::Arch;

use crate::attach_step;
use crate::attach_step::packages_and_lock;
use crate::build::Built;
use crate::durations::attach_durations;
use crate::effect::Effect;
use crate::error::Error;
use crate::layers;
use crate::run::{Run, failed, misplaced};
use crate::step::{Step, Steps};

/// The steps after the contract in the first half. With several architectures, the
/// packages are listed here too: the second half may run on a machine that cannot run
/// this image.
#[derive(Debug, Clone, PartialEq)]
pub struct PushSteps {
    push: Push,
    read_back: Step,
    attach: Option<Step>,
    measure: Step,
}

/// How the image gets into the registry.
#[derive(Debug, Clone, PartialEq)]
enum Push {
    /// As the engine made it.
    One(Step),
    /// As layers by how often they change.
    ByChange(Step),
}

impl Push {
    fn step(&self) -> &Step {
        match self {
            Self::One(step) | Self::ByChange(step) => step,
        }
    }
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
        let candidate = repository.tagged(tag);
        let (push, read_back) = match config.image.layers {
            Layers::One => {
                let push = local.engine.push(name, &there, local.insecure);
                let push = Step::new("push", push.into_iter().map(Effect::Transfer));
                let read_back = Effect::ReadBack {
                    candidate,
                    local: name.clone(),
                    engine: local.engine,
                };
                (Push::One(push), read_back)
            }
            Layers::ByChange => {
                let push = layers::layers_step(config, lock, local, name, &candidate)?;
                (Push::ByChange(push), Effect::ReadLayers { candidate })
            }
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
            push,
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
        let mut split = None;
        match &self.push {
            Push::One(step) => run.step(step, None, |effect| Err(misplaced("push", effect)))?,
            Push::ByChange(step) => split = Some(layers::push(run, step)?),
        }
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
            Effect::ReadLayers { candidate } => {
                let there = at_candidate(run, candidate)?;
                if split.as_ref() != Some(&there.digest) {
                    return Err(another(candidate, &there.digest.to_string()));
                }
                pushed = Some(read(run, candidate, there));
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
        let mut all = vec![self.push.step(), &self.read_back];
        all.extend(&self.attach);
        all.push(&self.measure);
        all
    }
}

/// What a tag names in the registry, which must be the local image.
///
/// # Errors
/// If it is another one, or not there.
pub fn read_back(
    run: &Run<'_>,
    candidate: &ImageRef,
    local: &ImageRef,
    engine: Engine,
) -> Result<Pushed, Error> {
    let id = process::read(&run.sh, &engine.image_id(&local.to_string()))?;
    let id = id.trim().trim_start_matches("sha256:");
    let there = at_candidate(run, candidate)?;
    // Podman and buildah name an image by its config, docker with
    // containerd's store by its manifest.
    let names = [&there.config, &there.manifest, &there.digest];
    if names.iter().all(|name| name.hex() != id) {
        return Err(another(
            candidate,
            &format!("config {}, built {id}", there.config.hex()),
        ));
    }
    Ok(read(run, candidate, there))
}

/// What the candidate tag names after the push.
fn at_candidate(run: &Run<'_>, candidate: &ImageRef) -> Result<Inspected, Error> {
    match run.registries.inspect(candidate, run.arch) {
        Answer::Present(found) => Ok(found),
        Answer::Absent => Err(failed(
            "read back",
            format!("{candidate} is not there after the push"),
        )),
        Answer::Unknown(why) => Err(Error::Unknown(why)),
    }
}

fn another(candidate: &ImageRef, found: &str) -> Error {
    failed(
        "read back",
        format!(
            "{candidate} is another image than the one built here \
             ({found}): does another run publish at the same time?"
        ),
    )
}

fn read(run: &Run<'_>, candidate: &ImageRef, there: Inspected) -> Pushed {
    let image = candidate.repository().at(there.digest.clone());
    run.report.status("Pushed", &image.to_string());
    Pushed {
        digest: there.digest,
        size: there.size,
    }
}
