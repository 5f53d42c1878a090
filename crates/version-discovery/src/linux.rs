//! Which kernels an OpenZFS release says it supports.

use std::fmt;

use crate::text::number;
use crate::{Error, KernelVersion};

/// The kernels that an OpenZFS release supports, both ends included, by major
/// and minor number. Source: the fields `Linux-Minimum` and `Linux-Maximum` of
/// the file `META` in the release's tree.
///
/// Outside the range a build may still succeed (OpenZFS then asks for
/// `--enable-linux-experimental`), but a NAS must not run such a combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LinuxRange {
    /// `Linux-Minimum`.
    pub minimum: (u32, u32),
    /// `Linux-Maximum`.
    pub maximum: (u32, u32),
}

impl LinuxRange {
    /// Reads the two fields from the text of a `META` file.
    ///
    /// # Errors
    /// [`Error::Malformed`] if one is missing, there twice, or not `X.Y`.
    pub fn from_meta(meta: &str) -> Result<Self, Error> {
        let field = |name: &'static str| {
            let mut values = meta.lines().filter_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim())
            });
            match (values.next(), values.next()) {
                (Some(value), None) => two_numbers(value)
                    .ok_or_else(|| Error::malformed("a kernel series", value, "X.Y such as `7.1`")),
                (found, _) => Err(Error::malformed(
                    "OpenZFS's META file",
                    found.unwrap_or(meta),
                    "one `Linux-Minimum: X.Y` and one `Linux-Maximum: X.Y`",
                )),
            }
        };
        Ok(Self {
            minimum: field("Linux-Minimum")?,
            maximum: field("Linux-Maximum")?,
        })
    }

    /// Whether the kernel is in the range.
    pub fn allows(&self, kernel: &KernelVersion) -> bool {
        (self.minimum..=self.maximum).contains(&kernel.series())
    }

    /// `7.1`, the upper end.
    pub fn maximum_text(&self) -> String {
        format!("{}.{}", self.maximum.0, self.maximum.1)
    }
}

fn two_numbers(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((number(major)?, number(minor)?))
}

impl fmt::Display for LinuxRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = self.minimum;
        write!(f, "{a}.{b} to {}", self.maximum_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = "Meta:          1\nName:          zfs\nBranch:        1.0\nVersion:       2.4.4\nRelease:       1\nRelease-Tags:  relext\nLicense:       CDDL\nAuthor:        OpenZFS\nLinux-Maximum: 7.2\nLinux-Minimum: 4.18\n";

    #[test]
    fn both_ends_are_included_and_numeric() {
        let range = LinuxRange::from_meta(META).unwrap();
        assert_eq!(range.to_string(), "4.18 to 7.2");
        let allows = |kernel: &str| range.allows(&kernel.parse().unwrap());
        assert!(allows("7.2.9-200.fc44.x86_64"));
        assert!(allows("4.18.0-1.fc44.x86_64"));
        assert!(!allows("7.3.0-200.fc44.x86_64"));
        assert!(!allows("4.9.0-1.fc44.x86_64"));
    }

    #[test]
    fn what_is_no_meta_file() {
        for bad in [
            String::new(),
            "<html>404</html>".to_owned(),
            META.replace("Linux-Maximum: 7.2", ""),
            META.replace("7.2", "7.x"),
            META.replace("7.2", "7"),
            format!("{META}Linux-Maximum: 7.3\n"),
        ] {
            assert!(LinuxRange::from_meta(&bad).is_err(), "{bad}");
        }
    }
}
