//! `explain`: why this base and this ZFS, and why none newer.

use host::Done;
use image_build::gather::World;
use image_build::{explanation, inputs};
use night::status;

use crate::cli::ExplainArgs;
use crate::error::Error;
use crate::selected::Selected;
use crate::tasks::facts;

/// `explain` for each image; with a page or a file of facts, for one.
///
/// # Errors
/// As [`run`].
pub fn each(on: &Selected<'_>, args: &ExplainArgs) -> Result<Done, Error> {
    match args.graph {
        Some(_) => on.one(|world| run(world, args)),
        None => facts::each(on, &args.facts, |world| run(world, args)),
    }
}

/// `explain`; with `--graph` the same as a page, too.
///
/// # Errors
/// If files with facts cannot be read or written, or the page cannot be.
pub fn run(world: &World<'_>, args: &ExplainArgs) -> Result<Done, Error> {
    let done = explanation::run(world, &(&args.facts).into(), |upstream, choice| {
        let Some(path) = &args.graph else {
            return Ok(());
        };
        inputs::write(path, &status::graph(world.config, upstream, choice))?;
        world.report.status("Wrote", &path.display().to_string());
        Ok(())
    })?;
    Ok(done)
}
