//! Kmods images: which there are, and what they say of themselves.

use std::collections::BTreeMap;

use registry_compat::{Answer, Digest, ImageRef, KmodTag, source_by_form};
use remote::Inspected;
use version_discovery::{Arch, Fact, KmodsSource};

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

    /// The image that a pin names, as far as a source has it. Which versions it
    /// is for, only its labels say.
    pub(super) fn kmods_pinned(
        &self,
        source: &Kmods,
        digest: &Digest,
    ) -> Result<(KmodsSource, Option<KmodsImage>), Error> {
        let name = source.image.to_string();
        let of = |kernels| KmodsSource {
            name: name.clone(),
            digest: Some(digest.to_string()),
            kernels,
        };
        let image = source.image.at(digest.clone());
        self.report.status("Reading", &image.to_string());
        let arch = self.first_arch()?;
        let answer = self.inspect(&image, arch)?;
        let labels = match &answer {
            Answer::Present(found) => &found.labels,
            Answer::Absent => return Ok((of(Fact::Known(BTreeMap::new())), None)),
            Answer::Unknown(why) => return Ok((of(Fact::Unknown(why.to_string())), None)),
        };
        let kernel = labels.get(KERNEL_LABEL).and_then(|l| l.parse().ok());
        let zfs = labels.get(ZFS_LABEL);
        let zfs = zfs.and_then(|l| l.strip_prefix("zfs-").unwrap_or(l).parse().ok());
        let (Some(kernel), Some(zfs)) = (kernel, zfs) else {
            let why = format!("the labels of {image} do not say which versions it is for");
            return Ok((of(Fact::Unknown(why)), None));
        };
        let wanted = KmodTag { kernel, zfs };
        let listed = KmodsSource::listed(name.clone(), [(wanted.kernel.clone(), zfs)]);
        let found = KmodsImage {
            source: name.clone(),
            arch,
            image: source.image.tagged(source.tag.render(&wanted)?),
            wanted,
            answer,
        };
        Ok((of(listed.kernels), Some(found)))
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
