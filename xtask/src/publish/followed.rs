//! The tags that hosts follow, between the beginning of a run and its end.
//!
//! A registry has no "move it if it still names that": the specification of
//! OCI's distribution knows no condition on a PUT. So the tag is read right
//! before it moves, and once more after; what remains in between are some
//! milliseconds.

use registry_compat::{Answer, Digest, ImageRef, Trouble};

use super::perform::known;
use super::{Act, perform::step};
use crate::apply::Live;
use crate::config::Config;
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

/// Remembers what a tag names.
pub(crate) fn note(live: &mut Live<'_>, image: &ImageRef) -> Result<(), Error> {
    let found = match live.registries.digest(image) {
        // What registries say of a repository that is not there yet, too. If it
        // was no more than that, the second look will tell.
        Answer::Unknown(why) if why.trouble == Trouble::Denied => None,
        answer => known(answer)?,
    };
    live.followed.insert(image.to_string(), found);
    Ok(())
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
