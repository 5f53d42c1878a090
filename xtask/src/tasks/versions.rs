//! `versions` and its one-line relatives.

use host::Done;
use image_build::gather::World;
use image_build::versions;

use crate::cli::FactsArgs;
use crate::error::Error;

/// `versions`.
///
/// # Errors
/// If anything could not be found out.
pub fn table(world: &World<'_>, facts: &FactsArgs) -> Result<Done, Error> {
    Ok(versions::table(world, &facts.into())?)
}

/// `zfs-version`.
///
/// # Errors
/// If the releases could not be read, or the series has none.
pub fn zfs(world: &World<'_>) -> Result<Done, Error> {
    Ok(versions::zfs(world)?)
}

/// `kernel-version`.
///
/// # Errors
/// If the base or its kernel could not be read.
pub fn kernel(world: &World<'_>) -> Result<Done, Error> {
    Ok(versions::kernel(world)?)
}

/// `kernel-major-minor`.
///
/// # Errors
/// As [`kernel`].
pub fn kernel_major_minor(world: &World<'_>) -> Result<Done, Error> {
    Ok(versions::kernel_major_minor(world)?)
}

/// `check-zfs-available`.
///
/// # Errors
/// If anything could not be found out.
pub fn check(world: &World<'_>, facts: &FactsArgs) -> Result<Done, Error> {
    Ok(versions::check(world, &facts.into())?)
}
