//! How an image becomes a published one, in two halves. The order is the point:
//!
//! 1. key and password, and what the followed tags name now -> who vouches for
//!    base and kmods -> fetch them -> build, of what was fetched -> contract ->
//!    push under the candidate tag -> read back -> what it took so far, beside it
//!    ([`key`], [`push`]);
//! 2. the digest is of the lock, and nobody was quicker -> contract once more, in
//!    what is in the registry -> join, if there are several architectures -> sign
//!    that digest -> accept it as a host would, with the image's own policy, and
//!    see an unsigned one refused by the same policy -> packages and lock beside
//!    it -> only then names: first those that never move, then those that hosts
//!    follow, if they still name what they named, each by copying the manifest
//!    and read back -> an entry in the history ([`second`]).
//!
//! Whatever fails, a tag that hosts follow names what it named before. The
//! candidate tag is one and the same for every run, which writes over what a
//! failed one left. The second half trusts nothing that the first one said: it
//! may run on another machine, on another day.

use std::path::PathBuf;

use host::process::Invocation;
use image_build::engine::{CONTEXT, Engine};
use image_build::facts::Local;
use image_build::lock::{Lock, image_version};
use image_config::{Config, Judge};
use registry_compat::{Digest, ImageRef, Repository, Tag};
use version_discovery::Arch;

use crate::error::Error;
use crate::plan::{Effect, Step};
use crate::{Act, noted};

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

/// A call with what `PUSHED` stands for in it, once that is known.
pub fn filled(call: &Invocation, pushed: Option<&Digest>) -> Invocation {
    let mut call = call.clone();
    let place = format!("@{PUSHED}");
    if let Some(digest) = pushed {
        for arg in &mut call.args {
            if let Some(name) = arg.strip_suffix(&place) {
                *arg = format!("{name}@{digest}");
            }
        }
    }
    call
}

/// A step of acts alone.
pub fn step(name: &'static str, acts: impl IntoIterator<Item = Act>) -> Step {
    Step::new(name, acts.into_iter().map(Effect::Act).collect())
}

/// What comes before each half, so that it is not in vain.
///
/// # Errors
/// Never for a config that was parsed.
pub fn key(config: &Config) -> Result<Step, Error> {
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
    let mut acts = vec![act];
    acts.extend(noted(config)?);
    Ok(step("key", acts))
}

/// The tag that the image of an architecture is pushed under: one for each if
/// there are several, since their runs know nothing of each other.
///
/// # Errors
/// Never: the form is right by construction.
pub fn candidate(config: &Config, lock: &Lock, arch: Arch) -> Result<Tag, Error> {
    let tag = &config.image.candidate;
    match lock.targets.len() {
        0 | 1 => Ok(tag.clone()),
        _ => Ok(format!("{tag}-{arch}").parse()?),
    }
}

/// What comes after the contract in the first half. With several architectures,
/// the packages are listed here too: nobody else can run anything in the image.
///
/// # Errors
/// As [`key`].
pub fn push(
    config: &Config,
    lock: &Lock,
    local: &Local,
    name: &ImageRef,
) -> Result<Vec<Step>, Error> {
    let repository = config.repository()?;
    let tag = candidate(config, lock, local.arch)?;
    let there = local.destination.repository().tagged(tag.clone());
    let push = local.engine.push(name, &there, local.insecure);
    let read_back = Effect::ReadBack {
        candidate: repository.tagged(tag),
        local: name.clone(),
        engine: local.engine,
    };
    let mut steps = vec![
        Step::new("push", push.into_iter().map(Effect::Reach).collect()),
        Step::new("read back", vec![read_back]),
    ];
    if lock.targets.len() > 1 {
        steps.push(attach_step(lock, local, &name.to_string(), &repository)?);
    }
    steps.push(step("measure", [Act::Measure { repository }]));
    Ok(steps)
}

/// The step that puts the list of packages and the lock beside the image.
pub(crate) fn attach_step(
    lock: &Lock,
    local: &Local,
    image: &str,
    repository: &Repository,
) -> Result<Step, Error> {
    let mut calls = local.engine.script(image, "packages.sh", &[]);
    let lock = lock.to_line()?;
    let attach = calls.pop().map(|packages| Act::Attach {
        repository: repository.clone(),
        packages,
        lock,
        day: local.today.clone(),
    });
    let calls = calls.into_iter().map(Effect::Run);
    let effects = calls.chain(attach.map(Effect::Act)).collect();
    Ok(Step::new("attach", effects).cleaned(local.engine.contract_cleanup()))
}

/// The names that never move: the version, and the day.
pub(crate) fn names(config: &Config, lock: &Lock, local: &Local) -> Result<Vec<Act>, Error> {
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
    let effects = calls.into_iter().map(Effect::Run).chain(acts).collect();
    Step::new("host", effects).cleaned(engine.contract_cleanup())
}

/// The step that moves the tags that hosts follow, and reads each back.
///
/// # Errors
/// As [`key`].
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
    Ok(Step::new("promote", effects))
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

#[cfg(test)]
mod tests {
    use super::*;
    use host::failure::Failure as _;

    #[test]
    fn a_name_is_never_taken_from_another_image() {
        let tag: Tag = "20260721".parse().unwrap();
        let (ours, other) = (Digest::of(b"ours"), Digest::of(b"other"));
        let free = |names: &[(&str, &Digest)]| {
            let found = |tag: &Tag| {
                let name = names.iter().find(|(name, _)| *name == tag.as_str());
                Ok(name.map(|(_, digest)| (*digest).clone()))
            };
            free_name(&tag, &ours, found).map(|tag| tag.to_string())
        };
        assert_eq!(free(&[]).unwrap(), "20260721");
        assert_eq!(free(&[("20260721", &ours)]).unwrap(), "20260721");
        assert_eq!(free(&[("20260721", &other)]).unwrap(), "20260721-1");
        let two = [("20260721", &other), ("20260721-1", &ours)];
        assert_eq!(free(&two).unwrap(), "20260721-1");
        let all = free_name(&tag, &ours, |_| Ok(Some(other.clone())));
        assert_eq!(all.unwrap_err().exit_code(), 4);
        let unknown = free_name(&tag, &ours, |_| Err(host::Error::Interrupted.into()));
        assert_eq!(unknown.unwrap_err().exit_code(), 130);
    }
}
