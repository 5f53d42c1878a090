//! `publish`: the second half of a publication.

use std::path::Path;

use host::Done;
use image_build::gather::World;
use image_build::inputs::read_lock;
use image_build::lock::image_version;
use image_publish::MovingTags;
use image_publish::announce::{say_document, say_outcome, say_timings};
use image_publish::attestation;
use image_publish::build::same_files;
use image_publish::build_inputs::check_owner;
use image_publish::given_images::given_parts;
use image_publish::notes::read_notes;
use image_publish::plan::Outcome;
use image_publish::publication::publication;
use image_publish::run::{Run, show};
use registry_compat::ImageRef;
use serde_json::json;

use crate::cli::PublishArgs;
use crate::error::Error;
use crate::selected::Selected;

/// Reads what was pushed, and goes on from there.
///
/// # Errors
/// The first thing that does not hold.
pub fn run(on: &Selected<'_>, args: &PublishArgs) -> Result<Done, Error> {
    let given: Vec<&ImageRef> = args.images.iter().flat_map(|images| &images.0).collect();
    match (&args.pushed, given.first()) {
        (Some(folder), _) => on.each(|world| noted(world, args, folder)),
        (None, Some(image)) => on.of(image, |world| publish(world, args, &given)),
        (None, None) => on.one(|world| publish(world, args, &given)),
    }
}

/// Of the notes that the first half has left.
fn noted(world: &World<'_>, args: &PublishArgs, folder: &Path) -> Result<Done, Error> {
    let lock = read_lock(&args.locked, world.image)?;
    let notes = read_notes(world, folder, &lock)?;
    if let (Some(missing), true) = (notes.missing(), args.if_complete) {
        world.report.answer(&missing);
        world
            .report
            .summary(&format!("### Not published\n\n{missing}\n\n"))?;
        world.report.document(&json!({ "missing": missing }))?;
        return Ok(Done::Success);
    }
    publish(world, args, &notes.complete()?)
}

fn publish(world: &World<'_>, args: &PublishArgs, images: &[&ImageRef]) -> Result<Done, Error> {
    check_owner(world)?;
    let given = read_lock(&args.locked, world.image)?;
    let local = world.local(args.engine)?;
    // Before anything is asked.
    given.target(local.arch)?;
    same_files(&given, &local)?;
    let (lock, parts) = given_parts(world, &given, images)?;
    attestation::look(world, images)?;
    let plan = publication(world.config, &lock, &local, &parts)?;
    let (version, fingerprint) = (image_version(&lock), lock.fingerprint()?);
    let planned = format!("{version} from lock {}", fingerprint.short());
    world.report.status("Planned", &planned);
    if args.dry_run {
        show(&plan, world.report);
        say_document(world, &plan, &lock, None, Vec::new())?;
        return Ok(Done::Success);
    }
    let registries = world.registries()?;
    let run = Run::new(&world.env.root, registries, world.report, local.arch)?.on(world.env);
    let published = host::process::minding(|| plan.perform(&run, None, MovingTags::default()));
    say_timings(world, &run);
    let outcome = Outcome::from(published?);
    Ok(say_outcome(
        world,
        &plan,
        &lock,
        &run,
        &outcome,
        Vec::new(),
    )?)
}
