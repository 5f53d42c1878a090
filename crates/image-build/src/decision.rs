//! `resolve`: the lock, and with `--decide` whether it is to be built.

use std::path::Path;

use host::Done;
use host::report::Report;
use image_config::{Config, Reason};
use registry_compat::{Answer, Digest};
use remote::Inspected;
use serde::Serialize;
use version_discovery::{Arch, Outcome};

use crate::asking::{Asker, Asking};
use crate::error::Error;
use crate::gather::{Scope, World};
use crate::inputs::{FactsFiles, Here, Resolved, resolved, write};
use crate::lock::Lock;
use crate::resolve::{NotYet, Resolution};
use crate::skip;
use crate::skip::{Published, UpToDate};
use crate::verdict;

/// What a person asks `resolve` for.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Where facts are read from, and saved to.
    pub facts: &'a FactsFiles,
    /// Where the lock is written; standard output by default.
    pub output: Option<&'a Path>,
    /// Also say whether it is to be built.
    pub decide: bool,
    /// Build though nothing changed, and why.
    pub forced: Option<&'a Reason>,
}

/// What a night comes to, in the word that a workflow reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Go,
    Hold,
    Unchanged,
    NotYet,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Hold => "hold",
            Self::Unchanged => "unchanged",
            Self::NotYet => "not-yet",
        }
    }

    fn builds(self) -> bool {
        matches!(self, Self::Go | Self::Hold)
    }
}

/// One job of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Of which image, as `--image` calls it.
    pub image: String,
    /// For which architecture.
    pub arch: Arch,
    /// On which machine.
    pub runner: String,
}

/// What was resolved, and decided.
#[derive(Debug, Default)]
pub struct Decided {
    /// The lock, if there is one.
    pub lock: Option<Lock>,
    /// Whether it is to be built; never without `decide`.
    pub builds: bool,
    /// In a word, with `decide`.
    pub verdict: Option<&'static str>,
    /// The jobs that build it.
    pub jobs: Vec<Job>,
}

/// The document of `resolve --decide --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    verdict: Verdict,
    build: bool,
    architectures: &'a [Arch],
    matrix: &'a [Job],
    #[serde(skip_serializing_if = "Option::is_none")]
    unchanged: Option<&'a UpToDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a NotYet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a Lock>,
}

/// `resolve`. `ask` asks the repositories of packages, where `image.yaml` wants that. The
/// lock of one of several images is not handed on here, but with the others
/// ([`crate::decided`]).
///
/// # Errors
/// If anything could not be found out, or the file cannot be written.
pub fn run(
    world: &World<'_>,
    options: &Options<'_>,
    ask: &Asker<'_>,
) -> Result<(Done, Decided), Error> {
    let scope = Scope {
        published: options.decide,
        ..Scope::default()
    };
    let asking = Asking {
        asker: Some(ask),
        forced: options.forced.is_some(),
    };
    let mut resolved = resolved(world, options.facts, None, Here::Saved, scope, asking)?;
    if let Resolution::Lock(lock) = &mut resolved.resolution {
        lock.judgement.forced = options.forced.cloned();
        if world.image.is_none() {
            hand_on(world.report, options.output, lock)?;
        }
    }
    if options.decide {
        let decided = decide(world, &resolved, options.forced)?;
        return Ok((Done::Success, decided));
    }
    match &resolved.resolution {
        Resolution::Lock(lock) => {
            verdict::hold(world, &resolved.choice.outcome)?;
            world.report.outputs(&outputs(&resolved, lock)?)?;
            world.report.document(&lock)?;
            let decided = Decided {
                lock: Some((**lock).clone()),
                ..Decided::default()
            };
            Ok((Done::Success, decided))
        }
        Resolution::NotYet(not_yet) => {
            verdict::tell(world, not_yet);
            world.report.document(not_yet)?;
            Ok((Done::NotYet, Decided::default()))
        }
    }
}

/// Writes a lock, or the locks of several images, where the person wants it.
pub(crate) fn hand_on(
    report: &Report,
    output: Option<&Path>,
    lock: &impl Serialize,
) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(lock).map_err(|e| Error::Usage(e.to_string()))?;
    match output {
        Some(path) => {
            write(path, &format!("{text}\n"))?;
            report.status("Wrote", &path.display().to_string());
        }
        None => report.answer(&text),
    }
    Ok(())
}

fn outputs(resolved: &Resolved, lock: &Lock) -> Result<Vec<(&'static str, String)>, Error> {
    let mut values = verdict::outputs(resolved);
    values.push(("fingerprint", lock.fingerprint()?.to_string()));
    Ok(values)
}

/// Says whether it is to be built: to the steps that follow, and why on the
/// page of the run.
fn decide(
    world: &World<'_>,
    resolved: &Resolved,
    forced: Option<&Reason>,
) -> Result<Decided, Error> {
    let (lock, missing) = match &resolved.resolution {
        Resolution::Lock(lock) => (Some(&**lock), None),
        Resolution::NotYet(not_yet) => (None, Some(&**not_yet)),
    };
    if let Some(not_yet) = missing {
        verdict::not_yet(world, not_yet)?;
    }
    verdict::hold(world, &resolved.choice.outcome)?;
    let same = match lock {
        Some(lock) => same(world, resolved, lock, forced)?,
        None => None,
    };
    let verdict = match (&resolved.resolution, &same, is_held(resolved)) {
        (Resolution::NotYet(_), ..) => Verdict::NotYet,
        (_, Some(_), _) => Verdict::Unchanged,
        (_, None, true) => Verdict::Hold,
        (_, None, false) => Verdict::Go,
    };
    world.report.status(
        "Decided",
        &format!(
            "{}: {}",
            verdict.word(),
            if verdict.builds() {
                "build"
            } else {
                "do not build"
            }
        ),
    );
    let mut values = match lock {
        Some(lock) => outputs(resolved, lock)?,
        None => verdict::outputs(resolved),
    };
    values.retain(|(name, _)| *name != "verdict");
    let name = world
        .image
        .map_or_else(|| world.config.one_word(), str::to_owned);
    let jobs = matrix(world.config, &name);
    values.extend([
        ("verdict", verdict.word().to_owned()),
        ("build", verdict.builds().to_string()),
        ("architectures", json(&world.config.architectures)?),
        ("matrix", json(&jobs)?),
        ("several", (jobs.len() > 1).to_string()),
        ("images", json(&[serde_json::json!({ "image": name })])?),
    ]);
    world.report.outputs(&values)?;
    world.report.document(&Document {
        verdict,
        build: verdict.builds(),
        architectures: &world.config.architectures,
        matrix: &jobs,
        unchanged: same.as_ref(),
        missing,
        lock,
    })?;
    Ok(Decided {
        lock: lock.cloned(),
        builds: verdict.builds(),
        verdict: Some(verdict.word()),
        jobs,
    })
}

fn is_held(resolved: &Resolved) -> bool {
    matches!(resolved.choice.outcome.without_builder(), Outcome::Hold(..))
}

pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Usage(error.to_string()))
}

/// The jobs that build, in the order of `image.yaml`.
fn matrix(config: &Config, image: &str) -> Vec<Job> {
    let job = |arch: &Arch| Job {
        image: image.to_owned(),
        arch: *arch,
        runner: config.ci.runners.of(*arch).to_string(),
    };
    config.architectures.iter().map(job).collect()
}

/// The published image, if it is what would be built; told to the person and
/// to the page of the run.
fn same(
    world: &World<'_>,
    resolved: &Resolved,
    lock: &Lock,
    forced: Option<&Reason>,
) -> Result<Option<UpToDate>, Error> {
    if let Some(reason) = forced {
        world.report.status("Forced", reason.as_str());
        world
            .report
            .summary(&format!("### Forced\n\n{}\n\n", quoted(reason.as_str())))?;
        return Ok(None);
    }
    let upstream = &resolved.facts.upstream;
    let found = upstream.published.as_ref();
    let same = unchanged(world, lock, found, upstream.now)?;
    if let Some(same) = &same {
        let image = world.config.repository()?.at(same.digest.clone());
        world
            .report
            .status("Unchanged", &format!("since {}: {image}", same.since));
        verdict::summary(world, "Unchanged", &rows(&image.to_string(), same))?;
    }
    Ok(same)
}

fn rows(image: &str, same: &UpToDate) -> [Vec<String>; 3] {
    let fingerprint: &Digest = &same.fingerprint;
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    [
        row("image", image.to_owned()),
        row("since", same.since.to_string()),
        row("inputs", fingerprint.to_string()),
    ]
}

/// A person's words in Markdown: as they are, and nothing more.
fn quoted(text: &str) -> String {
    format!("```text\n{}\n```", text.replace("```", "'''"))
}

/// The published image, if it is what would be built and young enough. That it
/// is too old is told.
///
/// # Errors
/// As [`Lock::fingerprint`].
fn unchanged(
    world: &World<'_>,
    lock: &Lock,
    found: Option<&Answer<Inspected>>,
    now: jiff::Timestamp,
) -> Result<Option<UpToDate>, Error> {
    let days = world.config.policy.rebuild_after_days;
    Ok(match skip::published(lock, found, days, now)? {
        Published::UpToDate(same) => Some(same),
        Published::Old(age) => {
            verdict::too_old(world, age);
            None
        }
        Published::Other => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_architecture_has_its_runner() {
        let text = include_str!("testing/image.yaml").replace("[x86_64]", "[aarch64, x86_64]")
            + "ci:\n  runners:\n    aarch64: our-arm\n";
        let config = Config::parse(&text, Path::new("x")).unwrap();
        assert_eq!(
            json(&matrix(&config, "nas")).unwrap(),
            r#"[{"image":"nas","arch":"aarch64","runner":"our-arm"},{"image":"nas","arch":"x86_64","runner":"ubuntu-24.04"}]"#
        );
    }

    #[test]
    fn words_of_a_person_end_no_fence() {
        assert_eq!(quoted("a ``` b"), "```text\na ''' b\n```");
    }
}
