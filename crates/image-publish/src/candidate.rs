//! From digests in the registry to the one candidate of a publication: read what was
//! pushed and compare it with the lock, pull it and run the contract in it, and create
//! one index for several architectures.

use image_build::facts::Local;
use image_build::lock::Lock;
use image_config::Config;
use registry_compat::{Answer, Digest, ImageRef, Repository};
use version_discovery::Arch;

use crate::contract_step::{Held, hold};
use crate::effect::{Effect, PUSHED};
use crate::error::Error;
use crate::index::{INDEX, Index, Parts};
use crate::moving_tag::{MovingTags, not_overtaken, not_overtaken_by};
use crate::platform_image::read_part;
use crate::push::Pushed;
use crate::registry::{known, not_retracted};
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// The image or index that is to be published, as stored in the registry. Only this
/// module creates it: from an image that was read and compared with the lock, or from
/// an index that was read back.
#[derive(Debug)]
pub struct Candidate {
    digest: Digest,
    size: u64,
}

impl Candidate {
    /// Of its manifest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Size of its compressed layers, in bytes; of an index, those of the image
    /// for this machine.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// The images to publish: each was built from the lock, and is not marked as bad.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The one image.
    Image(Candidate),
    /// One of each architecture. Their index does not exist yet.
    Parts,
}

/// The images to publish, after the contract passed once more in the image as it was
/// pulled from the registry. Only [`try_out`] creates it.
#[derive(Debug)]
pub(crate) struct Tried {
    taken: Taken,
    _held: Held,
}

/// The common arguments of the steps of this module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The policy.
    pub config: &'a Config,
    /// The lock.
    pub lock: &'a Lock,
    /// This machine.
    pub local: &'a Local,
}

/// The step that reads the images to publish and compares them with the lock.
///
/// # Errors
/// Never for a lock that was parsed.
pub(crate) fn take_step(place: Place<'_>, parts: &Parts) -> Result<Step, Error> {
    let Place {
        config,
        lock,
        local,
    } = place;
    let repository = config.repository()?;
    let one = |digest: Option<&Digest>, arch: Arch, pushed: bool| -> Result<Effect, Error> {
        Ok(Effect::TakePart {
            repository: repository.clone(),
            digest: digest.cloned(),
            arch,
            pushed,
            fingerprint: lock.fingerprint()?,
            lock: lock.to_line()?,
        })
    };
    let mut effects = Vec::new();
    let mut ours = None;
    match parts {
        Parts::Pushed => effects.push(one(None, local.arch, true)?),
        Parts::One(part) => {
            effects.push(one(Some(&part.digest), part.arch, true)?);
            ours = Some(&part.digest);
        }
        Parts::Several(index) => {
            for part in &index.parts {
                effects.push(one(Some(&part.digest), part.arch, false)?);
            }
            for part in index.parts.iter().filter(|part| part.arch != local.arch) {
                effects.push(Effect::OtherPlatform {
                    image: repository.at(part.digest.clone()),
                    arch: part.arch,
                });
            }
            ours = Some(&index.here(local.arch)?.digest);
        }
    }
    effects.extend(not_overtaken_by(config, ours)?);
    Ok(Step::new("take", effects))
}

/// Performs [`take_step`]; `pushed` is what the first half of this run pushed.
pub(crate) fn take(run: &Run<'_>, step: &Step, pushed: Option<&Pushed>) -> Result<Taken, Error> {
    let mut taken = Taken::Parts;
    let pushed = |digest: Option<&Digest>| match (digest, pushed) {
        (Some(digest), _) => Ok(digest.clone()),
        (None, Some(pushed)) => Ok(pushed.digest().clone()),
        (None, None) => Err(failed("take", "this run has pushed nothing")),
    };
    run.step(step, None, |effect| match effect {
        Effect::TakePart {
            repository,
            digest,
            arch,
            lock,
            pushed: only,
            ..
        } => {
            let image = repository.at(pushed(digest.as_ref())?);
            let found = take_part(run, &image, *arch, lock)?;
            if *only {
                taken = Taken::Image(found);
            }
            Ok(())
        }
        Effect::NotOvertaken { followed, digest } => {
            not_overtaken(run, followed, &pushed(digest.as_ref())?)
        }
        // Nothing to do: this effect is only printed in the plan.
        Effect::OtherPlatform { .. } => Ok(()),
        other => Err(misplaced(step.name, other)),
    })?;
    Ok(taken)
}

/// Checks that the image was built from the lock for the architecture, and is not
/// marked as bad.
fn take_part(run: &Run<'_>, image: &ImageRef, arch: Arch, lock: &str) -> Result<Candidate, Error> {
    let (part, theirs) = read_part(run.registries, image)?;
    if part.arch != arch || theirs != Lock::parse(lock, "the plan")? {
        return Err(Error::Refused(format!(
            "{image} is for {} and of the lock {}, which is not what the plan says",
            part.arch,
            theirs.fingerprint()?.short()
        )));
    }
    not_retracted(run.registries, image)?;
    let found = known(run.registries.inspect(image, arch))?
        .ok_or_else(|| failed("take", format!("{image} is gone")))?;
    Ok(Candidate {
        digest: part.digest,
        size: found.size,
    })
}

/// Performs a step that reads one image of ours by digest, to publish it again: it must
/// exist, and not be marked as bad.
pub(crate) fn read(
    run: &Run<'_>,
    step: &Step,
    tags: &mut MovingTags,
    mut more: impl FnMut(&Effect) -> Result<(), Error>,
) -> Result<Candidate, Error> {
    let mut candidate = None;
    run.step(step, None, |effect| match effect {
        Effect::NoteTag { image } => tags.note(run, image),
        Effect::ReadImage { image } => {
            candidate = Some(match run.registries.inspect(image, run.arch) {
                Answer::Present(found) => Candidate {
                    digest: found.digest,
                    size: found.size,
                },
                Answer::Absent => return Err(failed("read", format!("{image} is not there"))),
                Answer::Unknown(why) => return Err(Error::Unknown(why)),
            });
            Ok(())
        }
        Effect::NotRetracted { image } => not_retracted(run.registries, image),
        // Nothing to do: the plan already shows it.
        Effect::OtherPlatform { .. } => Ok(()),
        other => more(other),
    })?;
    candidate.ok_or_else(|| failed("read", "the plan reads no image"))
}

/// The name by which this machine's image is pulled: from the registry, whoever
/// pushed it.
///
/// # Errors
/// [`Error::Usage`] if none of the images can be run here.
pub(crate) fn pulled_name(local: &Local, parts: &Parts) -> Result<String, Error> {
    let place = local.destination.repository();
    Ok(match parts {
        Parts::Pushed | Parts::One(_) => format!("{place}@{PUSHED}"),
        Parts::Several(index) => format!("{place}@{}", index.here(local.arch)?.digest),
    })
}

/// The images to publish; the one that runs here was pulled into the engine's storage.
#[derive(Debug)]
pub(crate) struct Pulled(Taken);

impl Pulled {
    /// Of the image; `None` if there are several, whose names have digests of
    /// their own.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        match &self.0 {
            Taken::Image(image) => Some(&image.digest),
            Taken::Parts => None,
        }
    }
}

/// Pulls the image that runs here.
pub(crate) fn pull(run: &Run<'_>, step: &Step, taken: Taken) -> Result<Pulled, Error> {
    let pulled = Pulled(taken);
    run.step(step, pulled.digest(), |effect| {
        Err(misplaced(step.name, effect))
    })?;
    Ok(pulled)
}

/// The same for an image that was read, to publish it again.
pub(crate) fn pull_again(
    run: &Run<'_>,
    step: &Step,
    candidate: Candidate,
) -> Result<Pulled, Error> {
    pull(run, step, Taken::Image(candidate))
}

/// Runs the contract in the image that was pulled.
pub(crate) fn try_out(run: &Run<'_>, contract: &Step, pulled: Pulled) -> Result<Tried, Error> {
    let _held = hold(run, contract, pulled.digest())?;
    Ok(Tried {
        taken: pulled.0,
        _held,
    })
}

/// The step that writes the index of several images.
pub(crate) fn join_step(config: &Config, index: &Index) -> Result<Step, Error> {
    let repository = config.repository()?;
    let candidate = repository.tagged(config.image.candidate.clone());
    Ok(Step::new(
        "join",
        join_effects(&repository, candidate, index),
    ))
}

fn join_effects(repository: &Repository, candidate: ImageRef, index: &Index) -> [Effect; 3] {
    [
        Effect::NotRetracted {
            image: repository.at(index.digest.clone()),
        },
        Effect::PushIndex {
            candidate: candidate.clone(),
            index: index.clone(),
        },
        Effect::ReadIndex {
            candidate,
            digest: index.digest.clone(),
        },
    ]
}

/// The candidate after the contract: the one image, or the index that `join` writes.
pub(crate) fn candidate(
    run: &Run<'_>,
    join: Option<&Step>,
    tried: Tried,
) -> Result<Candidate, Error> {
    match (tried.taken, join) {
        (Taken::Image(image), _) => Ok(image),
        (Taken::Parts, Some(step)) => join_parts(run, step),
        (Taken::Parts, None) => Err(failed("join", "the plan writes no index of its images")),
    }
}

fn join_parts(run: &Run<'_>, step: &Step) -> Result<Candidate, Error> {
    let mut joined = None;
    run.step(step, None, |effect| match effect {
        Effect::NotRetracted { image } => not_retracted(run.registries, image),
        Effect::PushIndex { candidate, index } => {
            Ok(run.registries.put(candidate, INDEX, &index.manifest, &[])?)
        }
        Effect::ReadIndex { candidate, digest } => {
            joined = Some(read_index(run, candidate, digest)?);
            Ok(())
        }
        other => Err(misplaced(step.name, other)),
    })?;
    joined.ok_or_else(|| failed("join", "the plan does not read its index back"))
}

/// Reads back what the registry stores, because only that counts.
fn read_index(run: &Run<'_>, candidate: &ImageRef, digest: &Digest) -> Result<Candidate, Error> {
    let found = known(run.registries.inspect(candidate, run.arch))?
        .ok_or_else(|| failed("read back", format!("{candidate} is not there")))?;
    if found.digest != *digest {
        return Err(failed(
            "read back",
            format!(
                "{candidate} is {}, another image than the index that was written: \
                 does another run publish at the same time?",
                found.digest
            ),
        ));
    }
    run.report
        .status("Joined", &format!("{}@{digest}", candidate.repository()));
    Ok(Candidate {
        digest: found.digest,
        size: found.size,
    })
}
