//! What can go wrong.

use std::path::{Path, PathBuf};

/// An error while layers are read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {verb} {}: {source}", path.display())]
    File {
        /// `read`, `write`, ….
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// The cause; `No space left on device` among them.
        source: std::io::Error,
    },
    /// The layer that the engine wrote has something that cannot be carried over.
    #[error("the layer {} cannot be split: {detail}", path.display())]
    Layer {
        /// The layer.
        path: PathBuf,
        /// What, with the entry.
        detail: String,
    },
    /// The list of the packages' files has another form than the one that is read.
    #[error("the list of the packages' files is of no use: {0}")]
    Owners(String),
    /// The exported image is not what it should be.
    #[error("the image in {} cannot be reassembled: {detail}", path.display())]
    Image {
        /// The folder.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

impl Error {
    /// For `map_err`.
    pub(crate) fn file(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File {
            verb,
            path: path.to_owned(),
            source,
        }
    }
}
