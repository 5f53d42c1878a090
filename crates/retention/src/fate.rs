//! What becomes of a version, and why.

use std::fmt;

use registry_compat::Tag;
use serde::Serialize;

use crate::{Name, Timestamp};

/// What becomes of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It stays.
    Keep(KeepReason),
    /// It goes.
    Delete(DeleteReason),
}

impl Fate {
    /// Whether it goes.
    pub fn is_delete(&self) -> bool {
        matches!(self, Self::Delete(_))
    }
}

/// Why a version stays. Where several reasons hold, the first of this list is
/// given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepReason {
    /// A warning: the registry lists it and answers 404 for its manifest.
    NotFound,
    /// It has a tag that the policy protects.
    Protected {
        /// The first such tag.
        tag: Tag,
    },
    /// It is pinned by digest.
    Pinned,
    /// Something about it is not known.
    Unknown(Unknown),
    /// It is dated later than now. A warning: a clock is wrong.
    Future {
        /// Its date.
        date: Timestamp,
    },
    /// It is not older than the window: a root, an artefact whose image is
    /// gone, or a child that has an ordinary tag of its own.
    WithinWindow {
        /// Its date.
        date: Timestamp,
    },
    /// It is among the newest roots.
    Newest {
        /// Its place among all roots, the newest being 1.
        rank: usize,
    },
    /// A version that stays needs it: lists it, is signed or described by it, or
    /// has it as its subject, directly or through others.
    NeededBy {
        /// The version at the beginning, which stays for a reason of its own.
        name: Name,
    },
    /// A child or an artefact of it, directly or through others, stays for a
    /// reason of its own: a group goes whole or not at all.
    Holds {
        /// That version.
        name: Name,
    },
}

impl KeepReason {
    /// Whether a person should look at it although nothing is deleted.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::NotFound | Self::Unknown(_) | Self::Future { .. }
        )
    }
}

/// What is not known about a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// The registry did not tell its tags.
    Tags,
    /// Its media type is none of an image or an index.
    MediaType,
    /// It has no date, or none that can be an image's.
    Date,
    /// It hangs in a ring of manifests that belong to one another and to no
    /// root. Digests make a ring of lists impossible, tags can make one.
    Ring,
}

/// Why a version goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteReason {
    /// A root older than the window that nothing keeps.
    Expired {
        /// Its date.
        date: Timestamp,
    },
    /// It belongs to a root that goes, and to none that stays.
    With {
        /// The root with whose group it goes: the last one, if several go.
        root: Name,
        /// Its relation to that root.
        part: Part,
    },
    /// An artefact older than the window whose image is not listed, or what only
    /// such artefacts list.
    Orphan {
        /// Its own date.
        date: Timestamp,
    },
}

/// What a version is to its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Listed by the root, directly or through nested indexes.
    Child,
    /// A signature, attestation, bill of materials or other referrer, or what
    /// such an artefact lists.
    Artefact,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep(reason) => reason.fmt(f),
            Self::Delete(reason) => reason.fmt(f),
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("listed, but its manifest is 404"),
            Self::Protected { tag } => write!(f, "tag `{tag}` is protected"),
            Self::Pinned => f.write_str("pinned by digest"),
            Self::Unknown(what) => what.fmt(f),
            Self::Future { date } => write!(f, "dated in the future, {date}"),
            Self::WithinWindow { .. } => f.write_str("within the window"),
            Self::Newest { rank } => write!(f, "number {rank} of the newest images"),
            Self::NeededBy { name } => write!(f, "needed by {}", name.short()),
            Self::Holds { name } => write!(f, "{} is part of it and stays", name.short()),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tags => "its tags are unknown",
            Self::MediaType => "its media type is unknown",
            Self::Date => "its age is unknown",
            Self::Ring => "it belongs to no image, only to a ring of artefacts",
        })
    }
}

impl fmt::Display for DeleteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { .. } => f.write_str("older than the window"),
            Self::With { root, part } => {
                let what = match part {
                    Part::Child => "child",
                    Part::Artefact => "artefact",
                };
                write!(f, "{what} of {}, which goes", root.short())
            }
            Self::Orphan { .. } => f.write_str("artefact without image, older than the window"),
        }
    }
}
