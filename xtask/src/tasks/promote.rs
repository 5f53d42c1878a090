//! `promote`, `rollback` and `retract`: which image the followed tags name.

use host::Done;
use image_build::gather::World;
use image_build::lock::{LOCK_LABEL, Lock};
use image_publish::apply::{Dry, Live, apply};
use image_publish::lineage::Entry;
use image_publish::plan::{Effect, Plan, Step, contract};
use image_publish::{Act, Platform, Seen, history as measured, lineage as history, platforms};
use registry_compat::{Answer, Digest, ImageRef, Repository, Tag};
use remote::Inspected;
use serde_json::json;

use crate::cli::{PromoteArgs, RetractArgs, RollbackArgs};
use crate::error::Error;
use crate::tasks::publish;

fn wrong(step: &str, detail: impl Into<String>) -> Error {
    Error::Step {
        step: step.to_owned(),
        detail: detail.into(),
    }
}

fn present<T>(answer: Answer<T>, what: &ImageRef) -> Result<T, Error> {
    match answer {
        Answer::Present(value) => Ok(value),
        Answer::Absent => Err(wrong("read", format!("{what} is not there"))),
        Answer::Unknown(why) => Err(Error::Unknown(why)),
    }
}

/// Performs the steps, or shows them.
fn carry_out(world: &World<'_>, steps: Vec<Step>, dry: bool) -> Result<Vec<String>, Error> {
    let plan = Plan {
        steps,
        cleanup: Vec::new(),
    };
    if dry {
        apply(&plan, &mut Dry(world.report), &mut Vec::new())?;
    } else {
        let arch = std::env::consts::ARCH.parse()?;
        let mut live = Live::new(&world.env.root, world.registries()?, world.report, arch)?;
        apply(&plan, &mut live, &mut Vec::new())?;
    }
    Ok(plan.effects().map(ToString::to_string).collect())
}

/// Our own image, by digest.
pub(super) fn own(world: &World<'_>, image: &ImageRef) -> Result<(Repository, Digest), Error> {
    let repository = world.config.repository()?;
    match image.digest() {
        Some(digest) if *image.repository() == repository => Ok((repository, digest.clone())),
        _ => Err(Error::Usage(format!(
            "{image} is not an image of {repository} by digest (NAME@sha256:…)"
        ))),
    }
}

/// `promote`: everything that a publication tries after its push, then the
/// tags.
///
/// # Errors
/// The first thing that does not hold.
pub fn promote(world: &World<'_>, args: &PromoteArgs) -> Result<Done, Error> {
    let (repository, digest) = own(world, &args.image)?;
    let image = &args.image;
    let local = world.local(args.engine)?;
    let registries = world.registries()?;
    let found = present(registries.inspect(image, local.arch), image)?;
    let text = found
        .labels
        .get(LOCK_LABEL)
        .ok_or_else(|| wrong("read", format!("{image} has no label {LOCK_LABEL}")))?;
    let lock = Lock::parse(text, &format!("label {LOCK_LABEL} of {image}"))?;
    let home = registries.home_of(image)?;
    let there = home.image.to_string();
    let mut first = image_publish::noted(world.config)?;
    first.extend([
        Act::Take {
            image: image.clone(),
        },
        Act::NotRetracted {
            image: image.clone(),
        },
    ]);
    first.extend(elsewhere(world, image, &found, &lock)?);
    let pull = local.engine.pull(&there, home.insecure);
    let pull = Step::new("pull", vec![Effect::Reach(pull)]);
    let mut steps = vec![
        image_publish::step("read", first),
        pull,
        contract(local.engine, &there, lock.target(local.arch)?, &lock),
    ];
    match &world.config.signing.unsigned {
        Some(reason) => steps.push(image_publish::step(
            "signed",
            [Act::Unsigned {
                reason: reason.clone(),
            }],
        )),
        None => {
            steps.push(image_publish::step(
                "signed",
                [Act::Signed {
                    image: image.clone(),
                }],
            ));
            let seen = Seen {
                engine: local.engine,
                image: &there,
                repository: &repository,
                place: home.image.repository(),
                insecure: home.insecure,
            };
            steps.push(image_publish::host(seen, world.config.signing.judge));
        }
    }
    if let Some(day) = &local.today {
        let tag = day.parse()?;
        steps.push(image_publish::step("name", [Act::Name { repository, tag }]));
    }
    steps.push(image_publish::promote(world.config)?);
    let effects = carry_out(world, steps, args.dry_run)?;
    told(world, &digest, &effects)
}

/// The images of an index that cannot be run here.
///
/// # Errors
/// [`Error::Refused`] if hosts of an architecture would be left without one.
fn elsewhere(
    world: &World<'_>,
    image: &ImageRef,
    found: &Inspected,
    lock: &Lock,
) -> Result<Vec<Act>, Error> {
    let mut acts = Vec::new();
    if lock.targets.len() < 2 {
        return Ok(acts);
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
            Some(there) => acts.push(Act::Elsewhere {
                image: image.repository().at(there.manifest),
                arch,
            }),
        }
    }
    Ok(acts)
}

fn told(world: &World<'_>, digest: &Digest, effects: &[String]) -> Result<Done, Error> {
    world.report.outputs(&[("digest", digest.to_string())])?;
    world
        .report
        .document(&json!({"digest": digest, "effects": effects}))?;
    Ok(Done::Well)
}

/// `rollback`: the tags go back to an image that was published before. Its
/// content was tried when it was published; its signature is tried now, with
/// the key that the checkout's policy names.
///
/// # Errors
/// If there is no such image, or it is marked as bad.
pub fn rollback(world: &World<'_>, args: &RollbackArgs) -> Result<Done, Error> {
    let repository = world.config.repository()?;
    let digest = match &args.to {
        Some(to) => named(world, &repository, to)?,
        None => previous(world, &repository)?,
    };
    let image = repository.at(digest.clone());
    left_behind(world, &image)?;
    let mut acts = image_publish::noted(world.config)?;
    acts.extend([
        Act::Take {
            image: image.clone(),
        },
        Act::NotRetracted {
            image: image.clone(),
        },
    ]);
    acts.push(match &world.config.signing.unsigned {
        Some(reason) => Act::Unsigned {
            reason: reason.clone(),
        },
        None => Act::Signed { image },
    });
    let steps = vec![
        image_publish::step("read", acts),
        image_publish::promote(world.config)?,
    ];
    let effects = carry_out(world, steps, args.dry_run)?;
    if !args.dry_run {
        world.report.note(
            "Hosts take it with their next update, or at once: sudo bootc upgrade, then reboot.",
        );
        world.report.note(
            "The next publication moves the tags on again; `cargo xtask retract` marks a bad image.",
        );
    }
    told(world, &digest, &effects)
}

/// Says for which architectures of `image.yaml` an image has nothing: an older
/// one may have been for fewer, and to go back to it is all the same right.
fn left_behind(world: &World<'_>, image: &ImageRef) -> Result<(), Error> {
    let all = &world.config.architectures;
    if all.iter().count() < 2 {
        return Ok(());
    }
    let registries = world.registries()?;
    for arch in all.iter() {
        let there = match registries.inspect(image, *arch) {
            Answer::Present(found) if found.manifest == found.digest => {
                image_publish::piece(registries, image).is_ok_and(|(piece, _)| piece.arch == *arch)
            }
            Answer::Present(_) => true,
            Answer::Absent => false,
            Answer::Unknown(why) => return Err(Error::Unknown(why)),
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
fn named(world: &World<'_>, repository: &Repository, to: &str) -> Result<Digest, Error> {
    if to.starts_with("sha256:") {
        return Ok(to.parse()?);
    }
    if to == image_config::HISTORY_TAG {
        return Err(Error::Usage(format!(
            "`{to}` is the history of what publications took, and no image; \
             `cargo xtask status --history` shows it"
        )));
    }
    let image = repository.tagged(to.parse()?);
    present(world.registries()?.digest(&image), &image)
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
    for tag in history::days(&tags) {
        let image = repository.tagged(tag.clone());
        // Gone since the list was made: not a place to go back to.
        let digest = match registries.digest(&image) {
            Answer::Present(digest) => digest,
            Answer::Absent => continue,
            Answer::Unknown(why) => return Err(Error::Unknown(why)),
        };
        entries.push(Entry { tag, digest });
    }
    let good = |digest: &Digest| !history::is_retracted(&tags, digest);
    let entry = history::before(&entries, &now, good).ok_or_else(|| {
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

/// `retract`: marks an image as bad, and says what hosts must do.
///
/// # Errors
/// If it is not there, or the mark could not be set.
pub fn retract(world: &World<'_>, args: &RetractArgs) -> Result<Done, Error> {
    let repository = world.config.repository()?;
    let digest = named(world, &repository, &args.image)?;
    let image = repository.at(digest.clone());
    let acts = [
        Act::Take {
            image: image.clone(),
        },
        Act::Retract { image },
    ];
    let effects = carry_out(
        world,
        vec![image_publish::step("retract", acts)],
        args.dry_run,
    )?;
    let mut still: Vec<&Tag> = Vec::new();
    for tag in world.config.image.tags.iter() {
        let followed = repository.tagged(tag.clone());
        if world.registries()?.digest(&followed) == Answer::Present(digest.clone()) {
            still.push(tag);
        }
    }
    for tag in still {
        world.report.warning(&format!(
            "{repository}:{tag} still names it: cargo xtask rollback"
        ));
    }
    for line in [
        "Hosts that run it, once the tag is back: sudo bootc upgrade, then reboot.",
        "One that does not come up: choose the entry before it in the boot menu, or sudo bootc rollback.",
    ] {
        world.report.note(line);
    }
    told(world, &digest, &effects)
}
