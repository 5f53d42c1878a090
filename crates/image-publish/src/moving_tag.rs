//! Guards against somebody else moving the tags that hosts follow while a run is in
//! progress.
//!
//! A registry has no request that moves a tag on the condition that it still names a
//! given digest: the OCI distribution specification defines no conditional PUT. So the
//! tag is read right before it is moved, and again afterwards; a window of some
//! milliseconds remains.

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
    /// Records what a tag names; only the first record of each tag counts.
    pub(crate) fn note(&mut self, run: &Run<'_>, image: &ImageRef) -> Result<(), Error> {
        if let Entry::Vacant(place) = self.0.entry(image.to_string()) {
            place.insert(denied_is_none(run.registries.digest(image))?);
        }
        Ok(())
    }

    /// What a tag named; `None` if it named nothing, or was never recorded.
    pub fn before(&self, image: &ImageRef) -> Option<&Digest> {
        self.0.get(&image.to_string())?.as_ref()
    }

    /// Checks that a tag still names what it named when the run began, or already names
    /// the digest that it is to be moved to.
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

/// The effects that check that the image a moving tag names was not built after the
/// image that is to be published: the two halves of a publication may run hours apart,
/// and neither knows what the other recorded. `digest` is the image; without one it is
/// the one that was pushed.
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

/// Registries give the same answer for a repository that does not exist yet. If the
/// cause is a different one, reading the tag right before it moves will show it.
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
