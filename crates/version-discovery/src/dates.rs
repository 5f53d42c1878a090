//! Whole days of UTC. Everything a person reads here is a date, and two
//! machines in different zones must not disagree on it.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

/// The day of UTC in which a moment lies.
pub(crate) fn date_of(moment: Timestamp) -> Date {
    jiff::tz::Offset::UTC.to_datetime(moment).date()
}

/// That many days later, or earlier. Stays at the ends of the calendar.
pub(crate) fn add_days(date: Date, days: i32) -> Date {
    date.saturating_add(days.days())
}

/// Whole days from one date to another; negative if `to` is the earlier.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// A number of days for people: `1 day`, `3 days`.
pub(crate) fn counted(count: i64) -> String {
    format!("{count} day{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_utc() {
        let moment: Timestamp = "2026-07-22T23:30:00-04:00".parse().unwrap();
        let day = date_of(moment);
        assert_eq!(day.to_string(), "2026-07-23");
        assert_eq!(add_days(day, 9).to_string(), "2026-08-01");
        assert_eq!(days_between(day, add_days(day, 40)), 40);
        assert_eq!(days_between(day, add_days(day, -3)), -3);
        assert_eq!(add_days(Date::MAX, 1), Date::MAX);
    }
}
