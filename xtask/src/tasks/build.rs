//! `build` and `test-build`.

use host::Done;
use image_build::gather::World;
use image_build::inputs::FactsFiles;
use image_publish::build_inputs::{BuildOptions, check_owner};
use image_publish::build_task::run;
use image_publish::plan::Goal;

use crate::cli::{BuildArgs, TestBuildArgs};
use crate::error::Error;

/// `build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn build(world: &World<'_>, args: &BuildArgs) -> Result<Done, Error> {
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
        ..args.inputs.wanted(goal, &facts)
    };
    Ok(run(world, &wanted)?)
}

/// `test-build`.
///
/// # Errors
/// The first thing that did not hold.
pub fn test_build(world: &World<'_>, args: &TestBuildArgs) -> Result<Done, Error> {
    let facts = FactsFiles::from(&args.inputs.facts);
    let done = run(world, &args.inputs.wanted(Goal::TestBuild, &facts))?;
    // That upstream has no modules yet is not the fault of a change to the checkout.
    Ok(match done {
        Done::NotYet if args.if_possible => Done::Success,
        done => done,
    })
}
