//! `build` and `test-build`.

use host::Done;
use image_build::gather::World;
use image_build::inputs::{FactsFiles, read};
use image_build::locks;
use image_publish::build_inputs::{BuildOptions, check_owner};
use image_publish::build_task::run;
use image_publish::plan::Goal;

use crate::cli::{BuildArgs, Inputs, TestBuildArgs};
use crate::error::Error;
use crate::selected::Selected;
use crate::tasks::facts;

/// `build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn build(on: &Selected<'_>, args: &BuildArgs) -> Result<Done, Error> {
    let build = |world: &World<'_>| build_one(world, args);
    match &args.like {
        Some(image) => on.of(image, build),
        None => facts::each(&locked(on, &args.inputs)?, &args.inputs.facts, build),
    }
}

/// The images that a lock is of, where no image was named: of the others nothing can be
/// built.
fn locked<'a>(on: &Selected<'a>, inputs: &Inputs) -> Result<Selected<'a>, Error> {
    // What is wrong with the file is told by who reads it for an image.
    let text = match &inputs.locked {
        Some(path) if on.images.are_named() => read(path).unwrap_or_default(),
        _ => String::new(),
    };
    let Some(locks) = locks::parse(&text, "the lock")? else {
        return Ok(on.those(|_| true));
    };
    Ok(on.unless_chosen(|image| locks.images.contains_key(&image.name)))
}

fn build_one(world: &World<'_>, args: &BuildArgs) -> Result<Done, Error> {
    let goal = match (args.publish, args.push) {
        (true, _) => Goal::Publish,
        (_, true) => Goal::Push,
        _ => Goal::Build,
    };
    if goal != Goal::Build {
        check_owner(world)?;
    }
    let facts = FactsFiles::from(&args.inputs.facts);
    let wanted = BuildOptions {
        like: args.like.as_ref(),
        force: args.force.as_ref(),
        pushed: args.pushed.as_deref(),
        ..args.inputs.wanted(goal, &facts)
    };
    Ok(run(&world.on(args.inputs.arch), &wanted)?)
}

/// `test-build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn test_build(on: &Selected<'_>, args: &TestBuildArgs) -> Result<Done, Error> {
    let on = &locked(on, &args.inputs)?;
    facts::each(on, &args.inputs.facts, |world| test_build_one(world, args))
}

fn test_build_one(world: &World<'_>, args: &TestBuildArgs) -> Result<Done, Error> {
    let facts = FactsFiles::from(&args.inputs.facts);
    let world = world.on(args.inputs.arch);
    let done = run(&world, &args.inputs.wanted(Goal::TestBuild, &facts))?;
    // That upstream has no modules yet is not the fault of a change to the checkout.
    Ok(match done {
        Done::NotYet if args.if_possible => Done::Success,
        done => done,
    })
}
