//! `versions`, its one-line relatives, and `resolve`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use version_discovery::{KernelVersion, newest_in_series};

use crate::cli::{FactsArgs, ResolveArgs};
use crate::engine::Engine;
use crate::error::Error;
use crate::facts::{Local, Upstream};
use crate::gather::World;
use crate::lock::Lock;
use crate::resolve::{NotYet, Resolution, explain, resolve as decide};
use crate::tasks::Done;

/// What `--save-facts` writes and `--facts` reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Saved {
    /// Upstream.
    pub upstream: Upstream,
    /// Checkout and machine.
    pub local: Local,
}

/// Facts and what follows from them.
pub struct Resolved {
    /// What was found out.
    pub facts: Saved,
    /// The verdict.
    pub resolution: Resolution,
}

/// Which facts about the checkout and the machine a replay takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// The saved ones: an answer is wanted, and nothing is done.
    Saved,
    /// Those of now: a lock must not claim files that are not built.
    Now,
}

/// Gathers, or replays, and decides.
///
/// # Errors
/// If anything could not be found out.
pub fn resolved(
    world: &World<'_>,
    args: &FactsArgs,
    engine: Option<Engine>,
    here: Here,
) -> Result<Resolved, Error> {
    let facts = match &args.facts {
        Some(path) => {
            let mut saved: Saved = read_json(path)?;
            if here == Here::Now {
                saved.local = world.local(engine)?;
            }
            saved.local.engine = engine.unwrap_or(saved.local.engine);
            saved
        }
        None => Saved {
            local: world.local(engine)?,
            upstream: world.upstream()?,
        },
    };
    if let Some(path) = &args.save_facts {
        let text = serde_json::to_string_pretty(&facts).map_err(|e| Error::Usage(e.to_string()))?;
        write(path, &format!("{text}\n"))?;
    }
    let resolution = decide(world.config, &facts.upstream, &facts.local)?;
    Ok(Resolved { facts, resolution })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| Error::Step {
        step: path.display().to_string(),
        detail: error.to_string(),
    })
}

/// Reads a text file.
///
/// # Errors
/// [`Error::File`].
pub fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File {
        verb: "read",
        path: path.to_owned(),
        source,
    })
}

/// Writes a file beside its place and renames it, so that a failure leaves the
/// old one whole.
///
/// # Errors
/// [`Error::File`].
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let wrong = |source| Error::File {
        verb: "write",
        path: path.to_owned(),
        source,
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, text).map_err(wrong)?;
    std::fs::rename(&beside, path).map_err(wrong)
}

/// The document of `versions --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    verdict: &'static str,
    zfs: String,
    base: &'a Upstream,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a NotYet>,
}

/// `versions`.
///
/// # Errors
/// If anything could not be found out.
pub fn table(world: &World<'_>, args: &FactsArgs) -> Result<Done, Error> {
    let resolved = resolved(world, args, None, Here::Saved)?;
    let upstream = &resolved.facts.upstream;
    let zfs = newest_in_series(&upstream.zfs_releases, world.config.zfs.series)?;
    let (verdict, missing) = match &resolved.resolution {
        Resolution::Lock(_) => ("compatible", None),
        Resolution::NotYet(not_yet) => ("not yet", Some(&**not_yet)),
    };
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let version = upstream
        .base_version
        .map_or_else(|| "unknown".to_owned(), |v| v.to_string());
    let mut rows = vec![
        row("ZFS release", zfs.to_string()),
        row(
            "Fedora CoreOS",
            format!("{version} ({})", world.config.base.stream),
        ),
        row(
            "base image",
            format!("{}@{}", upstream.base, upstream.base_digest),
        ),
    ];
    for target in &upstream.targets {
        rows.push(row(
            "kernel",
            format!("{} (from {})", target.kernel, target.kernel_source),
        ));
        rows.push(row("kernel major.minor", target.kernel.major_minor()));
        let found = match &target.answer {
            registry_compat::Answer::Present(found) => format!("{}@{}", target.kmods, found.digest),
            _ => format!("{} (absent)", target.kmods),
        };
        rows.push(row("kmods image", found));
    }
    rows.push(row("verdict", verdict.to_owned()));
    world.report.table(&rows);
    summary(world, "Versions", &rows)?;
    world
        .report
        .outputs(&outputs(upstream, &zfs.to_string(), verdict))?;
    // Last, here and below: what fails after it would be a second document.
    world.report.document(&Document {
        verdict,
        zfs: zfs.to_string(),
        base: upstream,
        missing,
    })?;
    match missing {
        None => Ok(Done::Well),
        Some(not_yet) => {
            tell(world, not_yet);
            Ok(Done::NotYet)
        }
    }
}

fn outputs(upstream: &Upstream, zfs: &str, verdict: &str) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("verdict", verdict.to_owned()),
        ("zfs-version", zfs.to_owned()),
        ("base-digest", upstream.base_digest.to_string()),
    ];
    all.extend(
        upstream
            .base_version
            .map(|v| ("fcos-version", v.to_string())),
    );
    if let Some(target) = upstream.targets.first() {
        all.push(("kernel-version", target.kernel.to_string()));
        all.push(("kernel-major-minor", target.kernel.major_minor()));
        all.push(("kmods-image", target.kmods.to_string()));
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
    for line in explain(not_yet) {
        world.report.note(&line);
    }
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

fn base_kernel(world: &World<'_>) -> Result<KernelVersion, Error> {
    let arch = world.first_arch()?;
    let base = world.base(&world.config.base_tag()?, arch)?;
    Ok(world.kernel(&base, arch)?.0)
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
    match resolved(world, args, None, Here::Saved)?.resolution {
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

/// `resolve`.
///
/// # Errors
/// If anything could not be found out, or the file cannot be written.
pub fn resolve(world: &World<'_>, args: &ResolveArgs) -> Result<Done, Error> {
    let resolved = resolved(world, &args.facts, None, Here::Saved)?;
    let lock = match resolved.resolution {
        Resolution::Lock(lock) => lock,
        Resolution::NotYet(not_yet) => {
            tell(world, &not_yet);
            world.report.document(&not_yet)?;
            return Ok(Done::NotYet);
        }
    };
    let text = serde_json::to_string_pretty(&lock).map_err(|e| Error::Usage(e.to_string()))?;
    match &args.output {
        Some(path) => {
            write(path, &format!("{text}\n"))?;
            world.report.status("Wrote", &path.display().to_string());
        }
        None => world.report.answer(&text),
    }
    let upstream = &resolved.facts.upstream;
    let mut values = outputs(upstream, &lock.zfs.to_string(), "compatible");
    values.push(("fingerprint", lock.fingerprint()?.to_string()));
    world.report.outputs(&values)?;
    world.report.document(&lock)?;
    Ok(Done::Well)
}

/// Reads a lock from a file.
///
/// # Errors
/// If it cannot be read or is not a lock of this version.
pub fn read_lock(path: &Path) -> Result<Lock, Error> {
    Lock::parse(&read(path)?, &path.display().to_string())
}
