//! `explain`: the whole decision with its reasons on one screen.

use crate::inputs::FactsFiles;
use host::Done;
use host::report::columns;
use image_config::Config;
use serde::Serialize;
use version_discovery::{
    BaseCandidate, BaseVerdict, Choice, Fact, KmodsSource, Outcome, Waiting, ZfsVerdict,
};

use crate::error::Error;
use crate::facts::Upstream;
use crate::forecast::wrapped;
use crate::gather::{Scope, World};
use crate::inputs::{Here, gathered};
use crate::resolve::decide;
use crate::verdict;
use crate::verdict::{sentence, token, word};

/// The number of lines of a list that are shown, so that it stays easy to read.
pub const MOST: usize = 6;

/// The document of `explain --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    verdict: &'static str,
    summary: String,
    expect: String,
    advice: Vec<String>,
    choice: &'a Choice,
}

/// `explain`. `also` gets the facts and the choice.
///
/// # Errors
/// If something that is required does not exist, or the releases could not be read.
pub fn run(
    world: &World<'_>,
    args: &FactsFiles,
    also: impl FnOnce(&Upstream, &Choice) -> Result<(), Error>,
) -> Result<Done, Error> {
    let scope = Scope {
        lists: true,
        published: true,
    };
    let facts = gathered(world, args, None, Here::Saved, scope)?;
    let choice = decide(world.config, &facts.upstream);
    // Without a single release there is nothing to explain but that.
    if let (Outcome::Unknown(unknown), Fact::Unknown(_)) =
        (&choice.outcome, &facts.upstream.discovery.releases)
    {
        return Err(Error::Undecided(Box::new(unknown.clone())));
    }
    also(&facts.upstream, &choice)?;
    let text = screen(world.config, &facts.upstream, &choice);
    for line in &text {
        world.report.answer(&host::report::harmless(line));
    }
    let rows = [vec!["verdict".to_owned(), sentence(&choice.outcome)]];
    verdict::summary(world, "Why this choice", &rows)?;
    world.report.outputs(&[
        ("verdict", token(&choice.outcome).to_owned()),
        ("verdict-text", sentence(&choice.outcome)),
    ])?;
    world.report.document(&Document {
        verdict: word(&choice.outcome),
        summary: sentence(&choice.outcome),
        expect: expect(&choice),
        advice: advice(world.config, &choice),
        choice: &choice,
    })?;
    Ok(match choice.outcome.without_builder() {
        Outcome::Go(_) | Outcome::Hold(..) => Done::Success,
        Outcome::Wait(_) | Outcome::BuildKmods(_) => Done::NotYet,
        Outcome::Unknown(_) => Done::Unknown,
        Outcome::Refused(_) => Done::Refused,
    })
}

/// The text for the terminal.
pub fn screen(config: &Config, upstream: &Upstream, choice: &Choice) -> Vec<String> {
    let mut lines = vec![format!("Fedora CoreOS {}", config.base.stream)];
    lines.extend(bases(upstream, choice));
    lines.push(format!("ZFS kernel modules, series {}", config.zfs.series));
    for source in &upstream.discovery.kmods {
        lines.extend(indented(&found_in(source, choice)));
    }
    if let Some(kmods) = choice.kmods_to_build() {
        let text = format!("{}: can be built, ZFS {}", kmods.pick.kmods, kmods.pick.zfs);
        lines.extend(indented(&text));
    }
    lines.extend(zfs(choice));
    lines.push("Verdict".to_owned());
    lines.extend(indented(&sentence(&choice.outcome)));
    for warning in &choice.warnings {
        lines.extend(indented(&format!("note: {warning}")));
    }
    lines.push("What to expect".to_owned());
    lines.extend(indented(&expect(choice)));
    lines.push("What one could do".to_owned());
    for advice in advice(config, choice) {
        lines.extend(wrapped(&format!("  - {advice}"), "    "));
    }
    lines
}

fn indented(text: &str) -> Vec<String> {
    wrapped(&format!("  {text}"), "    ")
}

/// The newest releases, down to the one after the choice.
fn bases(upstream: &Upstream, choice: &Choice) -> Vec<String> {
    if let Fact::Unknown(why) = &upstream.discovery.releases {
        return indented(&format!("could not ask: {why}"));
    }
    let looked_at = |base: &&BaseCandidate| base.verdict != BaseVerdict::NotNeeded;
    let mut shown: Vec<&BaseCandidate> = choice.bases.iter().filter(looked_at).take(MOST).collect();
    // The choice itself is never left out.
    let taken = choice
        .bases
        .iter()
        .find(|b| b.verdict == BaseVerdict::Taken);
    if let Some(taken) = taken.filter(|taken| !shown.contains(taken)) {
        shown.truncate(MOST - 1);
        shown.push(taken);
    }
    let mut lines = Vec::new();
    for base in &shown {
        let kernel = base.kernels.first();
        let kernel = kernel.map_or_else(|| "kernel not asked".to_owned(), ToString::to_string);
        let text = format!("  {}  {kernel}  {}", base.version, short(&base.verdict));
        lines.extend(wrapped(&text, "      "));
    }
    let more = choice.bases.len() - shown.len();
    if more > 0 {
        lines.push(format!("  and {more} more, on which nothing depends"));
    }
    lines
}

/// The verdict without its details.
fn short(verdict: &BaseVerdict) -> String {
    match verdict {
        BaseVerdict::Taken => "TAKEN".to_owned(),
        BaseVerdict::Lacks(obstacle) => format!("passed over: {obstacle}"),
        BaseVerdict::Unknown(gaps) if gaps.iter().all(|gap| gap.why.is_none()) => {
            "not asked".to_owned()
        }
        BaseVerdict::Unknown(_) => "could not ask, see below".to_owned(),
        other => format!("passed over: {other}"),
    }
}

/// As a sentence: what a source has for the kernels in question: some images, none (confirmed by its
/// answer), or unknown, because it did not answer.
pub fn found_in(source: &KmodsSource, choice: &Choice) -> String {
    let name = &source.name;
    let listed = match &source.kernels {
        Fact::Known(listed) => listed,
        Fact::Unknown(why) => return format!("{name}: could not ask: {why}"),
        Fact::NotAsked => return format!("{name}: not asked"),
    };
    let Some(kernel) = choice.zfs_kernels.first() else {
        return format!("{name}: has modules for {} kernels", listed.len());
    };
    match listed.get(kernel) {
        Some(Fact::Known(versions)) if !versions.is_empty() => {
            let all: Vec<String> = versions.iter().rev().map(ToString::to_string).collect();
            format!("{name}: for kernel {kernel} it has ZFS {}", all.join(", "))
        }
        Some(Fact::Unknown(why)) => format!("{name}: could not ask for kernel {kernel}: {why}"),
        Some(Fact::NotAsked) => format!("{name}: has kernel {kernel}, ZFS version not asked"),
        Some(Fact::Known(_)) | None => {
            let newest = listed.keys().max();
            let newest = newest.map_or_else(String::new, |k| format!("; its newest is for {k}"));
            format!("{name}: absent, it answered and has none for kernel {kernel}{newest}")
        }
    }
}

fn zfs(choice: &Choice) -> Vec<String> {
    let shown = choice
        .zfs
        .iter()
        .filter(|candidate| candidate.verdict != ZfsVerdict::OtherSeries)
        .take(MOST)
        .map(|candidate| {
            let verdict = match candidate.verdict {
                ZfsVerdict::Taken => "TAKEN".to_owned(),
                _ => candidate.verdict.to_string(),
            };
            vec![format!("  ZFS {}", candidate.version), verdict]
        });
    columns(&shown.collect::<Vec<_>>())
        .iter()
        .flat_map(|line| wrapped(line, "    "))
        .collect()
}

/// What the next builds will do if nobody changes anything.
pub fn expect(choice: &Choice) -> String {
    expect_of(&choice.outcome)
}

fn expect_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Go(_) => {
            "the nightly build goes on, and takes the next release that has modules".to_owned()
        }
        Outcome::BuildKmods(kmods) => format!(
            "the next night builds the modules, and the image with {} after them; until then: {}",
            kmods.pick.base,
            expect_of(&kmods.meanwhile)
        ),
        Outcome::Hold(pick, held) => {
            let until = held.max_days.map_or_else(
                || "while the pin lasts".to_owned(),
                |max| {
                    let left = max.saturating_sub(held.days);
                    format!("for {left} days more; after that nothing is built (exit code 10)")
                },
            );
            format!(
                "builds go on with {}, {until}; with the first modules for a newer base that one \
                 is taken by itself",
                pick.base
            )
        }
        Outcome::Wait(_) => {
            "nothing is built (exit code 10); the published image stays as it is".to_owned()
        }
        Outcome::Unknown(_) => {
            "nothing is built (exit code 3), since an answer is missing; it says nothing about \
             whether there are modules"
                .to_owned()
        }
        Outcome::Refused(_) => {
            "nothing is built (exit code 4) until image.yaml is edited".to_owned()
        }
    }
}

/// What a person could do about it.
pub fn advice(config: &Config, choice: &Choice) -> Vec<String> {
    let projects = config.kmods.iter().map(|source| source.project.to_string());
    let projects: Vec<String> = projects.collect();
    let look = format!(
        "see if the modules' makers are at it: {}",
        projects.join(" ")
    );
    let forecast = "look ahead: cargo xtask forecast".to_owned();
    match &choice.outcome {
        Outcome::Go(_) => vec![forecast],
        Outcome::BuildKmods(_) => vec![
            "build the modules now: cargo xtask kmods publish".to_owned(),
            forecast,
        ],
        Outcome::Hold(..) => vec![
            "nothing: it resolves itself when the modules are there".to_owned(),
            look,
            forecast,
        ],
        Outcome::Wait(waiting) => {
            let mut all = vec![look];
            match waiting {
                Waiting::NewestNotBuildable { .. } => all.push(
                    "let an older base be taken meanwhile: `policy.rule: hold` in image.yaml"
                        .to_owned(),
                ),
                Waiting::HoldExceeded { .. } => {
                    all.push("hold it longer: `policy.hold-days` in image.yaml".to_owned());
                }
                Waiting::PinnedBaseMissing(_) => {
                    all.push("mend or remove `policy.pin` in image.yaml".to_owned());
                }
                Waiting::NoZfsRelease { .. } => {
                    all.push("set `zfs.series` in image.yaml to one that exists".to_owned());
                }
                Waiting::NoRelease
                | Waiting::NothingBuildable { .. }
                | Waiting::WouldGoBack { .. } => {}
            }
            all.push("add a source of modules under `kmods` in image.yaml".to_owned());
            all
        }
        Outcome::Unknown(_) => vec![
            "try again".to_owned(),
            "see if the machine gets out: cargo xtask doctor".to_owned(),
        ],
        Outcome::Refused(_) => {
            vec!["renew the pin's `expires` in image.yaml, or remove the pin".to_owned()]
        }
    }
}
