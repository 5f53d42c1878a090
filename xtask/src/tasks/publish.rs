//! `publish`: the second half of a publication.

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
use image_publish::plan::Outcome;
use image_publish::publication::publication;
use image_publish::run::{Run, show};
use registry_compat::ImageRef;

use crate::cli::PublishArgs;
use crate::error::Error;

/// Reads what was pushed, and goes on from there.
///
/// # Errors
/// The first thing that does not hold.
pub fn run(world: &World<'_>, args: &PublishArgs) -> Result<Done, Error> {
    check_owner(world)?;
    let given = read_lock(&args.locked)?;
    let local = world.local(args.engine)?;
    // Before anything is asked.
    given.target(local.arch)?;
    same_files(&given, &local)?;
    let images: Vec<&ImageRef> = args.images.iter().flat_map(|images| &images.0).collect();
    let (lock, parts) = given_parts(world, &given, &images)?;
    attestation::look(world, &images)?;
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
