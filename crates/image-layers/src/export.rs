//! Reads an image that an engine wrote with `push NAME dir:FOLDER`: a manifest, and each
//! blob under the hexadecimal digits of its digest, the layers uncompressed.
//! Source: `containers-transports(5)`, "dir:path".

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::Error;
use crate::image::{Descriptor, Image};

/// An image in such a folder.
#[derive(Debug)]
pub struct Export {
    folder: PathBuf,
    /// Its manifest and config.
    pub image: Image,
}

impl Export {
    /// Reads manifest and config.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Image`] if they are no image's.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let read = |path: &Path| std::fs::read(path).map_err(Error::file("read", path));
        let wrong = |detail: String| Error::Image {
            path: folder.to_owned(),
            detail,
        };
        let manifest = read(&folder.join("manifest.json"))?;
        let found: crate::image::Manifest = serde_json::from_slice(&manifest)
            .map_err(|error| wrong(format!("its manifest is broken: {error}")))?;
        let config = read(&folder.join(found.config.digest.hex()))?;
        let image = Image::parse(&manifest, &config).map_err(wrong)?;
        Ok(Self {
            folder: folder.to_owned(),
            image,
        })
    }

    /// The file of a layer, uncompressed.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn layer(&self, layer: &Descriptor) -> Result<PathBuf, Error> {
        unpacked(&self.folder.join(layer.digest.hex()))
    }
}

/// The file of a layer, uncompressed: itself, or written beside it.
///
/// # Errors
/// [`Error::File`].
pub fn unpacked(path: &Path) -> Result<PathBuf, Error> {
    let mut file = File::open(path).map_err(Error::file("open", path))?;
    let mut magic = [0; 2];
    let read = file.read(&mut magic).map_err(Error::file("read", path))?;
    // RFC 1952: the first two bytes of a gzip file.
    if read < 2 || magic != [0x1f, 0x8b] {
        return Ok(path.to_owned());
    }
    let file = File::open(path).map_err(Error::file("open", path))?;
    let plain = path.with_extension("plain");
    let mut to = File::create(&plain).map_err(Error::file("write", &plain))?;
    std::io::copy(&mut MultiGzDecoder::new(file), &mut to).map_err(Error::file("unpack", path))?;
    to.flush().map_err(Error::file("write", &plain))?;
    Ok(plain)
}
