//! What the first half of a publication has pushed, noted in files for the second: the jobs
//! that build an image are several, and only files go from all of them to one.

use std::path::Path;

use image_build::gather::World;
use image_build::inputs::{read, write};
use image_build::lock::Lock;
use registry_compat::ImageRef;
use version_discovery::Arch;

use crate::error::Error;

/// The notes about one image: its parts, and for which architectures there is none.
#[derive(Debug)]
pub struct Notes {
    image: String,
    parts: Vec<ImageRef>,
    missing: Vec<Arch>,
}

impl Notes {
    /// Which architectures were not pushed, in a sentence; `None` if all were.
    pub fn missing(&self) -> Option<String> {
        let names: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| {
            let (image, names) = (&self.image, names.join(", "));
            format!("{image} is not published: nothing was pushed for {names}")
        })
    }

    /// One part for each architecture of the lock.
    ///
    /// # Errors
    /// [`Error::Step`] if one is missing.
    pub fn complete(&self) -> Result<Vec<&ImageRef>, Error> {
        match self.missing() {
            None => Ok(self.parts.iter().collect()),
            Some(detail) => Err(Error::Step {
                step: "pushed".to_owned(),
                detail,
            }),
        }
    }
}

fn name_of(world: &World<'_>) -> String {
    world
        .image
        .map_or_else(|| world.config.one_word(), str::to_owned)
}

fn file(image: &str, arch: Arch) -> String {
    format!("{image}-{arch}")
}

/// Notes what was pushed.
///
/// # Errors
/// If the file cannot be written.
pub fn note(world: &World<'_>, folder: &Path, arch: Arch, image: &ImageRef) -> Result<(), Error> {
    host::files::make_dir(folder)?;
    let path = folder.join(file(&name_of(world), arch));
    Ok(write(&path, &format!("{image}\n"))?)
}

/// Reads the notes about the image of a lock.
///
/// # Errors
/// If a file cannot be read, or names no image. One that is not there is missing.
pub fn read_notes(world: &World<'_>, folder: &Path, lock: &Lock) -> Result<Notes, Error> {
    let image = name_of(world);
    let (mut parts, mut missing) = (Vec::new(), Vec::new());
    for target in &lock.targets {
        let path = folder.join(file(&image, target.arch));
        if path.exists() {
            parts.push(read(&path)?.trim().parse()?);
        } else {
            missing.push(target.arch);
        }
    }
    Ok(Notes {
        image,
        parts,
        missing,
    })
}
