//! `rehearse`: the main job against throw-away stand-ins.

use host::Done;
use image_build::gather::World;
use rehearsal::rehearsal::{Options, run as rehearse};

use crate::cli::RehearseArgs;
use crate::error::Error;

/// `rehearse`.
///
/// # Errors
/// If the stand-ins could not be made.
pub fn run(world: &World<'_>, args: &RehearseArgs) -> Result<Done, Error> {
    let options = Options {
        keep: args.keep,
        boot: args.boot,
        heal: args.heal,
        engine: args.engine,
    };
    Ok(rehearse(world, &options)?)
}
