//! `resolve`: the lock, and with `--decide` whether it is to be built.

use host::Done;
use image_build::decided::hand_on_all;
use image_build::decision;
use image_build::decision::Decided;
use image_build::facts::Local;
use image_build::gather::World;
use image_build::lock::Lock;
use image_publish::build_inputs::check_owner;
use image_publish::packages;

use crate::cli::ResolveArgs;
use crate::error::Error;
use crate::selected::Selected;

/// Writes the lock, or with `--decide` also whether there is anything to build.
///
/// # Errors
/// If anything could not be found out, or the file cannot be written.
pub fn run(on: &Selected<'_>, args: &ResolveArgs) -> Result<Done, Error> {
    if on.wanted().len() > 1 && (args.facts.facts.is_some() || args.facts.save_facts.is_some()) {
        return on.one(|_| Ok(Done::Success));
    }
    let (decided, ended) = on.each_with(|world| resolve_one(world, args));
    if on.images.are_named() {
        hand_on_all(on.report, args.output.as_deref(), &decided)?;
    }
    ended
}

fn resolve_one(world: &World<'_>, args: &ResolveArgs) -> Result<(Done, Decided), Error> {
    if args.decide {
        // Only a decision leads to a publication, and a fork must not publish to the account
        // of somebody else.
        check_owner(world)?;
    }
    let options = decision::Options {
        facts: &(&args.facts).into(),
        output: args.output.as_deref(),
        decide: args.decide,
        forced: args.forced(),
    };
    let ask = |lock: &Lock, local: &Local| packages::ask(world, lock, local);
    Ok(decision::run(world, &options, &ask)?)
}
