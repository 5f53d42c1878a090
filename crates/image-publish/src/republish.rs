//! The tasks that change tags in the registry without a build: promote an image that is
//! in the registry, go back to one that was published before, and mark a bad one.

use image_build::engine::Engine;
use image_build::gather::World;
use image_build::lock::{LOCK_LABEL, Lock};
use registry_compat::{Answer, Digest, ImageRef, Repository, Tag};
use remote::Inspected;

use crate::boot_gate::{boot_step, booted_before};
use crate::candidate::read;
use crate::contract_step::contract;
use crate::effect::Effect;
use crate::error::Error;
use crate::given_images::own;
use crate::host_look::{Seen, host_step, taken_before};
use crate::lineage::Entry;
use crate::moving_tag::{MovingTags, note_tags};
use crate::names::{named_before, names_of};
use crate::platform_image::{Platform, platforms, read_part};
use crate::promote::{Promoted, promote, promote_step};
use crate::registry::{digest_in, known, retracted_tag};
use crate::run::{Run, failed, misplaced};
use crate::sign::already_signed;
use crate::step::{Step, Steps};
use crate::{attestation, boot_gate, candidate, host_look, lineage, names};

/// The steps of `promote`: every check that a publication makes after its push, then
/// the tags.
#[derive(Debug, Clone, PartialEq)]
pub struct PromoteSteps {
    read: Step,
    pull: Step,
    contract: Step,
    signed: Step,
    host: Option<Step>,
    boot: Step,
    name: Step,
    promote: Step,
}

/// The steps of `rollback`: the content of the image was tested when it was published;
/// its signature is verified now, with the key that the checkout's policy names.
#[derive(Debug, Clone, PartialEq)]
pub struct RollbackSteps {
    read: Step,
    signed: Step,
    promote: Step,
}

/// The one step of `retract`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetractSteps([Step; 1]);

fn present<T>(answer: Answer<T>, what: &ImageRef) -> Result<T, Error> {
    known(answer)?.ok_or_else(|| failed("read", format!("{what} is not there")))
}

/// The effect that looks for the signatures of an image that was published.
fn signature(world: &World<'_>, image: &ImageRef) -> Effect {
    match &world.config.signing.unsigned {
        Some(reason) => Effect::Unsigned {
            reason: reason.clone(),
        },
        None => Effect::AlreadySigned {
            image: image.clone(),
        },
    }
}

/// The effects that record the moving tags and read an image of our repository.
fn reading(world: &World<'_>, image: &ImageRef) -> Result<Vec<Effect>, Error> {
    let mut effects = note_tags(world.config)?;
    effects.extend([
        Effect::ReadImage {
            image: image.clone(),
        },
        Effect::NotRetracted {
            image: image.clone(),
        },
    ]);
    Ok(effects)
}

/// Plans `promote`.
///
/// # Errors
/// If the image is not in our repository, does not exist, has no lock, or lacks an
/// architecture of its lock; as [`attestation::look`].
pub fn plan_promote(
    world: &World<'_>,
    image: &ImageRef,
    engine: Option<Engine>,
) -> Result<PromoteSteps, Error> {
    let (repository, _) = own(world, image)?;
    let local = world.local(engine)?;
    let registries = world.registries()?;
    let found = present(registries.inspect(image, local.arch), image)?;
    let text = found
        .labels
        .get(LOCK_LABEL)
        .ok_or_else(|| failed("read", format!("{image} has no label {LOCK_LABEL}")))?;
    let lock = Lock::parse(text, &format!("label {LOCK_LABEL} of {image}"))?;
    let home = registries.home_of(image)?;
    let there = home.image.to_string();
    let mut effects = reading(world, image)?;
    let others = other_platforms(world, image, &found, &lock)?;
    let other = |effect: &Effect| match effect {
        Effect::OtherPlatform { image, .. } => Some(image.clone()),
        _ => None,
    };
    let ours = image.repository().at(found.manifest.clone());
    let parts: Vec<ImageRef> = others.iter().filter_map(other).chain([ours]).collect();
    attestation::look(world, &parts.iter().collect::<Vec<_>>())?;
    effects.extend(others);
    let seen = Seen {
        engine: local.engine,
        image: &there,
        repository: &repository,
        place: home.image.repository(),
        insecure: home.insecure,
    };
    let signing = &world.config.signing;
    let host = signing
        .unsigned
        .is_none()
        .then(|| host_step(seen, signing.judge));
    let day = local.today.as_ref().map(|day| day.parse::<Tag>());
    let pull = local.engine.pull(&there, home.insecure);
    Ok(PromoteSteps {
        read: Step::new("read", effects),
        pull: Step::new("pull", [Effect::Transfer(pull)]),
        contract: contract(local.engine, &there, lock.target(local.arch)?, &lock),
        signed: Step::new("signed", [signature(world, image)]),
        host,
        boot: boot_step(world.config, &lock, &local, &there)?,
        name: names_of(&repository, day.transpose()?),
        promote: promote_step(world.config)?,
    })
}

impl PromoteSteps {
    /// Promotes.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn perform(&self, run: &Run<'_>) -> Result<Promoted, Error> {
        let mut tags = MovingTags::default();
        let found = read(run, &self.read, &mut tags, |effect| {
            Err(misplaced(self.read.name, effect))
        })?;
        let pulled = candidate::pull_again(run, &self.pull, found)?;
        let tried = candidate::try_out(run, &self.contract, pulled)?;
        let candidate = candidate::candidate(run, None, tried)?;
        let signed = already_signed(run, &self.signed, candidate)?;
        let proven = host_look::look(run, self.host.as_ref(), signed)?;
        let booted = boot_gate::gate(run, &self.boot, proven, &tags)?;
        let named = names::name(run, &self.name, booted)?;
        promote(run, &self.promote, named, &tags)
    }
}

impl Steps for PromoteSteps {
    fn steps(&self) -> Vec<&Step> {
        let mut all = vec![&self.read, &self.pull, &self.contract, &self.signed];
        all.extend(&self.host);
        all.extend([&self.boot, &self.name, &self.promote]);
        all
    }
}

/// The images of an index that cannot be run here.
///
/// # Errors
/// [`Error::Refused`] if hosts of an architecture would be left without one.
fn other_platforms(
    world: &World<'_>,
    image: &ImageRef,
    found: &Inspected,
    lock: &Lock,
) -> Result<Vec<Effect>, Error> {
    let mut effects = Vec::new();
    if lock.targets.len() < 2 {
        return Ok(effects);
    }
    if found.manifest == found.digest {
        return Err(Error::Refused(format!(
            "{image} is for one architecture only, and its lock has {}; promote the index that \
             `cargo xtask publish` made, or publish it",
            lock.targets.len()
        )));
    }
    for Platform { arch, image: there } in platforms(world.registries()?, image, lock)? {
        match there {
            None => {
                return Err(Error::Refused(format!(
                    "{image} has nothing for {arch}, whose hosts would be left behind"
                )));
            }
            Some(there) if there.manifest == found.manifest => {}
            Some(there) => effects.push(Effect::OtherPlatform {
                image: image.repository().at(there.manifest),
                arch,
            }),
        }
    }
    Ok(effects)
}

/// Plans `rollback` to what `to` names, or to the good image before the one that
/// is followed now; and which image that is.
///
/// # Errors
/// If there is no such image.
pub fn plan_rollback(
    world: &World<'_>,
    to: Option<&str>,
) -> Result<(RollbackSteps, Digest), Error> {
    let repository = world.config.repository()?;
    let digest = match to {
        Some(to) => named(world, &repository, to)?,
        None => previous(world, &repository)?,
    };
    let image = repository.at(digest.clone());
    warn_of_missing_platforms(world, &image)?;
    let steps = RollbackSteps {
        read: Step::new("read", reading(world, &image)?),
        signed: Step::new("signed", [signature(world, &image)]),
        promote: promote_step(world.config)?,
    };
    Ok((steps, digest))
}

impl RollbackSteps {
    /// Goes back.
    ///
    /// # Errors
    /// If the image is marked as bad, or has no good signature.
    pub fn perform(&self, run: &Run<'_>) -> Result<Promoted, Error> {
        let mut tags = MovingTags::default();
        let found = read(run, &self.read, &mut tags, |effect| {
            Err(misplaced(self.read.name, effect))
        })?;
        let signed = already_signed(run, &self.signed, found)?;
        let named = named_before(booted_before(taken_before(signed)));
        promote(run, &self.promote, named, &tags)
    }
}

impl Steps for RollbackSteps {
    fn steps(&self) -> Vec<&Step> {
        vec![&self.read, &self.signed, &self.promote]
    }
}

/// Says for which architectures of `image.yaml` an image has nothing: an older one may
/// have been for fewer, and a rollback to it is still allowed.
fn warn_of_missing_platforms(world: &World<'_>, image: &ImageRef) -> Result<(), Error> {
    let all = &world.config.architectures;
    if all.iter().count() < 2 {
        return Ok(());
    }
    let registries = world.registries()?;
    for arch in all.iter() {
        let there = match known(registries.inspect(image, *arch))? {
            Some(found) if found.manifest == found.digest => {
                read_part(registries, image).is_ok_and(|(part, _)| part.arch == *arch)
            }
            Some(_) => true,
            None => false,
        };
        if !there {
            world.report.warning(&format!(
                "{image} has nothing for {arch}: its hosts stay where they are, and cannot update"
            ));
        }
    }
    Ok(())
}

/// A digest, or what a tag names.
///
/// # Errors
/// [`Error::Usage`] if it is neither, if there is no such tag, or it names no image.
pub fn named(world: &World<'_>, repository: &Repository, to: &str) -> Result<Digest, Error> {
    let wrong = |error: registry_compat::Error| Error::Usage(error.to_string());
    if to.starts_with("sha256:") {
        return to.parse().map_err(wrong);
    }
    if to == image_config::HISTORY_TAG {
        return Err(Error::Usage(format!(
            "`{to}` is the history of what publications took, and no image; \
             `cargo xtask status --history` shows it"
        )));
    }
    let image = repository.tagged(to.parse().map_err(wrong)?);
    known(world.registries()?.digest(&image))?.ok_or_else(|| {
        Error::Usage(format!(
            "{image} is not there; `cargo xtask status --history` shows what was published"
        ))
    })
}

/// The good image that was published before the one that is followed now.
fn previous(world: &World<'_>, repository: &Repository) -> Result<Digest, Error> {
    let registries = world.registries()?;
    let followed = world
        .config
        .image
        .tags
        .first()
        .ok_or_else(|| Error::Usage("image.yaml has no tag to move".to_owned()))?;
    let followed = repository.tagged(followed.clone());
    let now = present(registries.digest(&followed), &followed)?;
    let tags = present(registries.tags(repository), &followed)?;
    let mut entries = Vec::new();
    for tag in lineage::days(&tags) {
        let image = repository.tagged(tag.clone());
        // The image was deleted after the tags were listed, so a rollback to it is
        // impossible.
        if let Some(digest) = known(registries.digest(&image))? {
            entries.push(Entry { tag, digest });
        }
    }
    let good = |digest: &Digest| !lineage::is_retracted(&tags, digest);
    let entry = lineage::before(&entries, &now, good).ok_or_else(|| {
        Error::Refused(format!(
            "there is no good image before {now}; `--to` names another"
        ))
    })?;
    world.report.status(
        "Found",
        &format!("{} of {}, before {now}", entry.digest, entry.tag),
    );
    Ok(entry.digest.clone())
}

/// Plans `retract`: an image, by digest or by what a tag names, gets a tag that
/// marks it as bad.
///
/// # Errors
/// If it is not there.
pub fn plan_retract(world: &World<'_>, image: &str) -> Result<(RetractSteps, Digest), Error> {
    let repository = world.config.repository()?;
    let digest = named(world, &repository, image)?;
    let image = repository.at(digest.clone());
    let effects = [
        Effect::ReadImage {
            image: image.clone(),
        },
        Effect::Retract { image },
    ];
    Ok((RetractSteps([Step::new("retract", effects)]), digest))
}

impl RetractSteps {
    /// Marks the image.
    ///
    /// # Errors
    /// If it is not there, or the mark could not be set.
    pub fn perform(&self, run: &Run<'_>) -> Result<(), Error> {
        let [step] = &self.0;
        read(run, step, &mut MovingTags::default(), |effect| {
            let Effect::Retract { image } = effect else {
                return Err(misplaced(step.name, effect));
            };
            let mark = retracted_tag(digest_in(image)?)?;
            run.registries.retag(image, &mark)?;
            let mark = image.repository().tagged(mark);
            if known(run.registries.digest(&mark))?.as_ref() != image.digest() {
                return Err(failed(
                    "retract",
                    format!("{mark} does not name {image} after it was written"),
                ));
            }
            run.report.status("Retracted", &mark.to_string());
            Ok(())
        })
        .map(drop)
    }
}

impl Steps for RetractSteps {
    fn steps(&self) -> Vec<&Step> {
        self.0.iter().collect()
    }
}

/// The moving tags that name an image.
///
/// # Errors
/// If the registry cannot be asked at all.
pub fn still_followed<'w>(world: &World<'w>, digest: &Digest) -> Result<Vec<&'w Tag>, Error> {
    let repository = world.config.repository()?;
    let mut still = Vec::new();
    for tag in world.config.image.tags.iter() {
        let followed = repository.tagged(tag.clone());
        if world.registries()?.digest(&followed) == Answer::Present(digest.clone()) {
            still.push(tag);
        }
    }
    Ok(still)
}
