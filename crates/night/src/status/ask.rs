//! Asks all that the status is made of. What could not be asked is a row and no error.

use host::failure::{Failure as _, Kind};
use image_build::engine::Engine;
use image_build::gather::{Scope, World};
use image_build::lock::{LOCK_LABEL, Lock};
use image_publish::history::Boot;
use image_publish::{Signature, read_history};
use registry_compat::{Answer, Digest, ImageRef, Repository, Trouble, Unknown};
use remote::Inspected;

use super::runs;
use super::state::Asked;
use crate::error::Error;

/// Asks the registry, upstream, the checkout and GitHub.
///
/// # Errors
/// If the checkout itself cannot be read, or the person interrupts.
pub(super) fn ask(world: &World<'_>) -> Result<Asked, Error> {
    let followed = world.followed()?;
    let published = match world.published() {
        Ok(answer) => answer,
        Err(error) => Answer::Unknown(unknown(error.into())?),
    };
    let (lock, signature) = match &published {
        Answer::Present(found) => (
            lock(world, &followed, found)?,
            signature(world, followed.repository(), &found.digest),
        ),
        Answer::Absent | Answer::Unknown(_) => {
            let why = "there is no image that is known".to_owned();
            (Answer::Absent, Signature::Unknown(why))
        }
    };
    let boot = match &published {
        Answer::Present(found) => boot(world, followed.repository(), &found.digest),
        Answer::Absent | Answer::Unknown(_) => None,
    };
    let upstream = world
        .upstream_beside(Scope::default(), Some(published.clone()))
        .map_err(|error| host::one_line(&error.to_string()));
    if upstream.is_err() && host::process::interrupted() {
        return Err(host::Error::Interrupted.into());
    }
    // Nothing is run: which engine there is has no influence on a fingerprint.
    let engine = world.engine(None).unwrap_or(Engine::Podman);
    Ok(Asked {
        now: world.env.now,
        followed,
        published,
        lock,
        signature,
        boot,
        upstream,
        local: world.local_with(engine)?,
        workflows: runs::workflows(world)?,
    })
}

/// What a row can say; an interruption is none of it.
fn unknown(error: Error) -> Result<Unknown, Error> {
    match error.kind() {
        Kind::Unanswered(why) => Ok(why.clone()),
        Kind::Interrupted => Err(error),
        _ => Ok(Unknown {
            trouble: Trouble::Configuration,
            detail: host::one_line(&error.to_string()),
        }),
    }
}

/// The lock of an image: its label, or what lies beside it. One of another
/// version of this program is none.
fn lock(world: &World<'_>, followed: &ImageRef, found: &Inspected) -> Result<Answer<Lock>, Error> {
    let parse = |text: &str| Lock::parse(text, LOCK_LABEL).ok();
    if let Some(text) = found.labels.get(LOCK_LABEL) {
        return Ok(parse(text).map_or(Answer::Absent, Answer::Present));
    }
    let beside = image_publish::attached(
        world.registries()?,
        followed.repository(),
        &found.digest,
        image_publish::LOCK,
    );
    Ok(match beside {
        Ok(document) => document
            .and_then(|bytes| parse(&String::from_utf8_lossy(&bytes)))
            .map_or(Answer::Absent, Answer::Present),
        Err(error) => Answer::Unknown(unknown(error.into())?),
    })
}

/// What the history says of its boot. Without one there is no row.
fn boot(world: &World<'_>, repository: &Repository, digest: &Digest) -> Option<Boot> {
    let history = read_history(world.registries().ok()?, repository).ok()??;
    history.of(digest)?.boot.clone()
}

fn signature(world: &World<'_>, repository: &Repository, digest: &Digest) -> Signature {
    if let Some(reason) = &world.config.signing.unsigned {
        return Signature::NotDemanded(reason.to_string());
    }
    let found = world
        .registries()
        .map_err(image_publish::Error::from)
        .and_then(|registries| {
            image_publish::signature(&world.env.root, registries, repository, digest)
        });
    match found {
        Ok(found) => found,
        Err(error) => Signature::Unknown(host::one_line(&error.to_string())),
    }
}
