//! `explain`: why this base and this ZFS, and why none newer.

use host::Done;
use image_build::explanation;
use image_build::gather::World;

use crate::cli::FactsArgs;
use crate::error::Error;

/// `explain`.
///
/// # Errors
/// If files with facts cannot be read or written.
pub fn run(world: &World<'_>, facts: &FactsArgs) -> Result<Done, Error> {
    Ok(explanation::run(world, &facts.into())?)
}
