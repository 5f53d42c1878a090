//! `explain`: why this base and this ZFS, and why none newer.

use host::Done;
use image_build::gather::World;
use image_build::{explanation, inputs};
use night::status;

use crate::cli::ExplainArgs;
use crate::error::Error;

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
