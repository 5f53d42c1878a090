//! A whole clean-up: reads the packages, prints the plan, and performs it if asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use host::process::interrupted;
use host::report::{Progress, Report};
use host::{Done, env};
use image_config::{Config, Package, Percent, Retention};
use registry_compat::{Digest, Repository, Tag, Trouble};
use remote::Pace;
use retention::{Glob, Policy};
use serde::Serialize;

use crate::apply::{Dry, Live, Outcome, apply};
use crate::audit::audit;
use crate::cache::Cache;
use crate::clock;
use crate::error::Error;
use crate::gather::{Inventory, gather};
use crate::log::Writer;
use crate::packages::{has_own, packages};
use crate::plan::{Document, Line, Planned};
use crate::source::{Source, Tools};

/// What images name of another package: of that package, the repository of the images, and
/// which of them stay. Who reads images is not this crate.
pub type Named<'a> = dyn Fn(&Repository, &Repository, &[Digest]) -> Result<BTreeSet<Digest>, Box<dyn std::error::Error>>
    + 'a;

/// What a clean-up is given of `image.yaml` and of this machine.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The kmods of our own that images name.
    pub own_kmods: &'a Named<'a>,
    /// The policy of each image whose packages are cleaned up; at least one.
    pub images: &'a [&'a Config],
    /// The policy of every image of `image.yaml`.
    pub all: &'a [&'a Config],
    /// The printer.
    pub report: &'a Report,
    /// The checkout; logs go below it.
    pub root: &'a Path,
    /// The folder in which manifests are kept from run to run.
    pub cache: Option<&'a Path>,
}

impl Context<'_> {
    /// The policy for a package: that of the image that is published there, whichever are
    /// asked for; else of one that lists it, or whose kmods it has; else of the first.
    fn of(&self, package: &Repository) -> &Config {
        let lists = |config: &&&Config| {
            let mut packages = config.retention.packages.iter();
            packages.any(|listed| listed.image == *package)
        };
        let mut images = self.images.iter();
        let of = self
            .publisher(package)
            .or_else(|| images.clone().find(lists).copied())
            .or_else(|| images.find(|config| has_own(config, package)).copied());
        of.unwrap_or(self.images[0])
    }

    /// The image of `image.yaml` that is published as this package.
    fn publisher(&self, package: &Repository) -> Option<&Config> {
        let published = |config: &&&Config| config.repository().is_ok_and(|it| it == *package);
        self.all.iter().find(published).copied()
    }

    /// Whether this repository publishes the package, so that it may be that it has not
    /// done so yet.
    fn is_ours(&self, package: &Repository) -> bool {
        let kmods = |config: &&Config| has_own(config, package);
        self.publisher(package).is_some() || self.all.iter().any(kmods)
    }
}

/// What a person asks for. `None` is what `image.yaml` says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Only this package.
    pub package: Option<&'a str>,
    /// Images that are older, in days, may go.
    pub days: Option<u32>,
    /// So many of the newest images stay.
    pub keep: Option<u32>,
    /// This share of all versions may go in one run.
    pub most_share: Option<Percent>,
    /// Where the log of deletions is written; a file under `target/cleanup` by default.
    pub log: Option<&'a Path>,
    /// Name what is broken, and delete nothing.
    pub audit: bool,
    /// Delete what the plan says.
    pub execute: bool,
}

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

/// Plans which versions go, and deletes them if that is wanted.
///
/// # Errors
/// What could not be found out, or was asked for wrongly. A refusal is an
/// answer, [`Done::Refused`]; a delete that failed is one too, [`Done::CheckFailed`].
pub fn run(context: &Context<'_>, tools: &Tools<'_>, options: &Options<'_>) -> Result<Done, Error> {
    if options.log.is_some() && !options.execute {
        return Err(Error::Usage(
            "--log: without --execute nothing is deleted, and there is no log".to_owned(),
        ));
    }
    let packages = packages(context.images, context.all, context.report, options.package)?;
    let log = match options.log {
        Some(path) => path.to_owned(),
        None => default_log(context)?,
    };
    let mut log = Writer::new(log)?;
    // An audit has to see what the registry has now, so nothing comes from the cache.
    let cache = match options.audit {
        true => Cache::default(),
        false => Cache::load(context.cache),
    };
    // Who names a package wants to hear that it is not there.
    let may_be_absent = options.package.is_none();
    let gathered = read_all(context, tools, &packages, &cache, may_be_absent);
    if let Err(error) = cache.save() {
        context
            .report
            .warning(&format!("{error}; the next run reads everything again"));
    }
    let gathered = gathered?;
    if options.audit {
        return audit(context.report, &gathered.there);
    }
    let all = plan_all(context, options, gathered)?;
    warn_of_absent_pins(context, &all);
    if all.iter().any(|(_, planned)| planned.refusal.is_some()) {
        return refuse(context, &all);
    }
    if options.execute {
        execute(context, &all, &mut log)
    } else {
        for (_, planned) in &all {
            apply(planned, &mut Dry(context.report));
        }
        let planned = all.iter().map(|(_, planned)| planned.effects().len());
        let planned: usize = planned.sum();
        context.report.outputs(&[("delete", planned.to_string())])?;
        context
            .report
            .status("Planned", "nothing is deleted without --execute");
        document(context, &all, Vec::new(), &log)?;
        Ok(Done::Success)
    }
}

/// Decides for each package, and shows it.
fn plan_all<'a>(
    context: &Context<'_>,
    options: &Options<'_>,
    gathered: Gathered<'a>,
) -> Result<Vec<(Source<'a>, Planned)>, Error> {
    let now = clock::now()?;
    let mut all: Vec<(Source<'a>, Planned)> = Vec::new();
    for (source, inventory) in gathered.there {
        let configured = &context.of(&source.repository).retention;
        let rules = Retention {
            days: options.days.unwrap_or(configured.days),
            keep: options.keep.unwrap_or(configured.keep),
            most_share: options.most_share.unwrap_or(configured.most_share),
            ..configured.clone()
        };
        let mut policy = policy(context, &rules, &source)?;
        policy.pinned.extend(own_kmods(
            context,
            &source.repository,
            &all,
            &gathered.absent,
        )?);
        let planned = Planned::new(source.repository.clone(), inventory, policy, now);
        print_plan(context, &planned)?;
        all.push((source, planned));
    }
    Ok(all)
}

/// The kmods of our own that the images name which stay. Nothing for other packages.
fn own_kmods(
    context: &Context<'_>,
    package: &Repository,
    before: &[(Source<'_>, Planned)],
    absent: &[Repository],
) -> Result<BTreeSet<Digest>, Error> {
    let mut named = BTreeSet::new();
    // Of each image that is built with them, whether it is asked for or not.
    for config in context.all.iter().filter(|config| has_own(config, package)) {
        let image = config.repository()?;
        // An image that nobody has published names nothing.
        if absent.contains(&image) {
            continue;
        }
        let mut plans = before.iter().map(|(_, planned)| planned);
        let planned = plans
            .find(|planned| planned.repository == image)
            .ok_or_else(|| {
                Error::Usage(format!(
                    "{package} is cleaned up together with {image}, whose images name what stays \
                     of it; leave out --package and --image, or list it after the image in \
                     `retention.packages`"
                ))
            })?;
        let of_image = (context.own_kmods)(package, &image, &planned.kept_images());
        named.extend(of_image.map_err(|error| Error::Step {
            step: package.to_string(),
            detail: format!("{error}; nothing is deleted"),
        })?);
    }
    Ok(named)
}

fn default_log(context: &Context<'_>) -> Result<PathBuf, Error> {
    let name = clock::now()?.to_string().replace(':', "");
    let folder = context.root.join("target/cleanup");
    let mut path = folder.join(format!("{name}.json"));
    let mut number = 1;
    while path.exists() {
        number += 1;
        path = folder.join(format!("{name}-{number}.json"));
    }
    Ok(path)
}

/// What there is of the packages.
#[derive(Default)]
struct Gathered<'a> {
    there: Vec<(Source<'a>, Inventory)>,
    /// Those that were never published.
    absent: Vec<Repository>,
}

/// All that there is. What this repository publishes and the registry does not know was
/// never published: the other packages are cleaned up all the same.
fn read_all<'a>(
    context: &Context<'_>,
    tools: &Tools<'a>,
    packages: &[Package],
    cache: &Cache,
    may_be_absent: bool,
) -> Result<Gathered<'a>, Error> {
    let mut all = Gathered::default();
    for package in packages {
        match read(context, tools, package, cache) {
            Ok(read) => all.there.push(read),
            Err(Error::NoRepository { repository, .. })
                if may_be_absent && context.is_ours(&repository) =>
            {
                let warning =
                    format!("{repository} was never published: there is nothing to clean up");
                context.report.warning(&warning);
                all.absent.push(repository);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn read<'a>(
    context: &Context<'_>,
    tools: &Tools<'a>,
    package: &Package,
    cache: &Cache,
) -> Result<(Source<'a>, Inventory), Error> {
    let back_end = package.back_end();
    context
        .report
        .status("Reading", &format!("{package} ({back_end})"));
    let source = Source::open(tools, package)?;
    let progress = Progress::new(context.report, "Reading", 0);
    let pinned = &context.of(&package.image).retention.pinned;
    let tick = |done, total| progress.at(done, total);
    let inventory = gather(&source, cache, pinned, tick)?;
    drop(progress);
    let count = inventory.versions.len();
    context
        .report
        .status("Read", &format!("{count} versions of {package}"));
    Ok((source, inventory))
}

/// The tags that a publication moves, and the history, are protected wherever they are published.
fn policy(context: &Context<'_>, rules: &Retention, source: &Source<'_>) -> Result<Policy, Error> {
    let mut always = Vec::new();
    let mut images = context.all.iter();
    let published = |config: &&&Config| {
        let repository = config.repository();
        repository.is_ok_and(|repository| repository == source.repository)
    };
    if let Some(config) = images.find(published) {
        let followed = config.image.tags.iter().map(Tag::as_str);
        for tag in followed.chain([image_config::HISTORY_TAG]) {
            let glob: Glob = tag
                .parse()
                .map_err(|error: retention::Error| Error::Usage(error.to_string()))?;
            always.push(glob);
        }
    }
    Ok(rules.policy(always))
}

fn print_plan(context: &Context<'_>, planned: &Planned) -> Result<(), Error> {
    let report = context.report;
    report.answer(&planned.headline());
    report.summary(&format!("- {}\n", planned.headline()))?;
    let mut rows = vec![Line::HEADS.map(str::to_owned).to_vec()];
    rows.extend(planned.lines().iter().map(Line::cells));
    if rows.len() > 1 {
        report.table(&rows);
    }
    Ok(())
}

/// A pin has to be in one package only; it is absent if no package has it.
fn warn_of_absent_pins(context: &Context<'_>, all: &[(Source<'_>, Planned)]) {
    let pins = context.images.iter();
    let pins: BTreeSet<&Digest> = pins.flat_map(|it| it.retention.pinned.iter()).collect();
    for pin in pins {
        let mut plans = all.iter().filter_map(|(_, planned)| planned.plan.as_ref());
        if plans.all(|plan| plan.absent_pins().contains(pin)) {
            context
                .report
                .warning(&format!("{pin} is pinned, and in none of the packages"));
        }
    }
}

/// One refusal holds for the whole run.
fn refuse(context: &Context<'_>, all: &[(Source<'_>, Planned)]) -> Result<Done, Error> {
    for (source, planned) in all {
        if let Some(refusal) = &planned.refusal {
            let (package, next) = (&source.repository, refusal.next_step());
            context.report.error(&format!(
                "refused: {package}: {refusal}; nothing was deleted; {next}"
            ));
        }
    }
    let documents: Vec<Document<'_>> = all.iter().map(|(_, planned)| planned.document()).collect();
    context.report.document(&Answer {
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
    context: &Context<'_>,
    all: &[(Source<'_>, Planned)],
    executed: Vec<Outcome>,
    log: &Writer,
) -> Result<(), Error> {
    Ok(context.report.document(&Answer {
        packages: all.iter().map(|(_, planned)| planned.document()).collect(),
        executed,
        log: log.path().map(|path| path.display().to_string()),
    })?)
}

fn execute(
    context: &Context<'_>,
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
                    report: context.report,
                    log,
                    now: clock::now,
                    progress: Progress::new(context.report, "Deleting", planned.effects().len()),
                };
                apply(planned, &mut live)
            }
        };
        report_outcome(context, source, &outcome);
        stopped = stopped.or_else(|| outcome.error.take());
        outcomes.push(outcome);
    }
    let sum = |count: fn(&Outcome) -> usize| outcomes.iter().map(count).sum::<usize>();
    let deleted = sum(|outcome| outcome.deleted);
    let left = sum(|outcome| outcome.left);
    let failed = sum(|outcome| outcome.failed.len());
    if let Some(path) = log.path() {
        let path = path.display();
        context.report.status("Logged", &path.to_string());
        context
            .report
            .note(&format!("to undo: cargo xtask cleanup restore {path}"));
    }
    context.report.outputs(&[
        ("deleted", deleted.to_string()),
        ("left", left.to_string()),
        ("failed", failed.to_string()),
    ])?;
    context.report.summary(&format!(
        "### Clean-up\n\n{deleted} versions deleted, {failed} failed, {left} left\n\n"
    ))?;
    let limited =
        |error: &Error| matches!(error, Error::Unknown(why) if why.trouble == Trouble::RateLimited);
    match stopped {
        // A rate limit ends a run in order if something was deleted before it.
        Some(error) if limited(&error) && deleted == 0 => return Err(error),
        Some(error) if !error.is_no_answer() => return Err(error),
        _ => {}
    }
    let denied = stopped.is_some_and(|error| !limited(&error));
    document(context, all, outcomes, log)?;
    if failed > 0 || denied {
        Ok(Done::CheckFailed)
    } else {
        Ok(Done::Success)
    }
}

fn report_outcome(context: &Context<'_>, source: &Source<'_>, outcome: &Outcome) {
    let report = context.report;
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
