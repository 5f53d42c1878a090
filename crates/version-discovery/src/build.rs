//! Whether one release can be built, and how each ZFS version was judged.

use std::collections::{BTreeMap, BTreeSet};

use crate::choose::Context;
use crate::{
    FcosRelease, Gap, KernelCeiling, KernelVersion, KmodsSource, Obstacle, Offer, Pick, Question,
    ReleaseKernel, Rule, ZfsCandidate, ZfsVerdict, ZfsVersion,
};

/// What can be said about building one release.
pub(crate) enum Built {
    Pick(Pick),
    AboveCeiling(KernelCeiling),
    Lacks(Obstacle),
    /// What is not known, and what a later source would give.
    Gaps(Vec<Gap>, Option<Pick>),
}

/// What one source has for a kernel.
enum Has {
    Nothing,
    /// Versions, none of which is allowed; newest first.
    Others(Vec<ZfsVersion>),
    Takes(ZfsVersion),
    Gap(Gap),
}

/// The sources that the policy allows, in order.
pub(crate) fn sources<'a>(ctx: &Context<'a>) -> impl Iterator<Item = &'a KmodsSource> {
    let digest = ctx.pin.and_then(|pin| pin.kmods_digest.as_deref());
    ctx.upstream
        .kmods
        .iter()
        .filter(move |source| digest.is_none() || source.digest.as_deref() == digest)
}

/// Judges one release that comes into question.
pub(crate) fn build(ctx: &Context<'_>, release: &FcosRelease) -> Built {
    let kernel = match kernel(ctx, release) {
        Ok(kernel) => kernel,
        Err(gap) => return Built::Gaps(with_lists(ctx, gap), None),
    };
    if let Some(ceiling) = ctx.pin.and_then(|pin| pin.kernel_ceiling)
        && !ceiling.allows(&kernel.version)
    {
        return Built::AboveCeiling(ceiling);
    }
    let mut gaps: Vec<Gap> = unknown_pinned_kmods(ctx).into_iter().collect();
    let mut offers = Vec::new();
    for source in sources(ctx) {
        match has(ctx, source, &kernel.version) {
            Has::Nothing => {}
            Has::Others(zfs) => offers.push(Offer {
                source: source.name.clone(),
                zfs,
            }),
            Has::Takes(zfs) => {
                let pick = Pick {
                    base: release.version,
                    image: release.images.get(&ctx.upstream.arch).cloned().flatten(),
                    kernel: kernel.version.clone(),
                    kernel_source: kernel.source,
                    zfs,
                    kmods: source.name.clone(),
                };
                return if gaps.is_empty() {
                    Built::Pick(pick)
                } else {
                    Built::Gaps(gaps, Some(pick))
                };
            }
            // Looking into an image is dear: not before it is known that the
            // sources before have nothing.
            Has::Gap(gap) => {
                let dear = matches!(gap.question, Question::ZfsOf { .. }) && gap.why.is_none();
                if !(dear && !gaps.is_empty() || gaps.contains(&gap)) {
                    gaps.push(gap);
                }
            }
        }
    }
    if !gaps.is_empty() {
        return Built::Gaps(gaps, None);
    }
    let kernel = kernel.version.clone();
    Built::Lacks(if offers.is_empty() {
        Obstacle::NoKmods { kernel }
    } else {
        Obstacle::NoZfs {
            kernel,
            wanted: wanted(ctx),
            series: ctx.policy.series,
            offers,
        }
    })
}

/// The release's kernel, if it is one of the architecture in question.
fn kernel<'a>(ctx: &Context<'_>, release: &'a FcosRelease) -> Result<&'a ReleaseKernel, Gap> {
    let question = || Question::Kernel(release.version);
    if let Some(gap) = Gap::of(&release.kernel, question) {
        return Err(gap);
    }
    match release.kernel.known() {
        Some(kernel) if kernel.version.arch() == ctx.upstream.arch => Ok(kernel),
        other => Err(Gap {
            question: question(),
            why: other.map(|kernel| format!("{} is not for {}", kernel.version, ctx.upstream.arch)),
        }),
    }
}

/// A gap, and those lists that will be needed whatever fills it.
fn with_lists(ctx: &Context<'_>, gap: Gap) -> Vec<Gap> {
    let mut gaps = vec![gap];
    gaps.extend(Gap::of(&ctx.upstream.zfs, || Question::ZfsReleases));
    gaps.extend(unknown_pinned_kmods(ctx));
    gaps.extend(
        sources(ctx)
            .next()
            .and_then(|source| Gap::of(&source.kernels, || Question::Kmods(source.name.clone()))),
    );
    gaps
}

/// A pinned kmods image that nobody looked at.
fn unknown_pinned_kmods(ctx: &Context<'_>) -> Option<Gap> {
    let digest = ctx.pin.and_then(|pin| pin.kmods_digest.as_deref())?;
    sources(ctx).next().is_none().then(|| Gap {
        question: Question::Kmods(digest.to_owned()),
        why: None,
    })
}

/// The one version that is wanted, if it is one.
fn wanted(ctx: &Context<'_>) -> Option<ZfsVersion> {
    match &ctx.policy.rule {
        Rule::Newest => ctx.finals.as_ref()?.last().copied(),
        Rule::Pin(pin) => pin.zfs,
        Rule::Hold { .. } => None,
    }
}

fn has(ctx: &Context<'_>, source: &KmodsSource, kernel: &KernelVersion) -> Has {
    if let Some(gap) = Gap::of(&source.kernels, || Question::Kmods(source.name.clone())) {
        return Has::Gap(gap);
    }
    let Some(versions) = source.kernels.known().and_then(|map| map.get(kernel)) else {
        return Has::Nothing;
    };
    let question = || Question::ZfsOf {
        source: source.name.clone(),
        kernel: kernel.clone(),
    };
    if let Some(gap) = Gap::of(versions, question) {
        return Has::Gap(gap);
    }
    let Some(versions) = versions.known().filter(|versions| !versions.is_empty()) else {
        return Has::Nothing;
    };
    let pinned = ctx.pin.and_then(|pin| pin.zfs);
    let mut possible = versions
        .iter()
        .rev()
        .filter(|version| ctx.policy.series.contains(version))
        .filter(|version| pinned.is_none_or(|pinned| pinned == **version));
    let Some(finals) = &ctx.finals else {
        // Only OpenZFS says which of them it stands behind.
        return match (
            possible.next(),
            Gap::of(&ctx.upstream.zfs, || Question::ZfsReleases),
        ) {
            (Some(_), Some(gap)) => Has::Gap(gap),
            _ => Has::Others(versions.iter().rev().copied().collect()),
        };
    };
    let wanted = wanted(ctx);
    possible
        .find(|version| finals.contains(version) && wanted.is_none_or(|wanted| wanted == **version))
        .map_or_else(
            || Has::Others(versions.iter().rev().copied().collect()),
            |version| Has::Takes(*version),
        )
}

/// How each ZFS version fared for a kernel; `taken` is the choice, if there is
/// one.
pub(crate) fn zfs_candidates(
    ctx: &Context<'_>,
    kernel: &KernelVersion,
    taken: Option<&Pick>,
) -> Vec<ZfsCandidate> {
    let mut offered: BTreeMap<ZfsVersion, Vec<String>> = BTreeMap::new();
    let mut all_known = unknown_pinned_kmods(ctx).is_none();
    for source in sources(ctx) {
        let Some(kernels) = source.kernels.known() else {
            all_known = false;
            continue;
        };
        let Some(versions) = kernels.get(kernel) else {
            continue;
        };
        all_known &= versions.known().is_some();
        for version in versions.known().into_iter().flatten() {
            offered
                .entry(*version)
                .or_default()
                .push(source.name.clone());
        }
    }
    let none = BTreeSet::new();
    let finals = ctx.finals.as_ref();
    let versions: BTreeSet<ZfsVersion> = finals
        .unwrap_or(&none)
        .iter()
        .chain(offered.keys())
        .copied()
        .collect();
    let pinned = ctx.pin.and_then(|pin| pin.zfs);
    versions
        .into_iter()
        .rev()
        .map(|version| {
            let sources = offered.remove(&version).unwrap_or_default();
            let verdict = if taken.is_some_and(|pick| pick.zfs == version) {
                ZfsVerdict::Taken
            } else if !ctx.policy.series.contains(&version) {
                ZfsVerdict::OtherSeries
            } else if finals.is_some_and(|finals| !finals.contains(&version)) {
                ZfsVerdict::NotFinal
            } else if pinned.is_some_and(|pinned| pinned != version) {
                ZfsVerdict::NotPinned
            } else if taken.is_some_and(|pick| version < pick.zfs) {
                ZfsVerdict::Older
            } else if sources.is_empty() && all_known {
                ZfsVerdict::NoKmods
            } else if sources.is_empty() || finals.is_none() {
                ZfsVerdict::Unknown
            } else if taken.is_some() {
                ZfsVerdict::LaterSource
            } else {
                ZfsVerdict::Buildable
            };
            ZfsCandidate {
                version,
                sources,
                verdict,
            }
        })
        .collect()
}
