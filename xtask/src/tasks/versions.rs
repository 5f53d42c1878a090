//! `versions` and its one-line relatives.

use serde::Serialize;
use version_discovery::{BaseCandidate, Choice, KernelVersion, Outcome, newest_in_series};

use crate::cli::FactsArgs;
use crate::config::Config;
use crate::error::Error;
use crate::facts::Upstream;
use crate::gather::{Scope, World};
use crate::lock::Lock;
use crate::resolve::{NotYet, Resolution, decide, explain};
use crate::tasks::Done;
use crate::tasks::inputs::{Here, Resolved, resolved};

/// The document of `versions --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    verdict: &'static str,
    summary: String,
    zfs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a Lock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a NotYet>,
    outcome: &'a Outcome,
}

/// The verdict in one word or two, for tables and scripts.
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Go(_) => "compatible",
        Outcome::Hold(..) => "held",
        Outcome::Wait(_) => "not yet",
        Outcome::Unknown(_) => "unknown",
        Outcome::Refused(_) => "refused",
    }
}

/// The same for the steps of a workflow: one word, without a space.
pub fn token(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Go(_) => "go",
        Outcome::Hold(..) => "hold",
        Outcome::Wait(_) => "not-yet",
        Outcome::Unknown(_) => "unknown",
        Outcome::Refused(_) => "refused",
    }
}

/// The verdict as a sentence.
pub fn sentence(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Go(pick) => format!(
            "compatible: {} with ZFS {}, nothing newer is out",
            pick.base, pick.zfs
        ),
        Outcome::Hold(pick, held) => format!("held at {}: {held}", pick.base),
        Outcome::Wait(waiting) => format!("not yet: {waiting}"),
        Outcome::Unknown(unknown) => {
            let gaps: Vec<String> = unknown.gaps.iter().map(ToString::to_string).collect();
            format!("unknown: {}", gaps.join("; "))
        }
        Outcome::Refused(refusal) => format!("refused: {refusal}"),
    }
}

/// `versions`.
///
/// # Errors
/// If anything could not be found out.
pub fn table(world: &World<'_>, args: &FactsArgs) -> Result<Done, Error> {
    let resolved = resolved(world, args, None, Here::Saved, Scope::default())?;
    let (lock, missing) = match &resolved.resolution {
        Resolution::Lock(lock) => (Some(&**lock), None),
        Resolution::NotYet(not_yet) => (None, Some(&**not_yet)),
    };
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let newest = newest_zfs(world.config, &resolved.facts.upstream);
    let mut rows = Vec::new();
    match lock {
        Some(lock) => {
            let newer = newest
                .as_ref()
                .filter(|newest| **newest != lock.zfs.to_string());
            let newer = newer.map_or_else(String::new, |newest| format!(" (newest: {newest})"));
            rows.push(row("ZFS release", format!("{}{newer}", lock.zfs)));
            let base = format!("{} ({})", lock.base.version, world.config.base.stream);
            rows.push(row("Fedora CoreOS", base));
            for target in &lock.targets {
                rows.push(row("base image", lock.base_pinned(target).to_string()));
                rows.push(row(
                    "kernel",
                    format!("{} (from {})", target.kernel, target.kernel_source),
                ));
                rows.push(row("kernel major.minor", target.kernel.major_minor()));
                let image = format!("{}@{}", target.kmods, target.kmods_digest);
                rows.push(row("kmods image", image));
            }
        }
        None => {
            rows.extend(newest.clone().map(|newest| row("ZFS release", newest)));
            rows.extend(newest_base(&resolved.choice).map(|base| {
                let text = format!("{} ({})", base.version, world.config.base.stream);
                row("Fedora CoreOS", text)
            }));
            for kernel in &resolved.choice.zfs_kernels {
                rows.push(row("kernel", kernel.to_string()));
                rows.push(row("kernel major.minor", kernel.major_minor()));
            }
            let image = missing.and_then(|missing| missing.image.as_ref());
            rows.extend(image.map(|image| row("kmods image", format!("{image} (absent)"))));
        }
    }
    let summary_text = sentence(&resolved.choice.outcome);
    rows.push(row("verdict", summary_text.clone()));
    world.report.table(&rows);
    summary(world, "Versions", &rows)?;
    world.report.outputs(&outputs(&resolved))?;
    world.report.document(&Document {
        verdict: word(&resolved.choice.outcome),
        summary: summary_text,
        zfs: lock.map(|lock| lock.zfs.to_string()).or(newest),
        lock,
        missing,
        outcome: &resolved.choice.outcome,
    })?;
    match missing {
        None => Ok(Done::Well),
        Some(not_yet) => {
            tell(world, not_yet);
            Ok(Done::NotYet)
        }
    }
}

/// The newest release of OpenZFS in the series.
pub fn newest_zfs(config: &Config, upstream: &Upstream) -> Option<String> {
    let releases = upstream.discovery.zfs.known()?;
    let newest = newest_in_series(releases, config.zfs.series).ok()?;
    Some(newest.to_string())
}

/// The newest release that came into question.
pub fn newest_base(choice: &Choice) -> Option<&BaseCandidate> {
    choice
        .bases
        .iter()
        .find(|base| !base.kernels.is_empty())
        .or(choice.bases.first())
}

/// What later steps of a workflow may want to know.
pub fn outputs(resolved: &Resolved) -> Vec<(&'static str, String)> {
    let outcome = &resolved.choice.outcome;
    let mut all = vec![
        ("verdict", token(outcome).to_owned()),
        ("verdict-text", sentence(outcome)),
    ];
    if let Resolution::Lock(lock) = &resolved.resolution {
        all.push(("zfs-version", lock.zfs.to_string()));
        all.push(("fcos-version", lock.base.version.to_string()));
        if let Some(target) = lock.targets.first() {
            all.push(("base-digest", target.base.to_string()));
            all.push(("kernel-version", target.kernel.to_string()));
            all.push(("kernel-major-minor", target.kernel.major_minor()));
            all.push(("kmods-image", target.kmods.to_string()));
        }
    }
    if let Outcome::Hold(_, held) = outcome {
        all.push(("held-since", held.since.to_string()));
        all.push(("held-days", held.days.to_string()));
    }
    all
}

/// A table for the page of the run.
///
/// # Errors
/// If the runner's file cannot be written.
pub fn summary(world: &World<'_>, title: &str, rows: &[Vec<String>]) -> Result<(), Error> {
    let mut text = format!("### {title}\n\n| | |\n|---|---|\n");
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    world.report.summary(&format!("{text}\n"))
}

/// Tells a person why there is nothing to build.
pub fn tell(world: &World<'_>, not_yet: &NotYet) {
    let lines = explain(not_yet);
    if let Some(first) = lines.first() {
        world.report.not_yet(first);
    }
    for line in lines {
        world.report.note(&line);
    }
}

/// Tells a person, and the page of the run, why there is nothing to build.
///
/// # Errors
/// If the runner's file cannot be written.
pub fn not_yet(world: &World<'_>, not_yet: &NotYet) -> Result<(), Error> {
    tell(world, not_yet);
    let lines = explain(not_yet).join("\n");
    world.report.summary(&format!(
        "### Not yet: nothing can be built\n\n```text\n{lines}\n```\n\n"
    ))
}

/// Tells a person, and the page of the run, that a base is held back.
///
/// # Errors
/// If the runner's file cannot be written.
pub fn hold(world: &World<'_>, outcome: &Outcome) -> Result<(), Error> {
    let Outcome::Hold(pick, held) = outcome else {
        return Ok(());
    };
    world.report.status("Held", &sentence(outcome));
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("base", pick.base.to_string()),
        row("newest", held.newest.to_string()),
        row("since", held.since.to_string()),
        row("why", held.to_string()),
    ];
    summary(world, "Held back", &rows)
}

/// `zfs-version`: the tag, `zfs-2.4.4`.
///
/// # Errors
/// If the releases could not be read, or the series has none.
pub fn zfs(world: &World<'_>) -> Result<Done, Error> {
    let version = newest_in_series(&world.zfs_releases()?, world.config.zfs.series)?;
    world.report.answer(&version.tag());
    world
        .report
        .outputs(&[("zfs-version", version.to_string())])?;
    world.report.document(&version.tag())?;
    Ok(Done::Well)
}

/// The kernel of what would be built; of the newest release, if nothing would.
fn base_kernel(world: &World<'_>) -> Result<KernelVersion, Error> {
    let upstream = world.upstream(Scope::default())?;
    let choice = decide(world.config, &upstream);
    match choice.outcome {
        Outcome::Unknown(unknown) if choice.zfs_kernels.is_empty() => {
            return Err(Error::Undecided(Box::new(unknown)));
        }
        _ => {}
    }
    choice
        .zfs_kernels
        .first()
        .cloned()
        .ok_or_else(|| Error::Step {
            step: "kernel".to_owned(),
            detail: "no release of the stream came into question".to_owned(),
        })
}

fn line(world: &World<'_>, key: &'static str, value: &str) -> Result<Done, Error> {
    world.report.answer(value);
    world.report.outputs(&[(key, value.to_owned())])?;
    world.report.document(&value)?;
    Ok(Done::Well)
}

/// `kernel-version`.
///
/// # Errors
/// If the base or its kernel could not be read.
pub fn kernel(world: &World<'_>) -> Result<Done, Error> {
    let kernel = base_kernel(world)?.to_string();
    line(world, "kernel-version", &kernel)
}

/// `kernel-major-minor`.
///
/// # Errors
/// As [`kernel`].
pub fn kernel_major_minor(world: &World<'_>) -> Result<Done, Error> {
    line(
        world,
        "kernel-major-minor",
        &base_kernel(world)?.major_minor(),
    )
}

/// `check-zfs-available`: the kmods image by digest.
///
/// # Errors
/// If anything could not be found out.
pub fn check(world: &World<'_>, args: &FactsArgs) -> Result<Done, Error> {
    match resolved(world, args, None, Here::Saved, Scope::default())?.resolution {
        Resolution::Lock(lock) => {
            let images: Vec<String> = lock
                .targets
                .iter()
                .map(|target| target.kmods_pinned().to_string())
                .collect();
            for image in &images {
                world.report.answer(image);
            }
            world.report.outputs(&[("kmods-image", images.join(" "))])?;
            world.report.document(&images)?;
            Ok(Done::Well)
        }
        Resolution::NotYet(not_yet) => {
            tell(world, &not_yet);
            world.report.document(&not_yet)?;
            Ok(Done::NotYet)
        }
    }
}
