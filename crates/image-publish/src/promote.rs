//! Moves the tags that hosts follow, and reads each back.

use image_config::Config;
use registry_compat::{Answer, Digest, ImageRef};

use crate::effect::Effect;
use crate::error::Error;
use crate::history::Boot;
use crate::moving_tag::MovingTags;
use crate::names::Named;
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// An image that hosts follow now. Only `promote` creates it.
#[derive(Debug)]
pub struct Promoted(Named);

impl Promoted {
    /// Of the image or index.
    pub fn digest(&self) -> &Digest {
        self.0.booted().proven().candidate().digest()
    }

    /// The measurements of its boot, or why it was not booted.
    pub fn boot(&self) -> Option<&Boot> {
        self.0.booted().boot()
    }

    /// Size of the compressed layers, in bytes.
    pub fn size(&self) -> u64 {
        self.0.booted().proven().candidate().size()
    }
}

/// The step that moves the tags that hosts follow, and reads each back.
///
/// # Errors
/// Never for a config that was parsed.
pub(crate) fn promote_step(config: &Config) -> Result<Step, Error> {
    let repository = config.repository()?;
    let candidate = repository.tagged(config.image.candidate.clone());
    let mut effects = Vec::new();
    for tag in config.image.tags.iter() {
        effects.push(Effect::Promote {
            candidate: candidate.clone(),
            tag: tag.clone(),
        });
        effects.push(Effect::Confirm {
            image: repository.tagged(tag.clone()),
        });
    }
    Ok(Step::new("promote", effects))
}

/// Moves the tags, each only if it still names what it named when the run began.
pub(crate) fn promote(
    run: &Run<'_>,
    step: &Step,
    named: Named,
    tags: &MovingTags,
) -> Result<Promoted, Error> {
    let digest = named.booted().proven().candidate().digest();
    run.step(step, Some(digest), |effect| match effect {
        Effect::Promote { candidate, tag } => {
            let image = candidate.repository().tagged(tag.clone());
            tags.unchanged(run, &image, digest)?;
            let from = candidate.repository().at(digest.clone());
            Ok(run.registries.retag(&from, tag)?)
        }
        Effect::Confirm { image } => confirm(run, image, digest),
        other => Err(misplaced(step.name, other)),
    })?;
    Ok(Promoted(named))
}

fn confirm(run: &Run<'_>, image: &ImageRef, digest: &Digest) -> Result<(), Error> {
    match run.registries.digest(image) {
        Answer::Present(found) if found == *digest => {
            run.report
                .status("Promoted", &format!("{image} is {found}"));
            Ok(())
        }
        // The tag is not moved a second time: two runs would otherwise overwrite each
        // other's tag in turn.
        Answer::Present(found) => Err(Error::Refused(format!(
            "{image} names {found} right after it was moved to {digest}: somebody else \
             moved it, and it stays so. `cargo xtask verify {image}` says what it \
             is; `cargo xtask promote {}@{digest}` moves it",
            image.repository()
        ))),
        Answer::Absent => Err(failed("promote", format!("{image} is not there"))),
        Answer::Unknown(why) => Err(Error::Unknown(why)),
    }
}
