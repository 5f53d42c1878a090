//! How things are: what is published, what upstream has, and what follows from
//! both. Pure: from what was asked to the document, and from that to a screen.

mod screen;

use image_build::facts::{Local, Upstream};
use image_build::lock::{Lock, Target};
use image_build::resolve::{NotYet, Resolution, decide, explain, resolve};
use image_build::skip;
use image_build::verdict::{newest_base, newest_zfs, sentence};
use image_config::Config;
use image_publish::Signature;
use jiff::Timestamp;
use registry_compat::{Answer, Digest, ImageRef};
use remote::Inspected;
use serde::Serialize;
use version_discovery::{FcosVersion, Outcome};

use crate::error::Error;
use crate::workflow::Line;

pub use screen::{age, rows};

/// What was asked, with what came of it.
pub struct Asked {
    /// The moment that all of it is of.
    pub now: Timestamp,
    /// The first tag that hosts follow.
    pub followed: ImageRef,
    /// What it names.
    pub published: Answer<Inspected>,
    /// The lock of that: in its label, or beside it.
    pub lock: Answer<Lock>,
    /// Its signature.
    pub signature: Signature,
    /// Upstream; why it could not be asked at all.
    pub upstream: Result<Upstream, String>,
    /// The checkout.
    pub local: Local,
    /// The workflows of the repository.
    pub workflows: Workflows,
}

/// The document of `status --json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// The tag that hosts follow.
    pub followed: ImageRef,
    /// What it names; none if nothing is published, or nobody knows.
    pub published: Option<Published>,
    /// What upstream has now.
    pub upstream: Offer,
    /// What follows.
    pub verdict: Verdict,
    /// The last run of each workflow.
    pub workflows: Workflows,
    /// What could not be asked, and why. Exit code 3 if there is anything.
    pub not_asked: Vec<NotAsked>,
}

/// A source that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NotAsked {
    /// Which.
    pub source: &'static str,
    /// Why.
    pub why: String,
}

/// The published image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Published {
    /// Its digest.
    pub digest: Digest,
    /// What it calls itself.
    pub version: Option<String>,
    /// When it was built.
    pub built: Option<Timestamp>,
    /// Whole days since then.
    pub age_days: Option<i64>,
    /// Compressed bytes, of the first architecture.
    pub size: u64,
    /// Whether hosts would find a signature.
    pub signature: Signature,
    /// Of what it was built; none if it does not say.
    pub inputs: Option<Inputs>,
}

/// The inputs of an image, from its lock.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inputs {
    /// The fingerprint of the lock.
    pub fingerprint: Digest,
    /// The release of Fedora CoreOS.
    pub base: FcosVersion,
    /// OpenZFS.
    pub zfs: String,
    /// One for each architecture.
    pub targets: Vec<Input>,
}

/// The inputs of one architecture.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Input {
    /// Which.
    pub arch: String,
    /// The base by digest.
    pub base: ImageRef,
    /// Its kernel.
    pub kernel: String,
    /// The kmods image by digest.
    pub kmods: ImageRef,
}

/// What upstream has.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Offer {
    /// The newest release of the stream that came into question.
    pub base: Option<FcosVersion>,
    /// Its kernel.
    pub kernel: Option<String>,
    /// The newest OpenZFS of the series.
    pub zfs: Option<String>,
    /// What would be built now.
    pub buildable: Option<Inputs>,
}

/// How things stand, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// What is published is what would be built.
    UpToDate,
    /// A build would bring something new.
    CanBeBuilt,
    /// A newer base is out, and lacks modules.
    Held,
    /// Nothing can be built now.
    WaitingFor,
    /// `image.yaml` has to be edited first.
    Refused,
    /// An answer is missing.
    Unknown,
}

/// The verdict.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// In a word.
    pub word: Word,
    /// In a sentence.
    pub text: String,
    /// What a build now would change; empty if nothing, or nobody knows.
    pub changes: Vec<String>,
    /// Why nothing newer is taken.
    pub why_not_newer: Vec<String>,
}

/// The workflows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "detail")]
pub enum Workflows {
    /// The last run of each.
    Asked(Vec<LastRun>),
    /// There is nobody to ask, or nobody to ask as. No failure.
    Nobody(String),
    /// They could not be asked, and why.
    Unknown(String),
}

/// The last run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastRun {
    /// Its file, `build.yaml`.
    pub workflow: String,
    /// `active`, or why it does not run by itself.
    pub state: String,
    /// None if it never ran.
    pub run: Option<Line>,
}

/// So many lines of reasons; `explain` has them all.
const MOST_REASONS: usize = 4;

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
    // With something to build, it is the published image that nobody knows of.
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
    let text = sentence(&choice.outcome);
    let text = text
        .split_once(": ")
        .map_or(text.as_str(), |(_, rest)| rest);
    let verdict = match &choice.outcome {
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
