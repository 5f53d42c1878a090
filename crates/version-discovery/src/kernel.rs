//! Kernel versions as Fedora writes them, and the architectures they are for.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::text::number;

/// A processor architecture, by its Fedora (RPM) name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// `x86_64`, which OCI calls `amd64`.
    X86_64,
    /// `aarch64`, which OCI calls `arm64`.
    Aarch64,
}

impl Arch {
    /// The name in RPM file names, Fedora metadata and `uname -m`.
    pub fn rpm(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The `e_machine` of its programs. Source: `elf.h`.
    pub fn elf_machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Aarch64 => 183,
        }
    }

    /// The `platform.architecture` of the OCI image index (Go's `GOARCH`).
    pub fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rpm())
    }
}

impl FromStr for Arch {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Aarch64),
            _ => Err(Error::malformed(
                "an architecture",
                text,
                "`x86_64` or `aarch64`",
            )),
        }
    }
}

crate::serde_as_text!(Arch);

/// A kernel's `uname -r` on Fedora: `VERSION-RELEASE.ARCH`, for example
/// `7.1.4-200.fc44.x86_64`.
///
/// Ordered by version, then release as RPM compares it, then architecture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KernelVersion {
    version: [u32; 3],
    release: String,
    arch: Arch,
}

impl KernelVersion {
    /// Puts a version together from the columns of an RPM database.
    ///
    /// # Errors
    /// As for parsing `{version}-{release}.{arch}`.
    pub fn from_rpm(version: &str, release: &str, arch: &str) -> Result<Self, Error> {
        format!("{version}-{release}.{arch}").parse()
    }

    /// `7.1`, the part that OpenZFS's `Linux-Maximum` speaks of.
    pub fn major_minor(&self) -> String {
        format!("{}.{}", self.version[0], self.version[1])
    }

    /// Major and minor as numbers.
    pub fn series(&self) -> (u32, u32) {
        (self.version[0], self.version[1])
    }

    /// Major, minor and patch, without Fedora's release.
    pub fn numbers(&self) -> [u32; 3] {
        self.version
    }

    /// The architecture at the end.
    pub fn arch(&self) -> Arch {
        self.arch
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.version;
        write!(f, "{major}.{minor}.{patch}-{}.{}", self.release, self.arch)
    }
}

impl FromStr for KernelVersion {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| {
            Error::malformed(
                "a kernel version",
                text,
                "VERSION-RELEASE.ARCH such as `7.1.4-200.fc44.x86_64`",
            )
        })
    }
}

fn parse(text: &str) -> Option<KernelVersion> {
    let (version, rest) = text.split_once('-')?;
    let (release, arch) = rest.rsplit_once('.')?;
    let mut parts = version.split('.').map(number);
    let version = [parts.next()??, parts.next()??, parts.next()??];
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'_';
    let well_formed = parts.next().is_none()
        && !release.is_empty()
        && release.len() <= 64
        && release.bytes().all(allowed);
    well_formed.then_some(KernelVersion {
        version,
        release: release.to_owned(),
        arch: arch.parse().ok()?,
    })
}

impl Ord for KernelVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.version
            .cmp(&other.version)
            .then_with(|| rpm_compare(&self.release, &other.release))
            .then_with(|| self.release.cmp(&other.release))
            .then_with(|| self.arch.cmp(&other.arch))
    }
}

impl PartialOrd for KernelVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

crate::serde_as_text!(KernelVersion);

/// Compares two releases as RPM does: runs of digits numerically, runs of
/// letters as text, digits newer than letters, the longer one newer.
/// Source: the description of version comparison in the RPM reference manual.
fn rpm_compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (segments(left), segments(right));
    for (a, b) in left.iter().zip(&right) {
        let digits = |s: &str| s.starts_with(|c: char| c.is_ascii_digit());
        let order = match (digits(a), digits(b)) {
            (true, true) => {
                let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

fn segments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let same = |c: char| c.is_ascii_digit() == first.is_ascii_digit();
            let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
            let (segment, tail) = rest.split_at(end);
            found.push(segment);
            rest = tail;
        }
    }
    found
}

/// Where the kernel of a base image was learnt from, in the order in which the
/// sources are asked.
///
/// The label has been gone since Fedora 43 (ublue-os/akmods#416), so the second
/// source is the normal one today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelSource {
    /// The image's label `ostree.linux`.
    Label,
    /// `rpmostree.rpmdb.pkglist` in the release's `commitmeta.json`.
    Commitmeta,
    /// `rpm -q kernel-core`, run in the image by digest.
    Rpm,
}

impl fmt::Display for KernelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Label => "label ostree.linux",
            Self::Commitmeta => "Fedora's commitmeta.json",
            Self::Rpm => "rpm -q kernel-core in the image",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(text: &str) -> KernelVersion {
        text.parse().unwrap()
    }

    #[test]
    fn round_trip_and_parts() {
        let k = kernel("7.1.4-200.fc44.x86_64");
        assert_eq!(k.to_string(), "7.1.4-200.fc44.x86_64");
        assert_eq!(k.major_minor(), "7.1");
        assert_eq!(k.series(), (7, 1));
        assert_eq!(k.arch(), Arch::X86_64);
        assert_eq!(kernel("6.12.0-0.rc7.59.fc42.aarch64").arch(), Arch::Aarch64);
    }

    #[test]
    fn what_is_no_kernel_version() {
        for bad in [
            "",
            "null",
            "7.1.4",
            "7.1-200.fc44.x86_64",
            "7.1.4-200.fc44.riscv64",
            "7.1.4-200.fc44.x86_64\nevil=1",
            "7.1.4-200/fc44.x86_64",
            "7.1.4-200\".x86_64",
            "7.1.4-.x86_64",
            "07.1.4-200.fc44.x86_64",
            "7.1.4.5-200.fc44.x86_64",
            "7.1.4-200.fc44.x86_64 ",
        ] {
            assert!(bad.parse::<KernelVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn order_is_numeric() {
        let sorted = [
            "6.9.12-100.fc40.x86_64",
            "6.10.3-200.fc40.x86_64",
            "6.10.3-200.fc41.x86_64",
            "6.10.3-201.fc40.x86_64",
            "6.10.10-100.fc40.x86_64",
            "7.0.0-0.rc7.fc44.x86_64",
            "7.0.0-1.fc44.x86_64",
        ];
        for pair in sorted.windows(2) {
            assert!(kernel(pair[0]) < kernel(pair[1]), "{pair:?}");
        }
    }
}
