//! `promote`, `rollback` and `retract`: which image the followed tags name.

use host::Done;
use image_build::gather::World;
use image_publish::Steps;
use image_publish::given_images::own;
use image_publish::republish::{plan_promote, plan_retract, plan_rollback, still_followed};
use image_publish::run::{Run, show};
use registry_compat::Digest;
use serde_json::json;

use crate::cli::{PromoteArgs, RetractArgs, RollbackArgs};
use crate::error::Error;

/// Performs the steps, or shows them.
fn carry_out<T>(
    world: &World<'_>,
    steps: &impl Steps,
    dry: bool,
    perform: impl FnOnce(&Run<'_>) -> Result<T, image_publish::Error>,
) -> Result<(), Error> {
    if dry {
        show(steps, world.report);
        return Ok(());
    }
    let arch = std::env::consts::ARCH.parse()?;
    let run = Run::new(&world.env.root, world.registries()?, world.report, arch)?.on(world.env);
    host::process::minding(|| perform(&run))?;
    Ok(())
}

fn told(world: &World<'_>, digest: &Digest, steps: &impl Steps) -> Result<Done, Error> {
    world.report.outputs(&[("digest", digest.to_string())])?;
    world
        .report
        .document(&json!({"digest": digest, "effects": steps.lines()}))?;
    Ok(Done::Success)
}

/// `promote`: everything that a publication tries after its push, then the
/// tags.
///
/// # Errors
/// The first thing that does not hold.
pub fn promote(world: &World<'_>, args: &PromoteArgs) -> Result<Done, Error> {
    let (_, digest) = own(world, &args.image)?;
    let steps = plan_promote(world, &args.image, args.engine)?;
    carry_out(world, &steps, args.dry_run, |run| steps.perform(run))?;
    told(world, &digest, &steps)
}

/// `rollback`: the tags go back to an image that was published before.
///
/// # Errors
/// If there is no such image, or it is marked as bad.
pub fn rollback(world: &World<'_>, args: &RollbackArgs) -> Result<Done, Error> {
    let (steps, digest) = plan_rollback(world, args.to.as_deref())?;
    carry_out(world, &steps, args.dry_run, |run| steps.perform(run))?;
    if !args.dry_run {
        for line in [
            "Hosts take it with their next update, or at once: sudo bootc upgrade, then reboot.",
            "The next publication moves the tags on again; `cargo xtask retract` marks a bad image.",
        ] {
            world.report.note(line);
        }
    }
    told(world, &digest, &steps)
}

/// `retract`: marks an image as bad, and says what hosts must do.
///
/// # Errors
/// If it is not there, or the mark could not be set.
pub fn retract(world: &World<'_>, args: &RetractArgs) -> Result<Done, Error> {
    let (steps, digest) = plan_retract(world, &args.image)?;
    carry_out(world, &steps, args.dry_run, |run| steps.perform(run))?;
    let repository = world.config.repository()?;
    for tag in still_followed(world, &digest)? {
        world.report.warning(&format!(
            "{repository}:{tag} still names it: cargo xtask rollback"
        ));
    }
    for line in [
        "Hosts that run it, once the tag is back: sudo bootc upgrade, then reboot.",
        "One that does not come up: choose the entry before it in the boot menu, or sudo bootc rollback.",
    ] {
        world.report.note(line);
    }
    told(world, &digest, &steps)
}
