//! Whether one release can be built, and how each ZFS version was judged.

use std::collections::{BTreeMap, BTreeSet};

use crate::builder;
use crate::builder::Makes;
use crate::context::Context;
use crate::{
    Arch, Fact, FcosRelease, Gap, KernelCeiling, KernelVersion, KmodsSource, Obstacle, Offer, Pick,
    PickTarget, Question, Rule, ZfsCandidate, ZfsVerdict, ZfsVersion,
};

/// What can be said about building one release.
pub(crate) enum Built {
    Pick(Pick),
    /// No source has kmods, but they can be built for these kernels.
    Make(Pick, Vec<KernelVersion>),
    AboveCeiling(KernelCeiling),
    Lacks(Obstacle),
    /// What is not known, and the pick that a later source offers.
    Gaps(Vec<Gap>, Option<Pick>),
}

/// What one source has for the kernels of a release.
enum Has {
    /// No image for this one.
    Not(KernelVersion),
    /// Versions, none of which is allowed; newest first. Empty if the
    /// architectures have none in common.
    Others(Vec<ZfsVersion>),
    Takes(ZfsVersion),
    Gaps(Vec<Gap>),
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
    let targets = match targets(ctx, release) {
        Ok(targets) => targets,
        Err(gaps) => return Built::Gaps(with_lists(ctx, gaps), None),
    };
    let kernels: Vec<&KernelVersion> = targets.values().map(|target| &target.kernel).collect();
    if let Some(ceiling) = ctx.pin.and_then(|pin| pin.kernel_ceiling)
        && !kernels.iter().all(|kernel| ceiling.allows(kernel))
    {
        return Built::AboveCeiling(ceiling);
    }
    let mut gaps: Vec<Gap> = unknown_pinned_kmods(ctx).into_iter().collect();
    let mut lacking: Vec<KernelVersion> = Vec::new();
    let mut offers = Vec::new();
    for source in sources(ctx) {
        match has(ctx, source, &kernels) {
            Has::Not(kernel) => lacking.push(kernel),
            Has::Others(zfs) => offers.push(Offer {
                source: source.name.clone(),
                zfs,
            }),
            Has::Takes(zfs) => {
                let pick = Pick {
                    base: release.version,
                    zfs,
                    kmods: source.name.clone(),
                    targets,
                };
                // What we built ourselves is as good as what an earlier source might have
                // that could not be asked.
                let own = builder::of(ctx).is_some_and(|builder| builder.name == source.name);
                return if gaps.is_empty() || own && builder::were_asked(&gaps) {
                    Built::Pick(pick)
                } else {
                    Built::Gaps(gaps, Some(pick))
                };
            }
            Has::Gaps(more) => {
                // To look into an image costs a large download, so it is only
                // done once the sources before are known to have nothing.
                let open = !gaps.is_empty();
                let expensive =
                    |gap: &Gap| matches!(gap.question, Question::ZfsOf { .. }) && gap.why.is_none();
                for gap in more {
                    if !(open && expensive(&gap) || gaps.contains(&gap)) {
                        gaps.push(gap);
                    }
                }
            }
        }
    }
    let mut obstacle = None;
    if let Some(builder) = builder::of(ctx)
        && builder::were_asked(&gaps)
        && builder::is_known(ctx, builder)
    {
        let pinned = ctx.pin.and_then(|pin| pin.zfs);
        match builder::makes(ctx, builder, &kernels, wanted(ctx).or(pinned)) {
            Some(Makes::Can(zfs, missing)) => {
                let pick = Pick {
                    base: release.version,
                    zfs,
                    kmods: builder.name.clone(),
                    targets,
                };
                return Built::Make(pick, missing);
            }
            Some(Makes::Gaps(more)) => gaps.extend(more),
            // No source that could not be asked has what OpenZFS does not support.
            Some(Makes::Cannot(why @ Obstacle::NotSupported { .. })) => return Built::Lacks(why),
            Some(Makes::Cannot(why)) => obstacle = Some(why),
            None => {}
        }
    }
    if !gaps.is_empty() {
        return Built::Gaps(gaps, None);
    }
    if let Some(obstacle) = obstacle {
        return Built::Lacks(obstacle);
    }
    // A release that is admitted has an architecture, and so a kernel here.
    let Some(first) = kernels.first() else {
        return Built::Gaps(Vec::new(), None);
    };
    Built::Lacks(if offers.is_empty() {
        // A kernel that no source has kmods for explains more than one that
        // only the first source lacks.
        let all_lack = |kernel: &&&KernelVersion| {
            let mut known = sources(ctx).filter_map(|source| source.kernels.known());
            !known.any(|map| map.contains_key(**kernel))
        };
        let none_has = kernels
            .iter()
            .find(all_lack)
            .map(|kernel| (*kernel).clone());
        Obstacle::NoKmods {
            kernel: none_has
                .or_else(|| lacking.first().cloned())
                .unwrap_or_else(|| (*first).clone()),
        }
    } else {
        Obstacle::NoZfs {
            kernel: (*first).clone(),
            wanted: wanted(ctx),
            series: ctx.policy.series,
            offers,
        }
    })
}

/// The release on each architecture, or what is not known of it.
fn targets(
    ctx: &Context<'_>,
    release: &FcosRelease,
) -> Result<BTreeMap<Arch, PickTarget>, Vec<Gap>> {
    let mut targets = BTreeMap::new();
    let mut gaps = Vec::new();
    for arch in ctx.upstream.arches.iter().copied() {
        let question = || Question::Kernel {
            version: release.version,
            arch,
        };
        let fact = release.kernel(arch);
        gaps.extend(Gap::of(fact, question));
        let Some(kernel) = fact.known() else {
            continue;
        };
        if kernel.version.arch() != arch {
            gaps.push(Gap {
                question: question(),
                why: Some(format!("{} is not for {arch}", kernel.version)),
            });
        }
        let target = PickTarget {
            image: release.images.get(&arch).cloned().flatten(),
            kernel: kernel.version.clone(),
            kernel_source: kernel.source,
        };
        targets.insert(arch, target);
    }
    if gaps.is_empty() {
        Ok(targets)
    } else {
        Err(gaps)
    }
}

/// The gaps, and the lists that are needed next whatever the answers are.
fn with_lists(ctx: &Context<'_>, mut gaps: Vec<Gap>) -> Vec<Gap> {
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

fn has(ctx: &Context<'_>, source: &KmodsSource, kernels: &[&KernelVersion]) -> Has {
    let Some(listed) = source.kernels.known() else {
        let gap = Gap::of(&source.kernels, || Question::Kmods(source.name.clone()));
        return Has::Gaps(gap.into_iter().collect());
    };
    // The list is complete, so one kernel that is not in it means "no".
    let missing = |kernel: &&&KernelVersion| match listed.get(**kernel) {
        Some(Fact::Known(versions)) => versions.is_empty(),
        Some(Fact::NotAsked | Fact::Unknown(_)) => false,
        None => true,
    };
    if let Some(kernel) = kernels.iter().find(missing) {
        return Has::Not((*kernel).clone());
    }
    let gaps: Vec<Gap> = kernels
        .iter()
        .filter_map(|kernel| {
            Gap::of(listed.get(*kernel)?, || Question::ZfsOf {
                source: source.name.clone(),
                kernel: (*kernel).clone(),
            })
        })
        .collect();
    if !gaps.is_empty() {
        return Has::Gaps(gaps);
    }
    let versions = common(listed, kernels);
    let pinned = ctx.pin.and_then(|pin| pin.zfs);
    let mut possible = versions
        .iter()
        .rev()
        .filter(|version| ctx.policy.series.contains(version))
        .filter(|version| pinned.is_none_or(|pinned| pinned == **version));
    let others = || Has::Others(versions.iter().rev().copied().collect());
    let Some(finals) = &ctx.finals else {
        // Which versions are final releases is only known from OpenZFS's list.
        let gap = Gap::of(&ctx.upstream.zfs, || Question::ZfsReleases);
        return match (possible.next(), gap) {
            (Some(_), Some(gap)) => Has::Gaps(vec![gap]),
            _ => others(),
        };
    };
    let wanted = wanted(ctx);
    possible
        .find(|version| finals.contains(version) && wanted.is_none_or(|wanted| wanted == **version))
        .map_or_else(others, |version| Has::Takes(*version))
}

/// The versions that a source is known to have for all kernels.
fn common(
    listed: &BTreeMap<KernelVersion, Fact<BTreeSet<ZfsVersion>>>,
    kernels: &[&KernelVersion],
) -> BTreeSet<ZfsVersion> {
    let mut sets = kernels
        .iter()
        .map(|kernel| listed.get(*kernel).and_then(Fact::known));
    let mut all: BTreeSet<ZfsVersion> = sets.next().flatten().cloned().unwrap_or_default();
    for set in sets {
        all.retain(|version| set.is_some_and(|set| set.contains(version)));
    }
    all
}

/// How each ZFS version fared for some kernels; `taken` is the choice, if there
/// is one, and `to_build` the version that kmods can be built of. Empty if no kernel is known.
pub(crate) fn zfs_candidates(
    ctx: &Context<'_>,
    kernels: &[KernelVersion],
    taken: Option<&Pick>,
    to_build: Option<ZfsVersion>,
) -> Vec<ZfsCandidate> {
    if kernels.is_empty() {
        return Vec::new();
    }
    let kernels: Vec<&KernelVersion> = kernels.iter().collect();
    let mut offered: BTreeMap<ZfsVersion, Vec<String>> = BTreeMap::new();
    let mut all_known = unknown_pinned_kmods(ctx).is_none();
    for source in sources(ctx) {
        let Some(listed) = source.kernels.known() else {
            all_known = false;
            continue;
        };
        let unread = |kernel: &&KernelVersion| {
            listed
                .get(*kernel)
                .is_some_and(|versions| versions.known().is_none())
        };
        all_known &= !kernels.iter().any(unread);
        for version in common(listed, &kernels) {
            offered
                .entry(version)
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
            } else if to_build == Some(version) {
                ZfsVerdict::ToBuild
            } else if let Some(why) = builder::why_failed(ctx, &kernels, version)
                && sources.is_empty()
            {
                ZfsVerdict::BuildFailed(why.to_owned())
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
