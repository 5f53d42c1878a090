//! Makes kmods sources, which `version_discovery::choose` judges, from what
//! registries answered.
//!
//! Two layouts are known. The tags of *fedora-zfs-kmods* say both versions. The
//! tags of ublue's `akmods-zfs` say the kernel only, and which ZFS is inside has
//! to be read from the image (`images.yaml` and `build-kmod-zfs.sh` there).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use version_discovery::{Arch, Fact, KernelVersion, KmodsSource, ZfsVersion};

use crate::{Answer, Error, KmodTag, TagForm};

/// Which tags of ublue's `akmods-zfs` are looked at: the flavor, such as
/// `coreos-stable`.
///
/// Of the repository's four kinds of tags only
/// `<flavor>-<fedora>-<VERSION-RELEASE.ARCH>` names the kernel of one
/// architecture. It is overwritten every night, perhaps with a newer ZFS: take
/// it by digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AkmodsFlavor(String);

impl AkmodsFlavor {
    /// The kernel that a tag is for; `None` for the floating tags, those of
    /// other flavors, and signatures.
    pub fn parse(&self, tag: &str) -> Option<KernelVersion> {
        let rest = tag.strip_prefix(self.0.as_str())?.strip_prefix('-')?;
        let (fedora, kernel) = rest.split_once('-')?;
        let number = (1..=3).contains(&fedora.len()) && fedora.bytes().all(|b| b.is_ascii_digit());
        let kernel = number.then(|| kernel.parse().ok()).flatten()?;
        (self.tag_of(&kernel).as_deref() == Some(tag)).then_some(kernel)
    }

    /// The tag for a kernel on its own Fedora release, which its release names
    /// (`200.fc44`). Fedora CoreOS has no other, and programs that were built
    /// for another Fedora would not fit it. `None` for kernels of no Fedora.
    pub fn tag_of(&self, kernel: &KernelVersion) -> Option<String> {
        let text = kernel.to_string();
        let (_, rest) = text.rsplit_once(".fc")?;
        let (fedora, _) = rest.split_once('.')?;
        Some(self.tag(fedora.parse().ok()?, kernel))
    }

    /// The tag for a kernel on a Fedora release.
    pub fn tag(&self, fedora: u32, kernel: &KernelVersion) -> String {
        format!("{}-{fedora}-{kernel}", self.0)
    }
}

impl fmt::Display for AkmodsFlavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AkmodsFlavor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
        let letter = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if letter && text.len() <= 64 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::malformed(
                "a flavor of akmods-zfs",
                text,
                "a name such as `coreos-stable`",
            ))
        }
    }
}

version_discovery::serde_as_text!(AkmodsFlavor);

/// A source from the complete list of tags of a repository whose tags say both
/// versions. Tags of another form are not kmods and do not count.
///
/// `Absent` means that the registry said there is no such repository: then it
/// has no kmods, for certain.
pub fn source_by_form<S: AsRef<str>>(
    name: &str,
    form: &TagForm,
    tags: &Answer<Vec<S>>,
) -> KmodsSource {
    let pair = |KmodTag { kernel, zfs }| (kernel, zfs);
    let tags = match tags {
        Answer::Present(tags) => tags.as_slice(),
        Answer::Absent => &[],
        Answer::Unknown(why) => return KmodsSource::unknown(name, why.to_string()),
    };
    let found = tags.iter().filter_map(|tag| form.parse(tag.as_ref()));
    KmodsSource::listed(name, found.map(pair))
}

/// A source from the complete list of tags of ublue's repository. What is known
/// of single images fills in the ZFS versions: `Absent` there means that the
/// image was gone when it was looked at, so it has none.
pub fn source_by_flavor<S: AsRef<str>>(
    name: &str,
    flavor: &AkmodsFlavor,
    tags: &Answer<Vec<S>>,
    images: &BTreeMap<KernelVersion, Answer<BTreeSet<ZfsVersion>>>,
) -> KmodsSource {
    let tags = match tags {
        Answer::Present(tags) => tags.as_slice(),
        Answer::Absent => &[],
        Answer::Unknown(why) => return KmodsSource::unknown(name, why.to_string()),
    };
    let kernels = tags.iter().filter_map(|tag| flavor.parse(tag.as_ref()));
    let with_zfs = kernels.map(|kernel| {
        let zfs = match images.get(&kernel) {
            Some(Answer::Present(versions)) => Fact::Known(versions.clone()),
            Some(Answer::Absent) => Fact::Known(BTreeSet::new()),
            Some(Answer::Unknown(why)) => Fact::Unknown(why.to_string()),
            None => Fact::NotAsked,
        };
        (kernel, zfs)
    });
    KmodsSource {
        name: name.to_owned(),
        digest: None,
        kernels: Fact::Known(with_zfs.collect()),
    }
}

/// The ZFS version in a list of RPM file names, of which ublue's images have a
/// directory: that of `zfs-<version>-<release>.<arch>.rpm`, the programs.
///
/// `None` unless there is exactly one such version, final, for the
/// architecture: an image with two would not be known to be one thing.
pub fn zfs_of_rpms<'a>(names: impl IntoIterator<Item = &'a str>, arch: Arch) -> Option<ZfsVersion> {
    let end = format!(".{arch}.rpm");
    let version = |name: &'a str| {
        let file = name.rsplit('/').next()?;
        let rest = file.strip_prefix("zfs-")?.strip_suffix(&end)?;
        // `zfs-dracut-2.4.4-1…` is another package: what follows the first
        // hyphen must be the release.
        let (version, release) = rest.split_once('-')?;
        let first = release.bytes().next()?;
        // Release candidates have theirs in the release: `2.4.0-0.rc5`, `-rc5`.
        let is_final = first.is_ascii_digit() && first != b'0';
        version
            .parse::<ZfsVersion>()
            .ok()
            .filter(|_| is_final && !release.contains("rc"))
    };
    let found: BTreeSet<ZfsVersion> = names.into_iter().filter_map(version).collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Trouble, Unknown};

    const K: &str = "7.1.4-200.fc44.x86_64";

    fn form() -> TagForm {
        "zfs-{zfs}_kernel-{kernel}".parse().expect("a form")
    }

    fn trouble<T>() -> Answer<T> {
        Answer::Unknown(Unknown {
            trouble: Trouble::ServerError,
            detail: "ghcr.io: HTTP 503".to_owned(),
        })
    }

    #[test]
    fn both_versions_from_the_tag() {
        let tags = Answer::Present(vec![
            format!("zfs-2.4.4_kernel-{K}"),
            format!("zfs-2.4.3_kernel-{K}"),
            "latest".to_owned(),
            "zfs-2.4.4_kernel-null".to_owned(),
        ]);
        let source = source_by_form("ghcr.io/o/kmods", &form(), &tags);
        let kernels = source.kernels.known().unwrap();
        let versions = kernels[&K.parse::<KernelVersion>().unwrap()]
            .known()
            .unwrap();
        assert_eq!((kernels.len(), versions.len()), (1, 2));
    }

    #[test]
    fn absent_is_an_empty_list_and_unknown_is_none() {
        let absent = source_by_form::<String>("a", &form(), &Answer::Absent);
        assert_eq!(absent.kernels, Fact::Known(BTreeMap::new()));
        let unknown = source_by_form::<String>("a", &form(), &trouble());
        let Fact::Unknown(why) = unknown.kernels else {
            panic!("{:?}", unknown.kernels);
        };
        assert!(why.contains("HTTP 503"), "{why}");
        let flavor: AkmodsFlavor = "coreos-stable".parse().unwrap();
        let unknown = source_by_flavor::<String>("a", &flavor, &trouble(), &BTreeMap::new());
        assert!(matches!(unknown.kernels, Fact::Unknown(_)));
    }

    #[test]
    fn kernels_from_the_tag_and_zfs_from_the_image() {
        let flavor: AkmodsFlavor = "coreos-stable".parse().unwrap();
        let kernel = |text: &str| text.parse::<KernelVersion>().unwrap();
        let others = [
            "7.1.3-200.fc44.x86_64",
            "7.1.2-200.fc44.x86_64",
            "7.1.1-200.fc44.x86_64",
        ];
        let mut tags = vec![flavor.tag(44, &kernel(K))];
        tags.extend(others.map(|other| flavor.tag(44, &kernel(other))));
        for foreign in [
            "coreos-stable-44",
            "coreos-stable-44-x86_64",
            "coreos-stable-44-7.1.4-200.fc44",
            "coreos-stable-x-7.1.9-200.fc44.x86_64",
            "coreos-stable-43-7.1.9-200.fc44.x86_64",
            "coreos-testing-44-7.1.9-200.fc44.x86_64",
            "sha256-460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632.sig",
        ] {
            assert_eq!(flavor.parse(foreign), None, "{foreign}");
            tags.push(foreign.to_owned());
        }
        let zfs = BTreeSet::from(["2.4.4".parse::<ZfsVersion>().unwrap()]);
        let images = BTreeMap::from([
            (kernel(K), Answer::Present(zfs.clone())),
            (kernel(others[0]), Answer::Absent),
            (kernel(others[1]), trouble()),
        ]);
        let source = source_by_flavor("ublue", &flavor, &Answer::Present(tags), &images);
        let kernels = source.kernels.known().unwrap();
        assert_eq!(kernels.len(), 4);
        assert_eq!(kernels[&kernel(K)], Fact::Known(zfs));
        assert_eq!(kernels[&kernel(others[0])], Fact::Known(BTreeSet::new()));
        assert!(matches!(kernels[&kernel(others[1])], Fact::Unknown(_)));
        assert_eq!(kernels[&kernel(others[2])], Fact::NotAsked);
        for bad in ["", "-x", "Coreos", "a/b", "a b"] {
            assert!(bad.parse::<AkmodsFlavor>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_zfs_of_an_image_by_its_rpms() {
        let real = [
            "rpms/kmods/zfs/kmod-zfs-7.1.4-200.fc44.x86_64-2.4.4-1.fc44.x86_64.rpm",
            "rpms/kmods/zfs/libzfs7-2.4.4-1.fc44.x86_64.rpm",
            "rpms/kmods/zfs/other/zfs-dracut-2.4.4-1.fc44.noarch.rpm",
            "rpms/kmods/zfs/zfs-2.4.4-1.fc44.x86_64.rpm",
        ];
        let of = |names: &[&str]| zfs_of_rpms(names.iter().copied(), Arch::X86_64);
        assert_eq!(of(&real), Some("2.4.4".parse().unwrap()));
        assert_eq!(of(&real[..3]), None);
        assert_eq!(zfs_of_rpms(real, Arch::Aarch64), None);
        assert_eq!(
            of(&["zfs-2.4.4-1.fc44.x86_64.rpm", "zfs-2.4.3-1.fc44.x86_64.rpm"]),
            None
        );
        assert_eq!(of(&["zfs-2.4.0-rc5.fc44.x86_64.rpm"]), None);
        assert_eq!(of(&["zfs-2.4.0-0.rc5.fc44.x86_64.rpm"]), None);
    }
}
