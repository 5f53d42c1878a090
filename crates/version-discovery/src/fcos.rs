//! Fedora CoreOS streams and release versions.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::text::number;

/// A Fedora CoreOS release version, `44.20260707.3.1`: Fedora release, date of
/// the package set, stream number, build.
/// Source: Fedora CoreOS "Release versioning" design document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FcosVersion {
    /// The Fedora release.
    pub fedora: u32,
    /// The date as a number, `20260707`.
    pub date: u32,
    /// 1 `next`, 2 `testing`, 3 `stable`, larger for development streams.
    pub stream: u32,
    /// Build number of that day.
    pub build: u32,
}

impl fmt::Display for FcosVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fedora,
            date,
            stream,
            build,
        } = self;
        write!(f, "{fedora}.{date}.{stream}.{build}")
    }
}

impl FromStr for FcosVersion {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let parts: Option<Vec<u32>> = text.split('.').map(number).collect();
        match parts.as_deref() {
            Some(&[fedora, date, stream, build]) if (20_180_101..=99_991_231).contains(&date) => {
                Ok(Self {
                    fedora,
                    date,
                    stream,
                    build,
                })
            }
            _ => Err(Error::malformed(
                "a Fedora CoreOS version",
                text,
                "FEDORA.DATE.STREAM.BUILD such as `44.20260707.3.1`",
            )),
        }
    }
}

crate::serde_as_text!(FcosVersion);

/// The name of a Fedora CoreOS stream: `stable`, `testing`, `next`, or one of
/// the development streams.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream(String);

impl Stream {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Stream {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(name) && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::malformed(
                "a Fedora CoreOS stream",
                text,
                "a name such as `stable`, `testing` or `next`",
            ))
        }
    }
}

crate::serde_as_text!(Stream);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_round_trip_and_compare_by_number() {
        let v = |text: &str| text.parse::<FcosVersion>().unwrap();
        assert_eq!(v("44.20260707.3.1").to_string(), "44.20260707.3.1");
        assert!(v("44.20260707.3.9") < v("44.20260707.3.10"));
        assert!(v("43.20261231.3.0") < v("44.20260101.3.0"));
        for bad in [
            "",
            "44",
            "44.20260707.3",
            "44.20260707.3.1.0",
            "44.x.3.1",
            "44.1.3.1",
        ] {
            assert!(bad.parse::<FcosVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn stream_names() {
        assert!("testing-devel".parse::<Stream>().is_ok());
        for bad in ["", "../x", "Stable", "a b", "-x"] {
            assert!(bad.parse::<Stream>().is_err(), "{bad:?}");
        }
    }
}
