//! The name of a machine.

use std::fmt;
use std::str::FromStr;

/// A host name: a file, an image and a package are named after it, so it has the form
/// that all of them take. Source: hostname(7), RFC 1123, section 2.1; Linux takes 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What it is not.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no host name; lower-case letters, digits, and `-` or `.` between them, 63 at most"
)]
pub struct NoHostName(String);

impl FromStr for HostName {
    type Err = NoHostName;

    fn from_str(text: &str) -> Result<Self, NoHostName> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let part = |part: &str| {
            let ends = part.starts_with(good) && part.ends_with(good);
            ends && part.chars().all(|c| good(c) || c == '-')
        };
        match text.len() <= 63 && text.split('.').all(part) {
            true => Ok(Self(text.to_owned())),
            false => Err(NoHostName(host::one_line(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_that_hosts_take() {
        let is = |text: &str| text.parse::<HostName>().is_ok();
        for good in ["nas", "3nas", "a.b-c", "x"] {
            assert!(is(good), "{good}");
        }
        for bad in [
            "",
            "Nas",
            "a_b",
            "-a",
            "a-",
            "a..b",
            ".a",
            "a b",
            "a/b",
            "nas.bu/..",
        ] {
            assert!(!is(bad), "{bad}");
        }
        assert!(!is(&"a".repeat(64)));
    }
}
