//! `status`: how things are; `status --history`: what publications took.

use host::Done;
use image_build::gather::World;
use image_publish::history_table;
use night::status;

use crate::cli::StateArgs;
use crate::error::Error;

/// `status`.
///
/// # Errors
/// If the checkout, or the history that is asked for, cannot be read. A source that
/// could not be asked is a row, and [`Done::Unknown`] in the end.
pub fn run(world: &World<'_>, args: &StateArgs) -> Result<Done, Error> {
    match args.history {
        Some(count) => Ok(history_table::run(world, usize::from(count))?),
        None => Ok(status::run(world, args.html.as_deref())?),
    }
}
