//! The tags that hosts follow, between the beginning of a run and its end.
//!
//! A registry has no "move it if it still names that": the specification of
//! OCI's distribution knows no condition on a PUT. So the tag is read right
//! before it moves, and once more after; what remains in between are some
//! milliseconds.

use std::collections::{BTreeMap, btree_map::Entry};

use image_config::Config;
use registry_compat::{Answer, Digest, ImageRef, Trouble};

use crate::effect::Effect;
use crate::error::Error;
use crate::registry::known;
use crate::run::{Run, failed};

/// What the tags that hosts follow named when the run began.
#[derive(Debug, Default)]
pub struct MovingTags(BTreeMap<String, Option<Digest>>);

impl MovingTags {
    /// Notes what a tag names; the first look counts.
    pub(crate) fn note(&mut self, run: &Run<'_>, image: &ImageRef) -> Result<(), Error> {
        if let Entry::Vacant(place) = self.0.entry(image.to_string()) {
            place.insert(denied_is_none(run.registries.digest(image))?);
        }
        Ok(())
    }

    /// What a tag named; `None` if nothing, or if nobody noted it.
    pub fn before(&self, image: &ImageRef) -> Option<&Digest> {
        self.0.get(&image.to_string())?.as_ref()
    }

    /// Whether a tag names what it named when the run began, or already what it
    /// is to name.
    ///
    /// # Errors
    /// [`Error::Refused`] if it does not: somebody else has moved it.
    pub(crate) fn unchanged(
        &self,
        run: &Run<'_>,
        image: &ImageRef,
        pushed: &Digest,
    ) -> Result<(), Error> {
        let before = self.0.get(&image.to_string()).ok_or_else(|| {
            failed(
                "promote",
                format!("nobody has looked what {image} named before"),
            )
        })?;
        let now = known(run.registries.digest(image))?;
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
}

/// The effects that note what each moving tag names.
///
/// # Errors
/// Never for a config that was parsed.
pub(crate) fn note_tags(config: &Config) -> Result<Vec<Effect>, Error> {
    let repository = config.repository()?;
    let tags = config.image.tags.iter();
    let note = |tag: &registry_compat::Tag| Effect::NoteTag {
        image: repository.tagged(tag.clone()),
    };
    Ok(tags.map(note).collect())
}

/// The effects that look whether what a moving tag names was built after the
/// image that is to be published: the halves of a publication may lie hours
/// apart, and neither knows what the other noted. `digest` is the image;
/// without one it is the one that was pushed.
///
/// # Errors
/// As [`note_tags`].
pub(crate) fn not_overtaken_by(
    config: &Config,
    digest: Option<&Digest>,
) -> Result<Vec<Effect>, Error> {
    let repository = config.repository()?;
    let tags = config.image.tags.iter();
    let look = |tag: &registry_compat::Tag| Effect::NotOvertaken {
        followed: repository.tagged(tag.clone()),
        digest: digest.cloned(),
    };
    Ok(tags.map(look).collect())
}

/// What registries say of a repository that is not there yet, too. If it was no
/// more than that, the look before the move will tell.
fn denied_is_none<T>(answer: Answer<T>) -> Result<Option<T>, Error> {
    match answer {
        Answer::Unknown(why) if why.trouble == Trouble::Denied => Ok(None),
        answer => known(answer),
    }
}

/// Compares when two images were built, if they say it.
pub(crate) fn not_overtaken(
    run: &Run<'_>,
    followed: &ImageRef,
    ours: &Digest,
) -> Result<(), Error> {
    let Some(theirs) = denied_is_none(run.registries.inspect(followed, run.arch))? else {
        return Ok(());
    };
    let image = followed.repository().at(ours.clone());
    let found = known(run.registries.inspect(&image, run.arch))?;
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
