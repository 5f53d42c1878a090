//! The verdict of a choice, as words for people and as outputs for CI.

use image_config::Config;
use version_discovery::{BaseCandidate, Choice, Outcome, newest_in_series};

use crate::error::Error;
use crate::facts::Upstream;
use crate::gaps;
use crate::gather::World;
use crate::inputs::Resolved;
use crate::resolve::{NotYet, Resolution, explain};

/// The verdict in one word or two, for tables and scripts.
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Go(_) => "compatible",
        Outcome::Hold(..) => "held",
        Outcome::BuildKmods(_) => "kmods can be built",
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
        Outcome::BuildKmods(_) => "build-kmods",
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
        Outcome::BuildKmods(kmods) => {
            let meanwhile = sentence(&kmods.meanwhile);
            format!("kmods can be built: {kmods}; until then {meanwhile}")
        }
        Outcome::Wait(waiting) => format!("not yet: {waiting}"),
        Outcome::Unknown(unknown) => {
            format!("unknown: {}", gaps::text(&unknown.gaps))
        }
        Outcome::Refused(refusal) => format!("refused: {refusal}"),
    }
}

/// The newest release of OpenZFS in the series.
pub fn newest_zfs(config: &Config, upstream: &Upstream) -> Option<String> {
    let releases = upstream.discovery.zfs.known()?;
    let newest = newest_in_series(releases, config.zfs.series).ok()?;
    Some(newest.to_string())
}

/// The newest release that was considered.
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
    if let Outcome::Hold(_, held) = outcome.without_builder() {
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
    Ok(world.report.summary(&format!("{text}\n"))?)
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
    Ok(world.report.summary(&format!(
        "### Not yet: nothing can be built\n\n```text\n{lines}\n```\n\n"
    ))?)
}

/// Tells a person, and the page of the run, that a base is held back.
///
/// # Errors
/// If the runner's file cannot be written.
pub fn hold(world: &World<'_>, outcome: &Outcome) -> Result<(), Error> {
    if let Outcome::BuildKmods(kmods) = outcome {
        world.report.status("Possible", &kmods.to_string());
        world.report.note("  build them: cargo xtask kmods publish");
    }
    let outcome = outcome.without_builder();
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

/// Tells a person that the inputs are those of the published image, and that it is built
/// all the same because it is old. `None` is an age that nobody knows.
pub fn too_old(world: &World<'_>, days: Option<i64>) {
    let age = days.map_or("of unknown age".to_owned(), |days| {
        format!("{days} days old")
    });
    let text = format!("but {age}: built again for the packages on top");
    world.report.status("Unchanged", &text);
}
