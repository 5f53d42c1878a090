//! Whether there is anything in the pushed images that hosts do not have already, and
//! what it costs them.
//!
//! A build for the packages on top usually brings some; if it brings none, no tag moves
//! and no host restarts.

use image_build::lock::Lock;
use image_config::Config;
use image_layers::download::download;
use registry_compat::{Digest, ImageRef};
use version_discovery::Arch;

use crate::effect::Effect;
use crate::error::Error;
use crate::index::Parts;
use crate::layers::image_in;
use crate::push::Pushed;
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// At least one image has something new.
    New,
    /// Every host has all of it.
    Same,
}

/// The step that compares the pushed images with those that hosts follow; `None` where
/// that cannot say anything: each build makes another layer, or a person wants the image
/// to be published anyway.
///
/// # Errors
/// Never for a config that was parsed.
pub(crate) fn content_step(
    config: &Config,
    lock: &Lock,
    parts: &Parts,
) -> Result<Option<Step>, Error> {
    if config.image.layers.is_one() || lock.judgement.forced.is_some() {
        return Ok(None);
    }
    let images = match parts {
        Parts::Pushed => Vec::new(),
        Parts::One(part) => vec![(part.arch, part.digest.clone())],
        Parts::Several(index) => {
            let all = index.parts.iter();
            all.map(|part| (part.arch, part.digest.clone())).collect()
        }
    };
    let compare = Effect::CompareContent {
        followed: config.followed()?,
        images,
        most_mib: config.image.most_download_mib.map(std::num::NonZero::get),
    };
    Ok(Some(Step::new("content", [compare])))
}

/// Performs it.
///
/// # Errors
/// [`Error::Refused`] if an update would cost hosts more than `image.yaml` allows.
pub(crate) fn compare(
    run: &Run<'_>,
    step: Option<&Step>,
    pushed: Option<&Pushed>,
) -> Result<Content, Error> {
    let Some(step) = step else {
        return Ok(Content::New);
    };
    let mut content = Content::New;
    run.step(step, pushed.map(Pushed::digest), |effect| {
        let Effect::CompareContent {
            followed,
            images,
            most_mib,
        } = effect
        else {
            return Err(misplaced(step.name, effect));
        };
        let ours = pushed.map(|pushed| (run.arch, pushed.digest().clone()));
        let all: Vec<(Arch, Digest)> = match images.is_empty() {
            true => ours.into_iter().collect(),
            false => images.clone(),
        };
        let mut same = !all.is_empty();
        for (arch, digest) in &all {
            same &= one(run, followed, *arch, digest, *most_mib)?;
        }
        if same {
            content = Content::Same;
        }
        Ok(())
    })?;
    Ok(content)
}

/// Whether hosts of one architecture have all of it already.
fn one(
    run: &Run<'_>,
    followed: &ImageRef,
    arch: Arch,
    digest: &Digest,
    most_mib: Option<u32>,
) -> Result<bool, Error> {
    let image = followed.repository().at(digest.clone());
    let new = image_in(run.registries, &image, arch)?
        .ok_or_else(|| failed("content", format!("{image} is gone")))?;
    let Some(old) = image_in(run.registries, followed, arch)? else {
        return Ok(false);
    };
    if new.same_content(&old) {
        let text = format!("the image for {arch} has what {followed} has");
        run.report.status("Same", &text);
        return Ok(true);
    }
    let costs = download(Some(&old.manifest), &new.manifest);
    let (megabytes, parts) = (costs.megabytes(), costs.shares());
    run.report.status(
        "Download",
        &format!("{megabytes:.1} MB for a host on {arch}: {parts}"),
    );
    match most_mib {
        Some(most) if costs.bytes > u64::from(most) * 1024 * 1024 => Err(Error::Refused(format!(
            "hosts on {arch} would have to fetch {megabytes:.1} MB ({parts}), and \
             `image.most-download-mib` in image.yaml allows {most} MiB; if it is worth that, \
             build with `--force` and the reason"
        ))),
        _ => Ok(false),
    }
}
