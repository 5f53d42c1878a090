//! `alarm`: what a job's end means for the issue, and doing it.

use host::Done;
use night::alarm::keep;

use crate::cli::AlarmArgs;
use crate::error::Error;
use crate::selected::Selected;

/// `alarm`. Whatever is wrong with the image, this task has done its own: the
/// exit code says only if the alarm could be kept.
///
/// # Errors
/// If GitHub could not be asked or does not let it.
pub fn run(on: &Selected<'_>, args: &AlarmArgs) -> Result<Done, Error> {
    let about = keep::About {
        images: on.images,
        wanted: on.wanted(),
        only: on.chosen_one(),
    };
    Ok(keep::run(&on.shared(), &about, args.call())?)
}
