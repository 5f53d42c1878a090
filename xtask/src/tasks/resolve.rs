//! `resolve`: the lock, and with `--decide` whether it is to be built.

use host::Done;
use image_build::decision;
use image_build::gather::World;
use image_publish::build_inputs::check_owner;

use crate::cli::ResolveArgs;
use crate::error::Error;

/// `resolve`.
///
/// # Errors
/// If anything could not be found out, or the file cannot be written.
pub fn run(world: &World<'_>, args: &ResolveArgs) -> Result<Done, Error> {
    if args.decide {
        check_owner(world)?;
    }
    let wanted = decision::Wanted {
        facts: &(&args.facts).into(),
        output: args.output.as_deref(),
        decide: args.decide,
        forced: args.forced(),
    };
    Ok(decision::run(world, &wanted)?)
}
