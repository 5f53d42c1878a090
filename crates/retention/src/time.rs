//! Instants, as registries write them.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A day, as the retention window counts it: always 24 hours.
const DAY: i64 = 86_400;

/// An instant. Two texts of the same instant in different zones are equal.
///
/// Reads RFC 3339 with its zone, which is what GitHub's `created_at` and
/// `updated_at` and the `created` of an OCI image configuration are (GitHub
/// OpenAPI description, `package-version`; OCI image specification, "Image
/// Configuration"). A text without a zone is an error and never local time.
/// The texts themselves must not be compared: that is right only while every zone is
/// `Z` and no fraction is written.
///
/// There is no `now`: the caller has the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// From seconds since 1970-01-01T00:00:00Z; `None` outside the years -9999
    /// to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok().map(Self)
    }

    /// Seconds since 1970-01-01T00:00:00Z, the fraction cut off.
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This many days of 24 hours earlier. Stops at the first instant there is,
    /// which is older than any image: an absurdly long window keeps everything.
    pub fn minus_days(self, days: u32) -> Self {
        let back = jiff::SignedDuration::from_secs(i64::from(days) * DAY);
        self.0
            .checked_sub(back)
            .map_or(Self(jiff::Timestamp::MIN), Self)
    }

    /// Whole days of 24 hours from `earlier` to this; negative when `earlier`
    /// is the later one.
    pub fn days_since(self, earlier: Self) -> i64 {
        (self.unix_seconds() - earlier.unix_seconds()).div_euclid(DAY)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| {
            Error::malformed(
                "a time",
                text,
                "RFC 3339 with its zone, such as `2026-05-10T00:00:00Z`",
            )
        })
    }
}

version_discovery::serde_as_text!(Timestamp);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn instants_are_compared_and_not_texts() {
        assert_eq!(at("2026-05-10T02:00:00+02:00"), at("2026-05-10T00:00:00Z"));
        assert!(at("2026-05-10T00:30:00+02:00") < at("2026-05-10T00:00:00Z"));
        assert!(at("2026-05-10T00:00:00.5Z") > at("2026-05-10T00:00:00Z"));
        assert_eq!(
            at("2026-05-10T00:00:00.123456789Z").to_string(),
            "2026-05-10T00:00:00.123456789Z"
        );
    }

    #[test]
    fn a_zone_is_asked_for() {
        for bad in [
            "",
            "2026-05-10",
            "2026-05-10T00:00:00",
            "2026-13-10T00:00:00Z",
            "1778371200",
            "yesterday",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn days_go_back_and_never_wrap() {
        let now = at("2026-05-10T00:00:00Z");
        assert_eq!(now.minus_days(90), at("2026-02-09T00:00:00Z"));
        assert!(now.minus_days(u32::MAX) < at("0001-01-01T00:00:00Z"));
        assert_eq!(now.days_since(now.minus_days(90)), 90);
        assert_eq!(at("2026-05-09T23:59:59Z").days_since(now), -1);
    }
}
