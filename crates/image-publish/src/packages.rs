//! The packages of a lock (`packages.locked` in `image.yaml`): which there are, asked in
//! a container of the base by its own package manager, and their files, fetched before
//! the build.
//!
//! Both are builds of the same Containerfile that end after the packages. The image that
//! they make holds the files of the packages, and is removed when the build is done. To
//! ask is to install: signatures of packages, conflicts and scriptlets are tried as they
//! always were, and the checksums of what passed become the lock's.

use host::process::Capture;
use image_build::content;
use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::gather::World;
use image_build::lock::{Lock, Target};
use image_build::packages::{LockedPackage, parse};
use jiff::Timestamp;
use registry_compat::{Digest, ImageRef};

use crate::content_steps::write;
use crate::contract_step::{PackagesFrom, arguments};
use crate::effect::Effect;
use crate::error::Error;
use crate::input_signatures;
use crate::input_signatures::inputs;
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// The script that lists the fetched files.
const SCRIPT: &str = "fetched.sh";

/// The local name of the image that holds the files of the packages.
///
/// # Errors
/// As [`Lock::fingerprint`].
pub(crate) fn image(lock: &Lock, target: &Target, name: &str) -> Result<ImageRef, Error> {
    let text = format!("{} {}", lock.fingerprint()?, target.arch);
    let tag = Digest::of(text.as_bytes());
    Ok(format!("localhost/{name}/packages:{}", tag.short()).parse()?)
}

/// The step that fetches `wanted`, or without it asks which packages there are. The
/// image of the base and that of the kmods must be here.
///
/// # Errors
/// Never for a lock that was parsed.
pub(crate) fn step(
    engine: Engine,
    lock: &Lock,
    target: &Target,
    name: &str,
    wanted: Option<&[LockedPackage]>,
) -> Result<Step, Error> {
    let from = match wanted {
        Some(_) => PackagesFrom::Fetched,
        None => PackagesFrom::Asked,
    };
    let image = image(lock, target, name)?;
    // Keys of repositories, and steps that come before the packages.
    let mut before = lock.clone();
    before.policy.content = content::before_packages(&lock.policy.content);
    let mut effects = Vec::new();
    let mut cleanup = Vec::new();
    let mut brought = None;
    if !before.policy.content.is_empty() {
        let image = content::image(&before, target, name)?;
        effects.push(Effect::Write {
            path: content::CONTAINERFILE.into(),
            text: content::containerfile(&before, &[]),
        });
        effects.push(Effect::Run(engine.build_part(
            &image,
            content::CONTAINERFILE,
            ".",
        )));
        cleanup.push(Effect::remove(engine, &image.to_string()));
        brought = Some(image.to_string());
    }
    let arguments = arguments(&before, target, brought, &from);
    effects.push(Effect::Run(engine.build(&image, &arguments, &[])));
    let mut calls = engine.script(&image.to_string(), SCRIPT, &[]);
    let list = calls.pop().map(|list| Effect::ListPackages {
        list,
        wanted: wanted.map(<[LockedPackage]>::to_vec),
        seen: lock.times.map(|times| times.resolved),
    });
    effects.extend(calls.into_iter().map(Effect::Run).chain(list));
    let mut step = Step::new("packages", effects).cleaned(engine.contract_cleanup());
    step.cleanup.extend(cleanup);
    step.at_end = vec![Effect::remove(engine, &image.to_string())];
    Ok(step)
}

/// Performs it. The answer is what was fetched.
///
/// # Errors
/// [`image_build::Error::PackagesGone`] if a wanted package is not there any more.
pub(crate) fn perform(run: &Run<'_>, step: &Step) -> Result<Vec<LockedPackage>, Error> {
    let mut found = None;
    run.step(step, None, |effect| match effect {
        Effect::Write { path, text } => write(run, path, text),
        Effect::ListPackages { list, wanted, seen } => {
            let listed = run.output(list, None, Capture::Stdout)?;
            let fetched = parse(&listed.stdout)?;
            if let Some(wanted) = wanted {
                all_there(wanted, &fetched.packages, &fetched.gone, *seen)?;
            }
            let text = format!("{} packages beyond the base", fetched.packages.len());
            run.report.status("Found", &text);
            found = Some(fetched.packages);
            Ok(())
        }
        other => Err(misplaced(step.name, other)),
    })?;
    found.ok_or_else(|| failed(step.name, "the plan lists no packages"))
}

fn all_there(
    wanted: &[LockedPackage],
    found: &[LockedPackage],
    gone: &[String],
    seen: Option<Timestamp>,
) -> Result<(), Error> {
    let of = |test: &dyn Fn(&LockedPackage) -> bool| -> Vec<String> {
        let all = wanted.iter().filter(|package| test(package));
        all.map(LockedPackage::shown).collect()
    };
    let packages = of(&|package| gone.contains(&package.nevra()));
    if !packages.is_empty() {
        return Err(image_build::Error::PackagesGone { packages, seen }.into());
    }
    let missing = of(&|package| !found.contains(package));
    if missing.is_empty() {
        return Ok(());
    }
    Err(failed(
        "packages",
        format!(
            "the repositories have other files now than the lock says: {}; resolve again",
            missing.join(", ")
        ),
    ))
}

/// The steps that ask which packages a build of a lock installs here. The signatures of
/// the images are checked before anything of them is run.
fn asking(world: &World<'_>, lock: &Lock, local: &Local) -> Result<[Step; 3], Error> {
    let config = world.config;
    let target = lock.target(local.arch)?;
    let images = [lock.base_pinned(target), target.kmods_pinned()];
    Ok([
        inputs(config, lock, target)?,
        Step::fetch(local.engine, &images),
        step(local.engine, lock, target, config.image.name.as_str(), None)?,
    ])
}

/// Asks which packages a build of this lock installs beyond the base, on this machine.
///
/// # Errors
/// If they cannot be installed, or could not be asked for.
pub fn ask(
    world: &World<'_>,
    lock: &Lock,
    local: &Local,
) -> Result<Vec<LockedPackage>, image_build::Error> {
    let asked = || -> Result<Vec<LockedPackage>, Error> {
        let [inputs, fetch, packages] = asking(world, lock, local)?;
        let base = lock.base_pinned(lock.target(local.arch)?);
        world
            .report
            .status("Asking", &format!("which packages there are, in {base}"));
        let registries = world.registries()?;
        // Not an answer of the task: what it prints is the lock, or the build.
        let run = Run::new(&world.env.root, registries, world.report, local.arch)?
            .on(world.env)
            .quiet();
        input_signatures::look(&run, &inputs)?;
        run.programs(&[fetch])?;
        let found = perform(&run, &packages);
        run.clean_up(&packages.at_end, None, found)
    };
    asked().map_err(|error| match error {
        Error::Build(error) => error,
        other => image_build::Error::Asking(Box::new(other)),
    })
}

#[cfg(test)]
mod tests {
    use image_build::testing;

    use super::*;
    use crate::plan::{Goal, plan};
    use crate::step::Steps as _;

    fn package(nevra: &str, repository: &str) -> LockedPackage {
        let sum = Digest::of(nevra.as_bytes());
        format!("{nevra} {repository} {sum}").parse().unwrap()
    }

    #[test]
    fn the_packages_of_a_lock_are_fetched_first_and_the_build_reaches_nobody() {
        let (config, mut lock, local) = testing::locked();
        lock.targets[0].packages = Some(vec![package("htop-0:3.4-1.x86_64", "updates")]);
        let lines = plan(Goal::Build, &config, &lock, &local).unwrap().lines();
        let at = |part: &str| {
            let found = lines.iter().position(|line| line.contains(part));
            found.unwrap_or_else(|| panic!("{part}: {lines:#?}"))
        };
        let order = [
            at("transfer podman pull"),
            at("PACKAGES_FROM=fetched"),
            at("; the 1 of the lock must be there"),
            at("PACKAGES_FROM=lock"),
            at("contract.sh"),
            at("remove   podman rmi localhost/custom-coreos/packages:"),
        ];
        assert!(order.is_sorted(), "{order:?} {lines:#?}");
        let word = "'--build-arg=LOCKED_PACKAGES=htop-0:3.4-1.x86_64|";
        let (fetch, build) = (&lines[order[1]], &lines[order[3]]);
        assert!(fetch.contains(word) && build.contains(word), "{lines:#?}");
        assert!(!fetch.contains("--network=none"), "{fetch}");
        assert!(build.contains(" --network=none "), "{build}");
        assert!(
            build.contains("--build-arg=PACKAGES_IMAGE=localhost/"),
            "{build}"
        );
        // A step of a person's has no network, unless it says that it needs one.
        for (network, off) in [("", true), (", network: true", false)] {
            let steps = format!("{{steps: [{{run: steps/a.sh, at: last{network}}}]}}");
            lock.policy.content = serde_yaml::from_str(&steps).unwrap();
            let lines = plan(Goal::Build, &config, &lock, &local).unwrap().lines();
            let mut builds = lines.iter().filter(|line| line.contains("FROM=lock"));
            let build = builds.next().unwrap();
            assert_eq!(build.contains("--network=none"), off, "{build}");
        }
    }

    #[test]
    fn without_packages_in_the_lock_the_build_asks_itself() {
        let (config, lock, local) = testing::locked();
        let lines = plan(Goal::Build, &config, &lock, &local).unwrap().lines();
        let build = lines
            .iter()
            .find(|line| line.contains("podman build"))
            .unwrap();
        assert!(build.contains("PACKAGES_FROM=repositories") && !build.contains("--network=none"));
    }

    #[test]
    fn what_is_gone_is_named_with_the_day_it_was_there() {
        let wanted = [
            package("a-0:1-1.noarch", "updates"),
            package("b-0:1-1.noarch", "nas"),
        ];
        let seen = Some("2026-07-30T12:00:00Z".parse().unwrap());
        assert!(all_there(&wanted, &wanted, &[], seen).is_ok());
        let gone = ["b-0:1-1.noarch".to_owned()];
        let error = all_there(&wanted, &wanted[..1], &gone, seen).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("b-0:1-1.noarch of nas (they were there on 2026-07-30"),
            "{text}"
        );
        assert!(!text.contains("a-0:1-1"), "{text}");
        // The same name with another content.
        let other = package("b-0:1-1.noarch", "fedora");
        let error = all_there(&wanted, &[wanted[0].clone(), other], &[], seen).unwrap_err();
        assert!(error.to_string().contains("other files now"), "{error}");
    }
}
