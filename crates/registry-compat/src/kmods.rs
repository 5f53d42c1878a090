//! Tags of kmods images, in both directions.

use std::fmt;
use std::str::FromStr;

use version_discovery::{KernelVersion, ZfsVersion};

use crate::{Error, Tag};

/// What one kmods image is for.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct KmodTag {
    /// The kernel that the modules were built for.
    pub kernel: KernelVersion,
    /// The OpenZFS version.
    pub zfs: ZfsVersion,
}

/// How a kmods repository names its tags: text with the two placeholders
/// `{zfs}` and `{kernel}`, each once, for example `zfs-{zfs}_kernel-{kernel}`
/// (fedora-zfs-kmods).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagForm {
    text: String,
    /// Whether `{zfs}` stands before `{kernel}`.
    zfs_first: bool,
    /// What stands before, between and after the placeholders.
    around: [String; 3],
}

impl TagForm {
    /// The tag of the image for this pair.
    ///
    /// # Errors
    /// If the result is no valid tag, which only a very long release can cause.
    pub fn render(&self, wanted: &KmodTag) -> Result<Tag, Error> {
        let [before, between, after] = &self.around;
        let (first, second) = if self.zfs_first {
            (wanted.zfs.to_string(), wanted.kernel.to_string())
        } else {
            (wanted.kernel.to_string(), wanted.zfs.to_string())
        };
        format!("{before}{first}{between}{second}{after}").parse()
    }

    /// What a tag says; `None` for tags of another form (`latest`, signatures).
    pub fn parse(&self, tag: &str) -> Option<KmodTag> {
        let [before, between, after] = &self.around;
        let inner = tag
            .strip_prefix(before.as_str())?
            .strip_suffix(after.as_str())?;
        // A kernel's release may contain the separator; try each place.
        inner.match_indices(between.as_str()).find_map(|(at, _)| {
            let (first, second) = (&inner[..at], &inner[at + between.len()..]);
            let (zfs, kernel) = if self.zfs_first {
                (first, second)
            } else {
                (second, first)
            };
            Some(KmodTag {
                kernel: kernel.parse().ok()?,
                zfs: zfs.parse().ok()?,
            })
        })
    }
}

impl fmt::Display for TagForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for TagForm {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::malformed(
                "a kmods tag form",
                text,
                "text with `{zfs}` and `{kernel}` once each and something between them, such as `zfs-{zfs}_kernel-{kernel}`",
            )
        };
        let zfs = text.find("{zfs}").ok_or_else(wrong)?;
        let kernel = text.find("{kernel}").ok_or_else(wrong)?;
        let zfs_first = zfs < kernel;
        let (first, second) = if zfs_first {
            ("{zfs}", "{kernel}")
        } else {
            ("{kernel}", "{zfs}")
        };
        let (before, rest) = text.split_once(first).ok_or_else(wrong)?;
        let (between, after) = rest.split_once(second).ok_or_else(wrong)?;
        let around = [before, between, after].map(str::to_owned);
        let plain = |s: &String| {
            s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        };
        if between.is_empty() || !around.iter().all(plain) {
            return Err(wrong());
        }
        Ok(Self {
            text: text.to_owned(),
            zfs_first,
            around,
        })
    }
}

version_discovery::serde_as_text!(TagForm);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_both_ways() {
        for form in [
            "zfs-{zfs}_kernel-{kernel}",
            "{kernel}-{zfs}",
            "k.{kernel}_{zfs}.z",
        ] {
            let form: TagForm = form.parse().unwrap();
            let wanted = KmodTag {
                kernel: "7.1.4-200.fc44.x86_64".parse().unwrap(),
                zfs: "2.4.4".parse().unwrap(),
            };
            let tag = form.render(&wanted).unwrap();
            assert_eq!(form.parse(tag.as_str()), Some(wanted), "{form}: {tag}");
        }
    }

    #[test]
    fn foreign_tags_say_nothing() {
        let form: TagForm = "zfs-{zfs}_kernel-{kernel}".parse().unwrap();
        for tag in [
            "latest",
            "zfs-_kernel-7.1.4-200.fc44.x86_64",
            "zfs-2.4.4_kernel-null",
            "zfs-2.4.4-rc1_kernel-7.1.4-200.fc44.x86_64",
            "sha256-460576931cf4ce59afe432ea266234f9d34fa77f8ca3087282084bc3a7324632.sig",
        ] {
            assert_eq!(form.parse(tag), None, "{tag}");
        }
    }

    #[test]
    fn forms_that_could_not_be_read_back() {
        for bad in [
            "",
            "zfs-{zfs}",
            "{zfs}{kernel}",
            "{zfs}/{kernel}",
            "{zfs} {kernel}",
            "{zfs}_{kernel}_{zfs}",
        ] {
            assert!(bad.parse::<TagForm>().is_err(), "{bad:?}");
        }
    }
}
