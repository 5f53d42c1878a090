//! The RPMs that a build installs beyond the base, as the lock names them. Pure.

use std::fmt;
use std::str::FromStr;

use registry_compat::Digest;

use crate::error::Error;

/// An RPM that a build installs beyond the base.
///
/// In a lock: `NAME-EPOCH:VERSION-RELEASE.ARCH REPOSITORY sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedPackage {
    name: String,
    epoch: u32,
    version: String,
    release: String,
    arch: String,
    repository: String,
    checksum: Digest,
}

version_discovery::serde_as_text!(LockedPackage);

impl LockedPackage {
    /// Name, epoch, version, release and architecture in one word, as `dnf` takes it.
    /// Source: `dnf(8)`, "Specifying Packages".
    pub fn nevra(&self) -> String {
        let Self {
            name,
            epoch,
            version,
            release,
            arch,
            ..
        } = self;
        format!("{name}-{epoch}:{version}-{release}.{arch}")
    }

    /// The word of the build argument `LOCKED_PACKAGES`.
    pub fn word(&self) -> String {
        format!("{}|{}", self.nevra(), self.checksum.hex())
    }

    /// For a person: what, and of which repository.
    pub fn shown(&self) -> String {
        format!("{} of {}", self.nevra(), self.repository)
    }

    fn new(nevra: &str, repository: &str, checksum: &str) -> Option<Self> {
        let (rest, arch) = nevra.rsplit_once('.')?;
        let (rest, release) = rest.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let (epoch, version) = version.split_once(':')?;
        let digits = epoch.bytes().all(|byte| byte.is_ascii_digit());
        let epoch = epoch.parse().ok().filter(|_| digits)?;
        // Safe in a build argument, and in a shell's word.
        let part = |text: &str, extra: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
            (!text.is_empty() && text.len() <= 128 && text.chars().all(good))
                .then(|| text.to_owned())
        };
        Some(Self {
            name: part(name, "_.+-").filter(|name| !name.starts_with(['-', '.', '+']))?,
            epoch,
            version: part(version, "_.+~^")?,
            release: part(release, "_.+~^")?,
            arch: part(arch, "_")?,
            repository: part(repository, "_.:+-")?,
            checksum: checksum.parse().ok()?,
        })
    }
}

impl fmt::Display for LockedPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nevra = self.nevra();
        write!(f, "{nevra} {} {}", self.repository, self.checksum)
    }
}

impl FromStr for LockedPackage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let words: Vec<&str> = text.split(' ').collect();
        let found = match words.as_slice() {
            [nevra, repository, checksum] => Self::new(nevra, repository, checksum),
            _ => None,
        };
        found.ok_or_else(|| {
            Error::Usage(format!(
                "`{}` is not NAME-EPOCH:VERSION-RELEASE.ARCH REPOSITORY sha256:…",
                host::one_line(text)
            ))
        })
    }
}

/// What `fetched.sh` says of the packages that were fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Those that are there, sorted.
    pub packages: Vec<LockedPackage>,
    /// Those that no repository has, each as [`LockedPackage::nevra`].
    pub gone: Vec<String>,
}

/// Reads the report of `fetched.sh`.
///
/// # Errors
/// [`Error::Step`] if it is incomplete, or a line is not what it must be.
pub fn parse(report: &str) -> Result<Fetched, Error> {
    let wrong = |detail: String| Error::Step {
        step: "packages".to_owned(),
        detail,
    };
    let mut fetched = Fetched {
        packages: Vec::new(),
        gone: Vec::new(),
    };
    let mut end = None;
    for line in report.lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["end", count] => end = Some((*count).to_owned()),
            ["gone", nevra] => fetched.gone.push(host::one_line(nevra)),
            ["file", nevra, repository, sum] => {
                let text = format!("{nevra} {repository} sha256:{sum}");
                fetched.packages.push(text.parse()?);
            }
            _ => return Err(wrong(format!("`{}`", host::one_line(line)))),
        }
    }
    if end != Some(format!("{} files", fetched.packages.len())) {
        return Err(wrong("fetched.sh did not come to its end".to_owned()));
    }
    fetched.packages.sort();
    Ok(fetched)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_package_is_read_as_it_is_written() {
        for nevra in [
            "tailscale-0:1.80.0-1.x86_64",
            "libnvpair3-libs-1:2.4.4~rc1-1.fc44^git.x86_64",
            "python3.14-0:3.14-1.noarch",
        ] {
            let text = format!("{nevra} tailscale-stable sha256:{SUM}");
            let package: LockedPackage = text.parse().unwrap();
            assert_eq!(package.to_string(), text);
            assert_eq!(package.word(), format!("{nevra}|{SUM}"));
            let json = serde_json::to_string(&package).unwrap();
            assert_eq!(
                serde_json::from_str::<LockedPackage>(&json).unwrap(),
                package
            );
        }
    }

    #[test]
    fn what_is_no_package_is_refused() {
        for nevra in [
            "",
            "tailscale",
            "tailscale-1.80.0-1.x86_64",
            "tailscale-x:1.80.0-1.x86_64",
            "tailscale-+1:1.80.0-1.x86_64",
            "-x-0:1-1.x86_64",
            "a-0:1|2-1.x86_64",
            "a$(b)-0:1-1.x86_64",
        ] {
            let text = format!("{nevra} updates sha256:{SUM}");
            assert!(text.parse::<LockedPackage>().is_err(), "{nevra}");
        }
        for text in ["a-0:1-1.noarch updates", "a-0:1-1.noarch updates md5:0"] {
            assert!(text.parse::<LockedPackage>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_report_is_whole_or_none() {
        let line = format!("file\tb-0:1-1.noarch\tupdates\t{SUM}\n");
        let other = line.replace("b-0", "a-2");
        let fetched = parse(&format!(
            "gone\tc-0:1-1.noarch\n{line}{other}end\t2 files\n"
        ))
        .unwrap();
        let shown: Vec<String> = fetched.packages.iter().map(LockedPackage::shown).collect();
        assert_eq!(
            shown,
            ["a-2:1-1.noarch of updates", "b-0:1-1.noarch of updates"]
        );
        assert_eq!(fetched.gone, ["c-0:1-1.noarch"]);
        for report in [
            "",
            &line,
            &format!("{line}end\t2 files\n"),
            "x\nend\t0 files\n",
        ] {
            assert!(parse(report).is_err(), "{report}");
        }
    }
}
