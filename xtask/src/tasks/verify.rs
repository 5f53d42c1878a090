//! `verify`: an image in a registry against its own labels and lock.

use host::Done;
use image_build::contract::rows;
use image_build::gather::World;
use image_publish::verification::verify;

use crate::cli::VerifyArgs;
use crate::error::Error;

/// `verify`.
///
/// # Errors
/// If the image is not there, could not be read, or has no lock. A check that
/// does not hold is an answer: [`Done::CheckFailed`].
pub fn run(world: &World<'_>, args: &VerifyArgs) -> Result<Done, Error> {
    let found = verify(world, &args.image, args.engine, args.rebuild)?;
    let report = world.report;
    report.table(&rows(&found.checks));
    report.outputs(&[("digest", found.digest.to_string())])?;
    report.document(&found.checks)?;
    let all = found.checks.len();
    let failed = found.checks.iter().filter(|check| !check.ok).count();
    if failed > 0 {
        report.status("Failed", &format!("{failed} of {all} checks"));
        return Ok(Done::CheckFailed);
    }
    report.status("Verified", &found.image.to_string());
    Ok(Done::Success)
}
