//! The layers that there are, and which packages get one of their own.

use std::collections::{BTreeMap, HashSet};

use sha2::{Digest as _, Sha256};

/// The part with the whiteouts.
pub const REMOVED: &str = "removed files";
/// The part with the modules of the kernel.
pub const MODULES: &str = "kernel modules";
/// The part with the package database.
pub const DATABASE: &str = "package database";
/// The part with everything else.
pub const CONFIGURATION: &str = "configuration";
/// The prefix of a part with one source package.
const PACKAGE: &str = "package ";

/// A source package with as many bytes gets a layer of its own.
pub(crate) const LARGE: u64 = 4 * 1024 * 1024;

/// So many packages get a layer of their own at the most. Container storage mounts at
/// most 128 layers (overlay: 500, but the mount options must fit one page), and Fedora
/// CoreOS has about 50 of its own.
const MOST_PACKAGES: usize = 24;

/// So many layers have the small packages of a vendor that has many.
pub(crate) const GROUPS: u8 = 8;

/// A vendor whose small packages have as many bytes has many.
pub(crate) const MANY: u64 = 8 * 1024 * 1024;

/// So many vendors get several layers at the most, for the same reason as
/// [`MOST_PACKAGES`].
const MOST_GROUPED: usize = 3;

/// The order of the parts, and what belongs to each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Removed,
    Modules,
    Package(String),
    /// Some of a vendor's packages: which of [`GROUPS`], or all of them.
    Vendor(String, Option<u8>),
    Database,
    Configuration,
}

impl Place {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Removed => REMOVED.to_owned(),
            Self::Modules => MODULES.to_owned(),
            Self::Package(name) => format!("{PACKAGE}{name}"),
            Self::Vendor(vendor, None) => vendor_part(vendor),
            Self::Vendor(vendor, Some(group)) => {
                format!("{}, {} of {GROUPS}", vendor_part(vendor), group + 1)
            }
            Self::Database => DATABASE.to_owned(),
            Self::Configuration => CONFIGURATION.to_owned(),
        }
    }
}

fn vendor_part(vendor: &str) -> String {
    match vendor {
        "" => "packages of nobody named".to_owned(),
        vendor => format!("packages of {vendor}"),
    }
}

/// A file's bytes, and whose they are.
pub(crate) struct Package<'a> {
    /// The source package.
    pub name: &'a str,
    /// Who built it.
    pub vendor: &'a str,
    /// Bytes.
    pub size: u64,
}

/// The source packages that get a layer of their own.
pub(crate) fn large<'a>(packages: &[Package<'a>], previous: &[String]) -> HashSet<&'a str> {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for package in packages {
        *sizes.entry(package.name).or_default() += package.size;
    }
    let had = |name: &str| {
        let own = |part: &String| part.strip_prefix(PACKAGE) == Some(name);
        previous.iter().any(own)
    };
    large_enough(sizes, had, LARGE, MOST_PACKAGES)
}

/// The vendors whose small packages are many.
pub(crate) fn grouped<'a>(
    packages: &[Package<'a>],
    large: &HashSet<&str>,
    previous: &[String],
) -> HashSet<&'a str> {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for package in packages
        .iter()
        .filter(|package| !large.contains(package.name))
    {
        *sizes.entry(package.vendor).or_default() += package.size;
    }
    let had = |vendor: &str| {
        let begin = format!("{}, ", vendor_part(vendor));
        previous.iter().any(|part| part.starts_with(&begin))
    };
    large_enough(sizes, had, MANY, MOST_GROUPED)
}

/// The names of `least` bytes or more; those that `had` layers before stay until they
/// have half of it, and come first. The rest by size, `most` in all.
fn large_enough(
    sizes: BTreeMap<&str, u64>,
    had: impl Fn(&str) -> bool,
    least: u64,
    most: usize,
) -> HashSet<&str> {
    let mut wanted: Vec<(bool, u64, &str)> = sizes
        .into_iter()
        .map(|(name, size)| (had(name), size, name))
        .filter(|(had, size, _)| *size >= if *had { least / 2 } else { least })
        .collect();
    wanted.sort_by(|a, b| (b.0, b.1, a.2).cmp(&(a.0, a.1, b.2)));
    let names = wanted.into_iter().map(|(_, _, name)| name);
    names.take(most).collect()
}

/// Which of its vendor's layers a package is in: always the same, whatever else there is.
pub(crate) fn group_of(package: &str) -> u8 {
    let first = Sha256::digest(package.as_bytes())[0];
    first % GROUPS
}
