//! `publish`: the second half of a publication.

use host::Done;
use image_build::gather::World;
use image_build::inputs::read_lock;
use image_build::lock::image_version;
use image_publish::apply::{Dry, Live, apply};
use image_publish::plan::{Plan, same_files};
use image_publish::{arranged, piece};
use registry_compat::ImageRef;

use crate::cli::PublishArgs;
use crate::error::Error;
use crate::tasks::{
    build::own_house,
    performed::{Made, document, tell, timed},
    promote::own,
    publish,
};

/// Reads what was pushed, and goes on from there.
///
/// # Errors
/// The first thing that does not hold.
pub fn run(world: &World<'_>, args: &PublishArgs) -> Result<Done, Error> {
    own_house(world)?;
    let given = read_lock(&args.locked)?;
    let local = world.local(args.engine)?;
    // Before anything is asked.
    given.target(local.arch)?;
    same_files(&given, &local)?;
    let images: Vec<&ImageRef> = args.images.iter().flat_map(|images| &images.0).collect();
    if images.is_empty() {
        return Err(Error::Usage(
            "there is no image to publish; `cargo xtask build --push` prints what it pushed"
                .to_owned(),
        ));
    }
    let registries = world.registries()?;
    let mut found = Vec::new();
    for image in images {
        own(world, image)?;
        world.report.status("Reading", &image.to_string());
        let (piece, lock) = piece(registries, image)?;
        found.push((image.clone(), piece, lock));
    }
    let (lock, pieces) = arranged(&given, &found)?;
    let plan = Plan {
        steps: image_publish::second(world.config, &lock, &local, &pieces)?,
        cleanup: Vec::new(),
    };
    world.report.status(
        "Planned",
        &format!(
            "{} from lock {}",
            image_version(&lock),
            lock.fingerprint()?.short()
        ),
    );
    if args.dry_run {
        apply(&plan, &mut Dry(world.report), &mut Vec::new())?;
        document(world, &plan, &lock, None, Vec::new())?;
        return Ok(Done::Well);
    }
    let mut live = Live::new(&world.env.root, registries, world.report, local.arch)?;
    let (timings, outcome) = timed(world, &plan, &mut live);
    outcome?;
    let made = Made {
        verb: "Published",
        plan: &plan,
        lock: &lock,
    };
    tell(world, &made, &live, timings, Vec::new())
}
