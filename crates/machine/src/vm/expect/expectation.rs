//! What is expected of a machine: a question to the guest, and how its answer is
//! held against the config.

use serde_json::Value;

/// Which boot of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boot {
    /// Ignition ran.
    First,
    /// Any boot after the first.
    Second,
    /// Stock Fedora CoreOS, which switches to the image. This and the next two
    /// are `switch`'s.
    Switch,
    /// The image.
    Image,
    /// Stock Fedora CoreOS again.
    Back,
    /// The candidate, between two boots of the published image. This and the next
    /// one are `boot`'s.
    Candidate,
    /// The published image again, with the pool that the candidate has used.
    Published,
}

impl std::fmt::Display for Boot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::First => "first boot",
            Self::Second => "second boot",
            Self::Switch => "stock, before the image",
            Self::Image => "the image",
            Self::Back => "stock, after the rollback",
            Self::Candidate => "the candidate, with the published image's pool",
            Self::Published => "the published image again",
        })
    }
}

/// What the guest is asked about: a function of `probe.sh` and its arguments.
/// The first argument names the thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The function, without `ask_`.
    pub kind: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
}

impl Question {
    /// Asks about one thing.
    pub fn about(kind: &'static str, args: &[&str]) -> Self {
        Self {
            kind,
            args: args.iter().map(ToString::to_string).collect(),
        }
    }

    /// How findings and tables name it: `file /etc/hostname`.
    pub fn subject(&self) -> String {
        match self.args.first() {
            Some(name) => format!("{} {name}", self.kind),
            None => self.kind.to_owned(),
        }
    }
}

/// How an answer is held against the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// A field of the probe is exactly this.
    Is(&'static str, String),
    /// As [`Check::Is`] with a SHA-256 that is shown shortened.
    Digest(&'static str, String),
    /// A field is one of these words of ours.
    OneOf(&'static str, &'static [&'static str]),
    /// A field, a list of words, has this one.
    Contains(&'static str, String),
    /// A field, a list of words, has none.
    None(&'static str),
    /// A field of a partition of the disk, which is found by number or label.
    Partition {
        /// Its number, or 0.
        number: u64,
        /// Its label, or nothing.
        label: String,
        /// As `blkid` names it.
        field: &'static str,
        /// What it must be.
        value: String,
    },
    /// The disk has partitions of these numbers and labels, and no others.
    OnlyPartitions(Vec<(u64, String)>),
    /// The LUKS mapping is on the device that this question is about.
    BackedBy,
    /// The clevis tokens of the header: pins and their configs.
    Clevis(ClevisPins),
    /// On a later boot: it is open, and no LUKS keyslot is without a clevis token.
    OpenedByClevis,
    /// What is mounted is this, whatever the kernel calls it.
    MountedFrom(String),
    /// Mount options that the kernel shows.
    Options(Vec<String>),
    /// The unit runs, ran to its end, or waits, as its type has it.
    Active,
    /// Ignition ran at this boot.
    IgnitionRan,
    /// Ignition ran at an earlier boot only.
    IgnitionDidNotRun,
    /// The file that the probe wrote on the first boot; `true` where the config
    /// itself has it mounted.
    Canary(bool),
    /// A field is one of these values of the config.
    Among(&'static str, Vec<String>),
    /// A field begins with this version, and not in the midst of a number.
    Begins(&'static str, String),
    /// A field is not empty.
    NotEmpty(&'static str),
    /// A field is the id of the boot.
    ThisBoot(&'static str),
    /// A field is what it was at the earlier boot.
    AsBefore(&'static str),
    /// A command's exit code is 0.
    Ran(&'static str),
    /// A command failed because of a signature, and for no other reason.
    RefusedUnsigned,
    /// It is not judged, and why.
    NotJudged(String),
    /// A field, a list of words, has none but these.
    Only(&'static str, Vec<String>),
    /// A field whose name the config gives is exactly this.
    Field(String, String),
    /// Two fields are the same, and there.
    Same(&'static str, &'static str),
    /// A timer has a next run.
    HasNextRun,
    /// A field, a list of words, has none that it had not at the earlier boot.
    NothingNew(&'static str),
    /// A pool was imported; a failure names the pool features that the kernel module does
    /// not know.
    Imported,
}

/// What unlocks an encrypted disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClevisPins {
    /// The TPM.
    pub tpm2: bool,
    /// URLs of Tang servers.
    pub tang: Vec<String>,
    /// How many of them are needed.
    pub threshold: u64,
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// What the guest is asked.
    pub question: Question,
    /// What of it, for people: `mode`, `content`.
    pub aspect: String,
    /// How it is judged.
    pub check: Check,
    /// At which boot; `None` for each.
    pub only: Option<Boot>,
}

/// The question about the machine as a whole.
pub(crate) fn system() -> Question {
    Question::about("system", &[])
}

/// The list while it is made.
#[derive(Debug, Default)]
pub(crate) struct List(pub(crate) Vec<Expectation>);

impl List {
    pub(crate) fn add(&mut self, question: &Question, aspect: &str, check: Check) {
        self.push(question, aspect, check, None);
    }

    pub(crate) fn at(&mut self, boot: Boot, question: &Question, aspect: &str, check: Check) {
        self.push(question, aspect, check, Some(boot));
    }

    pub(super) fn push(
        &mut self,
        question: &Question,
        aspect: &str,
        check: Check,
        only: Option<Boot>,
    ) {
        // A name with a line break or a tab cannot be asked about over lines
        // and fields; nobody has one.
        let odd = question
            .args
            .iter()
            .any(|arg| arg.contains(|c: char| c.is_control()));
        if odd {
            let path = question.subject().escape_debug().to_string();
            self.not_judged(&path, "its name has control characters");
            return;
        }
        self.0.push(Expectation {
            question: question.clone(),
            aspect: aspect.to_owned(),
            check,
            only,
        });
    }

    pub(super) fn not_judged(&mut self, path: &str, why: &str) {
        let expectation = Expectation {
            question: Question::about("config", &[path]),
            aspect: String::new(),
            check: Check::NotJudged(why.to_owned()),
            only: None,
        };
        if !self.0.contains(&expectation) {
            self.0.push(expectation);
        }
    }
}

/// A text of a config; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
