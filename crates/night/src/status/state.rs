//! The status: the answers it is made of, and the document of `--json`.

use image_build::facts::{Local, Upstream};
use image_build::lock::Lock;
use image_publish::Signature;
use image_publish::history::Boot;
use jiff::Timestamp;
use registry_compat::{Answer, Digest, ImageRef};
use remote::Inspected;
use serde::Serialize;
use version_discovery::FcosVersion;

use crate::workflow::Line;

/// The answers that the status is made of.
pub struct Asked {
    /// The time of the answers.
    pub now: Timestamp,
    /// The first tag that hosts follow.
    pub followed: ImageRef,
    /// What it names.
    pub published: Answer<Inspected>,
    /// The lock of the published image: from its label, or from the artefact beside
    /// it.
    pub lock: Answer<Lock>,
    /// Its signature.
    pub signature: Signature,
    /// Whether it was booted before a tag moved to it, from the history; nothing
    /// where no entry says so.
    pub boot: Option<Boot>,
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
    /// The published image; `None` if there is none, or if that is unknown.
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
    /// Whether it was booted before a tag moved to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// The inputs it was built of; `None` if it has no lock.
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

/// The verdict in a word.
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
    /// What a build would change; empty if nothing, or if that is unknown.
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
    /// The workflows were not asked about: no repository at GitHub, or no token. That
    /// is no failure.
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
