//! The releases, the hold and what is ahead, as a line of days: an SVG that takes its
//! colours from the page.

use std::fmt::Write as _;

use jiff::Timestamp;
use version_discovery::{BaseVerdict, Choice, Forecast, Held, Outcome, Waiting};

use super::html::escape;

/// Days before and after today that there is room for.
const BEFORE: i64 = 60;
const AFTER: i64 = 21;
/// Height of a mark and of the words above it.
const ROW: f64 = 40.0;

/// A point or a span of time with its name, in days from today.
struct Mark {
    from: i64,
    to: Option<i64>,
    class: &'static str,
    text: String,
}

/// The line; nothing if there is nothing on it.
pub(super) fn line(choice: &Choice, ahead: &[Forecast], now: Timestamp) -> String {
    let mut marks = releases(choice, now);
    marks.extend(held(choice).map(|held| {
        let days = i64::from(held.days);
        let most = held.max_days.map_or(0, |most| i64::from(most) - days);
        let until = match held.max_days {
            Some(most) => format!("held for {days} days, {most} at most"),
            None => format!("held for {days} days"),
        };
        Mark {
            from: -days,
            to: Some(most.max(0)),
            class: "hold",
            text: until,
        }
    }));
    marks.extend(ahead.iter().filter_map(coming));
    if marks.is_empty() {
        return String::new();
    }
    drawn(&marks)
}

/// The hold, if there is one.
fn held(choice: &Choice) -> Option<&Held> {
    match &choice.outcome {
        Outcome::Hold(_, held) => Some(held),
        Outcome::Wait(Waiting::NewestNotBuildable { held, .. }) => Some(held),
        _ => None,
    }
}

/// Each release of the last weeks by the date in its version.
fn releases(choice: &Choice, now: Timestamp) -> Vec<Mark> {
    let mut marks = Vec::new();
    for base in choice.bases.iter().take(6) {
        let Some(days) = days_since(&base.version.to_string(), now) else {
            continue;
        };
        let class = match &base.verdict {
            BaseVerdict::Taken | BaseVerdict::Buildable => "dot",
            BaseVerdict::Lacks(_) => "lacks",
            _ => continue,
        };
        let said = match class {
            "dot" => "taken",
            _ => "no kmods",
        };
        marks.push(Mark {
            from: -days,
            to: None,
            class,
            text: format!("{}: {said}, {days} days old", base.version),
        });
    }
    marks
}

/// Whole days since the date in a version, `44.20260720.3.1`.
fn days_since(version: &str, now: Timestamp) -> Option<i64> {
    let date = version.split('.').nth(1)?;
    let (year, rest) = date.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    let at: Timestamp = format!("{year}-{month}-{day}T00:00:00Z").parse().ok()?;
    Some((now.as_second() - at.as_second()).div_euclid(86_400))
}

fn coming(forecast: &Forecast) -> Option<Mark> {
    let Forecast::Coming(coming) = forecast else {
        return None;
    };
    let arrives = coming.arrives.as_ref()?;
    Some(Mark {
        from: arrives.days,
        to: None,
        class: "ahead",
        text: format!(
            "{}: {} in {} days",
            coming.stream, coming.kernel, arrives.days
        ),
    })
}

/// Without a view box, and with every place across in percent: the drawing is as wide as
/// its page, and its words are as large as on any screen.
fn drawn(marks: &[Mark]) -> String {
    let count = i64::try_from(marks.len()).unwrap_or(0);
    let height = as_f64(count) * ROW + 28.0;
    let mut svg = format!(
        "<svg width=\"100%\" height=\"{height:.0}\" role=\"img\" aria-label=\"releases, hold and \
         forecast by day\">\n"
    );
    let bottom = height - 22.0;
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"{bottom}\" y2=\"{bottom}\"/>\n\
         <line class=\"now\" x1=\"{0:.1}%\" x2=\"{0:.1}%\" y1=\"0\" y2=\"{bottom}\"/>",
        percent(0)
    );
    for (days, text, anchor) in [
        (-BEFORE, format!("{BEFORE} days ago"), "start"),
        // Left of its line, where a telephone has room.
        (0, "today".to_owned(), "end"),
        (AFTER, format!("+{AFTER} days"), "end"),
    ] {
        let at = percent(days);
        let _ = writeln!(
            svg,
            "<text class=\"soft\" x=\"{at:.1}%\" y=\"{:.0}\" text-anchor=\"{anchor}\">{text}</text>",
            height - 6.0
        );
    }
    let mut y = 0.0;
    for mark in marks {
        let _ = writeln!(
            svg,
            "<text x=\"0\" y=\"{:.0}\">{}</text>",
            y + 14.0,
            escape(&mark.text)
        );
        let from = percent(mark.from);
        let _ = match mark.to {
            Some(to) => writeln!(
                svg,
                "<rect class=\"{}\" x=\"{from:.1}%\" y=\"{:.0}\" width=\"{:.1}%\" height=\"12\" rx=\"4\"/>",
                mark.class,
                y + 22.0,
                (percent(to) - from).max(1.0)
            ),
            None => writeln!(
                svg,
                "<circle class=\"{}\" cx=\"{from:.1}%\" cy=\"{:.0}\" r=\"6\"/>",
                mark.class,
                y + 28.0
            ),
        };
        y += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}

/// A day's place across; what is further away stands at the edge, where its words say
/// how far.
fn percent(days: i64) -> f64 {
    let at = (days + BEFORE).clamp(0, BEFORE + AFTER);
    2.0 + as_f64(at) / as_f64(BEFORE + AFTER) * 96.0
}

fn as_f64(count: i64) -> f64 {
    i32::try_from(count).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_a_date() {
        let now = "2026-07-21T09:41:00Z".parse().unwrap();
        assert_eq!(days_since("44.20260720.3.1", now), Some(1));
        assert_eq!(days_since("44", now), None);
        assert_eq!(days_since("44.2026ü", now), None);
    }
}
