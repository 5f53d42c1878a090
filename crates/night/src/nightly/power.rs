//! A night that the machine did not outlive.
//!
//! An engine calls a layer whole before its files are on the disk: after a power loss it
//! has images whose files are empty, finds them when they are asked for again, and each
//! night after that fails at the contract. So a night that begins in another boot than
//! the one that was cut off has the engine forget what that one may have written, and
//! fetch it anew.

use std::collections::BTreeSet;

use host::process;
use host::process::{Capture, Invocation};
use image_build::engine::Engine;
use image_build::gather::World;
use image_build::inputs::read_lock;
use image_build::lock::Lock;
use image_config::OneImage;
use registry_compat::ImageRef;

use crate::error::Error;
use crate::lines;
use crate::nightly::state::{Ended, State};
use crate::nightly::steps::Night;

/// Why it is resolved though nothing may have changed: the lock names what is fetched.
const WHY: &str = "the power failed";

/// A whole night.
type Whole<'a> =
    &'a dyn Fn(&World<'_>, &[&OneImage], &Night<'_>, &mut State) -> Result<Ended, Error>;

/// The night after. A layer that was built when the power failed has no name, by which it
/// could be forgotten, until the same is built again: so a night that fails is tried once
/// more, and only then it is anybody's alarm.
///
/// # Errors
/// As [`forget`], and those of the night.
pub fn after(
    world: &World<'_>,
    images: &[&OneImage],
    night: &Night<'_>,
    state: &mut State,
    whole: Whole<'_>,
) -> Result<Ended, Error> {
    forget(world, images, night, state)?;
    night.keep_failures(true);
    let ended = whole(world, images, night, state)?;
    if !matches!(ended, Ended::Failed { .. }) {
        return Ok(ended);
    }
    world.report.warning(&format!(
        "{ended}: all is fetched again, and the night tried once more"
    ));
    state.unsure = true;
    forget(world, images, night, state)?;
    night.keep_failures(false);
    let ended = whole(world, images, night, state)?;
    // What is wrong then is another thing, or the next night's.
    state.unsure |= matches!(ended, Ended::Failed { .. });
    Ok(ended)
}

/// Has the engine forget it. Of the base, which the cut night may have fetched before it
/// had a lock, only a new resolution knows the digest; and where that one meets a base
/// without files, it fails, and the engine has a name for it. So there are two rounds.
/// The state is sure again once there was a lock.
///
/// # Errors
/// If there is no engine, or the state cannot be written. What an engine does not forget,
/// it did not know.
fn forget(
    world: &World<'_>,
    images: &[&OneImage],
    night: &Night<'_>,
    state: &mut State,
) -> Result<(), Error> {
    world.report.warning(
        "the machine went down in the midst of a night, and its engine may take images for \
         whole whose files never reached the disk: what that night may have written is fetched \
         again",
    );
    state.at(night.folder, "forget")?;
    let engine = Forgetful {
        world,
        engine: world.engine(night.engine())?,
    };
    let mut ours = names(world, images)?;
    let pushed = state.pushed.iter().chain(state.pushed_images.values());
    let pushed: Vec<ImageRef> = pushed.filter_map(|one| one.image.parse().ok()).collect();
    for image in pushed {
        ours.extend(engine.fetch(&image)?);
    }
    for _ in 0..2 {
        engine.forget(&ours)?;
        // Not that of another night.
        let _ = std::fs::remove_file(night.lock());
        let told = night.line("resolve", lines::RESOLVE, &[("FORCE", WHY)])?;
        let locks = locks(night, images);
        for image in locks.iter().flat_map(fetched) {
            ours.extend(engine.fetch(&image)?);
        }
        engine.forget(&ours)?;
        if told.code == 0 && !locks.is_empty() {
            state.unsure = false;
            break;
        }
    }
    Ok(())
}

/// The names that are ours: of the inputs, of what is built here, of what is published.
fn names(world: &World<'_>, images: &[&OneImage]) -> Result<BTreeSet<String>, Error> {
    let mut all = BTreeSet::new();
    for image in images {
        let config = &image.config;
        all.insert(config.base_tag()?.repository().to_string());
        all.extend(config.kmods.iter().map(|kmods| kmods.image.to_string()));
        let tag = config.repository()?.tagged(config.image.candidate.clone());
        let home = world.registries()?.home_of(&tag)?.image;
        all.extend([&tag, &home].map(|name| name.repository().to_string()));
        all.insert(format!("localhost/{}", config.image.name));
    }
    Ok(all)
}

/// The locks of the resolution, one for each image.
fn locks(night: &Night<'_>, images: &[&OneImage]) -> Vec<Lock> {
    let of = |image: &&OneImage| {
        let name = night.named.then_some(image.name.as_str());
        read_lock(&night.lock(), name).ok()
    };
    images.iter().filter_map(of).collect()
}

/// What a build of it has the engine fetch.
fn fetched(lock: &Lock) -> Vec<ImageRef> {
    let base = lock.base.image.repository();
    let of = |target: &image_build::lock::Target| {
        let kmods = target.kmods.repository().at(target.kmods_digest.clone());
        [base.at(target.base.clone()), kmods]
    };
    let mut all: Vec<ImageRef> = lock.targets.iter().flat_map(of).collect();
    all.extend(lock.other_images.iter().cloned());
    all
}

/// Whether an image of this name is one of them, or is below one of them: a build has
/// parts.
fn is_one_of(ours: &BTreeSet<String>, name: &str) -> bool {
    let below = |known: &String| {
        let rest = name.strip_prefix(known.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    ours.iter().any(below)
}

/// A build that has lost its name to the next one.
fn is_nobodys(name: &str) -> bool {
    name.starts_with("<none>")
}

struct Forgetful<'a> {
    world: &'a World<'a>,
    engine: Engine,
}

impl Forgetful<'_> {
    /// Gives layers that belong to no image one, by which they go: those that are there
    /// are not fetched again. Its names.
    fn fetch(&self, image: &ImageRef) -> Result<Vec<String>, Error> {
        let home = self.world.registries()?.home_of(image)?;
        let mut names = vec![image.repository().to_string()];
        // Where the engine reads the same file, it finds the place itself.
        names.push(home.image.repository().to_string());
        self.quietly(&self.engine.pull(&image.to_string(), home.insecure))?;
        Ok(names)
    }

    fn forget(&self, ours: &BTreeSet<String>) -> Result<(), Error> {
        let sh = process::shell(&self.world.env.root)?;
        let known = process::read(&sh, &self.engine.images()).unwrap_or_default();
        let named = known.lines().filter_map(|line| line.split_once(' '));
        let mut named: Vec<(&str, &str)> = named
            .filter(|(_, name)| is_one_of(ours, name) || is_nobodys(name))
            .collect();
        // What was built keeps the layers of what it was built on.
        named.sort_by_key(|(_, name)| !(is_nobodys(name) || name.starts_with("localhost/")));
        named.dedup_by_key(|(id, _)| *id);
        for (id, name) in named {
            let call = match is_nobodys(name) {
                // It may be a person's, who has a container of it.
                true => self.engine.remove(id),
                false => self.engine.remove_with_containers(id),
            };
            self.quietly(&call)?;
        }
        Ok(())
    }

    /// Runs it, and goes on whatever became of it, unless the person wants to stop.
    fn quietly(&self, call: &Invocation) -> Result<(), Error> {
        let report = self.world.report;
        report.status("Running", &call.to_string());
        let sh = process::shell(&self.world.env.root)?;
        match process::run(&sh, call, Capture::Show, &mut |line| report.note(line)) {
            Err(error @ host::Error::Interrupted) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nights_name_is_forgotten() {
        let ours = ["quay.io/fedora/fedora-coreos", "localhost/nas"].map(str::to_owned);
        let ours = BTreeSet::from(ours);
        for name in [
            "quay.io/fedora/fedora-coreos",
            "localhost/nas",
            "localhost/nas/packages",
        ] {
            assert!(is_one_of(&ours, name), "{name}");
        }
        for name in [
            "quay.io/fedora/fedora-coreos-x",
            "localhost/nasty",
            "docker.io/library/rust",
        ] {
            assert!(!is_one_of(&ours, name), "{name}");
        }
    }
}
