//! The status: what is published, what upstream has, and what follows from both.
//! `ask.rs` reads the answers. The rest is pure: from the answers to the document, and
//! from the document to a screen.

mod ask;
mod graph;
mod html;
mod page;
mod runs;
mod screen;
mod state;
mod timeline;

use std::path::Path;

use host::Done;
use image_build::facts::Upstream;
use image_build::gather::World;
use image_build::lock::{Lock, Target};
use image_build::resolve::{NotYet, Resolution, decide, explain, resolve};
use image_build::skip;
use image_build::verdict::{newest_base, newest_zfs, sentence, summary};
use image_config::Config;
use image_publish::{Signature, read_history};
use jiff::Timestamp;
use registry_compat::{Answer, Digest};
use version_discovery::Outcome;

use crate::error::Error;

pub use graph::graph;
pub use page::{Facts, page};
pub use screen::{age, rows};
pub use state::{
    Asked, Input, Inputs, LastRun, NotAsked, Offer, Published, Status, Verdict, Word, Workflows,
};

/// So many lines of reasons; `explain` has them all.
const MOST_REASONS: usize = 4;

/// `status`: asks, and prints the answer.
///
/// # Errors
/// If the checkout itself cannot be read. A source that could not be asked is a
/// row, and [`Done::Unknown`] in the end.
pub fn run(world: &World<'_>, html: Option<&Path>) -> Result<Done, Error> {
    let asked = ask::ask(world)?;
    let status = judge(world.config, &asked)?;
    if let Some(path) = html {
        write_page(world, &asked, &status, path)?;
    }
    let rows = rows(&status, asked.now);
    world.report.table(&rows);
    summary(world, "Status", &rows)?;
    let word = serde_json::to_value(status.verdict.word).unwrap_or_default();
    world.report.outputs(&[
        ("status", word.as_str().unwrap_or_default().to_owned()),
        ("status-text", status.verdict.text.clone()),
    ])?;
    world.report.document(&status)?;
    Ok(match status.verdict.word {
        _ if !status.not_asked.is_empty() => Done::Unknown,
        Word::Unknown => Done::Unknown,
        Word::WaitingFor => Done::NotYet,
        Word::Refused => Done::Refused,
        Word::UpToDate | Word::CanBeBuilt | Word::Held => Done::Success,
    })
}

/// Writes the page of `status --html`. Forecast and history are beside the matter: what
/// of them cannot be asked is not on it, and a warning says so.
fn write_page(world: &World<'_>, asked: &Asked, status: &Status, path: &Path) -> Result<(), Error> {
    let report = world.report;
    let ahead = image_build::forecast::ahead(world).unwrap_or_else(|error| {
        report.warning(&format!("no forecast on the page: {error}"));
        Vec::new()
    });
    let history = read_history(world.registries()?, status.followed.repository());
    let history = history.unwrap_or_else(|error| {
        report.warning(&format!("no history on the page: {error}"));
        None
    });
    let history = history.unwrap_or_default();
    let upstream = asked.upstream.as_ref().ok();
    let choice = upstream.map(|upstream| decide(world.config, upstream));
    let text = page(&Facts {
        title: &world.config.image.title.to_string(),
        status,
        choice: choice.as_ref(),
        ahead: &ahead,
        history: history.last(MOST_BARS),
        now: asked.now,
    });
    let place = world.env.root.join(path);
    host::files::write(&place, text.as_bytes()).map_err(host::Error::write(&place))?;
    report.status("Wrote", &path.display().to_string());
    Ok(())
}

/// Publications on the page.
const MOST_BARS: usize = 30;

/// What follows from what was asked.
///
/// # Errors
/// Never for a config that was parsed.
pub fn judge(config: &Config, asked: &Asked) -> Result<Status, Error> {
    let mut not_asked = Vec::new();
    let mut miss = |source, why: &str| {
        not_asked.push(NotAsked {
            source,
            why: why.to_owned(),
        });
    };
    if let Answer::Unknown(why) = &asked.published {
        miss("published", &why.to_string());
    }
    if let Answer::Unknown(why) = &asked.lock {
        miss("lock", &why.to_string());
    }
    if let (Answer::Present(_), Signature::Unknown(why)) = (&asked.published, &asked.signature) {
        miss("signature", why);
    }
    if let Workflows::Unknown(why) = &asked.workflows {
        miss("workflows", why);
    }
    let (offer, verdict) = match &asked.upstream {
        Ok(upstream) => offered(config, asked, upstream)?,
        Err(why) => (Offer::default(), unknown(why.clone())),
    };
    // Something can be built, so it is the published image that is unknown.
    if verdict.word == Word::Unknown && offer.buildable.is_none() {
        miss("upstream", &verdict.text);
    }
    Ok(Status {
        followed: asked.followed.clone(),
        published: published(asked)?,
        upstream: offer,
        verdict,
        workflows: asked.workflows.clone(),
        not_asked,
    })
}

fn published(asked: &Asked) -> Result<Option<Published>, Error> {
    let Answer::Present(found) = &asked.published else {
        return Ok(None);
    };
    let version = found.labels.get("org.opencontainers.image.version");
    let inputs = match &asked.lock {
        Answer::Present(lock) => Some(inputs(lock)?),
        Answer::Absent | Answer::Unknown(_) => None,
    };
    let days = |built: Timestamp| (asked.now.as_second() - built.as_second()).div_euclid(86_400);
    Ok(Some(Published {
        digest: found.digest.clone(),
        version: version.map(|text| host::one_line(text)),
        built: found.created,
        age_days: found.created.map(days),
        size: found.size,
        signature: asked.signature.clone(),
        boot: asked.boot.clone(),
        inputs,
    }))
}

fn inputs(lock: &Lock) -> Result<Inputs, Error> {
    let input = |target: &Target| Input {
        arch: target.arch.to_string(),
        base: lock.base_pinned(target),
        kernel: target.kernel.to_string(),
        kmods: target.kmods_pinned(),
    };
    Ok(Inputs {
        fingerprint: lock.fingerprint()?,
        base: lock.base.version,
        zfs: lock.zfs.to_string(),
        targets: lock.targets.iter().map(input).collect(),
    })
}

fn unknown(text: String) -> Verdict {
    Verdict {
        word: Word::Unknown,
        text,
        changes: Vec::new(),
        why_not_newer: Vec::new(),
    }
}

/// What upstream has, held against what is published.
fn offered(config: &Config, asked: &Asked, upstream: &Upstream) -> Result<(Offer, Verdict), Error> {
    let choice = decide(config, upstream);
    let base = newest_base(&choice);
    let mut offer = Offer {
        base: base.map(|base| base.version),
        kernel: base.and_then(|base| Some(base.kernels.first()?.to_string())),
        zfs: newest_zfs(config, upstream),
        buildable: None,
    };
    let outcome = choice.outcome.without_builder();
    let text = sentence(outcome);
    let text = text
        .split_once(": ")
        .map_or(text.as_str(), |(_, rest)| rest);
    let mut verdict = match outcome {
        Outcome::Unknown(_) => unknown(text.to_owned()),
        Outcome::Refused(_) => Verdict {
            word: Word::Refused,
            ..unknown(text.to_owned())
        },
        outcome => match resolve(config, upstream, &asked.local, &choice) {
            Ok(Resolution::Lock(lock)) => {
                offer.buildable = Some(inputs(&lock)?);
                compared(config, asked, &lock, outcome)?
            }
            Ok(Resolution::NotYet(not_yet)) => waiting(&not_yet, text),
            Err(error) => unknown(host::one_line(&error.to_string())),
        },
    };
    if let Some(kmods) = choice.kmods_to_build() {
        verdict.text = format!("{kmods}; until then {}", verdict.text);
    }
    Ok((offer, verdict))
}

fn waiting(not_yet: &NotYet, text: &str) -> Verdict {
    Verdict {
        word: Word::WaitingFor,
        text: text.to_owned(),
        changes: Vec::new(),
        why_not_newer: explain(not_yet).into_iter().take(MOST_REASONS).collect(),
    }
}

fn compared(
    config: &Config,
    asked: &Asked,
    lock: &Lock,
    outcome: &Outcome,
) -> Result<Verdict, Error> {
    if let Answer::Unknown(_) = &asked.published {
        let text = format!(
            "{} with ZFS {} can be built; whether it is published already could not be asked",
            lock.base.version, lock.zfs
        );
        return Ok(unknown(text));
    }
    let days = config.policy.rebuild_after_days;
    let found = Some(&asked.published);
    let (word, text, changes) = match skip::published(lock, found, days, asked.now)? {
        skip::Published::UpToDate(_) => (
            Word::UpToDate,
            "what is published is what would be built".to_owned(),
            Vec::new(),
        ),
        skip::Published::Old(age) => (
            Word::CanBeBuilt,
            format!(
                "nothing changed, but the image is {}: the next build brings new packages",
                age.map_or("of unknown age".to_owned(), |age| format!("{age} days old"))
            ),
            Vec::new(),
        ),
        skip::Published::Other => {
            let changes = match &asked.lock {
                Answer::Present(old) => changes(old, lock),
                Answer::Absent | Answer::Unknown(_) => Vec::new(),
            };
            let text = match &asked.published {
                Answer::Present(_) if changes.is_empty() => "its inputs are others".to_owned(),
                Answer::Present(_) => changes.join("; "),
                Answer::Absent | Answer::Unknown(_) => "nothing is published yet".to_owned(),
            };
            (Word::CanBeBuilt, text, changes)
        }
    };
    let judgement = &lock.judgement;
    let passed = judgement
        .bases_passed_over
        .iter()
        .chain(&judgement.zfs_passed_over);
    let why_not_newer = passed
        .take(MOST_REASONS)
        .map(|passed| format!("{}: {}", passed.version, passed.why))
        .collect();
    let (word, text) = match outcome {
        Outcome::Hold(pick, held) => {
            let beside = match word {
                Word::UpToDate => String::new(),
                _ => format!("; {} can be built: {text}", pick.base),
            };
            (Word::Held, format!("{}: {held}{beside}", held.since))
        }
        _ => (word, text),
    };
    Ok(Verdict {
        word,
        text,
        changes,
        why_not_newer,
    })
}

/// What another lock would bring.
fn changes(old: &Lock, new: &Lock) -> Vec<String> {
    let mut all = Vec::new();
    let mut changed = |what: &str, old: String, new: String| {
        if old != new {
            all.push(format!("{what} {old} -> {new}"));
        }
    };
    let base = |lock: &Lock| lock.base.version.to_string();
    changed("Fedora CoreOS", base(old), base(new));
    changed("ZFS", old.zfs.to_string(), new.zfs.to_string());
    for target in &new.targets {
        let before = old.targets.iter().find(|old| old.arch == target.arch);
        let Some(before) = before else {
            changed(&target.arch.to_string(), "none".into(), "built".into());
            continue;
        };
        let (kernel, kmods) = (&before.kernel, &before.kmods_digest);
        changed("kernel", kernel.to_string(), target.kernel.to_string());
        let short = |digest: &Digest| digest.short().to_owned();
        changed("base image", short(&before.base), short(&target.base));
        changed("kmods image", short(kmods), short(&target.kmods_digest));
    }
    let short = |digest: &Digest| digest.short().to_owned();
    for gone in &old.targets {
        if new.targets.iter().all(|target| target.arch != gone.arch) {
            changed(&gone.arch.to_string(), "built".into(), "none".into());
        }
    }
    let files = |lock: &Lock| short(&lock.containerfiles);
    changed("containerfiles", files(old), files(new));
    let sources = |lock: &Lock| short(&lock.ignition);
    changed("Ignition sources", sources(old), sources(new));
    if old.policy != new.policy {
        all.push("image.yaml says something else of what is in the image".to_owned());
    }
    all
}

#[cfg(test)]
mod tests;
