//! Kmods images: which there are, and what they say of themselves.

use registry_compat::{Answer, Digest, ImageRef, KmodTag, source_by_form};
use remote::Inspected;
use version_discovery::{Arch, KmodsSource};

use super::World;
use crate::config::Kmods;
use crate::error::Error;
use crate::facts::KmodsImage;

/// Labels of fedora-zfs-kmods. Images of before 2025-10-18 have none; the ZFS
/// label carries the tag's prefix (`zfs-2.4.2`).
pub(crate) const KERNEL_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.kernel.version";
/// See [`KERNEL_LABEL`].
pub(crate) const ZFS_LABEL: &str = "io.github.samhclark.fedora-zfs-kmods.zfs.tag";

impl World<'_> {
    /// An image's digest and labels. What was read of a digest is remembered.
    pub(crate) fn inspect(&self, image: &ImageRef, arch: Arch) -> Result<Answer<Inspected>, Error> {
        let of = |digest: &Digest| format!("{digest} {arch}");
        let known = |digest: &Digest| self.cache.get::<Inspected>("image", &of(digest));
        let answer = self.registries()?.inspect_unless(image, arch, &known);
        if let Answer::Present(found) = &answer
            && known(&found.digest).is_none()
        {
            self.cache.put("image", &of(&found.digest), found);
        }
        Ok(answer)
    }

    /// Everything that a source has.
    pub(super) fn kmods_list(&self, source: &Kmods) -> Result<KmodsSource, Error> {
        self.report
            .status("Reading", &format!("tags of {}", source.image));
        let tags = self.registries()?.tags(&source.image);
        let tags = tags.map(|tags| tags.into_iter().collect::<Vec<_>>());
        Ok(source_by_form(
            &source.image.to_string(),
            &source.tag,
            &tags,
        ))
    }

    /// One image of a source.
    pub(super) fn kmods_image(&self, source: &Kmods, wanted: KmodTag) -> Result<KmodsImage, Error> {
        let image = source.image.tagged(source.tag.render(&wanted)?);
        self.report.status("Reading", &image.to_string());
        let arch = wanted.kernel.arch();
        Ok(KmodsImage {
            source: source.image.to_string(),
            arch,
            answer: self.inspect(&image, arch)?,
            wanted,
            image,
        })
    }
}
