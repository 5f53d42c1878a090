//! `night` in `image.yaml`: the nights of a machine of one's own.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use version_discovery::Error;

use crate::defaults::parsed;

/// When `cargo xtask night install` has them run, and what they do besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Night {
    /// As systemd.time(7) writes calendar events.
    #[serde(default = "at")]
    pub at: Calendar,
    /// Days between two clean-ups; 0 never cleans up.
    #[serde(default = "cleanup_days")]
    pub cleanup_days: u32,
}

/// Not on the hour, and after the night of the kmods project (08:11 UTC).
fn at() -> Calendar {
    parsed("*-*-* 09:41 UTC")
}

fn cleanup_days() -> u32 {
    7
}

impl Default for Night {
    fn default() -> Self {
        Self {
            at: at(),
            cleanup_days: cleanup_days(),
        }
    }
}

/// A calendar event of systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar(String);

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Calendar {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.len() <= 100 && crate::calendar::is_event(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::malformed(
                "a time that comes again",
                text,
                "a calendar event of systemd, such as `*-*-* 09:41 UTC` or `daily`",
            )),
        }
    }
}

version_discovery::serde_as_text!(Calendar);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_line_of_a_unit() {
        assert!(
            "Mon..Fri *-*-* 02:00:00 Europe/Berlin"
                .parse::<Calendar>()
                .is_ok()
        );
        for bad in ["", " ", "daily\nExecStart=x", "%h", "daily\u{a0}UTC"] {
            assert!(bad.parse::<Calendar>().is_err(), "{bad:?}");
        }
    }
}
