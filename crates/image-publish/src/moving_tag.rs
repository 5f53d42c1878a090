//! The tags that hosts follow, between the beginning of a run and its end.
//!
//! A registry has no "move it if it still names that": the specification of
//! OCI's distribution knows no condition on a PUT. So the tag is read right
//! before it moves, and once more after; what remains in between are some
//! milliseconds.

use image_config::Config;
use registry_compat::{Answer, Digest, ImageRef, Trouble};

use super::perform::{known, step};
use super::{Act, Pieces};
use crate::apply::Live;
use crate::error::Error;

/// What a run that moves tags does first.
///
/// # Errors
/// Never for a config that was parsed.
pub fn noted(config: &Config) -> Result<Vec<Act>, Error> {
    let repository = config.repository()?;
    let tags = config.image.tags.iter();
    let act = |tag: &registry_compat::Tag| Act::Note {
        image: repository.tagged(tag.clone()),
    };
    Ok(tags.map(act).collect())
}

/// The halves of a publication may lie hours apart, and neither knows what the
/// other noted: what was built later is what counts.
///
/// # Errors
/// As [`noted`].
pub(super) fn overtaken(
    config: &Config,
    pieces: &Pieces,
    here: version_discovery::Arch,
) -> Result<Vec<Act>, Error> {
    let repository = config.repository()?;
    let digest = match pieces {
        Pieces::Pushed => None,
        Pieces::One(piece) => Some(piece.digest.clone()),
        Pieces::Several(index) => Some(index.here(here)?.digest.clone()),
    };
    let tags = config.image.tags.iter();
    let act = |tag: &registry_compat::Tag| Act::NotOvertaken {
        followed: repository.tagged(tag.clone()),
        digest: digest.clone(),
    };
    Ok(tags.map(act).collect())
}

/// What registries say of a repository that is not there yet, too. If it was no
/// more than that, the look before the move will tell.
fn denied_is_none<T>(answer: Answer<T>) -> Result<Option<T>, Error> {
    match answer {
        Answer::Unknown(why) if why.trouble == Trouble::Denied => Ok(None),
        answer => known(answer),
    }
}

/// Remembers what a tag names; the first look counts.
pub(crate) fn note(live: &mut Live<'_>, image: &ImageRef) -> Result<(), Error> {
    let name = image.to_string();
    if !live.followed.contains_key(&name) {
        let found = denied_is_none(live.registries.digest(image))?;
        live.followed.insert(name, found);
    }
    Ok(())
}

/// Compares when two images were built, if they say it.
pub(crate) fn not_overtaken(
    live: &Live<'_>,
    followed: &ImageRef,
    digest: Option<&Digest>,
) -> Result<(), Error> {
    let Some(theirs) = denied_is_none(live.registries.inspect(followed, live.arch))? else {
        return Ok(());
    };
    let ours = match digest {
        Some(digest) => digest,
        None => live.pushed()?,
    };
    let image = followed.repository().at(ours.clone());
    let found = known(live.registries.inspect(&image, live.arch))?;
    let built = found.and_then(|found| found.created);
    match (built, theirs.created) {
        (Some(built), Some(later)) if later > built => Err(Error::Refused(format!(
            "{followed} names {}, which was built at {later}, after {image} (at {built}): \
             somebody has published something newer. `cargo xtask promote {image}` moves the \
             tag all the same",
            theirs.digest
        ))),
        _ => Ok(()),
    }
}

/// Whether a tag names what it named when the run began, or already what it is
/// to name.
pub(crate) fn still_so(live: &Live<'_>, image: &ImageRef, pushed: &Digest) -> Result<(), Error> {
    let before = live.followed.get(&image.to_string()).ok_or_else(|| {
        step(
            "promote",
            format!("nobody has looked what {image} named before"),
        )
    })?;
    let now = known(live.registries.digest(image))?;
    if now == *before || now.as_ref() == Some(pushed) {
        return Ok(());
    }
    let text = |digest: &Option<Digest>| {
        digest
            .as_ref()
            .map_or("nothing".to_owned(), ToString::to_string)
    };
    Err(Error::Refused(format!(
        "{image} named {} when this run began, and names {} now: somebody else has moved it, \
         perhaps to something newer. It stays so. What was built here is proven: \
         `cargo xtask promote {}@{pushed}` moves the tag",
        text(before),
        text(&now),
        image.repository()
    )))
}
