//! A release of OpenZFS as its makers publish it: the tarball, its detached signature,
//! and a signed list with its SHA-256. Pure; `gpgv` does the arithmetic.
//!
//! Source: the files of <https://github.com/openzfs/zfs/releases>.

use image_config::{Config, Fingerprint, Url};
use version_discovery::{KernelVersion, LinuxRange, ZfsVersion};

/// Most bytes of a tarball. OpenZFS's have 35 million.
pub const LARGEST: u64 = 200 * 1024 * 1024;

/// The files of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub zfs: ZfsVersion,
    base: String,
}

impl Release {
    /// Of the repository that `image.yaml` names.
    pub fn of(config: &Config, zfs: ZfsVersion) -> Self {
        let (github, repository) = (&config.urls.github, &config.zfs.repository);
        Self {
            zfs,
            base: format!("{github}/{repository}/releases/download/{}", zfs.tag()),
        }
    }

    /// `zfs-2.4.4.tar.gz`.
    pub fn tarball(&self) -> String {
        format!("{}.tar.gz", self.zfs.tag())
    }

    /// The names of all three: the tarball, its signature, the signed list.
    pub fn files(&self) -> [String; 3] {
        let tag = self.zfs.tag();
        [
            self.tarball(),
            format!("{tag}.tar.gz.asc"),
            format!("{tag}.sha256.asc"),
        ]
    }

    /// Where a file of it is.
    pub fn url(&self, file: &str) -> String {
        format!("{}/{file}", self.base)
    }
}

/// Where a key server has a key, by its whole fingerprint. Source: the protocol HKP,
/// draft-gallagher-openpgp-hkp, section 3.
pub fn key_url(server: &Url, key: &Fingerprint) -> String {
    format!("{server}/pks/lookup?op=get&options=mr&search=0x{key}")
}

/// The SHA-256 of a file in a list as sha256sum(1) writes it: exactly one.
///
/// # Errors
/// If there is none, or two that differ.
pub fn sha256_in(list: &str, file: &str) -> Result<String, String> {
    let mut found = list.lines().filter_map(|line| {
        let (sum, name) = line.trim().split_once(char::is_whitespace)?;
        let name = name.trim_start().trim_start_matches('*');
        (name == file).then(|| sum.to_ascii_lowercase())
    });
    let sum = found
        .next()
        .ok_or_else(|| format!("the signed list names no {file}"))?;
    if found.any(|other| other != sum) {
        return Err(format!("the signed list has two sums for {file}"));
    }
    let hex = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then_some(sum)
        .ok_or_else(|| format!("the signed list has no SHA-256 for {file}"))
}

/// Whether a release says that it supports a kernel, by the text of its `META`.
///
/// # Errors
/// If it does not, is of another version, or is no `META`.
pub fn supports(
    meta: &str,
    zfs: ZfsVersion,
    kernel: &KernelVersion,
    experimental: bool,
) -> Result<LinuxRange, String> {
    let mut versions = meta
        .lines()
        .filter_map(|line| line.strip_prefix("Version:"));
    let version = versions.next().map(str::trim).unwrap_or_default();
    if version != zfs.to_string() {
        return Err(format!(
            "META of the tarball says version `{}`, and {zfs} is wanted",
            host::one_line(version)
        ));
    }
    let range = LinuxRange::from_meta(meta).map_err(|error| error.to_string())?;
    let above = kernel.series() > range.maximum;
    if range.allows(kernel) || experimental && above {
        return Ok(range);
    }
    let next = match above {
        true => {
            "wait for OpenZFS, or say under `kmods` in image.yaml why it may be tried all the \
             same: `experimental: REASON`"
        }
        false => "that kernel is older than any that it supports",
    };
    Err(format!(
        "ZFS {zfs} supports kernels {range}, and {kernel} is none of them; {next}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str =
        "Meta:          1\nVersion:       2.4.4\nLinux-Maximum: 7.1\nLinux-Minimum: 4.18\n";

    #[test]
    fn what_a_release_supports_is_judged_before_anything_is_built() {
        let zfs = "2.4.4".parse().unwrap();
        let of = |kernel: &str, experimental| {
            supports(META, zfs, &kernel.parse().unwrap(), experimental)
        };
        assert!(of("7.1.9-200.fc44.x86_64", false).is_ok());
        let error = of("7.2.0-200.fc44.x86_64", false).unwrap_err();
        assert!(
            error.contains("4.18 to 7.1") && error.contains("experimental"),
            "{error}"
        );
        assert!(of("7.2.0-200.fc44.x86_64", true).is_ok());
        let error = of("4.9.0-1.fc20.x86_64", true).unwrap_err();
        assert!(error.contains("older than any"), "{error}");
        let other = "2.4.3".parse().unwrap();
        let error = supports(
            META,
            other,
            &"7.1.9-200.fc44.x86_64".parse().unwrap(),
            false,
        );
        assert!(error.unwrap_err().contains("says version `2.4.4`"));
    }

    #[test]
    fn one_sum_of_the_signed_list() {
        let sum = "a".repeat(64);
        let list = format!("{sum}  zfs-2.4.4.tar.gz\n{sum} *other\n");
        assert_eq!(sha256_in(&list, "zfs-2.4.4.tar.gz").unwrap(), sum);
        let two = format!("{list}{}  zfs-2.4.4.tar.gz\n", "b".repeat(64));
        for (list, why) in [
            (list.replace("zfs-2.4.4", "zfs-2.4.3"), "names no"),
            (two, "two sums"),
            ("abc  zfs-2.4.4.tar.gz\n".to_owned(), "no SHA-256"),
        ] {
            let error = sha256_in(&list, "zfs-2.4.4.tar.gz").unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn where_the_keys_are() {
        let server: Url = "https://keyserver.ubuntu.com".parse().unwrap();
        let key = "4F3BA9AB6D1F8D683DC2DFB56AD860EED4598027".parse().unwrap();
        assert_eq!(
            key_url(&server, &key),
            "https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x4F3BA9AB6D1F8D683DC2DFB56AD860EED4598027"
        );
    }
}
