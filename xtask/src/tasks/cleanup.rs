//! `cleanup`: which versions of the packages go, and with `--execute` letting
//! them go; `cleanup --audit`; `cleanup restore`.

mod audit;
mod clock;
mod undo;

use std::path::PathBuf;

use cleanup::apply::{Dry, Live, Outcome, apply};
use cleanup::cache::Cache;
use cleanup::gather::{Inventory, gather};
use cleanup::log::Writer;
use cleanup::plan::{Document, Line, Planned};
use cleanup::source::{Source, Tools};
use host::process::interrupted;
use host::report::Progress;
use host::{Done, env};
use image_build::gather::World;
use image_config::{Package, Retention};
use registry_compat::{Tag, Trouble};
use remote::{Agent, Limits, Pace};
use retention::{Glob, Policy};
use serde::Serialize;

use crate::cli::{CleanupArgs, CleanupCommand};
use crate::error::Error;

/// How fast either back end is asked.
#[derive(Debug, Clone, Copy)]
pub struct Paces {
    /// GitHub.
    pub github: Pace,
    /// Any other registry.
    pub registry: Pace,
}

impl Default for Paces {
    fn default() -> Self {
        Self {
            github: Pace::github(env::epoch_seconds, interrupted),
            registry: Pace::registry(env::epoch_seconds, interrupted),
        }
    }
}

/// `cleanup`.
///
/// # Errors
/// What could not be found out, or was asked for wrongly. A refusal is an
/// answer, [`Done::Refused`]; a delete that failed is one too, [`Done::Badly`].
pub fn run(world: &World<'_>, args: &CleanupArgs) -> Result<Done, Error> {
    run_at(world, args, Paces::default())
}

/// The same, at another pace.
///
/// # Errors
/// As [`run`].
pub fn run_at(world: &World<'_>, args: &CleanupArgs, paces: Paces) -> Result<Done, Error> {
    let token = world.github_token();
    let tools = Tools {
        agent: Agent::new(Limits::default()),
        registries: world.registries()?,
        github_api: world.config.urls.github_api.as_str(),
        token: token.as_ref(),
        github: paces.github,
        registry: paces.registry,
    };
    if let Some(CleanupCommand::Restore(args)) = &args.command {
        return undo::restore_log(world, &tools, &args.log);
    }
    if args.log.is_some() && !args.executes() {
        return Err(Error::Usage(
            "--log: without --execute nothing is deleted, and there is no log".to_owned(),
        ));
    }
    let packages = packages(world, args.package.as_deref())?;
    let log = match &args.log {
        Some(path) => path.clone(),
        None => default_log(world)?,
    };
    let mut log = Writer::new(log)?;
    // What is looked for is what is there, not what was.
    let cache = match args.audit {
        true => Cache::default(),
        false => Cache::load(world.env.cache.as_deref()),
    };
    let gathered = read_all(world, &tools, &packages, &cache);
    if let Err(error) = cache.save() {
        world
            .report
            .warning(&format!("{error}; the next run reads everything again"));
    }
    let gathered = gathered?;
    if args.audit {
        return audit::audit(world, &gathered);
    }
    let now = clock::now()?;
    let rules = Retention {
        days: args.days.unwrap_or(world.config.retention.days),
        keep: args.keep.unwrap_or(world.config.retention.keep),
        most_share: args.most_share.unwrap_or(world.config.retention.most_share),
        ..world.config.retention.clone()
    };
    let mut all = Vec::new();
    for (source, inventory) in gathered {
        let policy = policy(world, &rules, &source)?;
        let planned = Planned::new(source.repository.clone(), inventory, policy, now);
        show(world, &planned)?;
        all.push((source, planned));
    }
    warn_of_absent_pins(world, &all);
    if all.iter().any(|(_, planned)| planned.refusal.is_some()) {
        return refuse(world, &all);
    }
    if args.executes() {
        execute(world, &all, &mut log)
    } else {
        for (_, planned) in &all {
            apply(planned, &mut Dry(world.report));
        }
        let planned = all.iter().map(|(_, planned)| planned.effects().len());
        let planned: usize = planned.sum();
        world.report.outputs(&[("delete", planned.to_string())])?;
        world
            .report
            .status("Planned", "nothing is deleted without --execute");
        document(world, &all, Vec::new(), &log)?;
        Ok(Done::Well)
    }
}

fn default_log(world: &World<'_>) -> Result<PathBuf, Error> {
    let name = clock::now()?.to_string().replace(':', "");
    let folder = world.env.root.join("target/cleanup");
    let mut path = folder.join(format!("{name}.json"));
    let mut number = 1;
    while path.exists() {
        number += 1;
        path = folder.join(format!("{name}-{number}.json"));
    }
    Ok(path)
}

/// The packages of `image.yaml`, or the one of this name.
fn packages(world: &World<'_>, name: Option<&str>) -> Result<Vec<Package>, Error> {
    let mut all = world.config.retention.packages.to_vec();
    if all.is_empty() {
        all.push(Package {
            image: world.config.repository()?,
            back_end: None,
        });
    }
    let Some(name) = name else { return Ok(all) };
    let known: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.retain(|package| package.is_called(name));
    match all.len() {
        1 => Ok(all),
        0 => Err(Error::Usage(format!(
            "no package `{}` in image.yaml; there is {}",
            host::one_line(name),
            known.join(", ")
        ))),
        _ => Err(Error::Usage(format!(
            "`{name}` is several: {}; write the whole name",
            all.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

fn read_all<'a>(
    world: &World<'_>,
    tools: &Tools<'a>,
    packages: &[Package],
    cache: &Cache,
) -> Result<Vec<(Source<'a>, Inventory)>, Error> {
    let mut all = Vec::new();
    for package in packages {
        let back_end = package.back_end();
        world
            .report
            .status("Reading", &format!("{package} ({back_end})"));
        let source = Source::open(tools, package)?;
        let progress = Progress::new(world.report, "Reading", 0);
        let pinned = &world.config.retention.pinned;
        let tick = |done, total| progress.at(done, total);
        let inventory = gather(&source, cache, pinned, tick)?;
        drop(progress);
        let count = inventory.versions.len();
        world
            .report
            .status("Read", &format!("{count} versions of {package}"));
        all.push((source, inventory));
    }
    Ok(all)
}

/// The tags that a publication moves, and the history, are protected wherever they are published.
fn policy(world: &World<'_>, rules: &Retention, source: &Source<'_>) -> Result<Policy, Error> {
    let mut always = Vec::new();
    if source.repository == world.config.repository()? {
        let followed = world.config.image.tags.iter().map(Tag::as_str);
        for tag in followed.chain([image_config::HISTORY_TAG]) {
            let glob: Glob = tag
                .parse()
                .map_err(|error: retention::Error| Error::Usage(error.to_string()))?;
            always.push(glob);
        }
    }
    Ok(rules.policy(always))
}

fn show(world: &World<'_>, planned: &Planned) -> Result<(), Error> {
    let report = world.report;
    report.answer(&planned.headline());
    report.summary(&format!("- {}\n", planned.headline()))?;
    let mut rows = vec![Line::HEADS.map(str::to_owned).to_vec()];
    rows.extend(planned.lines().iter().map(Line::cells));
    if rows.len() > 1 {
        report.table(&rows);
    }
    Ok(())
}

/// A pin is in one of the packages.
fn warn_of_absent_pins(world: &World<'_>, all: &[(Source<'_>, Planned)]) {
    for pin in world.config.retention.pinned.iter() {
        let mut plans = all.iter().filter_map(|(_, planned)| planned.plan.as_ref());
        if plans.all(|plan| plan.absent_pins().contains(pin)) {
            world
                .report
                .warning(&format!("{pin} is pinned, and in none of the packages"));
        }
    }
}

/// One refusal holds for the whole run.
fn refuse(world: &World<'_>, all: &[(Source<'_>, Planned)]) -> Result<Done, Error> {
    for (source, planned) in all {
        if let Some(refusal) = &planned.refusal {
            let (package, next) = (&source.repository, refusal.next_step());
            world.report.error(&format!(
                "refused: {package}: {refusal}; nothing was deleted; {next}"
            ));
        }
    }
    let documents: Vec<Document<'_>> = all.iter().map(|(_, planned)| planned.document()).collect();
    world.report.document(&Answer {
        packages: documents,
        executed: Vec::new(),
        log: None,
    })?;
    Ok(Done::Refused)
}

/// The document of `cleanup --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Answer<'a> {
    packages: Vec<Document<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    executed: Vec<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

fn document(
    world: &World<'_>,
    all: &[(Source<'_>, Planned)],
    executed: Vec<Outcome>,
    log: &Writer,
) -> Result<(), Error> {
    Ok(world.report.document(&Answer {
        packages: all.iter().map(|(_, planned)| planned.document()).collect(),
        executed,
        log: log.path().map(|path| path.display().to_string()),
    })?)
}

fn execute(
    world: &World<'_>,
    all: &[(Source<'_>, Planned)],
    log: &mut Writer,
) -> Result<Done, Error> {
    let mut outcomes = Vec::new();
    let mut stopped = None;
    for (source, planned) in all {
        log.begin(&source.repository, source.back_end());
        let mut outcome = match stopped {
            // The same token, the same quota.
            Some(_) => Outcome {
                left: planned.effects().len(),
                ..Outcome::default()
            },
            None => {
                let mut live = Live {
                    source,
                    report: world.report,
                    log,
                    now: clock::now,
                    progress: Progress::new(world.report, "Deleting", planned.effects().len()),
                };
                apply(planned, &mut live)
            }
        };
        tell(world, source, &outcome);
        stopped = stopped.or_else(|| outcome.error.take());
        outcomes.push(outcome);
    }
    let sum = |count: fn(&Outcome) -> usize| outcomes.iter().map(count).sum::<usize>();
    let deleted = sum(|outcome| outcome.deleted);
    let left = sum(|outcome| outcome.left);
    let failed = sum(|outcome| outcome.failed.len());
    if let Some(path) = log.path() {
        let path = path.display();
        world.report.status("Logged", &path.to_string());
        world
            .report
            .note(&format!("to undo: cargo xtask cleanup restore {path}"));
    }
    world.report.outputs(&[
        ("deleted", deleted.to_string()),
        ("left", left.to_string()),
        ("failed", failed.to_string()),
    ])?;
    world.report.summary(&format!(
        "### Clean-up\n\n{deleted} versions deleted, {failed} failed, {left} left\n\n"
    ))?;
    let limited = |error: &cleanup::Error| matches!(error, cleanup::Error::Unknown(why) if why.trouble == Trouble::RateLimited);
    match stopped {
        // A clean end, if it came anywhere at all.
        Some(error) if limited(&error) && deleted == 0 => return Err(error.into()),
        Some(error) if !matches!(error, cleanup::Error::Unknown(_)) => return Err(error.into()),
        _ => {}
    }
    let denied = stopped.is_some_and(|error| !limited(&error));
    document(world, all, outcomes, log)?;
    if failed > 0 || denied {
        Ok(Done::Badly)
    } else {
        Ok(Done::Well)
    }
}

fn tell(world: &World<'_>, source: &Source<'_>, outcome: &Outcome) {
    let report = world.report;
    for stayed in &outcome.stays {
        report.status("Kept", &format!("{}: {}", stayed.version, stayed.why));
    }
    for failed in &outcome.failed {
        report.error(&format!("{}: {}", failed.version, failed.why));
    }
    if outcome.spared > 0 {
        let spared = outcome.spared;
        report.status("Kept", &format!("{spared} versions that these need"));
    }
    if let Some(why) = &outcome.stopped {
        report.warning(&format!("stopped: {why}"));
    }
    let gone = match outcome.gone {
        0 => String::new(),
        gone => format!(", {gone} were gone already"),
    };
    report.status(
        "Deleted",
        &format!(
            "{} versions of {}{gone}, {} left",
            outcome.deleted, source.repository, outcome.left
        ),
    );
}
