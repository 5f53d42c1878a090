//! What was found out, what was not asked yet, and what could not be found out.

use std::fmt;

use crate::{Arch, FcosVersion, KernelVersion, ZfsVersion};

/// One thing that had to be asked from outside.
///
/// There is no variant for *not there*: that is an empty list in
/// [`Fact::Known`], and only a clear answer may be turned into one.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact<T> {
    /// The answer, complete.
    Known(T),
    /// Nobody asked yet. [`crate::Choice::questions`] says if it has to be.
    #[default]
    NotAsked,
    /// It was asked, and there was no answer. One line: what was asked, what
    /// came back.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The answer, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::NotAsked | Self::Unknown(_) => None,
        }
    }

    /// Why there is no answer: `None` if there is one, `Some(None)` if nobody
    /// asked.
    pub(crate) fn gap(&self) -> Option<Option<&str>> {
        match self {
            Self::Known(_) => None,
            Self::NotAsked => Some(None),
            Self::Unknown(why) => Some(Some(why)),
        }
    }
}

/// A thing that the judgement needs to know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// The release index of the stream.
    Releases,
    /// The kernel of one release.
    Kernel {
        /// The release.
        version: FcosVersion,
        /// The architecture.
        arch: Arch,
    },
    /// The list of OpenZFS releases.
    ZfsReleases,
    /// The list of kmods images of a source, by its name.
    Kmods(String),
    /// The kernels that a release of OpenZFS supports.
    Supported(ZfsVersion),
    /// The ZFS versions that a source has for one kernel.
    ZfsOf {
        /// The name of the source.
        source: String,
        /// The kernel.
        kernel: KernelVersion,
    },
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Releases => f.write_str("the release index of the stream"),
            Self::Kernel { version, arch } => write!(f, "the kernel of {version} on {arch}"),
            Self::ZfsReleases => f.write_str("the list of OpenZFS releases"),
            Self::Kmods(source) => write!(f, "the kmods images of {source}"),
            Self::Supported(zfs) => write!(f, "the kernels that ZFS {zfs} supports"),
            Self::ZfsOf { source, kernel } => {
                write!(f, "the ZFS version that {source} has for {kernel}")
            }
        }
    }
}

/// A question without an answer on which the outcome depends.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// What is not known.
    pub question: Question,
    /// What came back instead of an answer; `None` if nobody asked yet.
    pub why: Option<String>,
}

impl Gap {
    /// The gap that a fact leaves: `None` if the fact is known.
    pub(crate) fn of<T>(fact: &Fact<T>, question: impl FnOnce() -> Question) -> Option<Self> {
        fact.gap().map(|why| Self {
            question: question(),
            why: why.map(str::to_owned),
        })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Some(why) => write!(f, "could not ask for {}: {why}", self.question),
            None => write!(f, "{} was not asked for yet", self.question),
        }
    }
}
