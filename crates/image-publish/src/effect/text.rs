//! How an effect is printed, in a dry run and before it is performed.

use std::fmt;

use image_build::engine::{CONTEXT, LAYERS_FOLDER};
use image_config::HISTORY_TAG;
use registry_compat::Digest;

use super::{Effect, PUSHED, RETRACTED, UNSIGNED};
use crate::index::PlatformImage;

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(invocation) => write!(f, "run      {invocation}"),
            Self::Transfer(invocation) => write!(f, "transfer {invocation}"),
            Self::Contract(invocation) => write!(f, "check    {invocation}"),
            Self::OwnCheck { call, .. } => write!(f, "check    {call}"),
            Self::Stage { stage, build, .. } => write!(
                f,
                "stage    {build}; unless {} is here, or in the cache",
                stage.image
            ),
            Self::Write { path, text } => {
                write!(f, "write    {}:", path.display())?;
                text.lines()
                    .try_for_each(|line| write!(f, "\n           {line}"))
            }
            Self::ListPackages { list, wanted, .. } => match wanted {
                Some(wanted) => write!(
                    f,
                    "packages {list}; the {} of the lock must be there",
                    wanted.len()
                ),
                None => write!(f, "packages {list}; they become the lock's"),
            },
            Self::Remove { remove, .. } => write!(f, "remove   {remove}"),
            Self::ReadBack {
                candidate, local, ..
            } => {
                write!(f, "read     {candidate} as PUSHED; it must be {local}")
            }
            Self::ListOwners(call) => write!(f, "owners   {call}"),
            Self::Split(split) => write!(
                f,
                "split    {LAYERS_FOLDER} into layers by how often they change, on top of {}; what did not change keeps the layer of {}",
                split.base, split.followed
            ),
            Self::PushLayers { to, base } => write!(
                f,
                "push     the layers as {to}, those of the base from {base}"
            ),
            Self::MakeLayers => write!(f, "folder   {LAYERS_FOLDER}"),
            Self::ClearLayers => write!(f, "clear    {LAYERS_FOLDER}"),
            Self::ReadLayers { candidate } => {
                write!(f, "read     {candidate} as PUSHED; it must be those layers")
            }
            Self::CompareContent {
                followed, most_mib, ..
            } => {
                write!(
                    f,
                    "content  of PUSHED must differ from that of {followed}, or nothing is published"
                )?;
                match most_mib {
                    Some(most) => write!(f, "; a host may have to fetch {most} MiB for it"),
                    None => Ok(()),
                }
            }
            Self::NoteSame { followed, .. } => {
                write!(
                    f,
                    "history  gets a note that {followed} was built again, and is the same"
                )
            }
            Self::Promote { candidate, tag } => {
                write!(f, "promote  {}:{tag} to PUSHED", candidate.repository())
            }
            Self::Confirm { image } => write!(f, "confirm  {image} is PUSHED"),
            Self::OpenKey {
                key,
                password,
                repository,
            } => write!(
                f,
                "key      {key} (password {password}) must be the one that the policy in {CONTEXT}/rootfs demands for {repository}"
            ),
            Self::Unsigned { reason } => write!(f, "unsigned {reason}"),
            Self::DigestOnly { image, reason } => write!(f, "trusted  {image}: {reason}"),
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
            Self::NoteTag { image } => {
                write!(
                    f,
                    "note     what {image} names; it moves only if it still does"
                )
            }
            Self::NotOvertaken { followed, digest } => {
                let digest = digest.as_ref().map_or(PUSHED, Digest::as_str);
                write!(f, "order    {followed} must not be newer than {digest}")
            }
            Self::ReadImage { image } => write!(f, "read     {image} as PUSHED"),
            Self::TakePart {
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
            Self::OtherPlatform { image, arch } => write!(
                f,
                "unseen   {image} cannot be run here: its contract was seen where it was built, on {arch}"
            ),
            Self::PushIndex { candidate, index } => {
                let one = |part: &PlatformImage| format!("{} for {}", part.digest, part.arch);
                let all: Vec<String> = index.parts.iter().map(one).collect();
                write!(f, "join     {} as {candidate}", all.join(" and "))
            }
            Self::ReadIndex { candidate, digest } => {
                write!(f, "read     {candidate} as PUSHED; it must be {digest}")
            }
            Self::PackagesAttached { image } => {
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
            Self::Boot {
                image, followed, ..
            } => write!(
                f,
                "boot     {image} in a virtual machine, twice; and with the pool of what {followed} names, there and back"
            ),
            Self::NotBooted { reason, .. } => write!(f, "unbooted PUSHED: {reason}"),
            Self::Attach { packages, .. } => {
                write!(
                    f,
                    "attach   the packages by {packages}, and the lock, to PUSHED"
                )
            }
            Self::NameForGood { repository, tag } => write!(
                f,
                "name     {repository}:{tag} is PUSHED for good, or {tag}-1, -2, … if it names another"
            ),
            Self::AttachDurations { .. } => {
                write!(f, "measure  what it took so far, as an artefact of PUSHED")
            }
            Self::AddToHistory {
                repository,
                image,
                fingerprint,
                ..
            } => write!(
                f,
                "history  {repository}:{HISTORY_TAG} gets an entry: {image} of lock {}, PUSHED, what it took and weighs",
                fingerprint.short()
            ),
            Self::NotRetracted { image } => write!(f, "good     {image} is not marked as bad"),
            Self::Retract { image } => {
                write!(f, "retract  {image}, by the tag {RETRACTED}…")
            }
            Self::AlreadySigned { image } => write!(f, "signed   {image} must be"),
        }
    }
}
