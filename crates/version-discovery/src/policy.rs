//! What the owner of an image wants: which ZFS line, and how far a base may
//! stay behind.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::dates::days_between;
use crate::text::number;
use crate::{Error, FcosVersion, KernelVersion, Series, ZfsVersion};

/// Days that a base may be held back where the configuration does not say.
///
/// The longest hold that the history from 2021 to 2024 asks for is 35 days
/// (2023-08-22 to 2023-09-26), 45 with kmods ten days late; the incident of
/// 2026-07 took 21 (aurora #2620).
pub const DEFAULT_HOLD_DAYS: u32 = 60;

/// Days for which an expired pin is still followed, with a warning.
pub const PIN_GRACE_DAYS: u32 = 7;

/// What the owner wants.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Policy {
    /// The ZFS line. Nothing of another line is ever taken: pool features that
    /// a newer line enables cannot be rolled back with the image.
    pub series: Series,
    /// How to choose within it.
    pub rule: Rule,
}

/// How to choose.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The newest base with the newest ZFS of the series, or nothing.
    Newest,
    /// The newest base that has kmods, with the newest ZFS that it has them of.
    Hold {
        /// Whole days, counted from when a newer base came out, after which a
        /// held base is no longer acceptable.
        max_days: u32,
    },
    /// As [`Rule::Hold`], within limits that a person set for a while. Its
    /// expiry takes the place of the number of days.
    Pin(Pin),
}

impl Default for Rule {
    fn default() -> Self {
        Self::Hold {
            max_days: DEFAULT_HOLD_DAYS,
        }
    }
}

/// Limits that a person set, why, and until when (ucore #413).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pin {
    /// This base and no other, even if it is a dead end, not rolled out yet, or
    /// older than what is published.
    #[serde(default)]
    pub base: Option<FcosVersion>,
    /// No newer kernel than this.
    #[serde(default)]
    pub kernel_ceiling: Option<KernelCeiling>,
    /// This ZFS version and no other.
    #[serde(default)]
    pub zfs: Option<ZfsVersion>,
    /// This kmods image and no other: `sha256:` and 64 hexadecimal digits. Only
    /// a [`crate::KmodsSource`] with this digest is then looked at.
    #[serde(default)]
    pub kmods_digest: Option<String>,
    /// Why the pin was set; for people who read the configuration later.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Date,
}

/// Where a pin stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinState {
    /// Up to and including its last day.
    InForce,
    /// Expired, and still followed for that many days after today.
    Grace {
        /// Days that are left; 0 on the last.
        days_left: u32,
    },
    /// No longer followed.
    Expired,
}

impl Pin {
    /// Where the pin stands on a day.
    pub fn state(&self, today: Date) -> PinState {
        let over = days_between(self.expires, today);
        match u32::try_from(over) {
            Err(_) | Ok(0) => PinState::InForce,
            Ok(over) if over <= PIN_GRACE_DAYS => PinState::Grace {
                days_left: PIN_GRACE_DAYS - over,
            },
            Ok(_) => PinState::Expired,
        }
    }
}

/// The newest kernel that is wanted: `7.0` allows every `7.0.x`, `7.0.12`
/// nothing after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelCeiling {
    major: u32,
    minor: u32,
    patch: Option<u32>,
}

impl KernelCeiling {
    /// Whether a kernel is within it.
    pub fn allows(&self, kernel: &KernelVersion) -> bool {
        let [major, minor, patch] = kernel.numbers();
        (major, minor, patch) <= (self.major, self.minor, self.patch.unwrap_or(u32::MAX))
    }
}

impl fmt::Display for KernelCeiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

impl FromStr for KernelCeiling {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let parts: Option<Vec<u32>> = text.split('.').map(number).collect();
        let (major, minor, patch) = match parts.as_deref() {
            Some(&[major, minor]) => (major, minor, None),
            Some(&[major, minor, patch]) => (major, minor, Some(patch)),
            _ => {
                return Err(Error::malformed(
                    "a kernel ceiling",
                    text,
                    "X.Y or X.Y.Z in quotes, such as \"7.0\" or \"7.0.12\"",
                ));
            }
        };
        Ok(Self {
            major,
            minor,
            patch,
        })
    }
}

crate::serde_as_text!(KernelCeiling);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_speaks_of_whole_numbers() {
        let allows = |ceiling: &str, kernel: &str| {
            let ceiling: KernelCeiling = ceiling.parse().unwrap();
            ceiling.allows(&kernel.parse().unwrap())
        };
        assert!(allows("7.0", "7.0.99-200.fc44.x86_64"));
        assert!(allows("7.0", "6.19.1-200.fc44.x86_64"));
        assert!(!allows("7.0", "7.1.0-200.fc44.x86_64"));
        assert!(!allows("6.9", "6.10.0-200.fc44.x86_64"));
        assert!(allows("7.0.12", "7.0.12-999.fc44.x86_64"));
        assert!(!allows("7.0.12", "7.0.13-1.fc44.x86_64"));
        for bad in ["", "7", "7.0.1.2", "7.x", "v7.0", "07.0"] {
            assert!(bad.parse::<KernelCeiling>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pin_expires_in_two_steps() {
        let pin = Pin {
            base: None,
            kernel_ceiling: None,
            zfs: None,
            kmods_digest: None,
            reason: "x".to_owned(),
            expires: "2026-08-10".parse().unwrap(),
        };
        let state = |day: &str| pin.state(day.parse().unwrap());
        assert_eq!(state("2026-07-01"), PinState::InForce);
        assert_eq!(state("2026-08-10"), PinState::InForce);
        assert_eq!(state("2026-08-11"), PinState::Grace { days_left: 6 });
        assert_eq!(state("2026-08-17"), PinState::Grace { days_left: 0 });
        assert_eq!(state("2026-08-18"), PinState::Expired);
    }
}
