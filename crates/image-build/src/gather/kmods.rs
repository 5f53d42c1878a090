//! Kmods images: which exist, and the versions in their labels and RPMs.

use std::collections::{BTreeMap, BTreeSet};

use image_config::{Kmods, Naming};
use registry_compat::{
    Answer, Digest, ImageRef, KmodTag, source_by_flavor, source_by_form, zfs_of_rpms,
};
use remote::Inspected;
use version_discovery::{Arch, Fact, KernelVersion, KmodsSource, ZfsVersion};

use super::World;
use crate::error::Error;
use crate::facts::KmodsImage;
use crate::kmods_labels::{KERNEL_LABEL, LINUX_LABEL, ZFS_LABEL};
use crate::resolve::kernel_agrees;

impl World<'_> {
    /// An image's digest and labels. The answer for a digest is cached.
    pub fn inspect(&self, image: &ImageRef, arch: Arch) -> Result<Answer<Inspected>, Error> {
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
        let tags = self.memory.once("tags", &source.image.to_string(), || {
            self.report
                .status("Reading", &format!("tags of {}", source.image));
            Ok(self.registries()?.tags(&source.image))
        })?;
        let tags = tags.map(|tags| tags.into_iter().collect::<Vec<_>>());
        let name = source.image.to_string();
        Ok(match &source.naming {
            Naming::Tag(form) => source_by_form(&name, form, &tags),
            // The ZFS version of each is read later, only where it matters.
            Naming::Flavor(flavor) => source_by_flavor(&name, flavor, &tags, &BTreeMap::new()),
        })
    }

    /// The ZFS version of an image whose tag does not name it, and the image.
    pub(super) fn zfs_of(
        &self,
        source: &Kmods,
        kernel: &KernelVersion,
    ) -> Result<(Fact<BTreeSet<ZfsVersion>>, Option<KmodsImage>), Error> {
        let Some(tag) = source.flavor().and_then(|flavor| flavor.tag_of(kernel)) else {
            let why = format!("no tag of {} says kernel {kernel}", source.image);
            return Ok((Fact::Unknown(why), None));
        };
        let image = source.image.tagged(tag.parse()?);
        self.report.status("Reading", &image.to_string());
        let answer = self.inspect(&image, kernel.arch())?;
        let found = match &answer {
            Answer::Present(found) => found,
            // The image was listed, but has been deleted since.
            Answer::Absent => return Ok((Fact::Known(BTreeSet::new()), None)),
            Answer::Unknown(why) => return Ok((Fact::Unknown(why.to_string()), None)),
        };
        kernel_agrees(&image, kernel, &found.labels)?;
        Ok(match self.zfs_inside(source, found, kernel)? {
            Err(why) => (Fact::Unknown(why), None),
            Ok(zfs) => {
                let image = KmodsImage {
                    source: source.image.to_string(),
                    arch: kernel.arch(),
                    wanted: KmodTag {
                        kernel: kernel.clone(),
                        zfs,
                    },
                    image,
                    answer,
                };
                (Fact::Known(BTreeSet::from([zfs])), Some(image))
            }
        })
    }

    /// The ZFS version in the names of an image's RPMs, or why it is not known. That
    /// requires downloading its whole layer; the answer for a digest is cached.
    fn zfs_inside(
        &self,
        source: &Kmods,
        found: &Inspected,
        kernel: &KernelVersion,
    ) -> Result<Result<ZfsVersion, String>, Error> {
        let image = source.image.at(found.manifest.clone());
        let of = format!("{} {}", found.manifest, source.path);
        let names = match self.cache.get::<BTreeSet<String>>("names", &of) {
            Some(names) => names,
            None => {
                let size = found.size / 1_000_000;
                let what = format!("names of the RPMs in {image} ({size} MB)");
                self.report.status("Reading", &what);
                let names = self.registries()?.file_names(&image, source.path.as_str());
                match names {
                    Answer::Present(names) => {
                        self.cache.put("names", &of, &names);
                        names
                    }
                    Answer::Absent => return Ok(Err(format!("{image} is gone by now"))),
                    Answer::Unknown(why) => return Ok(Err(why.to_string())),
                }
            }
        };
        // What lies in folders below is not installed, but for one program.
        let names = || {
            let here = |name: &&str| !name.contains('/');
            names.iter().map(String::as_str).filter(here)
        };
        let place = format!("{} of {image}", source.path);
        let module = format!("kmod-zfs-{kernel}");
        if !names().any(|name| name.starts_with(&module)) {
            return Ok(Err(format!("no RPM in {place} is named {module}…")));
        }
        let zfs = zfs_of_rpms(names(), kernel.arch());
        Ok(zfs.ok_or_else(|| format!("the RPMs in {place} are not of one release of ZFS")))
    }

    /// The image that a pin names, as far as a source has it. Only its labels say which
    /// versions it is for.
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
        let flavored = source.flavor().is_some();
        let label = if flavored { LINUX_LABEL } else { KERNEL_LABEL };
        let kernel = labels.get(label).and_then(|l| l.parse().ok());
        let zfs = match (&answer, &kernel) {
            (Answer::Present(found), Some(kernel)) if flavored => {
                match self.zfs_inside(source, found, kernel)? {
                    Ok(zfs) => Some(zfs),
                    Err(why) => return Ok((of(Fact::Unknown(why)), None)),
                }
            }
            _ => labels
                .get(ZFS_LABEL)
                .and_then(|l| l.strip_prefix("zfs-").unwrap_or(l).parse().ok()),
        };
        let (Some(kernel), Some(zfs)) = (kernel, zfs) else {
            let why = format!("the labels of {image} do not say which versions it is for");
            return Ok((of(Fact::Unknown(why)), None));
        };
        let wanted = KmodTag { kernel, zfs };
        let listed = KmodsSource::listed(name.clone(), [(wanted.kernel.clone(), zfs)]);
        let found = KmodsImage {
            source: name.clone(),
            arch,
            image: source.image.tagged(source.tag(&wanted)?),
            wanted,
            answer,
        };
        Ok((of(listed.kernels), Some(found)))
    }

    /// One image of a source.
    pub(super) fn kmods_image(&self, source: &Kmods, wanted: KmodTag) -> Result<KmodsImage, Error> {
        let image = source.image.tagged(source.tag(&wanted)?);
        let arch = wanted.kernel.arch();
        let answer = self.memory.once("kmods", &format!("{image} {arch}"), || {
            self.report.status("Reading", &image.to_string());
            self.inspect(&image, arch)
        })?;
        Ok(KmodsImage {
            source: source.image.to_string(),
            arch,
            answer,
            wanted,
            image,
        })
    }
}
