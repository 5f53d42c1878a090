//! What the effect that splits an image says.

use image_build::lock::Times;
use registry_compat::ImageRef;

/// How an image is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The image that it was built on.
    pub base: ImageRef,
    /// What did not change keeps the layer that this image has.
    pub followed: ImageRef,
    /// The times in the image.
    pub times: Times,
}
