//! Kernel modules that this project builds itself: for which kernels it can.
//!
//! That is known before anything is built: OpenZFS says which kernels a release
//! supports, and a build that failed is not tried again with the same inputs.

use crate::context::Context;
use crate::{Builder, Fact, FailedBuild, Gap, KernelVersion, Obstacle, Question, ZfsVersion};

/// What the builder can do for the kernels of a release.
pub(crate) enum Makes {
    /// This version, for these kernels that have none of it yet.
    Can(ZfsVersion, Vec<KernelVersion>),
    Cannot(Obstacle),
    Gaps(Vec<Gap>),
}

/// Whether all answers that are missing were asked for. Only then may the builder
/// step in: what somebody else has built is taken first.
pub(crate) fn were_asked(gaps: &[Gap]) -> bool {
    gaps.iter().all(|gap| gap.why.is_some())
}

/// Whether it is known what was built before: else it would be built again.
pub(crate) fn is_known(ctx: &Context<'_>, builder: &Builder) -> bool {
    let mut sources = ctx.upstream.kmods.iter();
    sources.any(|source| source.name == builder.name && source.kernels.known().is_some())
}

/// The builder, unless a pin names one image of kmods.
pub(crate) fn of<'a>(ctx: &Context<'a>) -> Option<&'a Builder> {
    let pinned = ctx.pin.is_some_and(|pin| pin.kmods_digest.is_some());
    ctx.upstream.builder.as_ref().filter(|_| !pinned)
}

/// Judges the builder for the kernels of one release.
///
/// `wanted` is the one version that the policy allows, if it is one. Without it, the
/// newest of the series that did not fail. A newest release that does not support the
/// kernel ends the search: the range only grows within a series.
pub(crate) fn makes(
    ctx: &Context<'_>,
    builder: &Builder,
    kernels: &[&KernelVersion],
    wanted: Option<ZfsVersion>,
) -> Option<Makes> {
    let Some(finals) = &ctx.finals else {
        let gap = Gap::of(&ctx.upstream.zfs, || Question::ZfsReleases);
        return Some(Makes::Gaps(gap.into_iter().collect()));
    };
    let mut failed = None;
    let allowed = |version: &&ZfsVersion| wanted.is_none_or(|wanted| wanted == **version);
    for zfs in finals.iter().rev().filter(allowed) {
        let fact = builder.ranges.get(zfs).unwrap_or(&Fact::NotAsked);
        let Some(range) = fact.known() else {
            let gap = Gap::of(fact, || Question::Supported(*zfs));
            return Some(Makes::Gaps(gap.into_iter().collect()));
        };
        let outside = |kernel: &&&KernelVersion| {
            !(range.allows(kernel) || builder.experimental && kernel.series() > range.maximum)
        };
        if let Some(kernel) = kernels.iter().find(outside) {
            return Some(Makes::Cannot(failed.unwrap_or(Obstacle::NotSupported {
                kernel: (*kernel).clone(),
                zfs: *zfs,
                range: *range,
            })));
        }
        let missing: Vec<KernelVersion> = kernels
            .iter()
            .filter(|kernel| !has_built(ctx, builder, kernel, zfs))
            .map(|kernel| (*kernel).clone())
            .collect();
        let failure = |build: &&FailedBuild| build.zfs == *zfs && missing.contains(&build.kernel);
        match builder.failed.iter().find(failure) {
            None => return Some(Makes::Can(*zfs, missing)),
            // The newest that failed is the one to speak of.
            Some(build) => {
                failed.get_or_insert(Obstacle::BuildFailed {
                    kernel: build.kernel.clone(),
                    zfs: *zfs,
                    why: build.why.clone(),
                });
            }
        }
    }
    failed.map(Makes::Cannot)
}

/// Why a build of one release for one of these kernels failed, if one did.
pub(crate) fn why_failed<'a>(
    ctx: &Context<'a>,
    kernels: &[&KernelVersion],
    zfs: ZfsVersion,
) -> Option<&'a str> {
    let mut failed = ctx.upstream.builder.as_ref()?.failed.iter();
    let found = failed.find(|build| build.zfs == zfs && kernels.contains(&&build.kernel));
    found.map(|build| build.why.as_str())
}

/// Whether an earlier build is there already.
fn has_built(
    ctx: &Context<'_>,
    builder: &Builder,
    kernel: &KernelVersion,
    zfs: &ZfsVersion,
) -> bool {
    let mut sources = ctx.upstream.kmods.iter();
    let own = sources.find(|source| source.name == builder.name);
    own.and_then(|source| source.kernels.known())
        .and_then(|listed| listed.get(kernel)?.known())
        .is_some_and(|versions| versions.contains(zfs))
}
