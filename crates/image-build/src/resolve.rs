//! From facts to the lock, or to the answer why there is none. Pure.

use std::collections::BTreeSet;

use image_config::{Config, Kmods as Source};
use jiff::Timestamp;
use jiff::civil::Date;
use registry_compat::{Answer, Digest, ImageRef, Judgement as Kmods, KmodTag, Missing, judge};
use serde::Serialize;
use version_discovery::{
    BaseVerdict, Choice, Held, KernelVersion, Obstacle, Outcome, Pick, Waiting, ZfsVerdict, choose,
    newest_in_series,
};

use crate::asking;
use crate::content;
use crate::error::Error;
use crate::facts::{KmodsImage, Local, Upstream};
use crate::kmods_labels::{KERNEL_LABEL, LINUX_LABEL, ZFS_LABEL};
use crate::kmods_recipe::{ModuleSigner, SIGNER_LABEL};
use crate::lock::{
    Judgement, Lock, LockedBase, PassedOver, Policy, SCHEMA, Target, Times, Tools, Verdict,
};

/// The answer to "what is to be built".
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// These inputs, pinned.
    Lock(Box<Lock>),
    /// Nothing can be built yet. Exit code 10.
    NotYet(Box<NotYet>),
}

/// Why nothing can be built yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NotYet {
    /// What the build has to wait for.
    pub waiting: Waiting,
    /// If it is kmods: what is missing, and what exists instead.
    #[serde(flatten)]
    pub missing: Option<Missing>,
    /// The wanted kmods image of the first source.
    pub image: Option<String>,
    /// The web page of each source's maintainers.
    pub projects: Vec<String>,
}

/// The choice that follows from the facts.
pub fn decide(config: &Config, upstream: &Upstream) -> Choice {
    let policy = config.policy.of(config.zfs.series);
    choose(&upstream.discovery, &policy, upstream.now)
}

/// Turns a choice into a lock, or says why there is none.
///
/// # Errors
/// [`Error::Undecided`] if a request failed: that never counts as "no kmods".
/// [`Error::Refused`] if the configuration has to be edited first. [`Error::Step`] if a
/// kmods image's labels do not match its tag.
pub fn resolve(
    config: &Config,
    upstream: &Upstream,
    local: &Local,
    choice: &Choice,
) -> Result<Resolution, Error> {
    // A lock names what is there. Once the kmods that can be built are built, they are
    // in their source as those of anybody.
    let (pick, held) = match choice.outcome.without_builder() {
        Outcome::Go(pick) => (pick, None),
        Outcome::Hold(pick, held) => (pick, Some(held)),
        Outcome::Wait(waiting) => {
            return Ok(Resolution::NotYet(Box::new(not_yet(
                config, upstream, waiting,
            ))));
        }
        Outcome::Unknown(unknown) => return Err(Error::Undecided(Box::new(unknown.clone()))),
        Outcome::Refused(refusal) => return Err(Error::Refused(refusal.to_string())),
        // It is no answer of itself.
        Outcome::BuildKmods(_) => {
            return Err(Error::Step {
                step: "facts".to_owned(),
                detail: "kmods to build have to be built first".to_owned(),
            });
        }
    };
    let mut lock = Lock {
        schema: SCHEMA,
        base: LockedBase {
            image: config.base_tag()?,
            version: pick.base,
        },
        zfs: pick.zfs,
        targets: targets(config, upstream, pick)?,
        other_images: content::images(&config.content, &local.stage_images),
        containerfiles: local.containerfiles.clone(),
        ignition: local.ignition.clone(),
        files: local.files.clone(),
        policy: Policy::of(config),
        judgement: judgement(config, choice, pick, held),
        tools: Tools {
            xtask: env!("CARGO_PKG_VERSION").to_owned(),
            engine: local.engine,
            engine_version: local.engine_version.clone(),
        },
        times: times(upstream, pick),
    };
    if config.packages.locked {
        asking::take(&mut lock, &upstream.packages)?;
    }
    Ok(Resolution::Lock(Box::new(lock)))
}

/// The times of an image. The newest input is the base or a kmods image: of the base, the
/// day in its version counts, because nobody has asked for the base image yet.
fn times(upstream: &Upstream, pick: &Pick) -> Option<Times> {
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).ok();
    let base = pick.base.date;
    let part = |of: u32| i8::try_from(of % 100).ok();
    let day = Date::new(
        i16::try_from(base / 10_000).ok()?,
        part(base / 100)?,
        part(base)?,
    )
    .ok()?;
    let base = jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
    let kmods = upstream
        .images
        .iter()
        .filter(|image| image.source == pick.kmods && image.wanted.zfs == pick.zfs)
        .filter_map(|image| match &image.answer {
            Answer::Present(found) => found.created,
            Answer::Absent | Answer::Unknown(_) => None,
        });
    Some(Times {
        resolved: whole(upstream.now)?,
        newest_input: whole(kmods.chain(base.ok()).max()?)?.min(whole(upstream.now)?),
    })
}

fn judgement(config: &Config, choice: &Choice, pick: &Pick, held: Option<&Held>) -> Judgement {
    let bases = choice
        .bases
        .iter()
        .filter(|base| base.version > pick.base && base.verdict != BaseVerdict::NotNeeded);
    let zfs = choice.zfs.iter().filter(|candidate| {
        candidate.version > pick.zfs && candidate.verdict != ZfsVerdict::OtherSeries
    });
    Judgement {
        policy: config.policy.of(config.zfs.series),
        verdict: held.map_or(Verdict::Go, |held| Verdict::Hold {
            since: held.since,
            estimated: held.estimated,
            newest: held.newest,
            why: held.obstacle.to_string(),
        }),
        bases_passed_over: bases
            .map(|base| PassedOver {
                version: base.version.to_string(),
                why: base.verdict.to_string(),
            })
            .collect(),
        zfs_passed_over: zfs
            .map(|candidate| PassedOver {
                version: candidate.version.to_string(),
                why: candidate.verdict.to_string(),
            })
            .collect(),
        forced: None,
    }
}

fn targets(config: &Config, upstream: &Upstream, pick: &Pick) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    for arch in config.architectures.iter() {
        let lacks = |what: &str| Error::Step {
            step: "facts".to_owned(),
            detail: format!("they do not say {what} of {} for {arch}", pick.base),
        };
        let found = pick.targets.get(arch).ok_or_else(|| lacks("the kernel"))?;
        let base = found.image.as_ref().ok_or_else(|| lacks("the image"))?;
        let base: Digest = base.digest().parse()?;
        let facts = upstream
            .images
            .iter()
            .find(|image| {
                image.arch == *arch
                    && image.source == pick.kmods
                    && image.wanted.kernel == found.kernel
                    && image.wanted.zfs == pick.zfs
            })
            .ok_or_else(|| lacks("the kmods image"))?;
        let inspected = match &facts.answer {
            Answer::Present(inspected) => inspected,
            Answer::Unknown(why) => return Err(Error::Unknown(why.clone())),
            Answer::Absent => return Err(lacks("a kmods image that is still there")),
        };
        let source = config
            .kmods
            .iter()
            .find(|source| source.image.to_string() == pick.kmods)
            .ok_or_else(|| lacks("the source of kmods"))?;
        labels_agree(source, facts, &inspected.labels)?;
        targets.push(Target {
            arch: *arch,
            base,
            kernel: found.kernel.clone(),
            kernel_source: found.kernel_source,
            kmods: facts.image.clone(),
            kmods_digest: inspected.digest.clone(),
            kmods_path: source.path.clone(),
            packages: None,
            module_signer: signer(source, facts, &inspected.labels)?,
        });
    }
    Ok(targets)
}

/// Who signed the modules, as the label of an image of our own says. The contract of the
/// built image holds it to that.
fn signer(
    source: &Source,
    facts: &KmodsImage,
    labels: &std::collections::BTreeMap<String, String>,
) -> Result<Option<ModuleSigner>, Error> {
    let label = labels.get(SIGNER_LABEL).filter(|_| source.is_own());
    let parse = |text: &String| {
        text.parse().map_err(|error| Error::Step {
            step: format!("kmods image {}", facts.image),
            detail: format!("its label {SIGNER_LABEL}: {error}"),
        })
    };
    label.map(parse).transpose()
}

fn not_yet(config: &Config, upstream: &Upstream, waiting: &Waiting) -> NotYet {
    let missing = obstacle(waiting).and_then(|obstacle| missing(config, upstream, obstacle));
    let image = missing.as_ref().and_then(|missing| {
        let first = config.kmods.first()?;
        let tag = first.tag(&missing.wanted).ok()?;
        Some(first.image.tagged(tag).to_string())
    });
    NotYet {
        waiting: waiting.clone(),
        missing,
        image,
        projects: config
            .kmods
            .iter()
            .map(|source| source.project.to_string())
            .collect(),
    }
}

/// What is missing for the newest base, if that is why nothing is built.
fn obstacle(waiting: &Waiting) -> Option<&Obstacle> {
    match waiting {
        Waiting::NewestNotBuildable { held, .. }
        | Waiting::HoldExceeded { held, .. }
        | Waiting::NothingBuildable { held } => Some(&held.obstacle),
        Waiting::WouldGoBack { held, .. } => held.as_ref().map(|held| &held.obstacle),
        Waiting::NoRelease | Waiting::PinnedBaseMissing(_) | Waiting::NoZfsRelease { .. } => None,
    }
}

fn missing(config: &Config, upstream: &Upstream, obstacle: &Obstacle) -> Option<Missing> {
    let (kernel, wanted) = match obstacle {
        Obstacle::NoKmods { kernel } => (kernel, None),
        Obstacle::NoZfs { kernel, wanted, .. } => (kernel, *wanted),
        Obstacle::NotSupported { kernel, zfs, .. } | Obstacle::BuildFailed { kernel, zfs, .. } => {
            (kernel, Some(*zfs))
        }
    };
    let releases = upstream.discovery.zfs.known()?;
    let newest = newest_in_series(releases, config.zfs.series).ok();
    let wanted = KmodTag {
        kernel: kernel.clone(),
        zfs: wanted.or(newest)?,
    };
    let mut tags = BTreeSet::new();
    for source in &upstream.discovery.kmods {
        for (kernel, versions) in source.kernels.known().into_iter().flatten() {
            let tag = |zfs: &_| KmodTag {
                kernel: kernel.clone(),
                zfs: *zfs,
            };
            tags.extend(versions.known().into_iter().flatten().map(tag));
        }
    }
    match judge(&wanted, &tags) {
        Kmods::Missing(missing) => Some(missing),
        // The image exists, but not for all architectures, or a pin excludes it.
        Kmods::Compatible(_) => None,
    }
}

fn labels_agree(
    source: &Source,
    facts: &KmodsImage,
    labels: &std::collections::BTreeMap<String, String>,
) -> Result<(), Error> {
    let kernel = facts.wanted.kernel.to_string();
    let zfs = facts.wanted.zfs.to_string();
    let pairs = [
        (
            KERNEL_LABEL,
            kernel.as_str(),
            labels.get(KERNEL_LABEL).map(String::as_str),
        ),
        (
            ZFS_LABEL,
            zfs.as_str(),
            labels
                .get(ZFS_LABEL)
                .map(|l| l.strip_prefix("zfs-").unwrap_or(l)),
        ),
    ];
    if source.flavor().is_some() {
        return kernel_agrees(&facts.image, &facts.wanted.kernel, labels);
    }
    for (label, wanted, found) in pairs {
        if let Some(found) = found.filter(|found| *found != wanted) {
            return Err(Error::Step {
                step: format!("kmods image {}", facts.image),
                detail: format!(
                    "its label {label} says `{}`, its tag says `{wanted}`: \
                     it is not to be trusted; tell its makers",
                    host::one_line(found)
                ),
            });
        }
    }
    Ok(())
}

/// Checks that an image from ublue is for the kernel in its tag. All of their kmods
/// images have this label, so an image without it is not one of them.
///
/// # Errors
/// [`Error::Step`] if it is for another kernel, or has no such label.
pub(crate) fn kernel_agrees(
    image: &ImageRef,
    kernel: &KernelVersion,
    labels: &std::collections::BTreeMap<String, String>,
) -> Result<(), Error> {
    let wanted = kernel.to_string();
    let found = labels.get(LINUX_LABEL);
    if found == Some(&wanted) {
        return Ok(());
    }
    let says = found.map_or_else(
        || "is missing".to_owned(),
        |found| format!("says `{}`", host::one_line(found)),
    );
    Err(Error::Step {
        step: format!("kmods image {image}"),
        detail: format!(
            "its label {LINUX_LABEL} {says}, its tag says `{wanted}`: \
             it is not to be trusted; tell its makers"
        ),
    })
}

/// The text of "not yet", for people: what was wanted, what is nearest, the
/// likely reasons, and where to look.
pub fn explain(not_yet: &NotYet) -> Vec<String> {
    let Some(missing) = &not_yet.missing else {
        return vec![format!("not yet: {}", not_yet.waiting)];
    };
    let wanted = &missing.wanted;
    let mut lines = vec![format!(
        "no ZFS kernel modules for kernel {} with ZFS {}",
        wanted.kernel, wanted.zfs
    )];
    if let Some(image) = &not_yet.image {
        lines.push(format!("  wanted        {image}"));
    }
    let list = |title: &str, found: Vec<String>| {
        let found = if found.is_empty() {
            "none".to_owned()
        } else {
            found.join(", ")
        };
        format!("  {title:<13} {found}")
    };
    let zfs = missing.same_kernel.iter().map(|t| format!("ZFS {}", t.zfs));
    let kernels = missing
        .same_zfs
        .iter()
        .map(|t| format!("kernel {}", t.kernel));
    lines.push(list("this kernel", zfs.collect()));
    lines.push(list("this ZFS", kernels.collect()));
    lines.push(format!("  {}", not_yet.waiting));
    lines.push("likely reasons, the commonest first:".to_owned());
    lines.push("  1. the kmods build of today has not run yet: wait some hours".to_owned());
    lines.push(format!(
        "  2. ZFS {} does not support kernel {} yet: wait for OpenZFS",
        wanted.zfs,
        wanted.kernel.major_minor()
    ));
    lines.push("  3. the kmods build failed: see its project".to_owned());
    lines.extend(
        not_yet
            .projects
            .iter()
            .map(|project| format!("  {project}")),
    );
    lines
}

#[cfg(test)]
mod tests;
