//! `status`: how things are; `status --history`: what publications took.

use std::path::{Path, PathBuf};

use host::Done;
use image_build::gather::World;
use image_publish::history_table;
use night::status;

use crate::cli::StateArgs;
use crate::error::Error;
use crate::selected::Selected;

/// `status`.
///
/// # Errors
/// If the checkout, or the history that is asked for, cannot be read. A source that
/// could not be asked is a row, and [`Done::Unknown`] in the end.
pub fn run(on: &Selected<'_>, args: &StateArgs) -> Result<Done, Error> {
    on.each(|world| match args.history {
        Some(count) => Ok(history_table::run(world, usize::from(count))?),
        None => {
            let page = args.html.as_deref().map(|path| page_of(world, on, path));
            Ok(status::run(world, page.as_deref())?)
        }
    })
}

/// The page of an image: with several, the name of the image is a part of its own.
fn page_of(world: &World<'_>, on: &Selected<'_>, path: &Path) -> PathBuf {
    match world.image.filter(|_| on.wanted().len() > 1) {
        None => path.to_owned(),
        Some(name) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let end = path
                .extension()
                .map(|end| format!(".{}", end.to_string_lossy()));
            path.with_file_name(format!("{stem}-{name}{}", end.unwrap_or_default()))
        }
    }
}
