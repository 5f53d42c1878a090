//! The effects of a publication, and how they are printed.

use std::fmt;
use std::path::PathBuf;

use host::process::Invocation;
use image_build::engine::CONTEXT;
use image_config::{BaseSignature, HISTORY_TAG, Reason, SecretSource};
use registry_compat::{Digest, ImageRef, Repository, Tag};
use serde::Serialize;
use version_discovery::Arch;

use super::{Index, PUSHED, Piece, RETRACTED, UNSIGNED};

/// An effect of publishing, printed and performed from this value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Open the private key; its public half must be the one that the image's
    /// policy names.
    OpenKey {
        /// Where the key is.
        key: SecretSource,
        /// Where its password is.
        password: SecretSource,
        /// The name that is signed for.
        repository: Repository,
    },
    /// Nothing is signed, and why.
    Unsigned {
        /// From `image.yaml`.
        reason: Reason,
    },
    /// An input has nothing but its digest, and why.
    Unverified {
        /// The image by digest.
        image: ImageRef,
        /// Why.
        reason: String,
    },
    /// An input must be signed by its makers.
    InputSigned {
        /// The image by digest.
        image: ImageRef,
        /// File of the public key.
        key: PathBuf,
    },
    /// The base must be signed by one of these keys.
    BaseSigned {
        /// The image by digest.
        image: ImageRef,
        /// Who, and where.
        signature: BaseSignature,
    },
    /// Remember what a tag that hosts follow names now.
    Note {
        /// The tag.
        image: ImageRef,
    },
    /// What a tag that hosts follow names must not have been built after the
    /// image that is to be published.
    NotOvertaken {
        /// The tag.
        followed: ImageRef,
        /// The image; `PUSHED` without one.
        digest: Option<Digest>,
    },
    /// Take a digest as `PUSHED`; it must be there.
    Take {
        /// The image.
        image: ImageRef,
    },
    /// An image must be of the lock, for its architecture, and not marked as
    /// bad.
    Piece {
        /// Where.
        repository: Repository,
        /// Which; without it `PUSHED`.
        digest: Option<Digest>,
        /// What it must be for.
        arch: Arch,
        /// It becomes `PUSHED`.
        pushed: bool,
        /// Of the lock.
        fingerprint: Digest,
        /// The lock, as one line.
        #[serde(skip)]
        lock: String,
    },
    /// An image of another architecture than this machine's, which nobody can
    /// run here. It is only said.
    Elsewhere {
        /// The image by digest.
        image: ImageRef,
        /// What it is for.
        arch: Arch,
    },
    /// Write the index of several images under the candidate tag.
    Join {
        /// The tag.
        candidate: ImageRef,
        /// The index.
        index: Index,
    },
    /// Read the candidate tag as `PUSHED`; it must be the index.
    ReadIndex {
        /// The tag.
        candidate: ImageRef,
        /// What it must name.
        digest: Digest,
    },
    /// The list of packages must lie beside an image.
    Beside {
        /// The image by digest.
        image: ImageRef,
    },
    /// Put the lock beside `PUSHED`.
    AttachLock {
        /// Where.
        repository: Repository,
        /// The lock, as one line.
        #[serde(skip)]
        lock: String,
    },
    /// Sign `PUSHED`, and each image of it if it is an index.
    Sign {
        /// The name that is signed for.
        repository: Repository,
        /// Those images.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        images: Vec<Digest>,
    },
    /// Read the host's files out of the image.
    ReadTrust {
        /// Prints them.
        script: Invocation,
        /// The name that a host follows.
        repository: Repository,
    },
    /// Copy `PUSHED` as a host would, with what is in the image.
    HostAccepts {
        /// The name that a host follows.
        repository: Repository,
        /// Makes the copy; without it this program judges alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        copy: Option<Invocation>,
    },
    /// Put an unsigned image beside it, and see it refused.
    HostRefuses {
        /// The name that a host follows.
        repository: Repository,
        /// Tries to copy it.
        #[serde(skip_serializing_if = "Option::is_none")]
        copy: Option<Invocation>,
        /// Copies it without the policy, which must succeed: the policy refused
        /// it, and nothing else.
        #[serde(skip_serializing_if = "Option::is_none")]
        control: Option<Invocation>,
    },
    /// Put the list of packages and the lock beside `PUSHED`.
    Attach {
        /// Where.
        repository: Repository,
        /// Lists the packages.
        packages: Invocation,
        /// The lock, as one line.
        #[serde(skip)]
        lock: String,
        /// The day that stands in the list.
        day: Option<String>,
    },
    /// Give `PUSHED` a name that never moves; where another image has it, the
    /// next free one of `TAG-1`, `TAG-2`, ….
    Name {
        /// Where.
        repository: Repository,
        /// The wanted name.
        tag: Tag,
    },
    /// Put the durations so far beside `PUSHED`, for the half that publishes.
    Measure {
        /// Where.
        repository: Repository,
    },
    /// Add the publication of `PUSHED` to the history.
    Record {
        /// Where.
        repository: Repository,
        /// The image's version.
        image: Tag,
        /// The fingerprint of its lock.
        fingerprint: Digest,
    },
    /// The image must not be marked as bad.
    NotRetracted {
        /// The image by digest.
        image: ImageRef,
    },
    /// Mark an image as bad, by a tag that says so.
    Retract {
        /// The image by digest.
        image: ImageRef,
    },
    /// The key must have signed this digest for this name, and each image of it
    /// if it is an index.
    Signed {
        /// The image by digest.
        image: ImageRef,
    },
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenKey {
                key,
                password,
                repository,
            } => write!(
                f,
                "key      {key} (password {password}) must be the one that the policy in {CONTEXT}/rootfs demands for {repository}"
            ),
            Self::Unsigned { reason } => write!(f, "unsigned {reason}"),
            Self::Unverified { image, reason } => write!(f, "trusted  {image}: {reason}"),
            Self::InputSigned { image, key } => {
                write!(f, "signed   {image} must be, by {}", key.display())
            }
            Self::BaseSigned { image, signature } => {
                let keys: Vec<String> = signature.keys.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "signed   {image} must be, at {}, by one of {} in {}",
                    signature.lookaside,
                    keys.join(", "),
                    signature.keyring
                )
            }
            Self::Note { image } => {
                write!(
                    f,
                    "note     what {image} names; it moves only if it still does"
                )
            }
            Self::NotOvertaken { followed, digest } => {
                let digest = digest.as_ref().map_or(PUSHED, Digest::as_str);
                write!(f, "order    {followed} must not be newer than {digest}")
            }
            Self::Take { image } => write!(f, "read     {image} as PUSHED"),
            Self::Piece {
                repository,
                digest,
                arch,
                pushed,
                fingerprint,
                ..
            } => {
                let digest = digest.as_ref().map_or(PUSHED, Digest::as_str);
                let name = if *pushed { " as PUSHED" } else { "" };
                write!(
                    f,
                    "take     {repository}@{digest}{name}; it must be for {arch}, of the lock {}, and not marked as bad",
                    fingerprint.short()
                )
            }
            Self::Elsewhere { image, arch } => write!(
                f,
                "unseen   {image} cannot be run here: its contract was seen where it was built, on {arch}"
            ),
            Self::Join { candidate, index } => {
                let one = |piece: &Piece| format!("{} for {}", piece.digest, piece.arch);
                let all: Vec<String> = index.pieces.iter().map(one).collect();
                write!(f, "join     {} as {candidate}", all.join(" and "))
            }
            Self::ReadIndex { candidate, digest } => {
                write!(f, "read     {candidate} as PUSHED; it must be {digest}")
            }
            Self::Beside { image } => {
                write!(f, "beside   {image} must lie the list of its packages")
            }
            Self::AttachLock { .. } => write!(f, "attach   the lock, to PUSHED"),
            Self::Sign { repository, images } => {
                let all: String = images.iter().map(|image| format!("{image}, ")).collect();
                write!(
                    f,
                    "sign     {all}PUSHED as {repository}, under the tag sha256-….sig"
                )
            }
            Self::ReadTrust { script, repository } => {
                write!(
                    f,
                    "trust    {script}; it must demand the key for {repository}"
                )
            }
            Self::HostAccepts {
                copy: Some(copy), ..
            } => write!(f, "accept   {copy}"),
            Self::HostAccepts { repository, .. } => {
                write!(
                    f,
                    "accept   {repository}@{PUSHED}, by this program's word alone"
                )
            }
            Self::HostRefuses {
                copy: Some(copy), ..
            } => write!(f, "refuse   {copy}"),
            Self::HostRefuses { repository, .. } => {
                write!(
                    f,
                    "refuse   {repository}@{UNSIGNED}, by this program's word alone"
                )
            }
            Self::Attach { packages, .. } => {
                write!(
                    f,
                    "attach   the packages by {packages}, and the lock, to PUSHED"
                )
            }
            Self::Name { repository, tag } => write!(
                f,
                "name     {repository}:{tag} is PUSHED for good, or {tag}-1, -2, … if it names another"
            ),
            Self::Measure { .. } => {
                write!(f, "measure  what it took so far, as an artefact of PUSHED")
            }
            Self::Record {
                repository,
                image,
                fingerprint,
            } => write!(
                f,
                "history  {repository}:{HISTORY_TAG} gets an entry: {image} of lock {}, PUSHED, what it took and weighs",
                fingerprint.short()
            ),
            Self::NotRetracted { image } => write!(f, "good     {image} is not marked as bad"),
            Self::Retract { image } => {
                write!(f, "retract  {image}, by the tag {RETRACTED}…")
            }
            Self::Signed { image } => write!(f, "signed   {image} must be"),
        }
    }
}
