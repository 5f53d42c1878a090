//! Permanent names: tags that never move once they are written.

use image_build::facts::Local;
use image_build::lock::{Lock, image_version};
use image_config::Config;
use registry_compat::{Digest, Repository, Tag};

use crate::boot_gate::Booted;
use crate::effect::Effect;
use crate::error::Error;
use crate::registry::known;
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// An image that was booted and has its permanent tags. Only [`name`] and
/// [`named_before`] make it.
#[derive(Debug)]
pub struct Named(Booted);

impl Named {
    /// The image that has the tags.
    pub fn booted(&self) -> &Booted {
        &self.0
    }
}

/// The step that names an image by its version and its day.
///
/// # Errors
/// Never for a lock that was parsed.
pub(crate) fn names(config: &Config, lock: &Lock, local: &Local) -> Result<Step, Error> {
    let mut tags = vec![image_version(lock).parse::<Tag>()?];
    tags.extend(local.today.as_ref().map(|day| day.parse()).transpose()?);
    Ok(names_of(&config.repository()?, tags))
}

/// The step that writes these tags.
pub(crate) fn names_of(repository: &Repository, tags: impl IntoIterator<Item = Tag>) -> Step {
    let name = |tag| Effect::NameForGood {
        repository: repository.clone(),
        tag,
    };
    Step::new("name", tags.into_iter().map(name))
}

/// Writes the tags.
pub(crate) fn name(run: &Run<'_>, step: &Step, booted: Booted) -> Result<Named, Error> {
    let digest = booted.proven().candidate().digest();
    run.step(step, Some(digest), |effect| match effect {
        Effect::NameForGood { repository, tag } => give(run, repository, tag, digest),
        other => Err(misplaced(step.name, other)),
    })?;
    Ok(Named(booted))
}

/// For a rollback to an image, which got its permanent tags when it was published.
pub(crate) fn named_before(booted: Booted) -> Named {
    Named(booted)
}

fn give(run: &Run<'_>, repository: &Repository, tag: &Tag, digest: &Digest) -> Result<(), Error> {
    let registries = run.registries;
    let names = |tag: &Tag| known(registries.digest(&repository.tagged(tag.clone())));
    let free = free_name(tag, digest, names)?;
    registries.retag(&repository.at(digest.clone()), &free)?;
    if names(&free)?.as_ref() != Some(digest) {
        return Err(failed(
            "name",
            format!("{repository}:{free} does not name {digest} after it was written"),
        ));
    }
    run.report.status("Named", &format!("{repository}:{free}"));
    Ok(())
}

/// The next of `tag`, `tag-1`, `tag-2`, … whose digest is `None` (free) or
/// already the wanted one.
///
/// # Errors
/// Any error while reading a tag; [`Error::Refused`] after 99.
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
