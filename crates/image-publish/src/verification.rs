//! Checks an image in a registry against its own labels and lock.

use image_build::contract::Check;
use image_build::engine::Engine;
use image_build::gather::World;
use image_build::lock::{LOCK_LABEL, Lock, image_version};
use registry_compat::{Answer, Digest, ImageRef};
use remote::Inspected;

use crate::checks::checks as signature_checks;
use crate::contract_step::{contract, try_contract};
use crate::effect::Effect;
use crate::error::Error;
use crate::host_look::Seen;
use crate::platform_image::{Platform, platforms};
use crate::rebuild::rebuild;
use crate::run::Run;
use crate::step::Step;

/// What was checked of an image.
#[derive(Debug)]
pub struct Verification {
    /// The image by digest.
    pub image: ImageRef,
    /// Its digest.
    pub digest: Digest,
    /// Every check, with what was expected and found.
    pub checks: Vec<Check>,
}

/// Reads the image by digest, pulls exactly that digest, runs the contract in it, and
/// compares its labels with its lock. With `again`, it is also built once more from that
/// lock, and compared file by file.
///
/// # Errors
/// If the image is not there, could not be read, or has no lock. A check that fails is
/// not an error but part of the result.
pub fn verify(
    world: &World<'_>,
    image: &ImageRef,
    engine: Option<Engine>,
    again: bool,
) -> Result<Verification, Error> {
    let arch: version_discovery::Arch = std::env::consts::ARCH.parse()?;
    let step = |detail: String| Error::Step {
        step: format!("verify {image}"),
        detail,
    };
    world.report.status("Reading", &image.to_string());
    let registries = world.registries()?;
    let found = match registries.inspect(image, arch) {
        Answer::Present(found) => found,
        Answer::Absent => return Err(step(format!("it is not there for {arch}"))),
        Answer::Unknown(why) => return Err(Error::Unknown(why)),
    };
    let text = found.labels.get(LOCK_LABEL).ok_or_else(|| {
        step(format!(
            "it has no label {LOCK_LABEL}, so it was not built by this project"
        ))
    })?;
    let lock = Lock::parse(text, &format!("label {LOCK_LABEL} of {image}"))?;
    let target = lock.target(arch)?;
    let engine = world.engine(engine)?;
    let pinned = image.repository().at(found.digest.clone());
    let home = registries.home_of(&pinned)?;
    let there = home.image.to_string();
    let pull = engine.pull(&there, home.insecure);
    let pull = Step::new("pull", [Effect::Transfer(pull)]);
    let contract = contract(engine, &there, target, &lock);
    let run = Run::new(&world.env.root, registries, world.report, arch)?.quiet();
    run.programs(std::slice::from_ref(&pull))?;
    let mut checks = Vec::new();
    let outcome = try_contract(&run, &contract, None, &mut checks);
    if checks.is_empty() {
        // The contract script ended before its last line.
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
    let signature = signature_checks(&run, seen, &found.digest, &world.config.signing)?;
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
    if again {
        let steps = rebuild(world, &pinned, &lock, Some(engine))?;
        let run = Run::new(&world.env.root, registries, world.report, arch)?;
        checks.extend(steps.perform(&run)?);
    }
    Ok(Verification {
        image: pinned,
        digest: found.digest,
        checks,
    })
}

/// The images of an index that cannot be run here: the checks that are possible without
/// running them. Empty if there is no index.
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
    for Platform { arch, image } in platforms(world.registries()?, pinned, lock)? {
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
