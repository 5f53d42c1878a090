//! The steps that attach documents to an image: the list of its packages, and its lock.

use host::process::{Capture, Invocation};
use image_build::facts::Local;
use image_build::lock::Lock;
use registry_compat::{Digest, ImageRef, Repository};

use crate::attach::{LOCK, attach, attached};
use crate::effect::Effect;
use crate::error::Error;
use crate::index::Index;
use crate::run::{Run, failed, misplaced};
use crate::sbom;
use crate::sbom::SPDX;
use crate::step::Step;

/// The step that lists the packages of an image that runs here, and attaches the list
/// and the lock to it.
///
/// # Errors
/// Never for a lock that was parsed.
pub(crate) fn packages_and_lock(
    lock: &Lock,
    local: &Local,
    image: &str,
    repository: &Repository,
) -> Result<Step, Error> {
    let mut calls = local.engine.script(image, "packages.sh", &[]);
    let lock = lock.to_line()?;
    let attach = calls.pop().map(|packages| Effect::Attach {
        repository: repository.clone(),
        packages,
        lock,
        day: local.today.clone(),
    });
    let effects = calls.into_iter().map(Effect::Run).chain(attach);
    Ok(Step::new("attach", effects).cleaned(local.engine.contract_cleanup()))
}

/// The step for an index: each of its images must already have its list, attached by
/// the run that built it; the lock is attached to the index.
///
/// # Errors
/// As [`packages_and_lock`].
pub(crate) fn lists_and_lock(
    lock: &Lock,
    index: &Index,
    repository: &Repository,
) -> Result<Step, Error> {
    let images = index.parts.iter().map(|part| Effect::PackagesAttached {
        image: repository.at(part.digest.clone()),
    });
    let lock = Effect::AttachLock {
        repository: repository.clone(),
        lock: lock.to_line()?,
    };
    Ok(Step::new("attach", images.chain([lock])))
}

/// Performs either step for an image or index in the registry.
pub(crate) fn perform(run: &Run<'_>, step: &Step, digest: &Digest) -> Result<(), Error> {
    run.step(step, Some(digest), |effect| match effect {
        Effect::Attach {
            repository,
            packages,
            lock,
            day,
        } => attach_both(run, digest, repository, packages, (lock, day.as_deref())),
        Effect::PackagesAttached { image } => packages_attached(run, image),
        Effect::AttachLock { repository, lock } => {
            let document = lock.as_bytes().to_vec();
            attach(run.registries, repository, digest, LOCK, document)?;
            run.report.status("Attached", "the lock");
            Ok(())
        }
        other => Err(misplaced(step.name, other)),
    })
}

fn attach_both(
    run: &Run<'_>,
    digest: &Digest,
    repository: &Repository,
    packages: &Invocation,
    (lock, day): (&str, Option<&str>),
) -> Result<(), Error> {
    let done = run.output(packages, Some(digest), Capture::Stdout)?;
    let list = sbom::parse(&done.stdout)?;
    let document = sbom::document(repository, digest, day, &list);
    let lock = lock.as_bytes().to_vec();
    for (kind, document) in [(SPDX, document), (LOCK, lock)] {
        attach(run.registries, repository, digest, kind, document)?;
    }
    run.report.status(
        "Attached",
        &format!("{} packages, and the lock", list.len()),
    );
    Ok(())
}

/// Checks that an image that cannot be run here has its list of packages.
fn packages_attached(run: &Run<'_>, image: &ImageRef) -> Result<(), Error> {
    let list = match image.digest() {
        Some(digest) => attached(run.registries, image.repository(), digest, SPDX)?,
        None => None,
    };
    if list.is_some() {
        return Ok(());
    }
    Err(failed(
        "attach",
        format!(
            "there is no list of packages beside {image}; push it again with \
             `cargo xtask build --push`"
        ),
    ))
}
