//! The step that runs the contract script in an image, and the values that the script
//! compares the image with.

use std::fmt;

use host::process::Capture;
use image_build::content;
use image_build::contract;
use image_build::contract::Check;
use image_build::engine::Engine;
use image_build::facts::Local;
use image_build::lock::{
    LOCK_LABEL, Lock, Policy, Target, Times, ZFS_VERSION_LABEL, image_version,
};
use image_build::packages::LockedPackage;
use image_config::LintSkip;
use registry_compat::{Digest, ImageRef};

use crate::effect::Effect;
use crate::error::Error;
use crate::run::{Run, failed, misplaced};
use crate::step::Step;

/// Proof that every check of the contract passed in an image. Only [`hold`] creates it.
#[derive(Debug)]
pub(crate) struct Held(());

/// The step that runs the contract script in an image.
pub fn contract(engine: Engine, image: &str, target: &Target, lock: &Lock) -> Step {
    let mut variables = variables(lock, target);
    // No build argument: nothing of the build depends on it.
    let signer = target.module_signer.as_ref();
    variables.extend(signer.map(|signer| ("MODULE_SIGNER", signer.to_string())));
    let mut calls = engine.contract(image, &variables);
    let report = calls.pop().map(Effect::Contract);
    let own = content::checks(&lock.policy.content).filter_map(|(name, path)| {
        let call = engine.own_check(image, path, &variables)?;
        Some(Effect::OwnCheck { name, call })
    });
    // The contract comes last: it judges all checks together.
    let effects = calls.into_iter().map(Effect::Run).chain(own).chain(report);
    Step::new("contract", effects).cleaned(engine.contract_cleanup())
}

/// Performs the step; a check that fails is an error.
pub(crate) fn hold(run: &Run<'_>, step: &Step, pushed: Option<&Digest>) -> Result<Held, Error> {
    let mut checks = Vec::new();
    try_contract(run, step, pushed, &mut checks)?;
    Ok(Held(()))
}

/// Performs the step and returns all checks, including those that failed.
pub fn try_contract(
    run: &Run<'_>,
    step: &Step,
    pushed: Option<&Digest>,
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    let mut own = Vec::new();
    run.step(step, pushed, |effect| {
        let call = match effect {
            Effect::Contract(call) => call,
            Effect::OwnCheck { name, call } => {
                let done = run.output(call, pushed, Capture::StdoutAnyStatus)?;
                own.push(contract::own(name, done.success, done.code, &done.stdout));
                return Ok(());
            }
            other => return Err(misplaced(step.name, other)),
        };
        let done = run.output(call, pushed, Capture::StdoutAnyStatus)?;
        *checks = contract::parse(&done.stdout)?;
        let failed_itself = !done.success && contract::failures(checks).is_none();
        checks.append(&mut own);
        if run.prints() {
            run.report.note_table(&contract::rows(checks));
        }
        if let Some(failures) = contract::failures(checks) {
            return Err(failed("contract", failures));
        }
        if failed_itself {
            return Err(failed(
                "contract",
                "every check holds, but its exit status is not 0",
            ));
        }
        Ok(())
    })
}

fn words<T: fmt::Display>(list: &[T]) -> String {
    list.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

fn lint_skips(skips: &[LintSkip]) -> String {
    skips
        .iter()
        .map(|skip| skip.lint.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

/// How a build comes to its packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackagesFrom {
    /// It asks the repositories, and takes what they have.
    Repositories,
    /// It takes the files of the lock, which are in this image.
    Lock(ImageRef),
    /// No build: the repositories are asked, and what they have is kept.
    Asked,
    /// No build: the files of the lock are fetched.
    Fetched,
}

impl PackagesFrom {
    /// The word that `install.sh` knows.
    fn word(&self) -> &'static str {
        match self {
            Self::Repositories => "repositories",
            Self::Lock(_) => "lock",
            Self::Asked => "asked",
            Self::Fetched => "fetched",
        }
    }
}

/// The build arguments: exactly the `ARG`s of the Containerfile; a test checks that.
/// Without `content` the image of the kmods stands in its place, which has none.
pub fn arguments(
    lock: &Lock,
    target: &Target,
    content: Option<String>,
    from: &PackagesFrom,
) -> Vec<(&'static str, String)> {
    let Policy { packages, .. } = &lock.policy;
    let kmods = || target.kmods_pinned().to_string();
    let image = match from {
        PackagesFrom::Lock(image) => image.to_string(),
        PackagesFrom::Repositories | PackagesFrom::Asked | PackagesFrom::Fetched => kmods(),
    };
    let locked = target.packages.iter().flatten();
    let locked = match from {
        PackagesFrom::Lock(_) | PackagesFrom::Fetched => {
            words(&locked.map(LockedPackage::word).collect::<Vec<_>>())
        }
        PackagesFrom::Repositories | PackagesFrom::Asked => String::new(),
    };
    let mut all = vec![
        ("KMODS_IMAGE", target.kmods_pinned().to_string()),
        ("BASE_IMAGE", lock.base_pinned(target).to_string()),
        ("KMODS_PATH", target.kmods_path.to_string()),
        ("CONTENT_IMAGE", content.unwrap_or_else(kmods)),
        ("PACKAGES_IMAGE", image),
        ("PACKAGES_FROM", from.word().to_owned()),
        ("LOCKED_PACKAGES", locked),
    ];
    all.extend(variables(lock, target));
    all.push(("CONFLICTING_PACKAGES", words(&packages.remove)));
    let epoch = |times: Times| times.newest_input.as_second().to_string();
    all.push((
        "SOURCE_DATE_EPOCH",
        lock.times.map_or_else(String::new, epoch),
    ));
    all
}

/// The expected values that the contract compares the image with.
fn variables(lock: &Lock, target: &Target) -> Vec<(&'static str, String)> {
    let Policy {
        packages,
        units,
        lint_skips: skips,
        heal,
        content,
        ..
    } = &lock.policy;
    vec![
        ("KERNEL_VERSION", target.kernel.to_string()),
        ("ZFS_VERSION", lock.zfs.to_string()),
        ("PACKAGES", words(&packages.install)),
        ("ENABLE_UNITS", words(&units.enable)),
        ("DISABLE_UNITS", words(&units.disable)),
        ("LINT_SKIPS", lint_skips(skips)),
        (
            "HEALTH_MINUTES",
            heal.map_or_else(String::new, |heal| heal.minutes.to_string()),
        ),
        ("CONTENT", content::words(content).join(" ")),
    ]
}

/// The labels of the built image.
///
/// # Errors
/// Never for a lock that was parsed.
pub(crate) fn labels(
    lock: &Lock,
    target: &Target,
    local: &Local,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut labels = vec![
        (
            "org.opencontainers.image.title",
            lock.policy.title.to_string(),
        ),
        (
            "org.opencontainers.image.description",
            lock.policy.description.to_string(),
        ),
        ("org.opencontainers.image.version", image_version(lock)),
        (
            "org.opencontainers.image.base.name",
            lock.base.image.to_string(),
        ),
        (
            "org.opencontainers.image.base.digest",
            target.base.to_string(),
        ),
        // The name that other tools of this field read the kernel from.
        ("ostree.linux", target.kernel.to_string()),
        ("custom-coreos.kernel-version", target.kernel.to_string()),
        (ZFS_VERSION_LABEL, lock.zfs.to_string()),
        (LOCK_LABEL, lock.to_line()?),
    ];
    if let Some(reason) = &lock.judgement.forced {
        labels.push(("custom-coreos.forced", reason.to_string()));
    }
    if let Some(commit) = &local.commit {
        labels.push(("org.opencontainers.image.revision", commit.clone()));
    }
    Ok(labels)
}
