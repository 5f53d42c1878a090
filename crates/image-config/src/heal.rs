//! `heal` in `image.yaml`: whether a host checks its own health after an update, and
//! goes back to the previous image if it is unhealthy.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::Error;

/// The unit that checks the health.
pub(crate) const UNIT: &str = "custom-coreos-health.service";

/// How many minutes a host has to become healthy: from 1 to 120.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes(u16);

impl FromStr for Minutes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse() {
            Ok(minutes @ 1..=120) => Ok(Self(minutes)),
            _ => Err(Error::malformed(
                "the minutes of `heal`",
                text,
                "a number from 1 to 120",
            )),
        }
    }
}

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Minutes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> Deserialize<'de> for Minutes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let minutes = u64::deserialize(deserializer)?;
        if minutes > 120 {
            let words = format!("`{minutes}` is too large; wanted a number from 1 to 120");
            return Err(serde::de::Error::custom(words));
        }
        minutes
            .to_string()
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The settings of a host that checks its own health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Heal {
    /// How long it has to become healthy after a boot.
    pub minutes: Minutes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_some_minutes() {
        let read = |text: &str| serde_yaml::from_str::<Heal>(text).map_err(|e| e.to_string());
        assert_eq!(read("minutes: 10").unwrap().minutes.to_string(), "10");
        for text in ["minutes: 0", "minutes: 121"] {
            assert!(read(text).unwrap_err().contains("from 1 to 120"), "{text}");
        }
        assert!(read("{}").is_err());
    }
}
