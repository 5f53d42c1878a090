//! `versions`, and the tasks that print one line of it: `zfs-version`,
//! `kernel-version`, `kernel-major-minor`, `check-zfs-available`.

use host::Done;
use serde::Serialize;
use version_discovery::{KernelVersion, Outcome, newest_in_series};

use crate::asking::Asking;
use crate::error::Error;
use crate::gather::{Scope, World};
use crate::inputs::{FactsFiles, Here, Resolved, resolved};
use crate::lock::Lock;
use crate::resolve::{NotYet, Resolution, decide};
use crate::verdict;

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

/// `versions`.
///
/// # Errors
/// If anything could not be found out.
pub fn table(world: &World<'_>, files: &FactsFiles) -> Result<Done, Error> {
    let resolved = resolved(
        world,
        files,
        None,
        Here::Saved,
        Scope::default(),
        Asking::default(),
    )?;
    let (lock, missing) = match &resolved.resolution {
        Resolution::Lock(lock) => (Some(&**lock), None),
        Resolution::NotYet(not_yet) => (None, Some(&**not_yet)),
    };
    let newest = verdict::newest_zfs(world.config, &resolved.facts.upstream);
    let mut rows = match lock {
        Some(lock) => rows_of(world, lock, newest.as_deref()),
        None => rows_without(world, &resolved, missing, newest.clone()),
    };
    let summary_text = verdict::sentence(&resolved.choice.outcome);
    rows.push(row("verdict", summary_text.clone()));
    world.report.table(&rows);
    verdict::summary(world, "Versions", &rows)?;
    world.report.outputs(&verdict::outputs(&resolved))?;
    world.report.document(&Document {
        verdict: verdict::word(&resolved.choice.outcome),
        summary: summary_text,
        zfs: lock.map(|lock| lock.zfs.to_string()).or(newest),
        lock,
        missing,
        outcome: &resolved.choice.outcome,
    })?;
    match missing {
        None => Ok(Done::Success),
        Some(not_yet) => {
            verdict::tell(world, not_yet);
            Ok(Done::NotYet)
        }
    }
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

/// What would be built.
fn rows_of(world: &World<'_>, lock: &Lock, newest: Option<&str>) -> Vec<Vec<String>> {
    let newer = newest.filter(|newest| *newest != lock.zfs.to_string());
    let newer = newer.map_or_else(String::new, |newest| format!(" (newest: {newest})"));
    let base = format!("{} ({})", lock.base.version, world.config.base.stream);
    let mut rows = vec![
        row("ZFS release", format!("{}{newer}", lock.zfs)),
        row("Fedora CoreOS", base),
    ];
    for target in &lock.targets {
        let kernel = format!("{} (from {})", target.kernel, target.kernel_source);
        let kmods = format!("{}@{}", target.kmods, target.kmods_digest);
        rows.extend([
            row("base image", lock.base_pinned(target).to_string()),
            row("kernel", kernel),
            row("kernel major.minor", target.kernel.major_minor()),
            row("kmods image", kmods),
        ]);
    }
    rows
}

/// What upstream has, where nothing can be built of it.
fn rows_without(
    world: &World<'_>,
    resolved: &Resolved,
    missing: Option<&NotYet>,
    newest: Option<String>,
) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    rows.extend(newest.map(|newest| row("ZFS release", newest)));
    rows.extend(verdict::newest_base(&resolved.choice).map(|base| {
        let text = format!("{} ({})", base.version, world.config.base.stream);
        row("Fedora CoreOS", text)
    }));
    for kernel in &resolved.choice.zfs_kernels {
        rows.push(row("kernel", kernel.to_string()));
        rows.push(row("kernel major.minor", kernel.major_minor()));
    }
    let image = missing.and_then(|missing| missing.image.as_ref());
    rows.extend(image.map(|image| row("kmods image", format!("{image} (absent)"))));
    rows
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
    Ok(Done::Success)
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
    Ok(Done::Success)
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
pub fn check(world: &World<'_>, files: &FactsFiles) -> Result<Done, Error> {
    match resolved(
        world,
        files,
        None,
        Here::Saved,
        Scope::default(),
        Asking::default(),
    )?
    .resolution
    {
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
            Ok(Done::Success)
        }
        Resolution::NotYet(not_yet) => {
            verdict::tell(world, &not_yet);
            world.report.document(&not_yet)?;
            Ok(Done::NotYet)
        }
    }
}
