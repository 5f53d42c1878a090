//! The effects of a plan: each makes one change outside the program, or reads one thing
//! that a later step depends on. A dry run prints the same values that a real run
//! performs.
//!
//! The code that performs an effect is in the file of its subject: `key.rs`, `push.rs`,
//! `take.rs`, `sign.rs`, `host_look.rs`, and so on; programs in `run.rs`.

mod text;

use std::path::PathBuf;

use host::process::Invocation;
use image_build::content::Stage;
use image_build::engine::Engine;
use image_build::packages::LockedPackage;
use image_config::{BaseSignature, Reason, SecretSource};
use jiff::Timestamp;
use machine::boot::questions::Promises;
use registry_compat::{Digest, ImageRef, Repository, Tag};
use version_discovery::Arch;

use crate::index::Index;
use crate::split::Split;

/// The placeholder in a plan for the digest of the image that is published. The digest
/// is not known when the plan is made: it is read back after the push.
pub const PUSHED: &str = "PUSHED";

/// The placeholder in a plan for the unsigned image that hosts must refuse.
pub const UNSIGNED: &str = "UNSIGNED";

/// The prefix of a tag that marks a bad image; 12 digits of its digest follow.
pub const RETRACTED: &str = "retracted-";

/// An effect, printed and performed from this value.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Run a program; its output streams through.
    Run(Invocation),
    /// Run a program that transfers over the network; it is tried again if it fails for
    /// a temporary reason.
    Transfer(Invocation),
    /// Run a program whose standard output is a contract's report.
    Contract(Invocation),
    /// Run a script of `image.yaml` that checks the image; its exit status is the
    /// answer.
    OwnCheck {
        /// The check's name.
        name: String,
        /// Runs it.
        call: Invocation,
    },
    /// Build a stage of `content`, unless the same inputs were built before.
    Stage {
        /// The stage.
        stage: Stage,
        /// Builds it.
        build: Invocation,
        /// The engine whose storage has it then.
        engine: Engine,
    },
    /// Write a file of the checkout's `target`.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        text: String,
    },
    /// Run a program whose standard output lists the packages that were fetched.
    ListPackages {
        /// Lists them.
        list: Invocation,
        /// Those that must be there; without it they are what the repositories have
        /// today, and become the lock's.
        wanted: Option<Vec<LockedPackage>>,
        /// When the wanted ones were there.
        seen: Option<Timestamp>,
    },
    /// Remove a local image that is no longer needed, if it is there: a step that failed
    /// may not have made it. A failure is only a warning, because what was wanted of the
    /// image is done.
    Remove {
        /// Succeeds if the image is there.
        there: Invocation,
        /// Removes it.
        remove: Invocation,
    },
    /// Read what a tag names now, which becomes `PUSHED`; its image must be the
    /// one built here.
    ReadBack {
        /// The tag that was pushed.
        candidate: ImageRef,
        /// The local image.
        local: ImageRef,
        /// The engine whose storage has the local image.
        engine: Engine,
    },
    /// Run a program whose standard output lists which package owns which file.
    ListOwners(Invocation),
    /// Write the layers of the exported image by how often they change.
    Split(Box<Split>),
    /// Push what was split.
    PushLayers {
        /// The candidate tag.
        to: ImageRef,
        /// The image that has the layers of the base.
        base: ImageRef,
    },
    /// Make the folder that an image is split in.
    MakeLayers,
    /// Remove the folder that an image was split in.
    ClearLayers,
    /// Read the candidate tag as `PUSHED`; it must be what was split.
    ReadLayers {
        /// The tag.
        candidate: ImageRef,
    },
    /// Compare the images with those that hosts follow: if every file is the same,
    /// nothing is published.
    CompareContent {
        /// The tag.
        followed: ImageRef,
        /// By architecture; `PUSHED` without any.
        images: Vec<(Arch, Digest)>,
        /// The most that an update may cost a host, in mebibytes.
        most_mib: Option<u32>,
    },
    /// Write into the history that a new build had the same content.
    NoteSame {
        /// Where.
        repository: Repository,
        /// The tag whose image stays.
        followed: ImageRef,
    },
    /// Move a tag to `PUSHED`, by copying the manifest.
    Promote {
        /// A name in the repository.
        candidate: ImageRef,
        /// The tag that moves.
        tag: Tag,
    },
    /// Read a tag and compare it with `PUSHED`.
    Confirm {
        /// The tag.
        image: ImageRef,
    },
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
    /// An input has no signature to check, only its digest, for this reason.
    DigestOnly {
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
    /// Record what a tag that hosts follow names now.
    NoteTag {
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
    ReadImage {
        /// The image.
        image: ImageRef,
    },
    /// An image must be of the lock, for its architecture, and not marked as
    /// bad.
    TakePart {
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
        lock: String,
    },
    /// An image of another architecture than this machine's, which nobody can run here.
    /// The effect only prints that.
    OtherPlatform {
        /// The image by digest.
        image: ImageRef,
        /// What it is for.
        arch: Arch,
    },
    /// Write the index of several images under the candidate tag.
    PushIndex {
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
    PackagesAttached {
        /// The image by digest.
        image: ImageRef,
    },
    /// Put the lock beside `PUSHED`.
    AttachLock {
        /// Where.
        repository: Repository,
        /// The lock, as one line.
        lock: String,
    },
    /// Sign `PUSHED`, and each image of it if it is an index.
    Sign {
        /// The name that is signed for.
        repository: Repository,
        /// Those images.
        images: Vec<Digest>,
    },
    /// Read the files with a host's signature policy from the image.
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
        /// The command that makes the copy; without it only this program verifies the
        /// signature.
        copy: Option<Invocation>,
    },
    /// Push an unsigned image to the same repository, and check that the policy refuses
    /// it.
    HostRefuses {
        /// The name that a host follows.
        repository: Repository,
        /// Tries to copy it.
        copy: Option<Invocation>,
        /// Copies it without the policy, which must succeed: this shows that it was the
        /// policy that refused it, and not another error.
        control: Option<Invocation>,
    },
    /// Boot `PUSHED` in a virtual machine, and check the running system.
    Boot {
        /// The engine whose storage has it.
        engine: Engine,
        /// Its name there.
        image: String,
        /// What it must hold.
        promises: Box<Promises>,
        /// The ZFS pool is created with the image that this tag names, then used with
        /// `PUSHED`, and imported again with the former.
        followed: ImageRef,
        /// The registry location of that name according to `registries.conf`.
        place: Repository,
        /// Whether that registry may be asked over plain HTTP.
        insecure: bool,
    },
    /// The image of `PUSHED` for one architecture is not booted, and why.
    NotBooted {
        /// For which.
        arch: Arch,
        /// Why.
        reason: String,
    },
    /// Put the list of packages and the lock beside `PUSHED`.
    Attach {
        /// Where.
        repository: Repository,
        /// Lists the packages.
        packages: Invocation,
        /// The lock, as one line.
        lock: String,
        /// The date that is written into the list.
        day: Option<String>,
    },
    /// Give `PUSHED` a name that never moves; where another image has it, the
    /// next free one of `TAG-1`, `TAG-2`, ….
    NameForGood {
        /// Where.
        repository: Repository,
        /// The wanted name.
        tag: Tag,
    },
    /// Attach the durations so far to `PUSHED`, for the half that publishes.
    AttachDurations {
        /// Where.
        repository: Repository,
    },
    /// Add the publication of `PUSHED` to the history.
    AddToHistory {
        /// Where.
        repository: Repository,
        /// The tag whose image hosts had before.
        followed: ImageRef,
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
    AlreadySigned {
        /// The image by digest.
        image: ImageRef,
    },
}

impl Effect {
    /// Removes a local image that is no longer needed.
    pub(crate) fn remove(engine: Engine, image: &str) -> Self {
        Self::Remove {
            there: engine.image_id(image),
            remove: engine.remove(image),
        }
    }
}
