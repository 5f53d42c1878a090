//! Saved facts, which are about one image.

use host::Done;
use image_build::gather::World;

use crate::cli::FactsArgs;
use crate::error::Error;
use crate::selected::Selected;

/// Does a task for each image; with a file of facts, for one only.
///
/// # Errors
/// If there are several images and a file of facts; or as the task.
pub fn each(
    on: &Selected<'_>,
    args: &FactsArgs,
    task: impl Fn(&World<'_>) -> Result<Done, Error>,
) -> Result<Done, Error> {
    match args.facts.is_some() || args.save_facts.is_some() {
        true => on.one(task),
        false => on.each(task),
    }
}
