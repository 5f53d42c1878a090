//! How an image becomes a published one. The order is the point:
//!
//! key and password -> build -> contract -> push under the candidate tag ->
//! read back by digest -> sign that digest -> accept it as a host would, with
//! the image's own policy, and see an unsigned one refused by the same policy
//! -> lock beside it -> only then names: first those that never move, then
//! those that hosts follow, each by copying the manifest and read back.
//!
//! Whatever fails, a tag that hosts follow names what it named before. The
//! candidate tag is one and the same for every run, which writes over what a
//! failed one left.

mod checks;
mod control;
mod perform;

use std::fmt;
use std::path::PathBuf;

use registry_compat::{Digest, ImageRef, Repository, Tag};
use serde::Serialize;

use crate::config::{Config, Judge, Reason, SecretSource};
use crate::engine::{CONTEXT, Engine};
use crate::error::Error;
use crate::facts::Local;
use crate::lock::Lock;
use crate::plan::{Effect, Step, image_version};
use crate::process::Invocation;

pub use checks::checks;
pub use control::{Control, control_image};
pub(crate) use perform::{perform, secret};

/// What a tag that marks a bad image begins with; 12 digits of its digest
/// follow.
pub const RETRACTED: &str = "retracted-";

/// The tag that marks an image as bad.
///
/// # Errors
/// Never: the form is right by construction.
pub fn retracted_tag(digest: &Digest) -> Result<Tag, Error> {
    Ok(format!("{RETRACTED}{}", digest.short()).parse()?)
}

/// What stands for the digests that no plan knows.
pub const PUSHED: &str = "PUSHED";
/// The unsigned image of the control.
pub const UNSIGNED: &str = "UNSIGNED";

/// The variable through which credentials reach `host.sh`.
pub const AUTH: &str = "CUSTOM_COREOS_AUTH";

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
    /// Take a digest as `PUSHED`; it must be there.
    Take {
        /// The image.
        image: ImageRef,
    },
    /// Sign `PUSHED`, and each image of it if it is an index.
    Sign {
        /// The name that is signed for.
        repository: Repository,
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
    /// Give `PUSHED` a name that never moves; where another image has it, the
    /// next free one of `TAG-1`, `TAG-2`, ….
    Name {
        /// Where.
        repository: Repository,
        /// The wanted name.
        tag: Tag,
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
    /// The key must have signed this digest for this name.
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
            Self::Take { image } => write!(f, "read     {image} as PUSHED"),
            Self::Sign { repository } => {
                write!(
                    f,
                    "sign     PUSHED as {repository}, under the tag sha256-….sig"
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
            Self::Name { repository, tag } => write!(
                f,
                "name     {repository}:{tag} is PUSHED for good, or {tag}-1, -2, … if it names another"
            ),
            Self::NotRetracted { image } => write!(f, "good     {image} is not marked as bad"),
            Self::Retract { image } => {
                write!(f, "retract  {image}, by the tag {RETRACTED}…")
            }
            Self::Signed { image } => write!(f, "signed   {image} must be"),
        }
    }
}

/// A step of acts alone.
pub fn step(name: &'static str, acts: impl IntoIterator<Item = Act>) -> Step {
    Step {
        name,
        effects: acts.into_iter().map(Effect::Act).collect(),
        cleanup: Vec::new(),
    }
}

/// What comes before the build, so that it is not in vain.
///
/// # Errors
/// Never for a config that was parsed.
pub fn first(config: &Config) -> Result<Vec<Step>, Error> {
    let signing = &config.signing;
    let act = match &signing.unsigned {
        Some(reason) => Act::Unsigned {
            reason: reason.clone(),
        },
        None => Act::OpenKey {
            key: signing.private_key.clone(),
            password: signing.password.clone(),
            repository: config.repository()?,
        },
    };
    Ok(vec![step("key", [act])])
}

/// What comes after the contract.
///
/// # Errors
/// As [`first`].
pub fn after(
    config: &Config,
    lock: &Lock,
    local: &Local,
    name: &ImageRef,
) -> Result<Vec<Step>, Error> {
    let repository = config.repository()?;
    let candidate = repository.tagged(config.image.candidate.clone());
    let there = local
        .destination
        .repository()
        .tagged(config.image.candidate.clone());
    let push = local.engine.push(name, &there, local.insecure);
    let plain = |name, effects| Step {
        name,
        effects,
        cleanup: Vec::new(),
    };
    let mut steps = vec![
        plain("push", push.into_iter().map(Effect::Run).collect()),
        plain(
            "read back",
            vec![Effect::ReadBack {
                candidate,
                local: name.clone(),
                engine: local.engine,
            }],
        ),
    ];
    if config.signing.unsigned.is_none() {
        steps.push(step(
            "sign",
            [Act::Sign {
                repository: repository.clone(),
            }],
        ));
        let seen = Seen {
            engine: local.engine,
            image: &name.to_string(),
            repository: &repository,
            place: local.destination.repository(),
            insecure: local.insecure,
        };
        steps.push(host(seen, config.signing.judge));
    }
    steps.push(step("name", names(config, lock, local)?));
    steps.push(promote(config)?);
    Ok(steps)
}

/// The names that never move: the version, and the day.
fn names(config: &Config, lock: &Lock, local: &Local) -> Result<Vec<Act>, Error> {
    let repository = config.repository()?;
    let mut tags = vec![image_version(lock).parse::<Tag>()?];
    tags.extend(local.today.as_ref().map(|day| day.parse()).transpose()?);
    Ok(tags
        .into_iter()
        .map(|tag| Act::Name {
            repository: repository.clone(),
            tag,
        })
        .collect())
}

/// An image as it lies in the engine's storage, and in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Who runs it.
    pub engine: Engine,
    /// Its name there.
    pub image: &'a str,
    /// The name that hosts follow.
    pub repository: &'a Repository,
    /// Where that is, after `registries.conf`.
    pub place: &'a Repository,
    /// That place may speak plain HTTP.
    pub insecure: bool,
}

/// The call of `host.sh` that copies a digest, with the policy or without.
pub fn host_copy(seen: Seen<'_>, digest: &str, policy: &str) -> Option<Invocation> {
    let variables = [
        ("IMAGE", format!("{}@{digest}", seen.repository)),
        ("NAME", seen.repository.to_string()),
        ("PLACE", seen.place.to_string()),
        ("INSECURE", seen.insecure.to_string()),
        ("POLICY", policy.to_owned()),
    ];
    let mut calls = seen
        .engine
        .reaching_script(seen.image, "host.sh", &variables, &[AUTH]);
    calls.pop()
}

/// The step that looks at `PUSHED` as a host would, and at an unsigned image
/// beside it.
pub fn host(seen: Seen<'_>, judge: Judge) -> Step {
    let Seen {
        engine,
        image,
        repository,
        ..
    } = seen;
    // Under buildah the first call makes the container, which serves all.
    let mut calls = engine.script(image, "trust.sh", &[]);
    let script = calls.pop().map(|script| Act::ReadTrust {
        script,
        repository: repository.clone(),
    });
    let copy = |digest, policy| host_copy(seen, digest, policy).filter(|_| judge == Judge::Image);
    let acts = [
        Act::HostAccepts {
            repository: repository.clone(),
            copy: copy(PUSHED, "own"),
        },
        Act::HostRefuses {
            repository: repository.clone(),
            copy: copy(UNSIGNED, "own"),
            control: copy(UNSIGNED, "any"),
        },
    ];
    let acts = script.into_iter().chain(acts).map(Effect::Act);
    Step {
        name: "host",
        effects: calls.into_iter().map(Effect::Run).chain(acts).collect(),
        cleanup: engine
            .contract_cleanup()
            .map(Effect::Run)
            .into_iter()
            .collect(),
    }
}

/// The step that moves the tags that hosts follow, and reads each back.
///
/// # Errors
/// As [`first`].
pub fn promote(config: &Config) -> Result<Step, Error> {
    let repository = config.repository()?;
    let candidate = repository.tagged(config.image.candidate.clone());
    let mut effects = Vec::new();
    for tag in config.image.tags.iter() {
        effects.push(Effect::Promote {
            candidate: candidate.clone(),
            tag: tag.clone(),
        });
        effects.push(Effect::Confirm {
            image: repository.tagged(tag.clone()),
        });
    }
    Ok(Step {
        name: "promote",
        effects,
        cleanup: Vec::new(),
    })
}

/// The folder of the files that are laid over the image.
pub fn rootfs() -> PathBuf {
    PathBuf::from(CONTEXT).join("rootfs")
}

/// The next of `tag`, `tag-1`, `tag-2`, … whose digest is `None` (free) or
/// already the wanted one.
///
/// # Errors
/// Whatever keeps a tag from being read; [`Error::Refused`] after 99.
pub fn free_name(
    tag: &Tag,
    wanted: &Digest,
    mut names: impl FnMut(&Tag) -> Result<Option<Digest>, Error>,
) -> Result<Tag, Error> {
    for number in 0..100 {
        let next = match number {
            0 => tag.clone(),
            _ => format!("{tag}-{number}").parse()?,
        };
        match names(&next)? {
            Some(found) if found != *wanted => {}
            _ => return Ok(next),
        }
    }
    Err(Error::Refused(format!(
        "{tag} and {tag}-1 to {tag}-99 all name other images"
    )))
}
