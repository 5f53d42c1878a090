//! `verify`: an image in a registry against its own labels and lock.

use host::Done;
use image_build::contract::Check;
use image_build::gather::World;
use image_build::lock::{LOCK_LABEL, Lock, image_version};
use image_publish::apply::{Live, apply};
use image_publish::plan::{Effect, Plan, Step, contract};
use image_publish::{Platform, Seen};
use registry_compat::{Answer, ImageRef};
use remote::Inspected;

use crate::cli::VerifyArgs;
use crate::error::Error;
use crate::tasks::publish;

/// Reads the image by digest, pulls exactly that, runs the contract in it, and
/// holds its labels against its lock.
///
/// # Errors
/// If the image is not there, could not be read, or has no lock. A check that
/// does not hold is an answer: [`Done::Badly`].
pub fn run(world: &World<'_>, args: &VerifyArgs) -> Result<Done, Error> {
    let arch: version_discovery::Arch = std::env::consts::ARCH.parse()?;
    let step = |detail: String| Error::Step {
        step: format!("verify {}", args.image),
        detail,
    };
    world.report.status("Reading", &args.image.to_string());
    let registries = world.registries()?;
    let found = match registries.inspect(&args.image, arch) {
        Answer::Present(found) => found,
        Answer::Absent => return Err(step(format!("it is not there for {arch}"))),
        Answer::Unknown(why) => return Err(Error::Unknown(why)),
    };
    let text = found.labels.get(LOCK_LABEL).ok_or_else(|| {
        step(format!(
            "it has no label {LOCK_LABEL}, so it was not built by this project"
        ))
    })?;
    let lock = Lock::parse(text, &format!("label {LOCK_LABEL} of {}", args.image))?;
    let target = lock.target(arch)?;
    let engine = world.engine(args.engine)?;
    let pinned = args.image.repository().at(found.digest.clone());
    let home = registries.home_of(&pinned)?;
    let there = home.image.to_string();
    let pull = engine.pull(&there, home.insecure);
    let plan = Plan {
        steps: vec![
            Step::new("pull", vec![Effect::Reach(pull)]),
            contract(engine, &there, target, &lock),
        ],
        cleanup: Vec::new(),
    };
    let mut live = Live::new(&world.env.root, registries, world.report, arch)?.quiet();
    let outcome = apply(&plan, &mut live, &mut Vec::new());
    let mut checks = std::mem::take(&mut live.checks);
    if checks.is_empty() {
        // The contract was not reached, or did not come to its end.
        outcome?;
    }
    let seen = Seen {
        engine,
        image: &there,
        repository: pinned.repository(),
        place: home.image.repository(),
        insecure: home.insecure,
    };
    let others = others(world, &pinned, &found, &lock)?;
    let signature = image_publish::checks(&live, seen, &found.digest, &world.config.signing)?;
    let label = |key: &str, expected: String| {
        let found = found
            .labels
            .get(key)
            .cloned()
            .unwrap_or_else(|| "(none)".to_owned());
        Check {
            ok: found == expected,
            name: format!("label {key}"),
            found: host::one_line(&found),
            expected,
        }
    };
    checks.extend([
        label("org.opencontainers.image.version", image_version(&lock)),
        label(
            "org.opencontainers.image.base.digest",
            target.base.to_string(),
        ),
        label("ostree.linux", target.kernel.to_string()),
        label("custom-coreos.kernel-version", target.kernel.to_string()),
        label("custom-coreos.zfs-version", lock.zfs.to_string()),
    ]);
    checks.extend(signature);
    checks.extend(others);
    world.report.table(&image_build::contract::rows(&checks));
    let failed = checks.iter().filter(|check| !check.ok).count();
    world
        .report
        .outputs(&[("digest", found.digest.to_string())])?;
    world.report.document(&checks)?;
    if failed == 0 {
        world.report.status("Verified", &pinned.to_string());
        Ok(Done::Well)
    } else {
        world
            .report
            .status("Failed", &format!("{failed} of {} checks", checks.len()));
        Ok(Done::Badly)
    }
}

/// The images of an index that cannot be run here: what can be said of them all
/// the same. None where there is no index.
fn others(
    world: &World<'_>,
    pinned: &ImageRef,
    found: &Inspected,
    lock: &Lock,
) -> Result<Vec<Check>, Error> {
    let mut checks = Vec::new();
    if found.manifest == found.digest {
        return Ok(checks);
    }
    for Platform { arch, image } in image_publish::platforms(world.registries()?, pinned, lock)? {
        let expected = format!("lock {}", lock.fingerprint()?.short());
        let theirs = match &image {
            None => "nothing".to_owned(),
            Some(image) => match image.labels.get(LOCK_LABEL) {
                Some(text) if found.labels.get(LOCK_LABEL) == Some(text) => expected.clone(),
                Some(_) => "another lock".to_owned(),
                None => "no lock".to_owned(),
            },
        };
        checks.push(Check {
            ok: theirs == expected,
            name: format!("platform {arch}"),
            expected,
            found: theirs,
        });
        if let Some(image) = image.filter(|image| image.manifest != found.manifest) {
            let child = pinned.repository().at(image.manifest);
            world.report.warning(&format!(
                "{child} cannot be run here: its contract, packages and policy are for a machine \
                 of {arch}, `cargo xtask verify {child}`"
            ));
        }
    }
    Ok(checks)
}
