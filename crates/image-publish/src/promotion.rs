//! The second half of a publication: from a digest in the registry to the tags
//! that hosts follow. Pure.

use image_build::facts::Local;
use image_build::lock::{Lock, image_version};
use image_config::Config;
use registry_compat::{Digest, ImageRef};
use version_discovery::Arch;

use super::{
    Act, Index, PUSHED, Piece, Seen, attach_step, host, key, names, overtaken, promote,
    retracted_tag, step,
};
use crate::error::Error;
use crate::plan::{Effect, Step, contract};

/// What is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pieces {
    /// What the first half pushed, right before.
    Pushed,
    /// The image of the one architecture.
    One(Piece),
    /// One image of each architecture, joined.
    Several(Index),
}

/// Both halves in one run need one architecture.
///
/// # Errors
/// [`Error::Usage`] with the commands that publish several.
pub fn alone(lock: &Lock, local: &Local) -> Result<(), Error> {
    if lock.targets.len() < 2 {
        return Ok(());
    }
    let all: Vec<String> = lock.targets.iter().map(|t| t.arch.to_string()).collect();
    let images: Vec<&str> = all.iter().map(|_| "NAME@DIGEST").collect();
    Err(Error::Usage(format!(
        "image.yaml lists {}, and this machine builds {} only. Write the lock once, with \
         `cargo xtask resolve -o lock.json`; on a machine of each architecture run `cargo xtask \
         build --push --locked lock.json`; then, on one of them, `cargo xtask publish {} --locked \
         lock.json` with what they pushed",
        all.join(" and "),
        local.arch,
        images.join(" ")
    )))
}

/// The steps of the second half.
///
/// # Errors
/// [`Error::Usage`] if none of the images can be run here.
pub fn second(
    config: &Config,
    lock: &Lock,
    local: &Local,
    pieces: &Pieces,
) -> Result<Vec<Step>, Error> {
    let repository = config.repository()?;
    let place = local.destination.repository();
    let target = lock.target(local.arch)?;
    let there = match pieces {
        // From here on, whoever pushed it.
        Pieces::Pushed | Pieces::One(_) => format!("{place}@{PUSHED}"),
        Pieces::Several(index) => format!("{place}@{}", index.here(local.arch)?.digest),
    };
    let mut steps = vec![key(config)?, take(config, lock, local, pieces)?];
    let pull = local.engine.pull(&there, local.insecure);
    steps.push(Step {
        at_end: vec![Effect::Remove(local.engine.remove(&there))],
        ..Step::new("pull", vec![Effect::Reach(pull)])
    });
    steps.push(contract(local.engine, &there, target, lock));
    if let Pieces::Several(index) = pieces {
        let candidate = repository.tagged(config.image.candidate.clone());
        let good = Act::NotRetracted {
            image: repository.at(index.digest.clone()),
        };
        let join = Act::Join {
            candidate: candidate.clone(),
            index: index.clone(),
        };
        let read = Act::ReadIndex {
            candidate,
            digest: index.digest.clone(),
        };
        steps.push(step("join", [good, join, read]));
    }
    if config.signing.unsigned.is_none() {
        let images = match pieces {
            Pieces::Pushed | Pieces::One(_) => Vec::new(),
            Pieces::Several(index) => index.pieces.iter().map(|p| p.digest.clone()).collect(),
        };
        let sign = Act::Sign {
            repository: repository.clone(),
            images,
        };
        steps.push(step("sign", [sign]));
        let seen = Seen {
            engine: local.engine,
            image: &there,
            repository: &repository,
            place,
            insecure: local.insecure,
        };
        let mut host = host(seen, config.signing.judge);
        if let Pieces::Several(index) = pieces {
            // A host of another architecture looks at an image that cannot be
            // run here.
            let image = repository.at(index.digest.clone());
            host.effects.push(Effect::Act(Act::Signed { image }));
        }
        steps.push(host);
    }
    steps.push(match pieces {
        Pieces::Pushed | Pieces::One(_) => attach_step(lock, local, &there, &repository)?,
        Pieces::Several(index) => {
            let images = index.pieces.iter().map(|piece| Act::Beside {
                image: repository.at(piece.digest.clone()),
            });
            let lock = Act::AttachLock {
                repository: repository.clone(),
                lock: lock.to_line()?,
            };
            step("attach", images.chain([lock]))
        }
    });
    steps.push(step("name", names(config, lock, local)?));
    steps.push(promote(config)?);
    let record = Act::Record {
        repository,
        image: image_version(lock).parse()?,
        fingerprint: lock.fingerprint()?,
    };
    steps.push(step("history", [record]));
    Ok(steps)
}

/// What is taken has to be what the lock says.
fn take(config: &Config, lock: &Lock, local: &Local, pieces: &Pieces) -> Result<Step, Error> {
    let repository = config.repository()?;
    let one = |digest: Option<&Digest>, arch: Arch, pushed: bool| -> Result<Act, Error> {
        Ok(Act::Piece {
            repository: repository.clone(),
            digest: digest.cloned(),
            arch,
            pushed,
            fingerprint: lock.fingerprint()?,
            lock: lock.to_line()?,
        })
    };
    let mut acts = match pieces {
        Pieces::Pushed => vec![one(None, local.arch, true)?],
        Pieces::One(piece) => vec![one(Some(&piece.digest), piece.arch, true)?],
        Pieces::Several(index) => {
            let mut acts = Vec::new();
            for piece in &index.pieces {
                acts.push(one(Some(&piece.digest), piece.arch, false)?);
            }
            for piece in index.pieces.iter().filter(|p| p.arch != local.arch) {
                acts.push(Act::Elsewhere {
                    image: repository.at(piece.digest.clone()),
                    arch: piece.arch,
                });
            }
            acts
        }
    };
    acts.extend(overtaken(config, pieces, local.arch)?);
    Ok(step("take", acts))
}

/// The tags that would mark one of these images as bad.
pub(super) fn marks(image: &ImageRef) -> Result<Option<ImageRef>, Error> {
    let Some(digest) = image.digest() else {
        return Ok(None);
    };
    Ok(Some(image.repository().tagged(retracted_tag(digest)?)))
}
